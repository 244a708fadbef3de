"""The figures of one model in the operator's metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sirocco_operator.status.conditions import AVAILABLE, READY, STALLED
from sirocco_operator.status.observed import Observed


@dataclass(frozen=True)
class ModelFigures:
    """One model in numbers and two reasons."""

    # The reason in the status.
    state: str
    # Whether its conditions Ready, Available and Stalled hold.
    ready: bool
    available: bool
    stalled: bool
    # Wanted pods, and pods that answer.
    replicas: int
    ready_replicas: int
    gpus: int
    # Restarts of all containers of the existing pods.
    restarts: int
    # The reason of the condition ScalingActive; None without autoscaling.
    scaling: str | None = None


def figures(status: Mapping[str, Any], observed: Observed) -> ModelFigures:
    """The figures of a model whose status was computed from `observed`."""
    conditions = {condition["type"]: condition for condition in status["conditions"]}
    wanted = ((observed.deployment or {}).get("spec") or {}).get("replicas", status.get("replicas"))
    return ModelFigures(
        state=str(status["reason"]),
        ready=conditions[READY]["status"] == "True",
        available=conditions[AVAILABLE]["status"] == "True",
        stalled=conditions[STALLED]["status"] == "True",
        replicas=int(wanted or 0),
        ready_replicas=int(status.get("readyReplicas") or 0),
        gpus=int(status.get("gpus") or 0),
        restarts=sum(_restarts(pod) for pod in observed.pods),
        scaling=(conditions.get("ScalingActive") or {}).get("reason"),
    )


def _restarts(pod: Mapping[str, Any]) -> int:
    status = pod.get("status") or {}
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return sum(int(container.get("restartCount") or 0) for container in containers)
