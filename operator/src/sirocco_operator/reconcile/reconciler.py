"""One level-triggered pass for one model: read, build, diff, apply, prune, observe, status."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sirocco_operator.api.parse import InvalidResource, parse
from sirocco_operator.children.revision import Update
from sirocco_operator.children.times import startup_budget
from sirocco_operator.controller.leader import Fenced
from sirocco_operator.controller.store import (
    Key,
    Manifest,
    Store,
)
from sirocco_operator.controller.worker import Done, Retry
from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import (
    DEPLOYMENT,
    HORIZONTAL_POD_AUTOSCALER,
    MODEL,
    Kind,
)
from sirocco_operator.reconcile.apply import Applier
from sirocco_operator.reconcile.claims import Claims
from sirocco_operator.reconcile.convergence import Converger
from sirocco_operator.reconcile.internal_secret import InternalSecrets
from sirocco_operator.reconcile.master_secret import MasterSecret
from sirocco_operator.reconcile.metrics_providers import MetricsProviders
from sirocco_operator.reconcile.refusal import Refused
from sirocco_operator.reconcile.scaling import ScalingReader
from sirocco_operator.reconcile.setbacks import Setbacks
from sirocco_operator.reconcile.surge import SurgeWaits
from sirocco_operator.reconcile.surroundings import SurroundingsReader
from sirocco_operator.reconcile.update_queue import UpdateQueue, standing_of
from sirocco_operator.settings import Settings
from sirocco_operator.status.compute import compute, invalid
from sirocco_operator.status.failure import compute_failure
from sirocco_operator.status.figures import ModelFigures, figures
from sirocco_operator.status.observed import Observed, Refusal
from sirocco_operator.status.progress import seconds_until_stalled

log = logging.getLogger(__name__)

# Passes that have failed for so long are told of: most failures, such as a conflict, are over by then.
TOLD_SECONDS: Final = 2.0
# How long the first status of a model may wait for the first events of its children.
FIRST_STATUS_SECONDS: Final = 0.2

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
        self._surroundings = surroundings
        self._report = report
        self._report_reason = report_reason
        self._surges = SurgeWaits(settings.surge_seconds)
        at_once = settings.model_updates_at_once if settings.model_updates == "Queue" else 0
        self._updates = UpdateQueue(at_once, store.primary_keys, enqueue)
        applier = Applier(kube, store.remove)
        self._converger = Converger(kube, store, settings, available, applier, self._updates, self._surges)
        self._scaling = ScalingReader(kube, settings, available, providers)
        self._internal_secrets = InternalSecrets(
            applier, store, MasterSecret(kube, settings.namespace).get, settings.resync_seconds
        )
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
        self._converger.forget(key)
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
        self._updates.pass_turn(key)
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
            convergence = await self._converger.converge(key, model, secret.witness, previous)
            if convergence.created and not previous.get("conditions"):
                # Events of what was just made are on their way: the first status then tells of them, too.
                return Done(FIRST_STATUS_SECONDS)
            if convergence.created and await self._has_vanished(key, raw):
                return Done(0)
            children_after = convergence.again_after
            taken_back, update = convergence.taken_back, convergence.update
            refusals: Sequence[Refusal] = ()
        except Refused as refused:
            refusals = await self._converger.with_conflicts(key, model, refused.refusal)
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
        if refusals:
            # How it stood before still holds: a model that failed with the update has not recovered.
            self._updates.tell_unknown(key)
            self._updates.pass_turn(key)
        else:
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

    def _child(self, key: Key, uid: str, kind: Kind) -> Manifest | None:
        """The own child of the model with this uid, of a kind that it has one of."""
        return self._store.child(key, uid, kind.full_name)

    async def _has_vanished(self, key: Key, raw: Manifest) -> bool:
        """Whether the model is gone, which a watch that was cut meanwhile does not tell.

        Its children would be collected and made again until the models are listed the next time.
        """
        found = await self._kube.get(MODEL, key.namespace, key.name)
        if found is not None and found["metadata"]["uid"] == raw["metadata"]["uid"]:
            return False
        self._store.remove(raw)
        return True

    async def _write_status(
        self, key: Key, raw: Manifest, previous: Mapping[str, Any], status: Mapping[str, Any]
    ) -> bool:
        """Write the status where it is another; whether the model has changed since this pass read it."""
        if status == previous:
            return False
        # A merge patch removes only what it names.
        gone = dict.fromkeys(name for name in previous if name not in status)
        change = {"metadata": {"uid": raw["metadata"]["uid"]}, "status": {**gone, **status}}
        try:
            patched = await self._kube.patch_status(MODEL, key.namespace, key.name, change)
        except ApiError as error:
            if error.status == 404 and await self._has_vanished(key, raw):
                return True
            raise
        # The store then knows the change already, so that its event will be no news.
        self._store.put(patched)
        if status["reason"] != previous.get("reason"):
            self._report_reason(patched["metadata"], status)
        return bool(patched["metadata"]["generation"] != raw["metadata"]["generation"])
