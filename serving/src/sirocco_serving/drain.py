"""A pod that has to stop loses no request.

At SIGTERM the Service may still send requests here, and clients keep pooled connections for longer. So the
drain has three steps. First the pod serves everything, and each answer says `Connection: close`. Then new
requests get 503 while those in flight finish. Then the process sends itself SIGINT, which ends vLLM.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sirocco_serving.config import DrainSettings
from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.request.paths import PROBES

# A child of vLLM's logger has its level and its format, text or JSON.
logger = logging.getLogger("vllm.sirocco")

READY = "/ready"


class Phase(Enum):
    """The phases of a drain."""

    SERVING = "serving"
    SETTLING = "settling"
    REFUSING = "refusing"


def interrupt_self() -> None:
    """Sends SIGINT to this process, on which vLLM ends."""
    os.kill(os.getpid(), signal.SIGINT)


class Drain:
    """Drains on SIGTERM once the server has started. SIGINT stays vLLM's and ends the process at once."""

    def __init__(
        self, app: ASGIApp, settings: DrainSettings, leave: Callable[[], None] = interrupt_self
    ) -> None:
        self._app = app
        self._settings = settings
        self._leave = leave
        self._phase = Phase.SERVING
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request, or the start of the server."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._armed(scope, send))
        elif scope["type"] == "http":
            await self._serve(scope, receive, self._closing(send))
        else:
            await self._app(scope, receive, send)

    def begin(self, server: Any = None) -> None:
        """Starts the drain. `server` is uvicorn's. A second call does nothing."""
        if self._draining is None:
            self._draining = asyncio.get_running_loop().create_task(self._drain(server))

    async def _drain(self, server: Any) -> None:
        settle, timeout = self._settings.settle_seconds, self._settings.timeout_seconds
        self._phase = Phase.SETTLING
        close_after_answer(server)
        logger.info("draining: serving for %g s more, %d requests in flight", settle, self._in_flight)
        await asyncio.sleep(settle)
        self._phase = Phase.REFUSING
        try:
            await asyncio.wait_for(self._idle.wait(), timeout)
            logger.info("drained: every request was answered")
        except TimeoutError:
            logger.warning("drain timed out after %g s: %d requests are cut off", timeout, self._in_flight)
        self._leave()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if self._refuses(path):
            message = "This replica is shutting down: send the request again."
            problem = RequestError(503, "draining", message, retry_after_seconds=1)
            await problem.answer(scope, receive, send)
        elif path in PROBES:  # The drain does not wait for probes.
            await self._app(scope, receive, send)
        else:
            self._in_flight += 1
            self._idle.clear()
            try:
                await self._app(scope, receive, send)
            finally:
                self._in_flight -= 1
                if self._in_flight == 0:
                    self._idle.set()

    def _refuses(self, path: str) -> bool:
        if path == READY:
            return self._phase is not Phase.SERVING
        return self._phase is Phase.REFUSING and path not in PROBES

    def _closing(self, send: Send) -> Send:
        def close(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start" and self._phase is not Phase.SERVING:
                message.setdefault("headers", [])
                MutableHeaders(scope=message)["connection"] = "close"
            return send(message)

        return close

    def _armed(self, scope: Scope, send: Send) -> Send:
        async def arm(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                # vLLM and uvicorn have set their handlers by now, and this one replaces them.
                server = getattr(scope["app"].state, "server", None)
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.begin, server)
            await send(message)

        return arm


def close_after_answer(server: Any) -> None:
    """Makes uvicorn close each connection at the end of the answer that is under way.

    The headers of such an answer are sent already, so only the server can end its keep-alive.
    """
    state = getattr(server, "server_state", None)
    for connection in getattr(state, "connections", ()):
        cycle = getattr(connection, "cycle", None)
        if cycle is not None and not cycle.response_complete:
            cycle.keep_alive = False
