"""The rollout of a new revision while the old one serves."""

from sirocco_operator.status.compute import compute
from sirocco_operator.status.observed import Observed
from tests.unit.status import cluster

SHORT_OF_GPUS = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: 0/1 nodes are available"


def test_a_surge_pod_without_a_free_gpu_names_the_way_out() -> None:
    model = cluster.model()
    surge = cluster.unscheduled(model, SHORT_OF_GPUS)

    assert cluster.reason_and_message(
        model, cluster.ready(model, "a", cluster.OLD), surge, nodes=[cluster.node("a", 1)]
    ) == (
        "RolloutNeedsGPU",
        "the new revision's pod needs 1 nvidia.com/gpu on one node and none is free, old pods serve on: "
        "set rollout.strategy: InPlace to free an old pod's GPUs first, or free GPUs",
    )


def test_a_model_whose_rollout_waits_is_available_and_not_ready() -> None:
    model = cluster.model()
    pods = [cluster.ready(model, "a", cluster.OLD), cluster.unscheduled(model, SHORT_OF_GPUS)]
    nodes = [cluster.node("a", 1)]

    status = compute(model, Observed(cluster.deployment(), pods, nodes=nodes), {}, cluster.NOW)

    assert {each["type"]: each["status"] for each in status["conditions"]} == {
        "Ready": "False",
        "Available": "True",
        "Reconciling": "True",
        "Stalled": "False",
    }


def test_in_place_a_pod_without_a_gpu_just_waits() -> None:
    model = cluster.model({"replicas": 2, "rollout": {"strategy": "InPlace"}})
    pods = [cluster.ready(model, "a", cluster.OLD), cluster.unscheduled(model, SHORT_OF_GPUS)]

    assert cluster.reason_and_message(model, *pods, nodes=[cluster.node("a", 1)])[0] == "WaitingForGPU"


def test_a_pod_that_gets_the_gpus_of_one_that_drains_waits_for_nothing_else() -> None:
    model = cluster.model({"rollout": {"strategy": "InPlace"}})
    draining = cluster.terminating(cluster.ready(model, "a", cluster.OLD))

    reported = cluster.reason_and_message(
        model, draining, cluster.unscheduled(model, SHORT_OF_GPUS), nodes=[cluster.node("a", 1)]
    )

    assert reported == (
        "Replacing",
        "the new pod waits for the 1 nvidia.com/gpu of one that finishes its requests",
    )


def test_a_pod_that_drained_to_its_end_holds_no_gpus() -> None:
    model = cluster.model()
    over = cluster.terminating(cluster.ready(model, "a", cluster.OLD))
    over["status"]["phase"] = "Succeeded"

    reported = cluster.reason_and_message(
        model, over, cluster.unscheduled(model, SHORT_OF_GPUS), nodes=[cluster.node("a", 1)]
    )

    assert reported[0] == "WaitingForGPU"


def test_a_new_revision_that_no_node_can_hold_is_not_helped_by_in_place() -> None:
    model = cluster.model({"tensorParallel": 4})
    pods = [cluster.ready(model, "a", cluster.OLD), cluster.unscheduled(model, SHORT_OF_GPUS)]

    assert cluster.reason_and_message(model, *pods, nodes=[cluster.node("a", 2)])[0] == "InsufficientGPU"


def test_one_more_replica_without_a_gpu_is_no_rollout() -> None:
    model = cluster.model({"replicas": 2})
    pods = [cluster.ready(model, "a"), cluster.unscheduled(model, SHORT_OF_GPUS, "b")]

    assert cluster.reason_and_message(model, *pods, nodes=[cluster.node("a", 1)])[0] == "WaitingForGPU"


def test_a_rollout_that_goes_on_in_place_by_itself_says_so() -> None:
    model = cluster.model({"replicas": 2})
    pods = [cluster.ready(model, "a", cluster.OLD), cluster.unscheduled(model, SHORT_OF_GPUS)]

    reason, message = cluster.reason_and_message(model, *pods, nodes=[cluster.node("a", 1)])

    assert reason == "RolloutNeedsGPU"
    assert "within a minute, an old pod ends first" in message


def test_a_rollout_that_goes_on_in_place_waits_like_any_pod() -> None:
    model = cluster.model({"replicas": 2})
    pods = [cluster.ready(model, "a", cluster.OLD), cluster.unscheduled(model, SHORT_OF_GPUS)]
    deployment = cluster.deployment()
    deployment["spec"]["strategy"] = {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}

    reported = cluster.reason_and_message(model, *pods, nodes=[cluster.node("a", 1)], deployment=deployment)

    assert reported[0] == "WaitingForGPU"


def test_a_rollout_tells_how_far_it_is() -> None:
    model = cluster.model({"replicas": 2})
    pods = [
        cluster.ready(model, "a"),
        cluster.running(cluster.pod(model, "b"), "vllm"),
        cluster.ready(model, "c", cluster.OLD),
    ]

    assert cluster.reason_and_message(model, *pods) == (
        "RollingOut",
        "1 of 2 replicas serve the new revision, the engine of a new pod loads the model",
    )


def test_a_rollout_has_begun_before_its_first_pod_is_there() -> None:
    model = cluster.model()

    assert cluster.reason_and_message(model, cluster.ready(model, "a", cluster.OLD)) == (
        "RollingOut",
        "0 of 1 replicas serve the new revision",
    )


def test_a_new_revision_that_crashes_is_reported_though_the_old_one_serves() -> None:
    model = cluster.model()
    pods = [cluster.ready(model, "a", cluster.OLD), cluster.crashed(cluster.pod(model), "KeyError: 1")]

    assert cluster.reason_and_message(model, *pods)[0] == "EngineCrashed"


def test_an_old_revision_that_crashes_is_not_reported_while_its_repair_loads() -> None:
    model = cluster.model()
    broken = cluster.crashed(cluster.pod(model, "a", cluster.OLD), "KeyError: 1")

    assert (
        cluster.reason_and_message(model, broken, cluster.running(cluster.pod(model), "vllm"))[0] == "Loading"
    )


def test_old_pods_that_finish_their_requests_hold_no_rollout_open() -> None:
    model = cluster.model()
    pods = [cluster.ready(model, "a"), cluster.terminating(cluster.ready(model, "b", cluster.OLD))]

    assert cluster.reason_and_message(model, *pods)[0] == "Ready"


def test_without_the_deployment_the_newest_pods_are_the_wanted_ones() -> None:
    model = cluster.model()
    old = cluster.ready(model, "a", cluster.OLD)
    old["metadata"]["creationTimestamp"] = "2026-11-23T10:00:00Z"

    assert cluster.reason_and_message(model, old, cluster.pod(model), deployment=None)[0] == "RollingOut"


def test_a_change_that_was_taken_back_is_told_with_its_cause_and_the_way_to_try_again() -> None:
    model = cluster.model()
    cause = "EngineCrashed: exit code 1"

    reason, message = cluster.reason_and_message(model, cluster.ready(model), taken_back=cause)

    assert reason == "RolledBack"
    assert message.startswith(f"the last change was taken back, its pods could not start ({cause}): ")
    assert message.endswith(
        "`kubectl annotate --overwrite imodel mistral -n default inference.sirocco.dev/retry=$(date +%s)`"
    )
