"""Workers: they take keys from the queue, one pass each, and try again what failed."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from sirocco_operator.controller.leader import Fenced
from sirocco_operator.controller.queue import WorkQueue
from sirocco_operator.controller.store import Key

log = logging.getLogger(__name__)

# Most passes take some milliseconds.
_LONG_SECONDS: Final = 2.0
# So many times as many passes may be under way as have a place; the API server lets a client have some 200.
_WAITING_SHARE: Final = 4


class Retry(Exception):  # noqa: N818 -- a request, not a fault of the program
    """The pass could not be finished for now; the message says why, `after` is the least delay in seconds.

    `outage`: the cause is told elsewhere and the same for every key, so it is not logged for each.
    """

    def __init__(self, message: str, after: float = 0.0, outage: bool = False) -> None:
        super().__init__(message)
        self.after = after
        self.outage = outage


@dataclass(frozen=True)
class Done:
    """The pass is finished; look again in `again_after` seconds even without news, never for None."""

    again_after: float | None = None


Reconcile = Callable[[Key], Awaitable[Done]]
# Seconds that a pass took, and its result: done, retry or error.
Report = Callable[[float, str], None]


class Workers:
    """Passes over keys, `count` at a time, until cancelled.

    A pass that takes long waits for an answer: it gives its place to another, up to a bound.
    """

    def __init__(self, queue: WorkQueue[Key], reconcile: Reconcile, report: Report, count: int) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._report = report
        self._places = asyncio.Semaphore(count)
        self._passes = asyncio.Semaphore(count * _WAITING_SHARE)

    async def run(self) -> None:
        """Work until cancelled; what is being worked on then is left where it is."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._passes.acquire()
                await self._places.acquire()
                key = await self._queue.get()
                group.create_task(self._work(key), name=f"work on {key}")

    async def _work(self, key: Key) -> None:
        started = time.perf_counter()
        passing = asyncio.create_task(self._one(key), name=f"pass over {key}")
        try:
            await asyncio.wait([passing], timeout=_LONG_SECONDS)
            self._places.release()
            result = await passing
        finally:
            passing.cancel()
            self._queue.done(key)
            self._passes.release()
        self._report(time.perf_counter() - started, result)

    async def _one(self, key: Key) -> str:
        try:
            done = await self._reconcile(key)
        except Retry as reason:
            delay = self._queue.add_failed(key, reason.after)
            level = logging.DEBUG if reason.outage else logging.WARNING
            log.log(level, "%s: %s; again in %.1f s", key, reason, delay)
            return "retry"
        except Fenced:
            self._queue.add_failed(key)
            return "retry"
        except Exception:
            delay = self._queue.add_failed(key)
            log.exception("%s: the pass failed; again in %.1f s", key, delay)
            return "error"
        self._queue.forget(key)
        if done.again_after is not None:
            self._queue.add_after(key, done.again_after)
        return "done"
