"""One shape for every error, whoever made it: vLLM's answers are reworded, exceptions become a 500."""

import logging
import traceback
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sirocco_serving.errors.vllm_errors import reworded
from sirocco_serving.request.paths import PATHS
from sirocco_serving.request.state import error_code, request_body

logger = logging.getLogger("vllm.sirocco")

# Of a longer error only the status is told.
_MOST_BYTES = 256 * 1024


class ErrorFormat:
    """Holds an answer with an error status back until it is whole, and sends it in our shape.

    Our own modules' errors have it already; vLLM's own routes, open to the internal key, stay vLLM's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, receive, send)
        try:
            await self._app(scope, receive, answer.pass_on)
        except Exception as error:
            # Without its text, which may hold what the client sent.
            logger.error(
                "a request to %s failed: %s at %s", _route(scope), type(error).__name__, _place(error)
            )
            await answer.fail()


class _Answer:
    """One answer on its way out."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._began = False
        self._held: Message | None = None
        self._body = b""

    def pass_on(self, message: Message) -> Awaitable[None]:
        if self._began:
            return self._send(message)
        return self._look(message)

    async def _look(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if message["status"] >= 400 and self._scope["path"] in PATHS and error_code(self._scope) is None:
                self._held = message
                return
            self._began = True
        if self._held is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        if len(self._body) <= _MOST_BYTES:
            self._body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._reword(self._held)

    async def fail(self) -> None:
        """Answers 500, unless an answer has begun: then its connection ends without an end of the body."""
        if not self._began:
            await reworded(500, b"", None).answer(self._scope, self._receive, self._send)

    async def _reword(self, start: Message) -> None:
        self._began = True
        body = self._body if len(self._body) <= _MOST_BYTES else b""
        problem = reworded(start["status"], body, request_body(self._scope))
        kept = [
            (name, value)
            for name, value in start.get("headers", ())
            if name.lower() not in (b"content-length", b"content-type", b"retry-after")
        ]

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *kept]
            await self._send(message)

        await problem.answer(self._scope, self._receive, with_headers)


def _route(scope: Scope) -> str:
    return str(scope["path"]) if scope["path"] in PATHS else "another path"


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"
