"""The whole status: its fields, its conditions, and its stability while nothing changes."""

from typing import Any

from sirocco_operator.status.compute import compute, invalid
from sirocco_operator.status.observed import Observed
from tests.unit.status import cluster

LATER = "2026-11-23T21:30:00Z"


def serving(replicas: int = 1) -> Observed:
    model = cluster.model({"replicas": replicas, "tensorParallel": 2})
    pods = [cluster.ready(model, str(number)) for number in range(replicas)]
    return Observed(cluster.deployment(), pods)


def condition(status: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(each for each in status["conditions"] if each["type"] == kind)


def test_a_serving_model_has_every_field() -> None:
    model = cluster.model({"tensorParallel": 2})

    status = compute(model, serving(), {}, cluster.NOW)

    common = {"reason": "Ready", "observedGeneration": 3, "lastTransitionTime": cluster.NOW}
    assert status == {
        "observedGeneration": 3,
        "reason": "Ready",
        "message": "1 of 1 replicas serve",
        "replicas": 1,
        "readyReplicas": 1,
        "gpus": 2,
        "selector": "app.kubernetes.io/managed-by=sirocco-operator,inference.sirocco.dev/model=mistral",
        "endpoint": "http://mistral.default.svc",
        "access": "Open",
        "conditions": [
            {"type": "Ready", "status": "True", "message": "1 of 1 replicas serve", **common},
            {"type": "Progressing", "status": "False", "message": "", **common},
            {"type": "Degraded", "status": "False", "message": "", **common},
        ],
    }


def test_a_model_with_keys_says_so() -> None:
    model = cluster.model({"access": {"keysSecretName": "keys"}})

    assert compute(model, serving(), {}, cluster.NOW)["access"] == "Keys"


def test_gpus_count_only_for_pods_that_have_a_node() -> None:
    model = cluster.model({"tensorParallel": 2})
    pods = [cluster.ready(model, "a"), cluster.unscheduled(model, "0/1 nodes are available", "b")]

    assert compute(model, Observed(pods=pods), {}, cluster.NOW)["gpus"] == 2


def test_the_same_observation_gives_the_same_status_at_any_time() -> None:
    model = cluster.model({"tensorParallel": 2})
    first = compute(model, serving(), {}, cluster.NOW)

    assert compute(model, serving(), first, LATER) == first


def test_a_condition_that_changes_has_the_time_of_its_change() -> None:
    model = cluster.model({"tensorParallel": 2})
    before = compute(model, Observed(), {}, cluster.NOW)

    after = compute(model, serving(), before, LATER)

    assert condition(after, "Ready")["lastTransitionTime"] == LATER
    assert condition(after, "Degraded")["lastTransitionTime"] == cluster.NOW


def test_the_order_in_which_pods_are_listed_does_not_matter() -> None:
    model = cluster.model({"replicas": 2})
    pods = [
        cluster.crashed(cluster.pod(model, "a"), "KeyError: 1"),
        cluster.crashed(cluster.pod(model, "b"), "KeyError: 2"),
    ]

    assert cluster.reason_and_message(model, *pods) == cluster.reason_and_message(model, *reversed(pods))


def test_a_model_that_serves_is_ready_whatever_its_other_pods_do() -> None:
    model = cluster.model({"replicas": 2})
    pods = [cluster.ready(model, "a"), cluster.crashed(cluster.pod(model, "b"), "KeyError: 1")]

    status = compute(model, Observed(cluster.deployment(), pods), {}, cluster.NOW)

    assert (condition(status, "Ready")["status"], status["reason"]) == ("True", "EngineCrashed")
    assert condition(status, "Degraded")["status"] == "True"


def test_an_invalid_resource_keeps_what_was_said_of_its_children() -> None:
    before = compute(cluster.model({"tensorParallel": 2}), serving(), {}, cluster.NOW)

    status = invalid({"name": "mistral", "generation": 4}, "spec.replicas: too many", before, LATER)

    assert (status["reason"], status["observedGeneration"]) == ("InvalidSpec", 4)
    assert status["message"].startswith("spec.replicas: too many: correct the fields")
    assert {key: status[key] for key in ("readyReplicas", "selector", "endpoint")} == {
        key: before[key] for key in ("readyReplicas", "selector", "endpoint")
    }
    assert condition(status, "Ready")["status"] == "Unknown"
    assert condition(status, "Degraded")["status"] == "True"


def test_an_invalid_resource_that_never_served_is_not_ready() -> None:
    status = invalid({"name": "mistral", "generation": 1}, "spec.model: field required", {}, cluster.NOW)

    assert condition(status, "Ready")["status"] == "False"
