"""An autoscaler's metrics, targets and behavior."""

from typing import Any

import pytest

from sirocco_operator.settings import Settings
from tests.unit.children.rendering import SETTINGS, a_model, children

pytestmark = pytest.mark.unit

KEDA = SETTINGS.model_copy(
    update={"autoscaling_provider": "keda", "keda_prometheus_url": "http://prometheus:9090"}
)
EXTERNAL = SETTINGS.model_copy(update={"autoscaling_provider": "external"})


def _autoscaler(settings: Settings = SETTINGS, /, **spec: Any) -> dict[str, Any]:
    kind = "ScaledObject" if settings is KEDA else "HorizontalPodAutoscaler"
    found: dict[str, Any] = children(a_model(**spec), settings)[kind]["spec"]
    return found


def _targets(**spec: Any) -> dict[str, str]:
    """Each figure's average a replica."""
    return {
        metric["pods"]["metric"]["name"]: metric["pods"]["target"]["averageValue"]
        for metric in _autoscaler(**spec)["metrics"]
    }


def _with(**autoscaling: Any) -> dict[str, Any]:
    return {"autoscaling": {"maxReplicas": 8, **autoscaling}}


def test_a_fixed_count_has_no_autoscaler() -> None:
    assert {"HorizontalPodAutoscaler", "ScaledObject"}.isdisjoint(children(a_model(replicas=3)))
    assert {"HorizontalPodAutoscaler", "ScaledObject"}.isdisjoint(children(a_model(replicas=3), KEDA))


@pytest.mark.parametrize("settings", [SETTINGS, EXTERNAL])
def test_the_hpa_scales_the_deployment_between_the_fewest_and_the_most(settings: Settings) -> None:
    spec = _autoscaler(settings, **_with(minReplicas=2))
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "mistral"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 8)


@pytest.mark.parametrize(
    ("spec", "target"),
    [
        ({}, "153"),
        ({"engine": {"maxNumSeqs": 64}}, "38"),
        ({"engine": {"maxNumSeqs": 64}, "limits": {"inFlight": 16}}, "9"),
        ({"engine": {"maxNumSeqs": 8}, "limits": {"inFlight": 100}}, "4"),
        ({"limits": {"inFlight": 1}}, "1"),
    ],
    ids=["vLLM's batch", "its own batch", "a lower limit", "a higher limit", "one at a time"],
)
def test_by_default_a_replica_is_kept_below_what_it_serves_at_a_time(
    spec: dict[str, Any], target: str
) -> None:
    assert _targets(**spec, **_with()) == {"sirocco_requests_in_flight": target}


def test_another_figure_takes_the_place_of_the_default() -> None:
    assert _targets(**_with(target={"queueWaitSeconds": 2})) == {"sirocco_queue_wait_seconds": "2"}


def test_several_figures_are_all_targets() -> None:
    target = {"inFlightRequests": 8, "queueWaitSeconds": 0.25, "kvCacheUtilization": 0.8}
    assert _targets(**_with(target=target)) == {
        "sirocco_requests_in_flight": "8",
        "sirocco_queue_wait_seconds": "250m",
        "sirocco_kv_cache_utilization": "800m",
    }


@pytest.mark.parametrize("seconds", [0.0001, 1e-12])
def test_a_target_below_a_thousandth_is_not_rounded_to_nothing(seconds: float) -> None:
    assert _targets(**_with(target={"queueWaitSeconds": seconds})) == {"sirocco_queue_wait_seconds": "1m"}


def test_what_is_given_of_a_behavior_leaves_the_rest_as_it_is() -> None:
    before = _autoscaler(**_with())["behavior"]
    policy = {"type": "Pods", "value": 1, "periodSeconds": 60}
    after = _autoscaler(
        **_with(
            behavior={
                "scaleUp": {"policies": [policy]},
                "scaleDown": {"selectPolicy": "Disabled", "stabilizationWindowSeconds": 0},
            }
        )
    )["behavior"]
    assert after["scaleUp"] == {**before["scaleUp"], "policies": [policy]}
    assert after["scaleDown"] == {
        **before["scaleDown"],
        "selectPolicy": "Disabled",
        "stabilizationWindowSeconds": 0,
    }


def test_keda_scales_between_the_same_numbers_at_the_same_speed() -> None:
    spec, hpa = _autoscaler(KEDA, **_with(minReplicas=2)), _autoscaler(**_with(minReplicas=2))
    assert spec["scaleTargetRef"] == hpa["scaleTargetRef"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, 8)
    assert spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] == hpa["behavior"]


def test_keda_asks_prometheus_for_each_figure_of_this_model_alone() -> None:
    target = {"inFlightRequests": 8, "queueWaitSeconds": 0.25, "kvCacheUtilization": 0.8}
    triggers = _autoscaler(KEDA, **_with(target=target))["triggers"]
    assert [(each["metricType"], each["metadata"]["threshold"]) for each in triggers] == [
        ("AverageValue", "8"),
        ("Value", "0.25"),
        ("Value", "0.8"),
    ]
    for each in triggers:
        assert each["metadata"]["serverAddress"] == "http://prometheus:9090"
        assert '{namespace="models",model="mistral"}' in each["metadata"]["query"]
        assert "{{" not in each["metadata"]["query"]


def test_without_kedas_api_there_is_no_autoscaler() -> None:
    assert "ScaledObject" not in children(a_model(**_with()), KEDA, available=[])
