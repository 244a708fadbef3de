"""The budget for node drains."""

from typing import Any

import pytest

from sirocco_operator.children.labels import selector
from tests.unit.children.rendering import a_model, children

pytestmark = pytest.mark.unit


def test_with_autoscaling_it_depends_on_the_most_replicas_alone() -> None:
    assert "PodDisruptionBudget" in children(a_model(autoscaling={"maxReplicas": 2}))
    assert "PodDisruptionBudget" not in children(a_model(autoscaling={"maxReplicas": 1}))


@pytest.mark.parametrize("replicas", [0, 1])
def test_below_two_replicas_there_is_none_as_it_could_only_block_drains(replicas: int) -> None:
    assert "PodDisruptionBudget" not in children(a_model(replicas=replicas))


def test_from_two_replicas_on_one_pod_at_a_time_may_go() -> None:
    assert children(a_model(replicas=2))["PodDisruptionBudget"]["spec"] == {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": selector("mistral")},
    }


def test_it_can_be_turned_off() -> None:
    off: dict[str, Any] = {"podDisruptionBudget": {"enabled": False}}
    assert "PodDisruptionBudget" not in children(a_model(replicas=3, **off))
    assert "PodDisruptionBudget" not in children(a_model(autoscaling={"maxReplicas": 4}, **off))
