"""The layer that answers a deterministic request from the cache."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sirocco_serving.cache.answer_cache import AnswerCache, CachedAnswer, deterministic, fingerprint
from sirocco_serving.request.state import identity, request_body, set_cache_result
from sirocco_serving.telemetry import metrics

HEADER = b"x-sirocco-cache"


class Cache:
    """Sends a kept answer, or keeps a new one. The header `x-sirocco-cache` says hit or miss."""

    def __init__(self, app: ASGIApp, answers: AnswerCache, default_temperature: float) -> None:
        self._app = app
        self._answers = answers
        self._default_temperature = default_temperature

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        body = request_body(scope) if scope["type"] == "http" else None
        if body is None or not deterministic(scope["path"], body, self._default_temperature):
            await self._app(scope, receive, send)
            return
        holder = identity(scope)
        request = fingerprint(scope["path"], holder.name if holder is not None else "", body)
        answer = self._answers.get(request)
        result = "miss" if answer is None else "hit"
        metrics.CACHED.labels(result).inc()
        metrics.CACHE_BYTES.set(self._answers.size)
        set_cache_result(scope, result)
        if answer is None:
            await self._app(scope, receive, Recorder(send, self._answers, request))
        else:
            await _send(answer, send)


async def _send(answer: CachedAnswer, send: Send) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        (HEADER, b"hit"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


class Recorder:
    """Sends an answer on, and keeps it once it is complete and has status 200."""

    def __init__(self, send: Send, answers: AnswerCache, request: bytes) -> None:
        self._send = send
        self._answers = answers
        self._request = request
        self._content_type: bytes | None = None
        self._parts: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        """Handles one message of the answer."""
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            if message["status"] == 200:
                self._content_type = dict(headers).get(b"content-type", b"application/json")
            message = {**message, "headers": [*headers, (HEADER, b"miss")]}
        elif self._content_type is not None:
            self._parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                self._answers.put(self._request, CachedAnswer(self._content_type, b"".join(self._parts)))
                metrics.CACHE_BYTES.set(self._answers.size)
        await self._send(message)
