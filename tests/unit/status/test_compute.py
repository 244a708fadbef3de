"""The whole status: its fields, its conditions, and its stability while nothing changes."""

import json
from dataclasses import replace
from typing import Any

from sirocco_operator.api.dropped_fields import LAST_APPLIED
from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.status.compute import compute, invalid
from sirocco_operator.status.observed import Observed, Refusal, RefusalCause
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

    common = {"observedGeneration": 3, "lastTransitionTime": cluster.NOW}
    served = {"message": "1 of 1 replicas serve", **common}
    assert status == {
        "observedGeneration": 3,
        "reason": "Ready",
        "message": "1 of 1 replicas serve",
        "replicas": 1,
        "desiredReplicas": 1,
        "readyReplicas": 1,
        "gpus": 2,
        "selector": "app.kubernetes.io/managed-by=sirocco-operator,inference.sirocco.dev/model=mistral",
        "endpoint": "http://mistral.default.svc",
        "access": "Open",
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Ready", **served},
            {"type": "Available", "status": "True", "reason": "Available", **served},
            {"type": "Reconciling", "status": "False", "reason": "NotReconciling", "message": "", **common},
            {"type": "Stalled", "status": "False", "reason": "NotStalled", "message": "", **common},
        ],
    }


def test_a_model_with_keys_says_so() -> None:
    model = cluster.model({"access": {"keysSecretName": "keys"}})

    assert compute(model, serving(), {}, cluster.NOW)["access"] == "Keys"


def with_a_dropped_field() -> InferenceModel:
    model = cluster.model()
    applied = json.dumps({"spec": {"model": {"uri": model.spec.model.uri}, "replica": 2}})
    metadata = model.metadata.model_copy(update={"annotations": {LAST_APPLIED: applied}})
    return model.model_copy(update={"metadata": metadata})


def test_a_dropped_field_makes_no_progress() -> None:
    model = with_a_dropped_field()
    loading = Observed(cluster.deployment(), [cluster.running(cluster.pod(model), "vllm")])
    before = compute(model, loading, {}, cluster.NOW)

    assert compute(model, loading, before, "2026-11-23T20:55:30Z") == before


def test_fields_that_were_dropped_are_told_beside_the_reason() -> None:
    status = compute(with_a_dropped_field(), serving(), {}, cluster.NOW)

    assert status["message"] == (
        "1 of 1 replicas serve; the API server has dropped spec.replica: unknown field; "
        "did you mean replicas?"
    )


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
    assert condition(after, "Stalled")["lastTransitionTime"] == cluster.NOW


def test_the_order_in_which_pods_are_listed_does_not_matter() -> None:
    model = cluster.model({"replicas": 2})
    pods = [
        cluster.crashed(cluster.pod(model, "a"), "KeyError: 1"),
        cluster.crashed(cluster.pod(model, "b"), "KeyError: 2"),
    ]

    assert cluster.reason_and_message(model, *pods) == cluster.reason_and_message(model, *reversed(pods))


def statuses(status: dict[str, Any]) -> dict[str, str]:
    return {each["type"]: each["status"] for each in status["conditions"]}


def test_a_model_that_lacks_a_replica_is_available_and_not_ready() -> None:
    model = cluster.model({"replicas": 2})
    pods = [cluster.ready(model, "a"), cluster.crashed(cluster.pod(model, "b"), "KeyError: 1")]

    status = compute(model, Observed(cluster.deployment(), pods), {}, cluster.NOW)

    assert status["reason"] == "EngineCrashed"
    assert statuses(status) == {
        "Ready": "False",
        "Available": "True",
        "Reconciling": "True",
        "Stalled": "False",
    }


def test_a_new_revision_that_crashes_while_the_old_one_serves_is_not_ready() -> None:
    model = cluster.model()
    crashed = cluster.crashed(cluster.pod(model, "b"), "error: unrecognized arguments: --x")
    pods = [cluster.ready(model, "a", cluster.OLD), crashed]

    status = compute(model, Observed(cluster.deployment(), pods), {}, cluster.NOW)

    assert statuses(status) == {
        "Ready": "False",
        "Available": "True",
        "Reconciling": "False",
        "Stalled": "True",
    }


def test_a_rollout_is_not_ready_while_an_older_pod_serves_too() -> None:
    model = cluster.model()
    pods = [cluster.ready(model, "a", cluster.OLD), cluster.ready(model, "b")]

    status = compute(model, Observed(cluster.deployment(), pods), {}, cluster.NOW)

    assert (status["reason"], statuses(status)["Ready"]) == ("RollingOut", "False")


def test_a_change_that_kubernetes_has_not_acted_on_is_not_ready() -> None:
    model = cluster.model()
    observed = Observed(cluster.deployment(seen=False), [cluster.ready(model, "a", cluster.OLD)])

    status = compute(model, observed, {}, cluster.NOW)

    assert (statuses(status)["Ready"], statuses(status)["Reconciling"]) == ("False", "True")


def test_a_stopped_model_is_ready_and_not_available() -> None:
    status = compute(cluster.model({"replicas": 0}), Observed(cluster.deployment()), {}, cluster.NOW)

    assert statuses(status) == {
        "Ready": "True",
        "Available": "False",
        "Reconciling": "False",
        "Stalled": "False",
    }
    assert condition(status, "Ready")["reason"] == condition(status, "Available")["reason"] == "Stopped"


def test_a_model_that_stops_is_not_ready_until_its_pods_are_gone() -> None:
    model = cluster.model({"replicas": 0})
    observed = Observed(cluster.deployment(), [cluster.terminating(cluster.ready(model))])

    status = compute(model, observed, {}, cluster.NOW)

    assert (status["reason"], statuses(status)["Ready"]) == ("Stopping", "False")


def test_an_autoscaled_model_is_ready_with_its_least_replicas_whatever_the_others_wait_for() -> None:
    model = cluster.model({"autoscaling": {"minReplicas": 1, "maxReplicas": 4}})
    deployment = cluster.deployment()
    deployment["spec"]["replicas"] = 2
    short = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    pods = [cluster.ready(model, "a"), cluster.unscheduled(model, short, "b")]
    observed = Observed(deployment, pods, nodes=[cluster.node("a", 1)])

    status = compute(model, observed, {}, cluster.NOW)

    assert status["reason"] == "WaitingForGPU"
    assert (status["readyReplicas"], status["desiredReplicas"]) == (1, 2)
    ready = condition(status, "Ready")
    assert (ready["status"], ready["reason"], ready["message"]) == ("True", "Ready", "1 of 2 replicas serve")
    assert (statuses(status)["Reconciling"], statuses(status)["Stalled"]) == ("False", "False")


def test_a_refused_child_is_not_ready_though_every_pod_serves() -> None:
    refusal = Refusal(RefusalCause.REJECTED, "Deployment", "mistral", "denied by policy")
    observed = replace(serving(), refusals=[refusal])

    status = compute(cluster.model({"tensorParallel": 2}), observed, {}, cluster.NOW)

    assert statuses(status) == {
        "Ready": "False",
        "Available": "True",
        "Reconciling": "False",
        "Stalled": "True",
    }


def test_a_model_whose_service_belongs_to_somebody_else_is_not_available() -> None:
    refusal = Refusal(RefusalCause.NAME_CONFLICT, "Service", "mistral")
    observed = replace(serving(), refusals=[refusal])

    status = compute(cluster.model({"tensorParallel": 2}), observed, {}, cluster.NOW)

    assert statuses(status)["Available"] == "False"
    assert "endpoint" not in status


def test_an_invalid_resource_keeps_what_was_said_of_its_children() -> None:
    before = compute(cluster.model({"tensorParallel": 2}), serving(), {}, cluster.NOW)

    metadata = {"name": "mistral", "generation": 4}
    status = invalid(metadata, "spec.replicas: too many", serving().pods, before, LATER)

    assert (status["reason"], status["observedGeneration"]) == ("InvalidSpec", 4)
    assert status["message"].startswith("spec.replicas: too many: correct the fields")
    assert {key: status[key] for key in ("readyReplicas", "selector", "endpoint")} == {
        key: before[key] for key in ("readyReplicas", "selector", "endpoint")
    }
    assert statuses(status) == {
        "Ready": "False",
        "Available": "True",
        "Reconciling": "False",
        "Stalled": "True",
    }


def test_an_invalid_resource_whose_pods_have_gone_is_not_available() -> None:
    before = compute(cluster.model({"tensorParallel": 2}), serving(), {}, cluster.NOW)

    status = invalid({"generation": 4}, "spec.model: field required", [], before, LATER)

    assert statuses(status)["Available"] == "False"
    assert status["readyReplicas"] == 0
