"""Keeps the store true: watches and resync over the APIs that the cluster serves, as these come and go."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from sirocco_operator.children.labels import MANAGED_BY, MANAGED_BY_LABEL, MODEL_LABEL
from sirocco_operator.controller.resync import Chunk, Resync
from sirocco_operator.controller.store import Key, Manifest, Store, kind_of
from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import CHILD_KINDS, MODEL, POD, Kind
from sirocco_operator.kube.watch import Watcher
from sirocco_operator.settings import Settings

log = logging.getLogger(__name__)

# Children and pods are those with this label; models are all of them.
_OURS: Final = f"{MANAGED_BY_LABEL}={MANAGED_BY}"
_SELECTORS: Final[Mapping[Kind, str]] = {MODEL: "", **dict.fromkeys(CHILD_KINDS, _OURS), POD: _OURS}
# APIs that may be missing; the others are part of every cluster.
_DISCOVERED: Final = (MODEL, *(kind for kind in CHILD_KINDS if kind.optional))
# Watches that ended by themselves are not begun again in a hurry: discovery lags behind.
_RESTART_SECONDS: Final = 1.0
_END_SECONDS: Final = 5.0


def owner_of(manifest: Manifest) -> Key | None:
    """The model that a child (by its controller) or a pod (by its label) belongs to."""
    metadata = manifest["metadata"]
    if kind_of(manifest) == POD.full_name:
        name = (metadata.get("labels") or {}).get(MODEL_LABEL)
        return Key(metadata["namespace"], name) if name else None
    for reference in metadata.get("ownerReferences") or ():
        group = reference["apiVersion"].rpartition("/")[0]
        if reference.get("controller") and reference["kind"] == MODEL.kind and group == MODEL.group:
            return Key(metadata["namespace"], reference["name"])
    return None


class Watches:
    """Feeds the store from the cluster and asks for work on what changed."""

    def __init__(self, kube: Kube, store: Store, enqueue: Callable[[Key], None], settings: Settings) -> None:
        self._kube = kube
        self._store = store
        self._enqueue = enqueue
        self._settings = settings
        self._watcher: Watcher | None = None
        # Discovered APIs that are served now, and those that the watcher covers.
        self._found: frozenset[Kind] = frozenset()
        self._covered: frozenset[Kind] = frozenset()
        self._resync = Resync(
            store,
            enqueue,
            self._list,
            [kind.full_name for kind in _SELECTORS],
            settings.namespaces,
            settings.resync_seconds,
        )
        self.synced = self._resync.synced

    def served(self) -> frozenset[Kind]:
        """The child kinds that the cluster has."""
        return frozenset(kind for kind in CHILD_KINDS if not kind.optional or kind in self._found)

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._supervise(), name="watches")
            group.create_task(self._resync.run(), name="resync")

    async def _supervise(self) -> None:
        try:
            while True:
                await self._look()
                await self._pause()
        finally:
            if self._watcher is not None:
                await self._end(self._watcher)

    async def _end(self, watcher: Watcher) -> None:
        """Stop watches, but do not wait for ever: their news are harmless."""
        with suppress(TimeoutError):
            await asyncio.wait_for(watcher.stop(), _END_SECONDS)

    async def _look(self) -> None:
        """Find out what is served, and watch just that."""
        try:
            found = frozenset([kind for kind in _DISCOVERED if await self._kube.serves(kind)])
        except ApiError as error:
            log.warning("the cluster's APIs cannot be read, will be tried again: %s", error)
            return
        self._found = found
        watcher = self._watcher
        if watcher and (found != self._covered or watcher.incomplete or watcher.ended.is_set()):
            await self._end(watcher)
            self._watcher = None
            self._resync.soon()
        if self._watcher is None and MODEL in found:
            self._watcher, self._covered = self._make_watcher(found), found
            log.info("watching models and %d kinds of children", len(self.served()))
            self._watcher.start()
            self._resync.soon()
            for key in self._store.primary_keys():
                self._enqueue(key)

    async def _pause(self) -> None:
        if self._watcher is None:
            await asyncio.sleep(self._settings.discovery_seconds)
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._watcher.ended.wait(), self._settings.discovery_seconds)
        if self._watcher.ended.is_set():
            await asyncio.sleep(_RESTART_SECONDS)

    def _make_watcher(self, found: frozenset[Kind]) -> Watcher:
        kinds = {
            kind: selector
            for kind, selector in _SELECTORS.items()
            if kind not in _DISCOVERED or kind in found
        }
        return Watcher(kinds, self._settings.namespaces, self._kube.credentials, self._take)

    def _take(self, event: str | None, manifest: Mapping[str, Any]) -> None:
        key = self._store.remove(manifest) if event == "DELETED" else self._store.put(manifest)
        if key is not None:
            self._enqueue(key)

    async def _list(self, name: str, namespace: str | None) -> AsyncIterator[Chunk]:
        kind = next(kind for kind in _SELECTORS if kind.full_name == name)
        async for chunk in self._kube.list_chunks(kind, namespace, labels=_SELECTORS[kind]):
            yield chunk
