"""The layer that gives every error the one format. It rewrites vLLM's errors, and answers exceptions."""

import logging
import traceback
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sirocco_serving.errors.vllm_errors import rewritten
from sirocco_serving.request.paths import PATHS
from sirocco_serving.request.state import error_code, request_body

logger = logging.getLogger("vllm.sirocco")

# The text of a longer error is dropped.
_MOST_BYTES = 256 * 1024


class ErrorFormat:
    """Holds an answer with an error status back until it is complete, and sends it in the one format.

    Errors of our own modules have the format already. vLLM's own routes keep vLLM's errors.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _HeldAnswer(scope, receive, send)
        try:
            await self._app(scope, receive, answer.forward)
        except Exception as error:
            # Without its message, which may hold what the client sent.
            logger.error(
                "a request to %s failed: %s at %s", _route(scope), type(error).__name__, _place(error)
            )
            await answer.fail()


class _HeldAnswer:
    """One answer, held back once it is an error."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._began = False
        self._held: Message | None = None
        self._body = b""

    def forward(self, message: Message) -> Awaitable[None]:
        if self._began:
            return self._send(message)
        return self._inspect(message)

    async def _inspect(self, message: Message) -> None:
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
            await self._rewrite(self._held)

    async def fail(self) -> None:
        """Answers 500. An answer that has begun ends without the end of its body instead."""
        if not self._began:
            await rewritten(500, b"", None).answer(self._scope, self._receive, self._send)

    async def _rewrite(self, start: Message) -> None:
        self._began = True
        body = self._body if len(self._body) <= _MOST_BYTES else b""
        problem = rewritten(start["status"], body, request_body(self._scope))
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
