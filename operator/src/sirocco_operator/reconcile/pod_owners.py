"""Which pods a model's own Deployment made: pod, its ReplicaSet, the Deployment.

Anybody who makes pods can give them a model's labels. Only pods that belong to it by their owners are asked
anything.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sirocco_operator.controller.store import Identity, Key, Manifest, Store, controller_uid
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import DEPLOYMENT, REPLICA_SET

log = logging.getLogger(__name__)

# Seconds until a ReplicaSet of another is read again: a Deployment that was made again adopts those it finds.
REREAD_SECONDS: Final = 60.0
# ReplicaSets read for one question. A rollout has two or three with pods; strangers may name any number.
MOST_READS: Final = 8
# ReplicaSets whose owner is remembered.
_MOST_KNOWN: Final = 10_000

# Takes a namespace and a name; None when there is no such ReplicaSet. Raises ApiError.
ReadReplicaSet = Callable[[str, str], Awaitable[Manifest | None]]


@dataclass(frozen=True, slots=True)
class _ReplicaSet:
    """The uid of its controller, empty without one, and when that was read."""

    controller: str
    read_at: float


class PodOwners:
    """Tells a model's own pods; reads each ReplicaSet once, when it is first asked about."""

    def __init__(
        self, store: Store, read: ReadReplicaSet, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._read = read
        self._clock = clock
        # By uid.
        self._known: dict[str, _ReplicaSet] = {}

    async def own(self, model: Key, pods: Sequence[Manifest]) -> list[Manifest]:
        """Those of the pods that belong to the model; without those that the API server cannot tell of."""
        deployment = self._deployment_uid(model) if pods else ""
        if not deployment:
            return []
        makers = [(pod, *_replica_set(pod)) for pod in pods]
        await self._learn(model, deployment, {uid: name for _, uid, name in makers if uid})
        return [
            pod
            for pod, uid, _ in makers
            if (known := self._known.get(uid)) is not None and known.controller == deployment
        ]

    def _deployment_uid(self, model: Key) -> str:
        owner = self._store.primary(model)
        which = Identity(DEPLOYMENT.full_name, model.namespace, model.name)
        if owner is None or which not in self._store.children(model, owner["metadata"]["uid"]):
            return ""
        deployment = self._store.read(which)
        return "" if deployment is None else str(deployment["metadata"]["uid"])

    async def _learn(self, model: Key, deployment: str, names: dict[str, str]) -> None:
        """Read the ReplicaSets that may be the Deployment's and are not known to be."""
        oldest = self._clock() - REREAD_SECONDS
        unknown = [
            uid
            for uid in names
            if (known := self._known.get(uid)) is None
            or (known.controller != deployment and known.read_at < oldest)
        ]
        for uid in unknown[:MOST_READS]:
            try:
                found = await self._read(model.namespace, names[uid])
            except ApiError as error:
                log.warning("%s: its pods are not asked, ReplicaSets cannot be read: %s", model, error)
                if error.status != 403:
                    return
                found = None
            same = found is not None and found["metadata"]["uid"] == uid
            self._known.pop(uid, None)
            self._known[uid] = _ReplicaSet(controller_uid(found) if found and same else "", self._clock())
            if len(self._known) > _MOST_KNOWN:
                del self._known[next(iter(self._known))]


def _replica_set(pod: Manifest) -> tuple[str, str]:
    """Uid and name of the ReplicaSet that controls a pod; empty without one."""
    for owner in pod["metadata"].get("ownerReferences") or ():
        if owner.get("controller") and (owner["apiVersion"], owner["kind"]) == (
            REPLICA_SET.api_version,
            REPLICA_SET.kind,
        ):
            return str(owner["uid"]), str(owner["name"])
    return "", ""
