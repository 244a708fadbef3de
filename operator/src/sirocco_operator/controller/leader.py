"""Leader election by a Lease, and the fence that keeps a leader of the past from writing.

As client-go does it, clocks of different machines are never compared: a candidate takes over once it has
seen the same record for the whole of the record's duration by its own clock. The leader stops writing when
its last renewal is two thirds of that duration old, so the last third is left for requests on their way.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

log = logging.getLogger(__name__)

# Of the lease's duration: how often it is renewed, when a leader that could not renew gives up.
RENEW_SHARE = 1 / 5
DEADLINE_SHARE = 2 / 3


class Fenced(Exception):  # noqa: N818 -- a state, not a fault of the program
    """A write was refused because this process may not be the leader any more."""


class Conflict(Exception):  # noqa: N818 -- the API's word
    """The record changed since it was read."""


@dataclass(frozen=True)
class Record:
    """What the Lease says; `version` is the object's resourceVersion, empty when it does not exist yet."""

    holder: str
    seconds: float
    transitions: int = 0
    version: str = ""
    renewed: str = ""


class Lock(Protocol):
    """Where the record is kept."""

    async def read(self, seconds: float) -> Record | None:
        """The record, None when there is none yet."""

    async def write(self, record: Record, seconds: float) -> Record:
        """Replace the record (create it for an empty version); raises Conflict when it changed."""


class Leadership:
    """Wins, renews and gives back the lease; `check` guards every write."""

    def __init__(
        self,
        lock: Lock,
        identity: str,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = lock
        self._identity = identity
        self._seconds = seconds
        self._clock = clock
        self._held: Record | None = None
        self._renewed_at = 0.0

    @property
    def leads(self) -> bool:
        """Whether this process may write."""
        return self.remaining() > 0

    def remaining(self) -> float:
        """Seconds for which this process may still write without a renewal."""
        if self._held is None:
            return 0.0
        return self._renewed_at + self._seconds * DEADLINE_SHARE - self._clock()

    def check(self) -> float:
        """The longest a write may take, in seconds; raises Fenced when it may not begin."""
        remaining = self.remaining()
        if remaining <= 0:
            raise Fenced("this process does not hold the lease: nothing is written")
        return remaining + self._seconds * (1 - DEADLINE_SHARE)

    async def acquire(self) -> None:
        """Wait until this process is the leader."""
        seen: Record | None = None
        seen_at = self._clock()
        while True:
            try:
                record = await self._lock.read(self._seconds)
                if record != seen:
                    seen, seen_at = record, self._clock()
                if self._free(record, seen_at):
                    await self._take(record)
                    log.info("this process leads")
                    return
            except Conflict:
                pass
            except Exception as error:
                log.warning("the lease cannot be read or written, will be tried again: %s", error)
            await asyncio.sleep(self._seconds * RENEW_SHARE * random.uniform(0.8, 1.2))  # noqa: S311

    async def hold(self) -> None:
        """Renew until the lease is lost; returns then, at the latest when the fence closes."""
        while (remaining := self.remaining()) > 0:
            await asyncio.sleep(min(self._seconds * RENEW_SHARE, remaining))
            try:
                await self._renew()
            except Conflict:
                if not await self._still_ours():
                    break
            except Exception as error:
                log.warning("the lease cannot be renewed: %s", error)
        self._held = None

    async def release(self) -> None:
        """Give the lease back, so that another may lead at once."""
        held, self._held = self._held, None
        if held is not None:
            with suppress(Exception):
                await self._lock.write(replace(held, holder="", seconds=1), self._seconds)

    def _free(self, record: Record | None, seen_at: float) -> bool:
        if record is None or not record.holder:
            return True
        return self._clock() - seen_at > record.seconds

    async def _take(self, record: Record | None) -> None:
        started = self._clock()
        transitions = record.transitions + 1 if record else 0
        wanted = Record(self._identity, self._seconds, transitions, record.version if record else "")
        self._held = await self._lock.write(wanted, self._seconds)
        self._renewed_at = started

    async def _renew(self) -> None:
        if self._held is None:
            return
        started = self._clock()
        # Counted from before the request: others count from when they see its effect.
        wanted = replace(self._held, holder=self._identity, seconds=self._seconds)
        self._held = await self._lock.write(wanted, max(0.1, min(self.remaining(), self._seconds / 3)))
        self._renewed_at = started

    async def _still_ours(self) -> bool:
        """Whether a conflicting record is a renewal of our own whose answer was lost."""
        with suppress(Exception):
            record = await self._lock.read(max(0.1, self.remaining()))
            if record is None or record.holder != self._identity:
                return False
            self._held = record
        return True
