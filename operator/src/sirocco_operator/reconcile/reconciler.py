"""One level-triggered pass for one model: read, build, diff, apply, prune, observe, tell."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from sirocco_operator.api.parse import InvalidResource, parse
from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.build import build_children
from sirocco_operator.controller.store import Key, Manifest, Store, identity
from sirocco_operator.controller.worker import Done, Retry
from sirocco_operator.kube.client import FIELD_MANAGER, Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import AUTOSCALER_KINDS, CHILD_KINDS, DEPLOYMENT, MODEL, Kind
from sirocco_operator.reconcile.apply import Applier, Refused, Unserved
from sirocco_operator.reconcile.handover import hand_over
from sirocco_operator.reconcile.internal_secret import InternalKeys
from sirocco_operator.reconcile.master_secret import MasterKey
from sirocco_operator.reconcile.providers import ProviderWatch
from sirocco_operator.reconcile.scaling import ScalingObserver
from sirocco_operator.reconcile.surroundings import Observer
from sirocco_operator.settings import Settings
from sirocco_operator.status.compute import compute, invalid
from sirocco_operator.status.figures import ModelFigures, figures
from sirocco_operator.status.observed import Observed, Refusal

log = logging.getLogger(__name__)

# A refusal ends by somebody's doing that no watch tells of: a quota, or a foreign object of our name.
REFUSED_SECONDS: Final = 5.0

_KINDS: Final = {kind.full_name: kind for kind in CHILD_KINDS}
_AUTOSCALERS: Final = {name for name, kind in _KINDS.items() if kind in AUTOSCALER_KINDS}
# Told of each pass: how the model is, None when it is gone.
ModelReport = Callable[[Key, ModelFigures | None], None]


def utc_now() -> str:
    """The time in UTC as Kubernetes writes it, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Reconciler:
    """Makes the cluster what the models ask for."""

    def __init__(
        self,
        kube: Kube,
        store: Store,
        settings: Settings,
        available: Callable[[], frozenset[Kind]],
        observer: Observer,
        providers: ProviderWatch,
        report: ModelReport,
    ) -> None:
        self._kube = kube
        self._store = store
        self._settings = settings
        self._available = available
        self._observer = observer
        self._report = report
        self._applier = Applier(kube, store.remove)
        self._scaling = ScalingObserver(kube, settings, available, providers)
        self._internal_keys = InternalKeys(
            self._applier, MasterKey(kube, settings.namespace).get, settings.resync_seconds
        )

    async def __call__(self, key: Key) -> Done:
        """Bring one model to its wanted state; raises Retry when that has to wait."""
        raw = self._store.primary(key)
        if raw is None or raw["metadata"].get("deletionTimestamp"):
            self._observer.forget(key)
            self._internal_keys.forget(key)
            self._report(key, None)
            return Done()
        try:
            return await self._pass(key, raw)
        except ApiError as error:
            if error.transient or error.status in (401, 403, 404, 409):
                raise Retry(error.message, error.retry_after, outage=error.status == 0) from error
            raise

    async def _pass(self, key: Key, raw: Manifest) -> Done:
        previous: Mapping[str, Any] = raw.get("status") or {}
        try:
            model = parse(raw)
        except InvalidResource as error:
            status = invalid(raw["metadata"], str(error), previous, utc_now())
            self._report(key, figures(status, Observed(pods=self._store.pods(key))))
            return Done(0 if await self._tell(key, raw, previous, status) else None)
        keys_after: float | None = None
        children: list[Manifest]
        try:
            # Before the children: pods that mount it wait for it.
            keys_after = await self._internal_keys.ensure(key, model)
        except Refused as refused:
            known = self._store.children(key, model.metadata.uid)
            children, refusals = [*known.values()], [refused.refusal]
        else:
            children, refusals = await self._converge(key, model)
        pods = self._store.pods(key)
        around = await self._observer.look(key, pods)
        self._internal_keys.doubt(key, model, around.events)
        observed = Observed(
            deployment=next((child for child in children if child["kind"] == DEPLOYMENT.kind), None),
            pods=pods,
            events=around.events,
            nodes=around.nodes,
            downloads=around.downloads or {},
            refusals=refusals,
            scaling=await self._scaling.look(model, children),
        )
        status = compute(model, observed, previous, utc_now())
        self._report(key, figures(status, observed))
        overtaken = await self._tell(key, raw, previous, status)
        again = [
            0 if overtaken else None,
            around.again_after,
            keys_after,
            REFUSED_SECONDS if refusals else None,
            self._scaling.again_after(status),
        ]
        return Done(min((each for each in again if each is not None), default=None))

    async def _converge(self, key: Key, model: InferenceModel) -> tuple[list[Manifest], list[Refusal]]:
        """The children as they are now, and why one could not be written.

        Children are written in the order in which they need each other: after a refusal nothing more is.
        """
        uid = model.metadata.uid
        known = self._store.children(key, uid)
        wanted = {
            identity(manifest): manifest
            for manifest in build_children(model, self._settings, self._available())
        }
        # First, so that two autoscalers never pull at one Deployment, nor one at a fixed count.
        unwanted = [which for which in known if which not in wanted]
        await self._prune([known[which] for which in unwanted if which.kind in _AUTOSCALERS])
        children: list[Manifest] = []
        for which, manifest in wanted.items():
            kind, fit = _KINDS[which.kind], None
            if kind == DEPLOYMENT and model.spec.autoscaling is not None:
                fit = partial(hand_over, autoscaling=model.spec.autoscaling, manager=FIELD_MANAGER)
            try:
                child = await self._applier.converge(kind, manifest, uid, known.get(which), fit)
            except Refused as refused:
                found = [
                    known[each] for each in wanted if each in known and each not in map(identity, children)
                ]
                return [*children, *found], [refused.refusal]
            except Unserved as reason:
                # As in a cluster without it; discovery will tell, too.
                log.info("%s: left out, its API goes away: %s", key, reason)
                continue
            self._store.put(child)
            children.append(child)
        await self._prune([known[which] for which in unwanted if which.kind not in _AUTOSCALERS])
        return children, []

    async def _prune(self, unwanted: Sequence[Manifest]) -> None:
        available = self._available()
        for child in unwanted:
            kind = _KINDS[identity(child).kind]
            metadata = child["metadata"]
            if metadata.get("deletionTimestamp") or (kind.optional and kind not in available):
                continue
            log.info("%s %s/%s is not wanted any more", kind.kind, metadata["namespace"], metadata["name"])
            await self._kube.delete(kind, metadata["namespace"], metadata["name"], metadata["uid"])
            self._applier.forget(metadata["uid"])
            self._store.remove(child)

    async def _tell(
        self, key: Key, raw: Manifest, previous: Mapping[str, Any], status: Mapping[str, Any]
    ) -> bool:
        """Write the status where it is another; whether the model has changed since this pass read it."""
        if status == previous:
            return False
        # A merge patch removes only what it names.
        gone = dict.fromkeys(name for name in previous if name not in status)
        change = {"metadata": {"uid": raw["metadata"]["uid"]}, "status": {**gone, **status}}
        patched = await self._kube.patch_status(MODEL, key.namespace, key.name, change)
        # The store then knows the change already, so that its event will be no news.
        self._store.put(patched)
        return bool(patched["metadata"]["generation"] != raw["metadata"]["generation"])
