"""The condition ScalingActive of a model with autoscaling."""

from typing import Any

import pytest

from sirocco_operator.settings import AutoscalingProvider
from sirocco_operator.status.compute import compute, invalid
from sirocco_operator.status.observed import (
    CustomMetricsServer,
    MetricsProvider,
    Observed,
    Scaling,
)
from tests.unit.status import cluster

LATER = "2026-11-23T21:30:00Z"
OURS = "sirocco-system/sirocco-operator"
MINE = MetricsProvider(service=OURS, servers=(CustomMetricsServer(OURS),))
ADAPTER = CustomMetricsServer("monitoring/prometheus-adapter")
MODEL = {"autoscaling": {"maxReplicas": 8, "target": {"inFlightRequests": 8}}}


def hpa(
    desired: int,
    average: str = "13667m",
    *,
    active: str = "True",
    words: str = "",
    limited: str = "DesiredWithinRange",
    metrics: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The HPA as its controller writes it; `average` is of sirocco_requests_in_flight."""
    pods = {"type": "Pods", "pods": {"metric": {"name": "x"}, "current": {"averageValue": average}}}
    return {
        "status": {
            "currentReplicas": 3,
            "desiredReplicas": desired,
            "currentMetrics": [pods] if metrics is None else metrics,
            "conditions": [
                {"type": "AbleToScale", "status": "True", "reason": "SucceededGetScale"},
                {"type": "ScalingActive", "status": active, "reason": "x", "message": words},
                {
                    "type": "ScalingLimited",
                    "status": str(limited != "DesiredWithinRange"),
                    "reason": limited,
                },
            ],
        }
    }


def status(
    autoscaler: dict[str, Any] | None,
    previous: dict[str, Any] | None = None,
    *,
    spec: dict[str, Any] = MODEL,
    provider: MetricsProvider = MINE,
    serving: int = 3,
    now: str = cluster.NOW,
) -> dict[str, Any]:
    """The status of a model with so many serving pods."""
    model = cluster.model(spec)
    pods = [cluster.ready(model, str(number)) for number in range(serving)]
    deployment = cluster.deployment()
    deployment["spec"]["replicas"] = 3
    return compute(
        model, Observed(deployment, pods, scaling=Scaling(autoscaler, provider)), previous or {}, now
    )


def condition(*arguments: Any, **options: Any) -> tuple[str, str, str]:
    """The condition's status, reason and message."""
    (found,) = (
        each for each in status(*arguments, **options)["conditions"] if each["type"] == "ScalingActive"
    )
    return found["status"], found["reason"], found["message"]


def test_a_fixed_count_has_no_such_condition() -> None:
    model = cluster.model({"replicas": 3})
    found = compute(model, Observed(cluster.deployment()), {}, cluster.NOW)
    assert "ScalingActive" not in [each["type"] for each in found["conditions"]]
    assert found["desiredReplicas"] == 3


def test_a_change_of_the_count_is_reported_with_the_load_that_caused_it() -> None:
    before = status(hpa(3, "8"))
    after = status(hpa(5), before)
    assert condition(hpa(5), before) == ("True", "ScalingOnTarget", "3 → 5: 41 in flight, target 8 a replica")
    assert after["desiredReplicas"] == 5


def test_the_first_count_is_reported_without_one_before() -> None:
    assert condition(hpa(3, "8"))[2] == "3 replicas: 24 in flight, target 8 a replica"


def test_load_that_changes_without_the_count_is_no_news() -> None:
    before = status(hpa(5), status(hpa(3, "8")))
    assert status(hpa(5, "9"), before, now=LATER) == before


def test_a_count_that_can_no_longer_be_read_is_kept() -> None:
    before = status(hpa(5), status(hpa(3, "8")))
    lost = hpa(5, active="False", words="unable to get metric", metrics=[])
    assert status(lost, before)["desiredReplicas"] == 5


def test_a_changed_resource_is_reported_anew() -> None:
    before = status(hpa(3, "8"))
    before["conditions"][-1]["observedGeneration"] = 2
    assert condition(hpa(3, "9"), before)[2] == "3 replicas: 27 in flight, target 8 a replica"


def test_pods_that_came_since_the_decision_are_no_load() -> None:
    before = status(hpa(3, "8"))
    assert condition(hpa(5), before, serving=5)[2] == "3 → 5: 41 in flight, target 8 a replica"


def test_pods_that_went_since_the_decision_had_their_load() -> None:
    before = status(hpa(3, "8"))
    assert condition(hpa(1, "2"), before, serving=1)[2] == "3 → 1: 6 in flight, target 8 a replica"


def test_pods_that_load_have_no_part_in_the_average() -> None:
    assert condition(hpa(5, "41"), serving=1)[2] == "5 replicas: 41 in flight, target 8 a replica"


def test_every_figure_is_reported_beside_its_target() -> None:
    target = {"inFlightRequests": 8, "queueWaitSeconds": 2, "kvCacheUtilization": 0.8}
    averages = ("13667m", "3200m", "850m")
    metrics = [{"type": "Pods", "pods": {"current": {"averageValue": average}}} for average in averages]
    spec = {"autoscaling": {"maxReplicas": 8, "target": target}}
    assert condition(hpa(5, metrics=metrics), spec=spec)[2] == (
        "5 replicas: 41 in flight, target 8 a replica; requests wait 3.2 s, target 2 s; "
        "KV cache 85% full, target 80%"
    )


def test_a_figure_that_failed_is_left_out() -> None:
    target = {"inFlightRequests": 8, "kvCacheUtilization": 0.8}
    metrics: list[dict[str, Any]] = [
        {"type": ""},
        {"type": "Pods", "pods": {"current": {"averageValue": "850m"}}},
    ]
    spec = {"autoscaling": {"maxReplicas": 8, "target": target}}
    assert condition(hpa(5, metrics=metrics), spec=spec)[2] == "5 replicas: KV cache 85% full, target 80%"


def test_kedas_figures_are_reported_alike() -> None:
    keda = MetricsProvider(AutoscalingProvider.KEDA, keda=True)
    external = {"type": "External", "external": {"current": {"averageValue": "13667m"}}}
    words = "5 replicas: 41 in flight, target 8 a replica"
    assert condition(hpa(5, metrics=[external]), provider=keda)[2] == words


def test_more_load_than_the_most_replicas_carry_says_what_to_raise() -> None:
    before = status(hpa(5))
    assert condition(hpa(8, limited="TooManyReplicas"), before) == (
        "True",
        "ScaledToMaximum",
        "5 → 8: 41 in flight, target 8 a replica: raise autoscaling.maxReplicas, "
        "or the target if replicas can carry more",
    )


def test_load_that_hovers_about_the_maximum_makes_no_writes() -> None:
    above = hpa(8, limited="TooManyReplicas")
    first = status(hpa(8), status(hpa(5)))
    second = status(above, first)
    assert second != first
    assert status(hpa(8), second) == status(above, second) == second


def test_below_the_maximum_it_is_on_target_again() -> None:
    before = status(hpa(8, limited="TooManyReplicas"))
    assert condition(hpa(6), before)[1] == "ScalingOnTarget"


def test_a_limit_of_speed_is_not_the_maximum() -> None:
    assert condition(hpa(5, limited="ScaleUpLimit"))[1] == "ScalingOnTarget"


@pytest.mark.parametrize(
    ("autoscaler", "words"),
    [
        (None, "the HPA controller has not looked at the model yet"),
        ({"status": {"desiredReplicas": 0}}, "the HPA controller has not looked at the model yet"),
        (
            hpa(0, active="False", words="did not receive metrics for targeted pods"),
            "no replica serves yet, whose load could be measured",
        ),
    ],
    ids=["no HPA", "an HPA that nobody looked at", "no pod that serves"],
)
def test_until_there_is_something_to_decide_by_it_waits(
    autoscaler: dict[str, Any] | None, words: str
) -> None:
    assert condition(autoscaler, serving=0) == ("False", "ScalingPending", words)


def test_pods_that_serve_without_figures_are_reported_with_the_controllers_words() -> None:
    lost = hpa(3, active="False", words="unable to get metric sirocco_requests_in_flight: no metrics")
    state, reason, message = condition(lost)
    assert (state, reason) == ("False", "NoMetrics")
    assert "unable to get metric sirocco_requests_in_flight: no metrics: see `kubectl describe" in message


def test_a_metrics_api_that_is_down_is_reported_in_place_of_the_controllers_words() -> None:
    down = MetricsProvider(
        service=OURS, servers=(CustomMetricsServer(OURS, "no response from 10.0.0.7:10250"),)
    )
    lost = hpa(3, active="False", words="the server is currently unable to handle the request")
    assert "no response from 10.0.0.7:10250" in condition(lost, provider=down)[2]


def test_words_that_change_from_try_to_try_make_no_writes() -> None:
    before = status(hpa(3, active="False", words="no answer from 10.0.0.7"))
    assert status(hpa(3, active="False", words="no answer from 10.0.0.8"), before) == before


def test_another_cause_of_the_same_reason_is_reported() -> None:
    before = status(hpa(3, active="False"), provider=MetricsProvider(service=OURS, servers=()))
    assert "install KEDA" in condition(None, before, provider=MetricsProvider(AutoscalingProvider.KEDA))[2]


def test_an_hpa_that_cannot_scale_says_why() -> None:
    stuck = hpa(3)
    stuck["status"]["conditions"][0] = {
        "type": "AbleToScale",
        "status": "False",
        "message": "the HPA controller was unable to update the target scale",
    }
    state, reason, message = condition(stuck)
    assert (state, reason) == ("False", "ScalerFailed")
    assert message.startswith("the HPA controller was unable to update the target scale: ")


@pytest.mark.parametrize(
    ("provider", "reason", "words"),
    [
        (
            MetricsProvider(service=OURS, servers=(ADAPTER,)),
            "MetricsProviderConflict",
            "custom.metrics.k8s.io is served by monitoring/prometheus-adapter: set the chart's "
            "autoscaling.provider to external",
        ),
        (
            MetricsProvider(service=OURS, servers=(CustomMetricsServer(OURS), ADAPTER)),
            "MetricsProviderConflict",
            "custom.metrics.k8s.io is served by monitoring/prometheus-adapter",
        ),
        (
            MetricsProvider(service=OURS, servers=()),
            "MetricsProviderMissing",
            "v1beta2.custom.metrics.k8s.io does not exist: run `helm upgrade` again",
        ),
        (
            MetricsProvider(service=OURS, namespaced=True),
            "MetricsProviderMissing",
            "installed for given namespaces, where it cannot serve custom.metrics.k8s.io, an API of the "
            "whole cluster: install it for the whole cluster (watchNamespaces: [])",
        ),
        (
            MetricsProvider(AutoscalingProvider.EXTERNAL, servers=()),
            "MetricsProviderMissing",
            "nothing serves custom.metrics.k8s.io: install prometheus-adapter",
        ),
        (
            MetricsProvider(AutoscalingProvider.KEDA),
            "MetricsProviderMissing",
            "the cluster has no keda.sh/v1alpha1: install KEDA",
        ),
    ],
    ids=["another", "another beside ours", "none", "for namespaces", "no adapter", "no KEDA"],
)
def test_figures_that_nobody_or_somebody_else_serves_come_with_the_fix(
    provider: MetricsProvider, reason: str, words: str
) -> None:
    found = condition(hpa(3, active="False"), provider=provider)
    assert found[:2] == ("False", reason)
    assert words in found[2]


@pytest.mark.parametrize(
    "provider",
    [
        MetricsProvider(AutoscalingProvider.EXTERNAL, servers=(ADAPTER,)),
        MetricsProvider(AutoscalingProvider.EXTERNAL, namespaced=True),
        MetricsProvider(service=OURS),
    ],
    ids=["an adapter", "an adapter that may not be looked for", "a server that may not be looked for"],
)
def test_a_provider_that_is_there_or_not_known_is_no_trouble(provider: MetricsProvider) -> None:
    assert condition(hpa(3), provider=provider)[1] == "ScalingOnTarget"


def test_an_invalid_resource_keeps_what_was_said_of_its_scaling() -> None:
    before = status(hpa(5), status(hpa(3, "8")))
    after = invalid({"name": "mistral", "generation": 4}, "spec.replicas: too many", [], before, LATER)
    assert after["conditions"][-1] == before["conditions"][-1]
    assert after["desiredReplicas"] == 5


def test_the_deployments_count_is_how_many_replicas_are_wanted() -> None:
    assert status(hpa(3), serving=2)["message"] == "2 of 3 pods are created"
    assert status(hpa(3), serving=3)["message"] == "3 of 3 replicas serve"
