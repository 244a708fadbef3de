"""Slots for work that may take long: who asks for many does not keep the others waiting."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sirocco_operator.controller.store import Key


class FairSlots:
    """`total` slots, of which one key holds `of_key` at the most. Used from one event loop only.

    A free slot goes to the waiting key whose namespace holds the fewest, then to the key that does.
    """

    def __init__(self, total: int, of_key: int) -> None:
        self._free = total
        self._of_key = of_key
        self._held: Counter[Key] = Counter()
        self._held_in_namespace: Counter[str] = Counter()
        self._waiting: dict[Key, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def slot(self, key: Key, seconds: float) -> AsyncIterator[None]:
        """Hold a slot; raises TimeoutError when there is none for `seconds`."""
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, deque()).append(granted)
        self._grant()
        try:
            async with asyncio.timeout(seconds):
                await granted
            yield
        finally:
            # A wait that was given up has cancelled it, unless the slot came at the same moment.
            if not granted.cancelled():
                self._release(key)

    def _grant(self) -> None:
        while self._free:
            entitled = [key for key in self._waiting if self._held[key] < self._of_key]
            if not entitled:
                return
            key = min(entitled, key=lambda each: (self._held_in_namespace[each.namespace], self._held[each]))
            # At the end again, so that equals take turns.
            waiting = self._waiting.pop(key)
            granted = waiting.popleft()
            if waiting:
                self._waiting[key] = waiting
            if not granted.cancelled():
                self._free -= 1
                self._held[key] += 1
                self._held_in_namespace[key.namespace] += 1
                granted.set_result(None)

    def _release(self, key: Key) -> None:
        self._free += 1
        self._held -= Counter([key])
        self._held_in_namespace -= Counter([key.namespace])
        self._grant()
