"""A work queue of keys, as client-go's: each key waits once and is worked on by one worker at a time."""

import asyncio
from collections.abc import Hashable
from typing import Generic, TypeVar

from sirocco_operator.controller.backoff import Backoff

Key = TypeVar("Key", bound=Hashable)


class WorkQueue(Generic[Key]):
    """Keys to work on, first in first out. Used from one event loop only."""

    def __init__(self, backoff: Backoff | None = None) -> None:
        self._backoff = backoff or Backoff()
        self._waiting: asyncio.Queue[Key] = asyncio.Queue()
        self._dirty: set[Key] = set()
        self._processing: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        """How many keys wait for a worker; those with a delay do not count until it is over."""
        return self._waiting.qsize()

    def add(self, key: Key) -> None:
        """Ask for work on `key`; while it is being worked on it waits until `done`."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._processing:
            self._waiting.put_nowait(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Ask for work on `key` in `seconds`; of several delays of a key the earliest counts."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= loop.time() + seconds:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(seconds, self._expire, key)

    def add_failed(self, key: Key, at_least: float = 0.0) -> float:
        """Ask for work on `key` once more, later after each failure in a row; the delay in seconds."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = max(at_least, self._backoff.delay(failures))
        self.add_after(key, delay)
        return delay

    def forget(self, key: Key) -> None:
        """Take the failures of `key` as over."""
        self._failures.pop(key, None)

    async def get(self) -> Key:
        """Wait for a key; the caller must call `done` with it."""
        key = await self._waiting.get()
        self._dirty.discard(key)
        # This pass sees what the delayed one was asked for.
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        self._processing.add(key)
        return key

    def done(self, key: Key) -> None:
        """End the work on `key`; it waits again if it was added meanwhile."""
        self._processing.discard(key)
        if key in self._dirty:
            self._waiting.put_nowait(key)

    def _expire(self, key: Key) -> None:
        del self._timers[key]
        self.add(key)
