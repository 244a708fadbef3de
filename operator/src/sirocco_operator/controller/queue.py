"""A work queue of keys, as client-go's: each key waits once and is worked on by one worker at a time.

Keys belong to groups, which take turns: neither many keys of one group nor slow ones hold up another's.
"""

import asyncio
import sys
from collections import Counter, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from sirocco_operator.controller.backoff import Backoff

Key = TypeVar("Key", bound=Hashable)


def _one_group(_: Hashable) -> Hashable:
    return None


class WorkQueue(Generic[Key]):
    """Keys to work on, in each group first in first out. Used from one event loop only."""

    def __init__(
        self,
        backoff: Backoff | None = None,
        group: Callable[[Key], Hashable] = _one_group,
        most: int = sys.maxsize,
    ) -> None:
        """At most `most` keys of a group are worked on at a time."""
        self._backoff = backoff or Backoff()
        self._group = group
        self._most = most
        # By group, the keys that wait, and how many are worked on.
        self._waiting: dict[Hashable, deque[Key]] = {}
        self._busy: Counter[Hashable] = Counter()
        # The groups of which a key may be taken; the first one's turn is next.
        self._ready: dict[Hashable, None] = {}
        self._news = asyncio.Event()
        self._dirty: set[Key] = set()
        self._processing: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        """How many keys wait for a worker; those with a delay do not count until it is over."""
        return sum(map(len, self._waiting.values()))

    def add(self, key: Key) -> None:
        """Ask for work on `key`; while it is being worked on it waits until `done`."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._processing:
            self._put(key)

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
        while not self._ready:
            self._news.clear()
            await self._news.wait()
        group = next(iter(self._ready))
        del self._ready[group]
        waiting = self._waiting[group]
        key = waiting.popleft()
        if not waiting:
            del self._waiting[group]
        self._busy[group] += 1
        self._judge(group)
        self._dirty.discard(key)
        # This pass sees what the delayed one was asked for.
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        self._processing.add(key)
        return key

    def done(self, key: Key) -> None:
        """End the work on `key`; it waits again if it was added meanwhile."""
        group = self._group(key)
        self._processing.discard(key)
        self._busy[group] -= 1
        if not self._busy[group]:
            del self._busy[group]
        if key in self._dirty:
            self._put(key)
        self._judge(group)

    def _put(self, key: Key) -> None:
        group = self._group(key)
        self._waiting.setdefault(group, deque()).append(key)
        self._judge(group)

    def _judge(self, group: Hashable) -> None:
        """Give the group a turn where it has a key that may be taken, else none."""
        if group in self._waiting and self._busy[group] < self._most:
            self._ready.setdefault(group)
            self._news.set()
        else:
            self._ready.pop(group, None)

    def _expire(self, key: Key) -> None:
        del self._timers[key]
        self.add(key)
