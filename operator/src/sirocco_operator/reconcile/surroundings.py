"""What surrounds a model and is read only when it matters: events, nodes, claims, download progress."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sirocco_operator.children.pod.weights import DOWNLOAD_CONTAINER
from sirocco_operator.controller.store import Key
from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.kinds import EVENT
from sirocco_operator.reconcile.download_progress import DOWNLOAD_SECONDS, DownloadProgress
from sirocco_operator.reconcile.placement import EVENTS_READ, PlacementReader, Reading, happened
from sirocco_operator.reconcile.pod_owners import PodOwners
from sirocco_operator.status.messages import TEXT_LIMIT
from sirocco_operator.status.mounts import MOUNT_EVENTS
from sirocco_operator.status.observed import Claim, Download, Manifest
from sirocco_operator.status.pods import condition, is_ready, is_running, is_unschedulable

# Seconds until a reading is taken again while what it is about lasts.
EVENTS_SECONDS: Final = 10.0
NODES_SECONDS: Final = 30.0

# Pods of one model whose events are read; the others are in the same state.
_PODS_READ: Final = 8


@dataclass(frozen=True)
class Surroundings:
    """What was read, and in how many seconds it is worth reading again (None: when news come)."""

    events: Sequence[Manifest] = ()
    nodes: Sequence[Manifest] = ()
    gpu_holders: Sequence[Manifest] = ()
    claims: Sequence[Claim] = ()
    downloads: Mapping[str, Download] | None = None
    again_after: float | None = None


class SurroundingsReader:
    """Reads the surroundings of a model's pods; what changes slowly is kept for a few seconds."""

    def __init__(self, kube: Kube, owners: PodOwners, clock: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._clock = clock
        self._downloads = DownloadProgress(owners, clock)
        self._events: dict[Key, Reading] = {}
        self._placement = PlacementReader(kube, clock)

    def close(self) -> None:
        """End what is asked of pods."""
        self._downloads.close()

    def forget(self, key: Key) -> None:
        """Drop what is kept of a model that is gone."""
        self._events.pop(key, None)
        self._downloads.forget(key)

    async def read(self, key: Key, pods: Sequence[Manifest]) -> Surroundings:
        """Read what explains the pods' state; raises ApiError when the API server cannot say."""
        waiting = [pod for pod in pods if not is_ready(pod)][:_PODS_READ]
        placed = [pod for pod in waiting if (pod.get("spec") or {}).get("nodeName")]
        unplaced = [pod for pod in waiting if is_unschedulable(pod)]
        again: list[float] = []
        events: Sequence[Manifest] = ()
        if placed:
            events = await self._events_of(key, placed)
            again.append(EVENTS_SECONDS)
        else:
            self._events.pop(key, None)
        downloads = await self._downloads.read(key, [pod for pod in pods if _downloads(pod)])
        if downloads:
            again.append(DOWNLOAD_SECONDS)
        nodes: Sequence[Manifest] = ()
        gpu_holders: Sequence[Manifest] = ()
        if unplaced:
            nodes = await self._placement.nodes()
            gpu_holders = await self._placement.gpu_holders(nodes, unplaced)
            again.append(NODES_SECONDS)
        claims = await self._placement.claims(key.namespace, _wait_for_claims(waiting, events))
        return Surroundings(events, nodes, gpu_holders, claims, downloads, min(again, default=None))

    async def _events_of(self, key: Key, pods: Sequence[Manifest]) -> Sequence[Manifest]:
        kept = self._events.get(key)
        # A little less than the time of the next read, which must not find the same reading.
        if kept is not None and self._clock() - kept.taken_at < EVENTS_SECONDS * 0.8:
            return kept.objects
        found: list[Manifest] = []
        for pod in pods:
            selector = f"involvedObject.uid={pod['metadata']['uid']}"
            found.extend(
                await self._kube.list_allowed(
                    EVENT, key.namespace, selector, most=EVENTS_READ, brief=_brief_event
                )
            )
        found.sort(key=happened)
        self._events[key] = Reading(self._clock(), tuple(found))
        return self._events[key].objects


def _brief_event(event: Manifest) -> Manifest:
    """What is read of an event: its writer may have made everything else of any size."""
    about = event.get("involvedObject") or {}
    times = ("series", "lastTimestamp", "eventTime")
    return {
        "metadata": {"creationTimestamp": event["metadata"].get("creationTimestamp")},
        "involvedObject": {"uid": about.get("uid"), "name": about.get("name")},
        "reason": event.get("reason"),
        "message": str(event.get("message") or "")[:TEXT_LIMIT],
        **{name: event.get(name) for name in times},
    }


def _downloads(pod: Manifest) -> bool:
    return is_running(pod, DOWNLOAD_CONTAINER) and bool(pod["status"].get("podIP"))


def _wait_for_claims(pods: Sequence[Manifest], events: Sequence[Manifest]) -> list[Manifest]:
    """Pods that wait for a claim to be bound, or for a volume to be mounted."""
    failing = {event["involvedObject"]["uid"] for event in events if event.get("reason") in MOUNT_EVENTS}
    return [
        pod
        for pod in pods
        if pod["metadata"]["uid"] in failing
        or "PersistentVolumeClaim" in str(condition(pod, "PodScheduled").get("message", ""))
    ]
