"""Brings the children of a model to what is wanted: builds, applies and prunes them."""

import logging
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.build import build_children
from sirocco_operator.children.revision import Update
from sirocco_operator.controller.store import (
    Identity,
    Key,
    Manifest,
    Store,
    content_of,
    controller_uid,
    identity,
)
from sirocco_operator.controller.worker import Retry
from sirocco_operator.kube.client import FIELD_MANAGER, Kube
from sirocco_operator.kube.kinds import (
    AUTOSCALER_KINDS,
    CHILD_KINDS,
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    POD_DISRUPTION_BUDGET,
    SERVICE_ACCOUNT,
    Kind,
)
from sirocco_operator.reconcile.apply import Applier, Written
from sirocco_operator.reconcile.handover import hand_over
from sirocco_operator.reconcile.ownership import is_orphan
from sirocco_operator.reconcile.refusal import Unserved
from sirocco_operator.reconcile.revisions import Revisions, Starts
from sirocco_operator.reconcile.surge import SurgeWaits
from sirocco_operator.reconcile.update_queue import UpdateQueue
from sirocco_operator.settings import Settings
from sirocco_operator.status.observed import Refusal, RefusalCause

log = logging.getLogger(__name__)

# Without these, pods of the Deployment could not start, or the one to go back to would not be known.
_FOR_PODS: Final = (CONFIG_MAP, CONTROLLER_REVISION, SERVICE_ACCOUNT)
_KINDS: Final = {kind.full_name: kind for kind in CHILD_KINDS}
_AUTOSCALERS: Final = {kind.full_name for kind in AUTOSCALER_KINDS}
# What acts on the model's pods, even where nobody controls it any more. Each has the model's name.
_ACTING: Final = (*AUTOSCALER_KINDS, POD_DISRUPTION_BUDGET)


@dataclass(frozen=True)
class _Request:
    """What the children of a model are built from."""

    uid: str
    generation: int
    available: frozenset[Kind]
    witness: Manifest | None
    retry: str
    starts: Starts
    may_update: bool
    in_place: bool


@dataclass(frozen=True)
class Convergence:
    """What became of the children: whether one was created, and in how many seconds to look again."""

    created: bool = False
    again_after: float | None = None
    taken_back: str = ""
    """Why the revision that the spec asks for was taken back."""
    update: Update = Update.NONE


@dataclass(frozen=True)
class _Converged:
    """The children were as wanted for this request, with this content."""

    request: _Request
    contents: Mapping[Identity, int]
    taken_back: str
    update: Update


class Converger:
    """Brings all children of a model to what is wanted, and looks only at those that have changed since."""

    def __init__(
        self,
        kube: Kube,
        store: Store,
        settings: Settings,
        available: Callable[[], frozenset[Kind]],
        applier: Applier,
        updates: UpdateQueue,
        surges: SurgeWaits,
    ) -> None:
        self._kube = kube
        self._store = store
        self._settings = settings
        self._available = available
        self._applier = applier
        self._updates = updates
        self._surges = surges
        self._revisions = Revisions(store, settings)
        self._converged: dict[Key, _Converged] = {}

    def forget(self, key: Key) -> None:
        """Drop what is kept of the children of a model that is gone."""
        self._applier.forget(key)
        self._converged.pop(key, None)

    async def converge(
        self, key: Key, model: InferenceModel, witness: Manifest | None, status: Mapping[str, Any]
    ) -> Convergence:
        """Bring the children to what is wanted, `witness` last; raises Refused.

        Children are written in the order in which they need each other: after a refusal nothing more is.
        """
        uid = model.metadata.uid
        pods, deployment = self._store.pods(key), self._store.child(key, uid, DEPLOYMENT.full_name)
        request = _Request(
            uid,
            model.metadata.generation,
            self._available(),
            witness,
            model.metadata.retry,
            Starts.of(pods),
            self._updates.allows(key),
            self._surges.in_place(key, model, deployment, pods),
        )
        known = self._store.children(key, uid)
        before = self._converged.pop(key, None)
        verified = before.contents if before is not None and before.request == request else None
        if before is not None and verified == known:
            self._converged[key] = before
            return Convergence(taken_back=before.taken_back, update=before.update)
        rollout = self._revisions.rollout(
            model, known, deployment, pods, status, may_update=request.may_update
        )
        rollout = replace(rollout, in_place=request.in_place)
        wanted = {
            identity(manifest): manifest
            for manifest in (
                *build_children(model, self._settings, request.available, rollout),
                *([witness] if witness is not None else []),
            )
        }
        # First, so that two autoscalers never pull at one Deployment, nor one at a fixed count.
        await self._prune_orphans(key, wanted)
        unwanted = [which for which in known if which not in wanted]
        await self._prune([which for which in unwanted if which.kind in _AUTOSCALERS], uid)
        contents: dict[Identity, int] = {}
        created: list[str] = []
        again_after: float | None = None
        postponed: Retry | None = None
        for which, manifest in wanted.items():
            content = known.get(which)
            if content is not None and content == (verified or {}).get(which):
                contents[which] = content
                continue
            kind = _KINDS[which.kind]
            try:
                written = await self._write(key, model, which, manifest)
            except Unserved as reason:
                # As in a cluster without it; discovery will tell, too.
                log.info("%s: left out, its API goes away: %s", key, reason)
                again_after = self._settings.discovery_seconds
                continue
            except Retry as reason:
                if kind in _FOR_PODS:
                    raise
                log.info("%s: the others go on: %s", key, reason)
                postponed = postponed or reason
                continue
            if written.created:
                created.append(kind.kind)
            if written.again_after is None:
                contents[which] = content_of(written.child)
            else:
                again_after = min(again_after or written.again_after, written.again_after)
        if created:
            log.info("%s: created %s", key, ", ".join(created))
        await self._prune([which for which in unwanted if which.kind not in _AUTOSCALERS], uid)
        if postponed is not None:
            raise postponed
        if again_after is None:
            self._converged[key] = _Converged(request, contents, rollout.taken_back, rollout.update)
        return Convergence(bool(created), again_after, rollout.taken_back, rollout.update)

    async def with_conflicts(self, key: Key, model: InferenceModel, first: Refusal) -> list[Refusal]:
        """The refusal, and all other objects that have the names of children, to be dealt with at one go."""
        refusals = [first]
        if first.cause is not RefusalCause.NAME_CONFLICT:
            return refusals
        uid = model.metadata.uid
        known = self._store.children(key, uid)
        for manifest in build_children(model, self._settings, self._available()):
            which = identity(manifest)
            kind = _KINDS[which.kind]
            if which in known or (kind.kind, which.name) == (first.kind, first.name):
                continue
            with suppress(Unserved):
                found = await self._applier.conflict(kind, manifest, uid)
                refusals += [found] if found else []
        return refusals

    async def _write(self, key: Key, model: InferenceModel, which: Identity, manifest: Manifest) -> Written:
        """Bring one child to what is wanted; raises Refused and Unserved."""
        kind, fit = _KINDS[which.kind], None
        if kind == DEPLOYMENT and model.spec.autoscaling is not None:
            fit = partial(hand_over, autoscaling=model.spec.autoscaling, manager=FIELD_MANAGER)
        uid = model.metadata.uid
        known = self._store.read(which) if which in self._store.children(key, uid) else None
        written = await self._applier.converge(kind, manifest, uid, known, fit)
        self._store.put(written.child)
        return written

    async def _prune(self, unwanted: Sequence[Identity], owner_uid: str) -> None:
        available = self._available()
        for which in unwanted:
            kind, child = _KINDS[which.kind], self._store.read(which)
            if child is None or controller_uid(child) != owner_uid:
                continue
            if kind.optional and kind not in available:
                continue
            metadata = child["metadata"]
            if metadata.get("deletionTimestamp"):
                continue
            log.info("%s %s/%s is not wanted any more", kind.kind, which.namespace, which.name)
            await self._kube.delete(kind, which.namespace, which.name, metadata["uid"])
            self._store.remove(child)

    async def _prune_orphans(self, key: Key, wanted: Container[Identity]) -> None:
        """Delete what a model of this name left behind and this one does not want, where it acts on pods."""
        for kind in _ACTING:
            which = Identity(kind.full_name, key.namespace, key.name)
            if which in wanted or not self._store.is_uncontrolled(which):
                continue
            orphan = await self._kube.get(kind, key.namespace, key.name)
            if orphan is None or not is_orphan(orphan, FIELD_MANAGER, key.name):
                continue
            log.info("%s %s is not wanted any more, and nobody controls it", kind.kind, key)
            await self._kube.delete(kind, key.namespace, key.name, orphan["metadata"]["uid"])
            self._store.remove(orphan)
