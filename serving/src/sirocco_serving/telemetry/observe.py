"""The layer that counts, times and logs every request except probes and scrapes."""

import time
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sirocco_serving.request.paths import PATHS, PROBES
from sirocco_serving.request.state import (
    cache_result,
    error_code,
    identity,
    queue_seconds,
    request_body,
    usage,
)
from sirocco_serving.telemetry import metrics, request_log
from sirocco_serving.telemetry.trace_context import trace_id

# Nginx's status for a client that left before the answer began.
CLIENT_LEFT = 499
_EVENTS = b"text/event-stream"


class Observe:
    """Updates the metrics and writes the log at the end of each answer.

    A route is a path of the contract, or `other`.
    """

    def __init__(self, app: ASGIApp, model: str | None, write: request_log.Write = request_log.write) -> None:
        """Keeps `model`, the name in the log for requests that name no served model."""
        self._app = app
        self._model = model
        self._write = write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        # Made here, so that every copy of the scope shares it.
        scope.setdefault("state", {})
        answer = ObservedAnswer()

        def forward(message: Message) -> Awaitable[None]:
            answer.observe(message)
            return send(message)

        metrics.IN_FLIGHT.inc()
        try:
            await self._app(scope, receive, forward)
        except Exception:
            answer.status = 500
            raise
        finally:
            metrics.IN_FLIGHT.dec()
            self._record(scope, answer)

    def _record(self, scope: Scope, answer: "ObservedAnswer") -> None:
        seconds = time.monotonic() - answer.started
        route = scope["path"] if scope["path"] in PATHS else "other"
        holder, tokens, code = identity(scope), usage(scope), error_code(scope)
        key = holder.name if holder is not None else ""
        metrics.REQUESTS.labels(route, str(answer.status), key).inc()
        metrics.SECONDS.labels(route).observe(seconds)
        if code is not None:
            metrics.REJECTED.labels(code).inc()
        if tokens is not None:
            metrics.PROMPT_TOKENS.labels(key).inc(tokens.prompt_tokens)
            metrics.GENERATED_TOKENS.labels(key).inc(tokens.completion_tokens)
        self._write(
            {
                "id": trace_id(scope["headers"]),
                "key": key or None,
                "route": route,
                "model": self._answering_model(scope, answer.status),
                "status": answer.status,
                "error": code,
                "tokens_in": tokens.prompt_tokens if tokens is not None else None,
                "tokens_out": tokens.completion_tokens if tokens is not None else None,
                "cache": cache_result(scope),
                "queue_seconds": _rounded(queue_seconds(scope)),
                "ttft_seconds": _rounded(answer.first_event_seconds),
                "seconds": _rounded(seconds),
            }
        )

    def _answering_model(self, scope: Scope, status: int) -> str | None:
        """Returns the name in the request if the answer shows that it is served, else the default name."""
        name = (request_body(scope) or {}).get("model")
        return name if status == 200 and isinstance(name, str) and name else self._model


class ObservedAnswer:
    """The status and times of one answer."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.status = CLIENT_LEFT
        self.first_event_seconds: float | None = None
        self._streamed = False

    def observe(self, message: Message) -> None:
        """Reads one message of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._streamed = any(
                name.lower() == b"content-type" and value.startswith(_EVENTS)
                for name, value in message.get("headers", ())
            )
        elif self._streamed and self.first_event_seconds is None and message.get("body"):
            self.first_event_seconds = time.monotonic() - self.started


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
