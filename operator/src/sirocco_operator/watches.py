"""Follows models, children and pods, over the APIs that the cluster serves as these come and go."""

import asyncio
import logging
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from sirocco_operator.children.labels import MANAGED_BY, MANAGED_BY_LABEL
from sirocco_operator.controller.queue import WorkQueue
from sirocco_operator.controller.reflector import Reflector, Sink, Source
from sirocco_operator.controller.store import Key, Store
from sirocco_operator.intake import StoreSink
from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import CHILD_KINDS, LEASE, MODEL, POD, Kind
from sirocco_operator.kube.model_watch import ModelWatch
from sirocco_operator.kube.sources import Listed, Watched
from sirocco_operator.reconcile.claims import CLAIM_NAME, Claims, ClaimSink
from sirocco_operator.settings import Settings

log = logging.getLogger(__name__)

# Children and pods are those with this label; models are all of them.
_OURS: Final = f"{MANAGED_BY_LABEL}={MANAGED_BY}"
# APIs that may be missing; the others are part of every cluster.
_DISCOVERED: Final = (MODEL, *(kind for kind in CHILD_KINDS if kind.optional))
# kopf says nothing of a model that vanished while it did not watch, so that the models are listed often. Our
# own watches miss nothing that is known of: that many times as seldom.
_SELDOM: Final = 6
# Watches that ended by themselves are not begun again in a hurry: discovery lags behind.
_RESTART_SECONDS: Final = 1.0
_END_SECONDS: Final = 5.0
_LIST_SECONDS: Final = 30.0


@dataclass
class _Scope:
    """What is followed in one namespace, or for None in the whole cluster."""

    namespace: str | None
    reflectors: dict[Kind, Reflector] = field(default_factory=dict)
    tasks: dict[Kind, asyncio.Task[None]] = field(default_factory=dict)
    # The models are listed last: a pass over one has to know its children.
    models: Reflector | None = None

    @property
    def denied(self) -> str:
        """What the API server says while something may not be read; empty when all may."""
        return next((each.denied for each in self.reflectors.values() if each.denied), "")

    @property
    def open(self) -> bool:
        """Whether the models are known, and may still be read."""
        return self.models is not None and self.models.synced.is_set() and not self.models.denied

    @property
    def settled(self) -> bool:
        """Whether nothing has to be waited for: one of several namespaces holds up none of the others."""
        return self.open or (self.namespace is not None and bool(self.denied))


class Watches:
    """Feeds the store from the cluster and asks for work on what changed, in each namespace for itself."""

    def __init__(
        self, kube: Kube, store: Store, claims: Claims, queue: WorkQueue[Key], settings: Settings
    ) -> None:
        self._kube = kube
        self._claims = claims
        self._store = store
        self._queue = queue
        self._settings = settings
        self._scopes = [_Scope(namespace) for namespace in settings.namespaces or (None,)]
        self._models = {scope.namespace: Listed(kube, MODEL, scope.namespace) for scope in self._scopes}
        self._model_watch: ModelWatch | None = None
        # The namespaces that it covers.
        self._watched: tuple[str | None, ...] = ()
        self._served: frozenset[Kind] = frozenset(kind for kind in CHILD_KINDS if not kind.optional)
        self._listing = asyncio.Semaphore(1)
        self._changed = asyncio.Event()
        # How the namespaces were when the loop was last woken, and which it has told of.
        self._seen: object = None
        self._told: dict[str, str] = {}
        self.synced = asyncio.Event()

    def served(self) -> frozenset[Kind]:
        """The child kinds that the cluster has."""
        return self._served

    def unread(self) -> dict[str, str]:
        """The namespaces that may not be read, "" for the whole cluster, with what the API server says."""
        return {scope.namespace or "": scope.denied for scope in self._scopes if scope.denied}

    async def run(self) -> None:
        """Watch until cancelled."""
        openings = []
        try:
            for scope in self._scopes:
                for kind in (LEASE, POD, *self._served):
                    self._reflect(scope, kind)
                openings.append(asyncio.create_task(self._open(scope), name=f"opening of {scope.namespace}"))
            while True:
                found = await self._discover()
                if found and not self.synced.is_set() and all(scope.settled for scope in self._scopes):
                    self.synced.set()
                    self._log_kinds()
                self._log_unread()
                await self._pause()
        finally:
            for opening in openings:
                opening.cancel()
            for scope in self._scopes:
                for kind in list(scope.tasks):
                    self._stop(scope, kind)
            await self._end_model_watch()

    async def _open(self, scope: _Scope) -> None:
        """List the models once all else is known."""
        for reflector in list(scope.reflectors.values()):
            await reflector.synced.wait()
        scope.models = self._reflect(scope, MODEL)

    async def _discover(self) -> bool:
        """Find out what is served, and watch just that; whether the API server could say."""
        try:
            found = frozenset([kind for kind in _DISCOVERED if await self._kube.serves(kind)])
        except ApiError as error:
            log.warning("the cluster's APIs cannot be read, will be tried again: %s", error)
            return False
        watch = self._model_watch
        wanted = tuple(scope.namespace for scope in self._scopes if scope.open) if MODEL in found else ()
        # Not once for each namespace of the first lists.
        if self.synced.is_set() or all(scope.settled for scope in self._scopes):
            if watch is not None and (wanted != self._watched or watch.incomplete or watch.ended.is_set()):
                await self._end_model_watch()
                self._relist_models()
            if self._model_watch is None and wanted:
                self._start_model_watch(wanted)
        served = frozenset(kind for kind in CHILD_KINDS if not kind.optional or kind in found)
        if served != self._served:
            await self._follow(served)
        return True

    def _start_model_watch(self, namespaces: tuple[str | None, ...]) -> None:
        sink = StoreSink(self._store, self._queue, MODEL, None)
        names = [name for name in namespaces if name is not None]
        self._watched = namespaces
        self._model_watch = ModelWatch(names, self._kube.credentials, sink.take)
        self._model_watch.start()
        self._relist_models()

    def _relist_models(self) -> None:
        """What vanished while nobody watched is only seen in a list."""
        for models in self._models.values():
            models.again.set()

    async def _follow(self, served: frozenset[Kind]) -> None:
        """Watch optional APIs that have come, forget those that have gone, and look at every model again."""
        for kind in self._served - served:
            for scope in self._scopes:
                self._stop(scope, kind)
            StoreSink(self._store, self._queue, kind, None).keep(set(), sys.maxsize)
        for kind in served - self._served:
            reflectors = [self._reflect(scope, kind) for scope in self._scopes]
            # Not for ever: an API that cannot be listed must not keep the others from being followed.
            with suppress(TimeoutError):
                async with asyncio.timeout(_LIST_SECONDS):
                    await asyncio.gather(*(reflector.tried.wait() for reflector in reflectors))
        self._served = served
        self._log_kinds()
        for key in self._store.primary_keys():
            self._queue.add(key)

    def _log_kinds(self) -> None:
        log.info("watching models and %d kinds of children", len(self._served))

    def _log_unread(self) -> None:
        """Tell of each namespace once that it may not be read, and once that it may."""
        unread = self.unread()
        for name in unread.keys() - self._told.keys():
            log.warning("%s", not_served(name, unread[name]))
        for name in self._told.keys() - unread.keys():
            log.info("namespace %s can be read now", name)
        self._told = unread

    def _reflect(self, scope: _Scope, kind: Kind) -> Reflector:
        source: Source = Watched(self._kube, kind, scope.namespace, labels=_OURS)
        sink: Sink = StoreSink(self._store, self._queue, kind, scope.namespace)
        if kind == MODEL:
            source = self._models[scope.namespace]
        elif kind == LEASE:
            source = Watched(self._kube, kind, scope.namespace, fields=f"metadata.name={CLAIM_NAME}")
            sink = ClaimSink(self._claims, scope.namespace)
        name = f"{kind.plural} in {scope.namespace}" if scope.namespace else kind.plural
        seconds = self._settings.resync_seconds * (1 if kind == MODEL else _SELDOM)
        reflector = Reflector(name, source, sink, seconds, self._listing, self._notice)
        scope.reflectors[kind] = reflector
        scope.tasks[kind] = asyncio.create_task(reflector.run(), name=f"watch of {name}")
        return reflector

    def _notice(self) -> None:
        """Wake the loop when a namespace has opened or closed."""
        seen = [(scope.open, scope.denied) for scope in self._scopes]
        if seen != self._seen:
            self._seen = seen
            self._changed.set()

    def _stop(self, scope: _Scope, kind: Kind) -> None:
        del scope.reflectors[kind]
        scope.tasks.pop(kind).cancel()

    async def _end_model_watch(self) -> None:
        """Stop it, but do not wait for ever: its news are harmless."""
        watch, self._model_watch = self._model_watch, None
        if watch is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(watch.stop(), _END_SECONDS)

    async def _pause(self) -> None:
        """Until a list has something to tell, or the watch of models ends, or it is time to look again."""
        watch = self._model_watch
        waits = [asyncio.ensure_future(self._changed.wait())]
        if watch is not None:
            waits.append(asyncio.ensure_future(watch.ended.wait()))
        await asyncio.wait(
            waits, timeout=self._settings.discovery_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for wait in waits:
            wait.cancel()
        self._changed.clear()
        if watch is not None and watch.ended.is_set():
            await asyncio.sleep(_RESTART_SECONDS)


def not_served(namespace: str, cause: str) -> str:
    """The sentence about a namespace that may not be read; "" is the whole cluster."""
    if not namespace:
        return (
            f"the operator may not read the cluster: {cause}: upgrade the release, which restores its rights"
        )
    return (
        f"namespace {namespace} is not served: {cause}: if it does not exist, create it or take it out of "
        "watchNamespaces; then upgrade the release, which makes the operator's Role in it"
    )
