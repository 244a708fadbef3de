"""Lists everything again from time to time: a watch can miss that an object vanished."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from sirocco_operator.controller.backoff import Backoff
from sirocco_operator.controller.store import Key, Manifest, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chunk:
    """A part of a list: its objects and the version at which the whole list is true."""

    objects: Sequence[Manifest]
    version: int


# Lists the objects of a kind in one namespace, or in all of them for None.
Lister = Callable[[str, str | None], AsyncIterator[Chunk]]


class Resync:
    """Brings the store in line with the cluster, and asks for work on every difference."""

    def __init__(
        self,
        store: Store,
        enqueue: Callable[[Key], None],
        lister: Lister,
        kinds: Sequence[str],
        namespaces: tuple[str, ...],
        seconds: float,
    ) -> None:
        self._store = store
        self._enqueue = enqueue
        self._lister = lister
        self._kinds = kinds
        self._namespaces = namespaces
        self._seconds = seconds
        self._backoff = Backoff(first=0.5)
        self._wanted = asyncio.Event()
        self.synced = asyncio.Event()

    def soon(self) -> None:
        """Do not wait for the next time."""
        self._wanted.set()

    async def once(self) -> None:
        """One pass over every kind."""
        for kind in self._kinds:
            present: set[str] = set()
            version = 0
            for namespace in self._namespaces or (None,):
                async for chunk in self._lister(kind, namespace):
                    version = chunk.version if not version else min(version, chunk.version)
                    for manifest in chunk.objects:
                        present.add(str(manifest["metadata"]["uid"]))
                        self._work(self._store.put(manifest))
                    # A chunk of hundreds of objects must not hold up the lease's renewal.
                    await asyncio.sleep(0)
            for key in self._store.vanished(kind, present, version, self._namespaces):
                self._work(key)
        self.synced.set()

    async def run(self) -> None:
        """Pass after pass until cancelled, at random distances around `seconds`; an outage is waited out."""
        failures = 0
        while True:
            self._wanted.clear()
            try:
                await self.once()
            except Exception as error:
                failures += 1
                log.warning("resync failed, will be tried again: %s", error)
                delay = self._backoff.delay(failures)
            else:
                failures = 0
                # Replicas that started together must not list together.
                delay = self._seconds * random.uniform(0.8, 1.2)  # noqa: S311
            try:
                await asyncio.wait_for(self._wanted.wait(), delay)
            except TimeoutError:
                continue

    def _work(self, key: Key | None) -> None:
        if key is not None:
            self._enqueue(key)
