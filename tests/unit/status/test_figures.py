"""The figures of one model in the operator's metrics."""

from typing import Any

from sirocco_operator.status.figures import ModelFigures, figures
from sirocco_operator.status.observed import Observed


def status(
    ready: str = "True", available: str = "True", stalled: str = "False", **fields: Any
) -> dict[str, Any]:
    statuses = {"Ready": ready, "Available": available, "Stalled": stalled}
    conditions = [{"type": kind, "status": holds, "reason": "Any"} for kind, holds in statuses.items()]
    return {"reason": "Ready", "conditions": conditions, "readyReplicas": 1, "gpus": 2, **fields}


def pod(*restarts: int, download: int = 0) -> dict[str, Any]:
    return {
        "status": {
            "initContainerStatuses": [{"restartCount": download}],
            "containerStatuses": [{"restartCount": count} for count in restarts],
        }
    }


def test_wanted_replicas_are_the_deployments() -> None:
    observed = Observed(deployment={"spec": {"replicas": 3}})
    assert figures(status(replicas=1), observed) == ModelFigures(
        "Ready", True, True, False, replicas=3, ready_replicas=1, gpus=2, restarts=0
    )


def test_restarts_of_every_container_count() -> None:
    assert figures(status(), Observed(pods=[pod(2, 1, download=4), pod(1), {}])).restarts == 8


def test_a_model_whose_old_pods_serve_is_available_and_not_ready() -> None:
    found = figures(status("False", stalled="True"), Observed())
    assert (found.ready, found.available, found.stalled) == (False, True, True)


def test_scaling_is_the_reason_of_its_condition() -> None:
    scaling = {"type": "ScalingActive", "status": "True", "reason": "ScaledToMaximum"}
    found = status()
    found["conditions"].append(scaling)
    assert figures(found, Observed()).scaling == "ScaledToMaximum"
