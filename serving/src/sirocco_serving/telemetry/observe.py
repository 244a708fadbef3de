"""Counts, times and logs every request but probes and scrapes, up to the last byte of its answer."""

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

# Nginx's number for a client that left before the answer began.
CLIENT_LEFT = 499
_EVENTS = b"text/event-stream"


class Observe:
    """Keeps the metrics of requests, and writes the log; a route is a path of the contract or `other`."""

    def __init__(self, app: ASGIApp, model: str | None, write: request_log.Write = request_log.write) -> None:
        """`model` is the name to log for requests that were not answered by a served name of their own."""
        self._app = app
        self._model = model
        self._write = write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        # Here already: a copy of the scope further in must share it.
        scope.setdefault("state", {})
        answer = Answer()

        def watch(message: Message) -> Awaitable[None]:
            answer.saw(message)
            return send(message)

        metrics.IN_FLIGHT.inc()
        try:
            await self._app(scope, receive, watch)
        except Exception:
            answer.status = 500
            raise
        finally:
            metrics.IN_FLIGHT.dec()
            self._keep(scope, answer)

    def _keep(self, scope: Scope, answer: "Answer") -> None:
        seconds = time.monotonic() - answer.started
        route = scope["path"] if scope["path"] in PATHS else "other"
        who, took, reason = identity(scope), usage(scope), error_code(scope)
        key = who.name if who is not None else ""
        metrics.REQUESTS.labels(route, str(answer.status), key).inc()
        metrics.SECONDS.labels(route).observe(seconds)
        if reason is not None:
            metrics.REJECTED.labels(reason).inc()
        if took is not None:
            metrics.PROMPT_TOKENS.labels(key).inc(took.prompt_tokens)
            metrics.GENERATED_TOKENS.labels(key).inc(took.completion_tokens)
        self._write(
            {
                "id": trace_id(scope["headers"]),
                "key": key or None,
                "route": route,
                "model": self._answering_model(scope, answer.status),
                "status": answer.status,
                "error": reason,
                "tokens_in": took.prompt_tokens if took is not None else None,
                "tokens_out": took.completion_tokens if took is not None else None,
                "cache": cache_result(scope),
                "queue_seconds": _milli(queue_seconds(scope)),
                "ttft_seconds": _milli(answer.first_event_seconds),
                "seconds": _milli(seconds),
            }
        )

    def _answering_model(self, scope: Scope, status: int) -> str | None:
        """The name asked for, once an answer has shown that it is one of the served names."""
        name = (request_body(scope) or {}).get("model")
        return name if status == 200 and isinstance(name, str) and name else self._model


class Answer:
    """What is seen of an answer on its way out."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.status = CLIENT_LEFT
        self.first_event_seconds: float | None = None
        self._streamed = False

    def saw(self, message: Message) -> None:
        """Looks at one message of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._streamed = any(
                name.lower() == b"content-type" and value.startswith(_EVENTS)
                for name, value in message.get("headers", ())
            )
        elif self._streamed and self.first_event_seconds is None and message.get("body"):
            self.first_event_seconds = time.monotonic() - self.started


def _milli(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
