"""Reads pods as the kubelet and the scheduler write them."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sirocco_operator.children.labels import REVISION_LABEL
from sirocco_operator.children.pod.template import ENGINE_CONTAINER
from sirocco_operator.children.pod.weights import DOWNLOAD_CONTAINER
from sirocco_operator.kube.quantity import canonical
from sirocco_operator.status.observed import Manifest


def name(pod: Manifest) -> str:
    """The pod's name."""
    return str(pod["metadata"]["name"])


def revision(pod: Manifest) -> str:
    """The revision of a pod, or of a pod template; empty for one of release 0.1.0, which has no label."""
    return str((pod["metadata"].get("labels") or {}).get(REVISION_LABEL, ""))


def phase(pod: Manifest) -> str:
    """Pending, Running, Succeeded, Failed or Unknown."""
    return str((pod.get("status") or {}).get("phase", "Pending"))


def is_terminating(pod: Manifest) -> bool:
    """Whether the pod is being deleted; it may still serve its requests in flight."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def has_finished(pod: Manifest) -> bool:
    """Whether the pod will never run again; a Deployment replaces it."""
    return phase(pod) in ("Succeeded", "Failed")


def condition(holder: Manifest, kind: str) -> Mapping[str, Any]:
    """The object's condition of this type; empty when it has none."""
    for entry in (holder.get("status") or {}).get("conditions") or ():
        if entry.get("type") == kind:
            return dict(entry)
    return {}


def is_ready(pod: Manifest) -> bool:
    """Whether the pod passes its readiness probe."""
    return condition(pod, "Ready").get("status") == "True"


def is_unschedulable(pod: Manifest) -> bool:
    """The scheduler found no node for it."""
    scheduled = condition(pod, "PodScheduled")
    return scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable"


def container_status(pod: Manifest, container: str) -> Mapping[str, Any]:
    """The status of a container or init container; empty before the kubelet has written one."""
    status = pod.get("status") or {}
    for key in ("initContainerStatuses", "containerStatuses"):
        for entry in status.get(key) or ():
            if entry.get("name") == container:
                return dict(entry)
    return {}


def waiting_containers(pod: Manifest) -> Iterator[tuple[str, str, str]]:
    """Containers that wait: (container, reason, message)."""
    for container in (DOWNLOAD_CONTAINER, ENGINE_CONTAINER):
        state = (container_status(pod, container).get("state") or {}).get("waiting") or {}
        if state:
            yield container, str(state.get("reason", "")), str(state.get("message", ""))


def termination(pod: Manifest, container: str) -> Mapping[str, Any] | None:
    """The container's last termination, also from before a restart; None when it has never ended."""
    status = container_status(pod, container)
    for key in ("state", "lastState"):
        ended = (status.get(key) or {}).get("terminated")
        if ended:
            return dict(ended)
    return None


def is_running(pod: Manifest, container: str) -> bool:
    """Whether the container's process runs."""
    return (container_status(pod, container).get("state") or {}).get("running") is not None


def has_started(pod: Manifest) -> bool:
    """Whether the engine runs and has passed its startup probe; earlier terminations are history."""
    return (
        is_running(pod, ENGINE_CONTAINER) and container_status(pod, ENGINE_CONTAINER).get("started") is True
    )


def time_of(value: str | None) -> datetime | None:
    """A time of the API as it is written, RFC 3339; None without one."""
    return datetime.fromisoformat(value) if value else None


def had_come_up(pod: Manifest) -> bool:
    """Whether the engine's run that ended last had been ready: the pod's Ready has changed since it began."""
    began = (termination(pod, ENGINE_CONTAINER) or {}).get("startedAt")
    changed = condition(pod, "Ready").get("lastTransitionTime")
    return bool(began and changed and str(changed) > str(began))


def failed_runs(pod: Manifest, container: str) -> int:
    """How often the container has ended without having come up since; the pod's engine is not up."""
    if termination(pod, container) is None:
        return 0
    if container == ENGINE_CONTAINER and had_come_up(pod):
        # Those before belong to runs that came up, or that this one made up for.
        return 1
    restarts = int(container_status(pod, container).get("restartCount") or 0)
    return restarts + (not is_running(pod, container))


def failed_starts(pod: Manifest) -> int:
    """How often the engine or the download ended without having come up since; 0 once the engine is up."""
    if has_started(pod):
        return 0
    failed = (
        failed_runs(pod, container)
        for container in (DOWNLOAD_CONTAINER, ENGINE_CONTAINER)
        if (termination(pod, container) or {}).get("exitCode")
    )
    return max(failed, default=0)


def _container(pod: Manifest, container: str) -> Mapping[str, Any]:
    spec = pod.get("spec") or {}
    for entry in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        if entry.get("name") == container:
            return dict(entry)
    return {}


def image(pod: Manifest, container: str) -> str:
    """The container's image as its spec names it."""
    return str(_container(pod, container).get("image", ""))


def memory_limit(pod: Manifest) -> str:
    """The engine's memory limit as written; empty when it has none."""
    limits = (_container(pod, ENGINE_CONTAINER).get("resources") or {}).get("limits") or {}
    return str(limits.get("memory", ""))


def startup_budget(pod: Manifest) -> int:
    """How many seconds the engine's startup probe allows it; 0 without a probe."""
    probe = _container(pod, ENGINE_CONTAINER).get("startupProbe") or {}
    return int(probe.get("failureThreshold") or 0) * int(probe.get("periodSeconds") or 0)


def gpus_held(pod: Manifest, resource: str) -> int:
    """How many GPUs the pod keeps from others, from its placement to its end."""
    is_placed = bool((pod.get("spec") or {}).get("nodeName"))
    return requested(pod, resource) if is_placed and not has_finished(pod) else 0


def requested(pod: Manifest, resource: str) -> int:
    """How many of an extended resource, e.g. nvidia.com/gpu, the pod's containers request."""
    spec = pod.get("spec") or {}
    total = 0
    for container in spec.get("containers") or ():
        resources = container.get("resources") or {}
        amount = (resources.get("limits") or {}).get(
            resource, (resources.get("requests") or {}).get(resource, 0)
        )
        total += int(canonical(amount))
    return total
