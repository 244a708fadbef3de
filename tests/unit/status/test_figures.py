"""The figures of one model in the operator's metrics."""

from typing import Any

from sirocco_operator.status.figures import ModelFigures, figures
from sirocco_operator.status.observed import Observed


def status(ready: str = "True", **fields: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready, "reason": "Ready"}]
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
    assert figures(status(replicas=1), observed) == ModelFigures("Ready", True, 3, 1, 2, 0)


def test_restarts_of_every_container_count() -> None:
    assert figures(status(), Observed(pods=[pod(2, 1, download=4), pod(1), {}])).restarts == 8


def test_a_model_without_a_serving_pod_is_not_ready() -> None:
    assert not figures(status("False"), Observed()).ready


def test_a_resource_that_became_invalid_is_not_reported_as_down() -> None:
    assert figures(status("Unknown"), Observed()).ready


def test_scaling_is_the_reason_of_its_condition() -> None:
    scaling = {"type": "ScalingActive", "status": "True", "reason": "ScaledToMaximum"}
    found = status()
    found["conditions"].append(scaling)
    assert figures(found, Observed()).scaling == "ScaledToMaximum"
