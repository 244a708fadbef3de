"""One level-triggered pass for one model: read, build, diff, apply, prune, observe, status."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from sirocco_operator.api.parse import InvalidResource, parse
from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.build import build_children
from sirocco_operator.children.revision import Update
from sirocco_operator.children.times import startup_budget
from sirocco_operator.controller.leader import Fenced
from sirocco_operator.controller.store import (
    Identity,
    Key,
    Manifest,
    Store,
    content_of,
    controller_uid,
    identity,
)
from sirocco_operator.controller.worker import Done, Retry
from sirocco_operator.kube.client import FIELD_MANAGER, Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import (
    AUTOSCALER_KINDS,
    CHILD_KINDS,
    DEPLOYMENT,
    HORIZONTAL_POD_AUTOSCALER,
    MODEL,
    Kind,
)
from sirocco_operator.reconcile.apply import Applier, Written
from sirocco_operator.reconcile.claims import Claims
from sirocco_operator.reconcile.convergence import Converged, Convergence, Request
from sirocco_operator.reconcile.handover import hand_over
from sirocco_operator.reconcile.internal_secret import InternalSecrets
from sirocco_operator.reconcile.master_secret import MasterSecret
from sirocco_operator.reconcile.metrics_providers import MetricsProviders
from sirocco_operator.reconcile.refusal import Refused, Unserved
from sirocco_operator.reconcile.revisions import Revisions, Starts
from sirocco_operator.reconcile.scaling import ScalingReader
from sirocco_operator.reconcile.setbacks import Setbacks
from sirocco_operator.reconcile.surge import SurgeWaits
from sirocco_operator.reconcile.surroundings import SurroundingsReader
from sirocco_operator.reconcile.update_queue import UpdateQueue, standing_of
from sirocco_operator.settings import Settings
from sirocco_operator.status.compute import compute, invalid
from sirocco_operator.status.failure import compute_failure
from sirocco_operator.status.figures import ModelFigures, figures
from sirocco_operator.status.observed import Observed, Refusal, RefusalCause
from sirocco_operator.status.progress import seconds_until_stalled

log = logging.getLogger(__name__)

# Passes that have failed for so long are told of: most failures, such as a conflict, are over by then.
TOLD_SECONDS: Final = 2.0
# How long the first status of a model may wait for the first events of its children.
FIRST_STATUS_SECONDS: Final = 0.2

_KINDS: Final = {kind.full_name: kind for kind in CHILD_KINDS}
_AUTOSCALERS: Final = {kind.full_name for kind in AUTOSCALER_KINDS}
# Receives how the model is after each pass, None when it is gone.
ModelReport = Callable[[Key, ModelFigures | None], None]
# Receives a model's metadata and its new status, once the reason in it is another.
ReasonReport = Callable[[Mapping[str, Any], Mapping[str, Any]], None]


def utc_now() -> str:
    """The time in UTC as Kubernetes writes it, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Reconciler:
    """Makes the cluster what the models ask for."""

    def __init__(
        self,
        kube: Kube,
        store: Store,
        claims: Claims,
        settings: Settings,
        available: Callable[[], frozenset[Kind]],
        surroundings: SurroundingsReader,
        providers: MetricsProviders,
        report: ModelReport,
        report_reason: ReasonReport,
        enqueue: Callable[[Key], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._store = store
        self._claims = claims
        self._settings = settings
        self._available = available
        self._surroundings = surroundings
        self._report = report
        self._report_reason = report_reason
        self._revisions = Revisions(store, settings)
        self._surges = SurgeWaits(settings.surge_seconds)
        at_once = settings.model_updates_at_once if settings.model_updates == "Queue" else 0
        self._updates = UpdateQueue(at_once, store.primary_keys, enqueue)
        self._applier = Applier(kube, store.remove)
        self._scaling = ScalingReader(kube, settings, available, providers)
        self._internal_secrets = InternalSecrets(
            self._applier, store, MasterSecret(kube, settings.namespace).get, settings.resync_seconds
        )
        self._converged: dict[Key, Converged] = {}
        self._clock = clock
        self._setbacks = Setbacks(clock)

    async def __call__(self, key: Key) -> Done:
        """Bring one model to its wanted state; raises Retry when that has to wait."""
        raw = self._store.primary(key)
        if raw is None or raw["metadata"].get("deletionTimestamp"):
            self._forget(key)
            return Done()
        began = self._clock()
        try:
            if not await self._claims.hold(key.namespace):
                self._forget(key)
                self._updates.tell_unknown(key)
                return Done()
            return await self._pass(key, raw, began)
        except ApiError as error:
            if error.status == 0:
                raise Retry(error.message, outage=True) from error
            after = await self._tell(key, raw, began, error.message)
            raise Retry(error.message, max(after, error.retry_after)) from error
        except Retry as reason:
            after = await self._tell(key, raw, began, str(reason))
            raise Retry(str(reason), max(after, reason.after)) from reason
        except Fenced:
            raise
        except Exception as error:
            await self._tell(key, raw, began, f"unexpectedly, {type(error).__name__}: {error}")
            raise

    def _forget(self, key: Key) -> None:
        """Drop what is kept of a model that is gone, or is another operator's."""
        self._surroundings.forget(key)
        self._internal_secrets.forget(key)
        self._applier.forget(key)
        self._converged.pop(key, None)
        self._setbacks.forget(key)
        self._updates.forget(key)
        self._surges.forget(key)
        self._report(key, None)

    async def _tell(self, key: Key, raw: Manifest, began: float, message: str) -> float:
        """Tell of a pass that failed, once failures last; the least seconds to wait then."""
        self._updates.tell_unknown(key)
        setback = self._setbacks.add(key, raw["metadata"]["generation"], began)
        if setback.lasting < TOLD_SECONDS:
            return 0
        deployment = self._child(key, raw["metadata"]["uid"], DEPLOYMENT)
        status, found = compute_failure(raw, deployment, self._store.pods(key), message, utc_now())
        self._report(key, found)
        try:
            await self._write_status(key, raw, raw.get("status") or {}, status)
        except ApiError as error:
            log.debug("%s: the status cannot be written: %s", key, error)
        return setback.delay

    async def _pass(self, key: Key, raw: Manifest, began: float) -> Done:
        previous: Mapping[str, Any] = raw.get("status") or {}
        try:
            model = parse(raw)
        except InvalidResource as error:
            self._updates.tell_unknown(key)
            pods = self._store.pods(key)
            status = invalid(raw["metadata"], str(error), pods, previous, utc_now())
            self._report(key, figures(status, Observed(pods=pods)))
            return Done(0 if await self._write_status(key, raw, previous, status) else None)
        keys_after = children_after = None
        taken_back, update = "", Update.NONE
        try:
            # Before the children: pods that mount it wait for it.
            secret = await self._internal_secrets.ensure(key, model)
            keys_after = secret.again_after
            convergence = await self._converge(key, model, secret.witness, previous)
            if convergence.created and not previous.get("conditions"):
                # Events of what was just made are on their way: the first status then tells of them, too.
                return Done(FIRST_STATUS_SECONDS)
            children_after = convergence.again_after
            taken_back, update = convergence.taken_back, convergence.update
            refusals: Sequence[Refusal] = ()
        except Refused as refused:
            refusals = await self._with_conflicts(key, model, refused.refusal)
        pods = self._store.pods(key)
        around = await self._surroundings.read(key, pods)
        self._internal_secrets.recheck(key, model, around.events)
        observed = Observed(
            deployment=self._child(key, model.metadata.uid, DEPLOYMENT),
            pods=pods,
            events=around.events,
            nodes=around.nodes,
            gpu_holders=around.gpu_holders,
            claims=around.claims,
            downloads=around.downloads or {},
            refusals=refusals,
            taken_back=taken_back,
            update_pending=self._updates.place(key) if update is Update.PENDING else "",
            scaling=await self._scaling.read(
                model, self._child(key, model.metadata.uid, HORIZONTAL_POD_AUTOSCALER)
            ),
        )
        now = utc_now()
        status = compute(model, observed, previous, now)
        self._updates.tell(key, standing_of(update, ready="lastProgressTime" not in status))
        self._report(key, figures(status, observed))
        overtaken = await self._write_status(key, raw, previous, status)
        refused_after = None
        if refusals:
            refused_after = self._setbacks.add(key, model.metadata.generation, began).delay
        else:
            self._setbacks.forget(key)
        again = [
            0 if overtaken else None,
            around.again_after,
            keys_after,
            children_after,
            refused_after,
            self._scaling.again_after(status),
            seconds_until_stalled(status, now, startup_budget(model)),
            self._surges.note(key, status["reason"]),
        ]
        return Done(min((each for each in again if each is not None), default=None))

    async def _converge(
        self, key: Key, model: InferenceModel, witness: Manifest | None, status: Mapping[str, Any]
    ) -> Convergence:
        """Bring the children to what is wanted, `witness` last; raises Refused.

        Children are written in the order in which they need each other: after a refusal nothing more is.
        """
        uid = model.metadata.uid
        pods, deployment = self._store.pods(key), self._child(key, uid, DEPLOYMENT)
        request = Request(
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
        unwanted = [which for which in known if which not in wanted]
        await self._prune([which for which in unwanted if which.kind in _AUTOSCALERS], uid)
        contents: dict[Identity, int] = {}
        created: list[str] = []
        again_after: float | None = None
        for which, manifest in wanted.items():
            content = known.get(which)
            if content is not None and content == (verified or {}).get(which):
                contents[which] = content
                continue
            kind = _KINDS[which.kind]
            try:
                written = await self._converge_child(key, model, which, manifest)
            except Unserved as reason:
                # As in a cluster without it; discovery will tell, too.
                log.info("%s: left out, its API goes away: %s", key, reason)
                again_after = self._settings.discovery_seconds
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
        if again_after is None:
            self._converged[key] = Converged(request, contents, rollout.taken_back, rollout.update)
        return Convergence(bool(created), again_after, rollout.taken_back, rollout.update)

    async def _with_conflicts(self, key: Key, model: InferenceModel, first: Refusal) -> list[Refusal]:
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

    async def _converge_child(
        self, key: Key, model: InferenceModel, which: Identity, manifest: Manifest
    ) -> Written:
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

    def _child(self, key: Key, uid: str, kind: Kind) -> Manifest | None:
        """The own child of the model with this uid, of a kind that it has one of."""
        return self._store.child(key, uid, kind.full_name)

    async def _write_status(
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
        if status["reason"] != previous.get("reason"):
            self._report_reason(patched["metadata"], status)
        return bool(patched["metadata"]["generation"] != raw["metadata"]["generation"])
