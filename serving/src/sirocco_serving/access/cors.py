"""CORS: which pages of other origins may read answers, errors too."""

from collections.abc import Awaitable

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Send

from sirocco_serving.errors.request_error import RequestError

METHODS = ("GET", "POST")
# A browser hides these headers from a page unless they are named.
EXPOSED = (
    "retry-after",
    "traceparent",
    "x-request-id",
    "x-sirocco-cache",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
)


class Cors(CORSMiddleware):
    """Adds the headers of CORS for a list of origins, and answers preflights.

    Refusals have the one error format. Credentials stay off: keys come in a header, never in a cookie.
    """

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        super().__init__(
            app, allow_origins=origins, allow_methods=METHODS, allow_headers=["*"], expose_headers=EXPOSED
        )

    def send(self, message: Message, send: Send, request_headers: Headers) -> Awaitable[None]:  # type: ignore[override]
        """Adds the headers to the start of an answer. See CORSMiddleware."""
        if message["type"] != "http.response.start":
            return send(message)
        return super().send(message, send, request_headers)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answers a preflight. See CORSMiddleware."""
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        reason = bytes(answer.body).decode()
        refusal = RequestError(
            400, "cors_refused", f"{reason}: ask the model's owner to allow it (access.allowedOrigins)."
        ).response()
        for name, value in answer.headers.items():
            if name not in ("content-length", "content-type"):
                refusal.headers[name] = value
        return refusal
