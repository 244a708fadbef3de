"""The layer that lets a limited number of requests into the engine. The others wait in a queue."""

import asyncio
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sirocco_serving.admission.gate import Gate, GateFullError, Ticket
from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.request.paths import generates
from sirocco_serving.request.state import identity, set_queue_seconds
from sirocco_serving.telemetry import metrics


class _End(Enum):
    """How a wait for a place ended."""

    ADMITTED = "admitted"
    TURNED_AWAY = "turned away"
    TOO_LATE = "too late"
    CLIENT_LEFT = "client left"


class Admission:
    """Answers 429 with Retry-After when the queue is full, or after a wait of `queue_seconds`."""

    def __init__(
        self,
        app: ASGIApp,
        in_flight: int,
        queue: int,
        queue_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._queue_seconds = queue_seconds
        self._clock = clock
        self._gate = Gate(in_flight, queue, clock)
        metrics.OLDEST_QUEUED.set_function(lambda: self._gate.oldest_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on once it has a place, or answers it."""
        if not generates(scope):
            await self._app(scope, receive, send)
            return
        holder = identity(scope)
        try:
            ticket = self._gate.enter("" if holder is None else holder.name)
        except GateFullError:
            await self._full().answer(scope, receive, send)
            return
        try:
            if ticket.admitted:
                set_queue_seconds(scope, 0)
                metrics.QUEUE_SECONDS.observe(0)
                await self._app(scope, receive, send)
            else:
                await self._queued(ticket, scope, receive, send)
        finally:
            self._gate.leave(ticket)

    async def _queued(self, ticket: Ticket, scope: Scope, receive: Receive, send: Send) -> None:
        kept: list[Message] = []
        began = self._clock()
        metrics.QUEUED.inc()
        try:
            end = await self._wait(ticket, receive, kept)
        finally:
            metrics.QUEUED.dec()
            waited = self._clock() - began
            set_queue_seconds(scope, waited)
            metrics.QUEUE_SECONDS.observe(waited)
        if end is _End.ADMITTED:
            await self._app(scope, _replay(kept, receive), send)
        elif end is _End.TURNED_AWAY:
            await self._full().answer(scope, receive, send)
        elif end is _End.TOO_LATE:
            message = f"No place became free within {self._queue_seconds:g} s: send the request again later."
            await self._problem("queue_timeout", message).answer(scope, receive, send)

    async def _wait(self, ticket: Ticket, receive: Receive, kept: list[Message]) -> _End:
        watching = asyncio.ensure_future(_until_disconnected(receive, kept))
        try:
            either: set[asyncio.Future[Any]] = {ticket.turn, watching}
            await asyncio.wait(either, timeout=self._queue_seconds, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
                return _End.CLIENT_LEFT
            if ticket.turn.done():
                return _End.ADMITTED if ticket.admitted else _End.TURNED_AWAY
            return _End.TOO_LATE
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def _full(self) -> RequestError:
        return self._problem(
            "queue_full", "Too many requests are in flight and waiting: send it again later."
        )

    def _problem(self, code: str, message: str) -> RequestError:
        after = self._gate.seconds_until_free()
        return RequestError(429, code, message, retry_after_seconds=after)


async def _until_disconnected(receive: Receive, kept: list[Message]) -> None:
    while (message := await receive())["type"] != "http.disconnect":
        kept.append(message)


def _replay(kept: list[Message], receive: Receive) -> Receive:
    messages = iter(kept)

    async def replayed() -> Message:
        message = next(messages, None)
        return await receive() if message is None else message

    return replayed
