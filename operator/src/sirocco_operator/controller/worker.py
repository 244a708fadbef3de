"""Workers: they take keys from the queue, one pass each, and try again what failed."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sirocco_operator.controller.leader import Fenced
from sirocco_operator.controller.queue import WorkQueue
from sirocco_operator.controller.store import Key

log = logging.getLogger(__name__)


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
    """A fixed number of tasks that work on keys until cancelled."""

    def __init__(self, queue: WorkQueue[Key], reconcile: Reconcile, report: Report, count: int) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._report = report
        self._count = count

    async def run(self) -> None:
        """Work until cancelled; what is being worked on then is left where it is."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._count):
                group.create_task(self._work(), name=f"worker {number}")

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            started = time.perf_counter()
            try:
                result = await self._one(key)
            finally:
                self._queue.done(key)
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
