"""Follows models, children and pods, over the APIs that the cluster serves as these come and go."""

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from sirocco_operator.children.labels import MANAGED_BY, MANAGED_BY_LABEL, MODEL_LABEL
from sirocco_operator.controller.queue import WorkQueue
from sirocco_operator.controller.reflector import Chunk, Expired, Reflector
from sirocco_operator.controller.store import Key, Manifest, Store, identity, kind_of
from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import CHILD_KINDS, MODEL, POD, Kind
from sirocco_operator.kube.model_watch import ModelWatch
from sirocco_operator.settings import Settings

log = logging.getLogger(__name__)

# Children and pods are those with this label; models are all of them.
_OURS: Final = f"{MANAGED_BY_LABEL}={MANAGED_BY}"
# APIs that may be missing; the others are part of every cluster.
_DISCOVERED: Final = (MODEL, *(kind for kind in CHILD_KINDS if kind.optional))
# kopf says nothing of a model that vanished while it did not watch, so that the models are listed often. Our
# own watches miss nothing that is known of: that many times as seldom.
_SELDOM: Final = 6
# Events of children come in bursts, as controllers write one status after another: one pass serves them all.
_GATHER_SECONDS: Final = 0.03
# Watches that ended by themselves are not begun again in a hurry: discovery lags behind.
_RESTART_SECONDS: Final = 1.0
_END_SECONDS: Final = 5.0
_LIST_SECONDS: Final = 30.0
# Between two lists of an API that is not served.
_UNSERVED_SECONDS: Final = 5.0


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

    def __init__(self, kube: Kube, store: Store, queue: WorkQueue[Key], settings: Settings) -> None:
        self._kube = kube
        self._store = store
        self._queue = queue
        self._settings = settings
        self._namespaces: Sequence[str | None] = settings.namespaces or (None,)
        self._models = [_Models(kube, namespace) for namespace in self._namespaces]
        self._model_watch: ModelWatch | None = None
        # The reflectors' tasks, and the child kinds that they cover.
        self._tasks: dict[Kind, list[asyncio.Task[None]]] = {}
        self._served: frozenset[Kind] = frozenset(kind for kind in CHILD_KINDS if not kind.optional)
        self._listing = asyncio.Semaphore(1)
        self.synced = asyncio.Event()

    def served(self) -> frozenset[Kind]:
        """The child kinds that the cluster has."""
        return self._served

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            first = [*self._reflect(MODEL), *self._reflect(POD)]
            for kind in self._served:
                first += self._reflect(kind)
            while True:
                if await self._discover() and not self.synced.is_set():
                    await asyncio.gather(*(reflector.synced.wait() for reflector in first))
                    self.synced.set()
                    self._log_kinds()
                await self._pause()
        finally:
            for kind in list(self._tasks):
                self._stop(kind)
            await self._end_model_watch()

    async def _discover(self) -> bool:
        """Find out what is served, and watch just that; whether the API server could say."""
        try:
            found = frozenset([kind for kind in _DISCOVERED if await self._kube.serves(kind)])
        except ApiError as error:
            log.warning("the cluster's APIs cannot be read, will be tried again: %s", error)
            return False
        watch = self._model_watch
        if watch is not None and (MODEL not in found or watch.incomplete or watch.ended.is_set()):
            await self._end_model_watch()
            self._relist_models()
        if self._model_watch is None and MODEL in found:
            sink = StoreSink(self._store, self._queue, MODEL, None)
            self._model_watch = ModelWatch(self._settings.namespaces, self._kube.credentials, sink.take)
            self._model_watch.start()
            self._relist_models()
        served = frozenset(kind for kind in CHILD_KINDS if not kind.optional or kind in found)
        if served != self._served:
            await self._follow(served)
        return True

    def _relist_models(self) -> None:
        """What vanished while nobody watched is only seen in a list."""
        for models in self._models:
            models.relist.set()

    async def _follow(self, served: frozenset[Kind]) -> None:
        """Watch optional APIs that have come, forget those that have gone, and look at every model again."""
        for kind in self._served - served:
            self._stop(kind)
            StoreSink(self._store, self._queue, kind, None).keep(set(), sys.maxsize)
        for kind in served - self._served:
            reflectors = self._reflect(kind)
            # Not for ever: an API that cannot be listed must not keep the others from being followed.
            with suppress(TimeoutError):
                async with asyncio.timeout(_LIST_SECONDS):
                    await asyncio.gather(*(reflector.synced.wait() for reflector in reflectors))
        self._served = served
        self._log_kinds()
        for key in self._store.primary_keys():
            self._queue.add(key)

    def _log_kinds(self) -> None:
        log.info("watching models and %d kinds of children", len(self._served))

    def _reflect(self, kind: Kind) -> list[Reflector]:
        reflectors = []
        ours = [_Ours(self._kube, kind, namespace) for namespace in self._namespaces]
        sources: Sequence[_Models | _Ours] = self._models if kind == MODEL else ours
        for source in sources:
            sink = StoreSink(self._store, self._queue, kind, source.namespace)
            name = f"{kind.plural} in {source.namespace}" if source.namespace else kind.plural
            seconds = self._settings.resync_seconds * (1 if kind == MODEL else _SELDOM)
            reflector = Reflector(name, source, sink, seconds, self._listing)
            task = asyncio.create_task(reflector.run(), name=f"watch of {name}")
            self._tasks.setdefault(kind, []).append(task)
            reflectors.append(reflector)
        return reflectors

    def _stop(self, kind: Kind) -> None:
        for task in self._tasks.pop(kind):
            task.cancel()

    async def _end_model_watch(self) -> None:
        """Stop it, but do not wait for ever: its news are harmless."""
        watch, self._model_watch = self._model_watch, None
        if watch is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(watch.stop(), _END_SECONDS)

    async def _pause(self) -> None:
        watch = self._model_watch
        if watch is None:
            await asyncio.sleep(self._settings.discovery_seconds)
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(watch.ended.wait(), self._settings.discovery_seconds)
        if watch.ended.is_set():
            await asyncio.sleep(_RESTART_SECONDS)


@dataclass(frozen=True)
class _Ours:
    """The objects of one kind that have our label."""

    kube: Kube
    kind: Kind
    namespace: str | None

    def list(self) -> AsyncIterator[Chunk]:
        return self.kube.list_chunks(self.kind, self.namespace, labels=_OURS)

    async def watch(self, version: int) -> AsyncGenerator[Sequence[bytes], None]:
        if version == sys.maxsize:
            await asyncio.sleep(_UNSERVED_SECONDS)
            raise Expired("the cluster did not serve them")
        try:
            async with aclosing(self.kube.watch(self.kind, self.namespace, version, labels=_OURS)) as batches:
                async for lines in batches:
                    yield lines
        except ApiError as error:
            if error.status in (404, 410):
                raise Expired(error.message) from error
            raise


@dataclass(frozen=True)
class _Models:
    """The models. kopf watches them, so that here they are only listed."""

    kube: Kube
    namespace: str | None
    relist: asyncio.Event = field(default_factory=asyncio.Event)

    def list(self) -> AsyncIterator[Chunk]:
        return self.kube.list_chunks(MODEL, self.namespace)

    async def watch(self, version: int) -> AsyncGenerator[Sequence[bytes], None]:
        await self.relist.wait()
        self.relist.clear()
        raise Expired(f"the models are listed again after version {version}")
        yield ()


@dataclass(frozen=True)
class StoreSink:
    """Puts the objects of one kind into the store, and the models that they belong to on the queue.

    Events of children are gathered for a moment, but for a deletion and a change of more than the status,
    which are put right at once.
    """

    store: Store
    queue: WorkQueue[Key]
    kind: Kind
    namespace: str | None

    def put(self, manifest: dict[str, Any], text: bytes = b"") -> None:
        """Take in a version of an object; `text` is it as JSON, where that is at hand."""
        if self.kind == POD:
            # A third of a pod, and of no use here: pods are never applied.
            manifest["metadata"].pop("managedFields", None)
            text = b""
        which = identity(manifest)
        before = self.store.content(which)
        key = self.store.put(manifest, text)
        if key is None:
            return
        edited = self.kind != POD and before is not None and self.store.content(which) != before
        if self.kind == MODEL or edited:
            self.queue.add(key)
        else:
            self.queue.add_after(key, _GATHER_SECONDS)

    def remove(self, manifest: Manifest) -> None:
        """Take in that an object was deleted."""
        key = self.store.remove(manifest)
        if key is not None:
            self.queue.add(key)

    def keep(self, present: set[str], version: int) -> None:
        """Take in that a list at this version had the objects with these uids, and no others."""
        namespaces = (self.namespace,) if self.namespace else ()
        for key in self.store.vanished(self.kind.full_name, present, version, namespaces):
            self.queue.add(key)

    def take(self, event: str | None, manifest: dict[str, Any]) -> None:
        """Take in an event of kopf's; the type is None for an object of its first list."""
        if event == "DELETED":
            self.remove(manifest)
        else:
            self.put(manifest)
