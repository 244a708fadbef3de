"""Why pods find no node or no volume: nodes, the pods that hold their GPUs, and claims; read on demand."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sirocco_operator.controller.store import Manifest
from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import EVENT, NODE, PERSISTENT_VOLUME_CLAIM, POD
from sirocco_operator.status import nodes
from sirocco_operator.status.observed import Claim
from sirocco_operator.status.spec_fields import claims_of

# How old a reading of the cluster may be that many models share, in seconds.
SHARED_SECONDS: Final = 10.0
# Claims of a pod that are read.
_CLAIMS_READ: Final = 8
# Events of one object that are read: anybody may make more in a namespace of their own.
EVENTS_READ: Final = 500


@dataclass(frozen=True)
class Reading:
    """Objects, and when they were read, by the reader's clock."""

    taken_at: float
    objects: Sequence[Manifest]


class PlacementReader:
    """Reads what keeps pods from being placed; what many models ask for is kept for a few seconds.

    What the operator may not read is empty: reasons then only say less.
    """

    def __init__(self, kube: Kube, clock: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._clock = clock
        self._lock = asyncio.Lock()
        self._nodes = Reading(float("-inf"), ())
        # By node: the pods on it that hold devices.
        self._holders: dict[str, Reading] = {}

    async def nodes(self) -> Sequence[Manifest]:
        """All nodes; raises ApiError."""
        async with self._lock:
            if self._is_old(self._nodes):
                self._nodes = Reading(
                    self._clock(), await self._kube.list_allowed(NODE, None, brief=_brief_node)
                )
            return self._nodes.objects

    async def gpu_holders(self, all_nodes: Sequence[Manifest], pods: Iterable[Manifest]) -> list[Manifest]:
        """Pods that hold devices on nodes that could take one of the pods; raises ApiError."""
        wanted = {
            nodes.name(node)
            for pod in pods
            for resource in _devices(pod)
            for node in nodes.candidates(all_nodes, pod, resource)
        }
        async with self._lock:
            self._holders = {
                node: reading for node, reading in self._holders.items() if not self._is_old(reading)
            }
            for node in sorted(wanted - set(self._holders))[: nodes.CANDIDATES]:
                self._holders[node] = Reading(self._clock(), await self._devices_held(node))
            return [
                pod for node in sorted(wanted & set(self._holders)) for pod in self._holders[node].objects
            ]

    async def claims(self, namespace: str, pods: Iterable[Manifest]) -> list[Claim]:
        """The claims of the pods that exist; raises ApiError."""
        names = sorted({name for pod in pods for name in claims_of(pod)})[:_CLAIMS_READ]
        found: list[Claim] = []
        for name in names:
            try:
                claim = await self._kube.get(PERSISTENT_VOLUME_CLAIM, namespace, name)
            except ApiError as error:
                if error.status != 403:
                    raise
                break
            if claim is not None:
                found.append(await self._claim(namespace, claim))
        return found

    async def _claim(self, namespace: str, claim: Manifest) -> Claim:
        spec, phase = claim.get("spec") or {}, str((claim.get("status") or {}).get("phase", "Pending"))
        events: Sequence[Manifest] = ()
        if phase != "Bound":
            selector = f"involvedObject.uid={claim['metadata']['uid']}"
            events = await self._kube.list_allowed(EVENT, namespace, selector, most=EVENTS_READ)
        newest = max(events, key=happened, default=None)
        return Claim(
            name=claim["metadata"]["name"],
            phase=phase,
            storage_class=spec.get("storageClassName"),
            volume=str(spec.get("volumeName", "")),
            cause=str((newest or {}).get("message", "")),
        )

    async def _devices_held(self, node: str) -> list[Manifest]:
        fields = f"spec.nodeName={node},status.phase!=Succeeded,status.phase!=Failed"
        found = await self._kube.list_allowed(POD, None, fields, brief=_brief_pod)
        return [pod for pod in found if _devices(pod)]

    def _is_old(self, reading: Reading) -> bool:
        return self._clock() - reading.taken_at > SHARED_SECONDS


def happened(event: Manifest) -> str:
    """When the event last happened; RFC 3339 in UTC: text order is time order to the second."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return next((str(each) for each in times if each), event["metadata"].get("creationTimestamp") or "")


def _devices(pod: Manifest) -> set[str]:
    """The devices that the pod asks for: extended resources, e.g. nvidia.com/gpu."""
    containers = (pod.get("spec") or {}).get("containers") or ()
    limits = ((container.get("resources") or {}).get("limits") or {} for container in containers)
    return {name for each in limits for name in each if "/" in name}


def _brief_node(node: Manifest) -> Manifest:
    """What tells which pods the node may take; most of a node is the list of its images."""
    metadata, spec, status = node["metadata"], node.get("spec") or {}, node.get("status") or {}
    return {
        "metadata": {key: metadata.get(key) for key in ("name", "labels")},
        "spec": {key: spec.get(key) for key in ("unschedulable", "taints")},
        "status": {"allocatable": status.get("allocatable")},
    }


def _brief_pod(pod: Manifest) -> Manifest:
    """What tells who the pod is and what it holds, a hundredth of it."""
    metadata, spec = pod["metadata"], pod["spec"]
    return {
        "metadata": {key: metadata.get(key) for key in ("namespace", "name", "labels")},
        "spec": {
            "nodeName": spec.get("nodeName"),
            "containers": [{"resources": each.get("resources")} for each in spec.get("containers") or ()],
        },
        "status": {"phase": (pod.get("status") or {}).get("phase")},
    }
