"""The Deployment: its replicas and how it replaces pods."""

from typing import Any

import pytest

from sirocco_operator.children.deployment import build_deployment
from sirocco_operator.children.labels import labels, selector
from tests.unit.children.rendering import a_model, children

pytestmark = pytest.mark.unit


def _spec(**spec: Any) -> dict[str, Any]:
    found: dict[str, Any] = children(a_model(**spec))["Deployment"]["spec"]
    return found


def test_one_replica_by_default() -> None:
    assert _spec()["replicas"] == 1


@pytest.mark.parametrize("replicas", [0, 3])
def test_replicas_are_the_models(replicas: int) -> None:
    assert _spec(replicas=replicas)["replicas"] == replicas


def test_with_autoscaling_a_new_deployment_begins_with_the_fewest_replicas() -> None:
    assert _spec(autoscaling={"minReplicas": 2, "maxReplicas": 4})["replicas"] == 2


def test_a_rollout_surges_by_default() -> None:
    assert _spec()["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }


def test_a_rollout_in_place_frees_a_pods_gpus_first() -> None:
    assert _spec(rollout={"strategy": "InPlace"})["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
    }


def test_without_a_strategy_an_old_pod_ends_first_where_no_gpu_is_free() -> None:
    model = a_model()
    surge, in_place = (
        build_deployment(model, {}, in_place=each)["spec"]["strategy"]["rollingUpdate"]
        for each in (False, True)
    )
    assert surge == {"maxSurge": 1, "maxUnavailable": 0}
    assert in_place == {"maxSurge": 0, "maxUnavailable": 1}


def test_a_rollout_is_given_up_ten_minutes_after_the_startup_budget() -> None:
    assert _spec()["progressDeadlineSeconds"] == 1800 + 600


def test_few_old_revisions_are_kept() -> None:
    assert _spec()["revisionHistoryLimit"] == 3


def test_it_selects_the_pods_that_it_makes() -> None:
    spec = _spec(podLabels={"team": "search"})
    assert spec["selector"]["matchLabels"] == selector("mistral")
    wanted = {"team": "search", **labels("mistral")}.items()
    assert spec["template"]["metadata"]["labels"].items() >= wanted
