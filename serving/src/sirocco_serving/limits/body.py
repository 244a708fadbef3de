"""The layer that reads the body of a request and parses it as JSON, once for all layers."""

from collections.abc import Awaitable, Callable

from pydantic_core import from_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.request.paths import generates
from sirocco_serving.request.state import set_request_body

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})


class Body:
    """Answers 413 for a body over the limit, and 400 for one that is not a JSON object.

    The parser is stricter than vLLM's: only UTF-8, no NaN, 200 levels. So vLLM reads the same values.
    """

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on with its body, or answers it."""
        if scope["type"] != "http" or scope["method"] in _BODILESS:
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
            if body is None:
                return
            if generates(scope):
                set_request_body(scope, _parse(body))
        except RequestError as problem:
            await problem.answer(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """Returns the whole body; None when the client left. Raises RequestError once it is too long."""
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value[:20]) > self._most_bytes:
                raise self._too_long()
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._most_bytes:
                raise self._too_long()
            more = message.get("more_body", False)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_long(self) -> RequestError:
        message = f"The body is longer than {self._most_bytes} bytes, which is the limit here: send less."
        return RequestError(413, "body_too_large", message)


def _parse(body: bytes) -> dict[str, object]:
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise RequestError(400, "invalid_json", f"The body is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise RequestError(400, "invalid_json", "The body must be a JSON object.")
    return value


def _replay(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    read = False

    async def replayed() -> Message:
        nonlocal read
        if read:
            return await receive()
        read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
