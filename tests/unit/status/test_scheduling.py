"""Pods that the scheduler cannot place."""

from typing import Any

import pytest

from tests.unit.status import cluster

SHORT_OF_GPUS = (
    "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. no new claims to deallocate, preemption: 0/1 "
    "nodes are available: 1 Preemption is not helpful for scheduling."
)


def unscheduled_reason(spec: dict[str, Any], message: str, nodes: list[dict[str, Any]]) -> tuple[str, str]:
    model = cluster.model(spec)
    return cluster.reason_and_message(model, cluster.unscheduled(model, message), nodes=nodes)


def test_more_gpus_than_any_node_has_says_what_the_largest_has() -> None:
    nodes = [cluster.node("a", 2), cluster.node("b", 1)]

    assert unscheduled_reason({"tensorParallel": 4}, SHORT_OF_GPUS, nodes) == (
        "InsufficientGPU",
        "needs 4 nvidia.com/gpu on one node, the largest node has 2: lower tensorParallel or add nodes",
    )


def test_a_cluster_without_gpus_says_so() -> None:
    reason, message = unscheduled_reason({}, SHORT_OF_GPUS, [cluster.node("a", 0)])

    assert reason == "InsufficientGPU"
    assert message.startswith(
        "needs 1 nvidia.com/gpu on one node, no node that the pod may use has any: add GPU"
    )


def test_gpus_that_others_hold_are_waited_for() -> None:
    assert unscheduled_reason({"tensorParallel": 4}, SHORT_OF_GPUS, [cluster.node("a", 8)]) == (
        "WaitingForGPU",
        "needs 4 free nvidia.com/gpu on one node, other pods hold them: "
        "add nodes, or stop something that uses GPUs",
    )


def test_nodes_that_the_selector_leaves_out_do_not_count() -> None:
    nodes = [cluster.node("a", 8), cluster.node("b", 2, labels={"pool": "ml"})]

    reason, message = unscheduled_reason(
        {"tensorParallel": 4, "nodeSelector": {"pool": "ml"}}, SHORT_OF_GPUS, nodes
    )

    assert reason == "InsufficientGPU"
    assert "the largest node has 2" in message


def test_nodes_with_a_taint_of_others_do_not_count() -> None:
    nodes = [cluster.node("a", 8, taint="team/other"), cluster.node("b", 2)]

    assert "the largest node has 2" in unscheduled_reason({"tensorParallel": 4}, SHORT_OF_GPUS, nodes)[1]


def test_the_taint_that_keeps_others_off_gpu_nodes_is_tolerated() -> None:
    nodes = [cluster.node("a", 8, taint="nvidia.com/gpu"), cluster.node("cpu", 0, taint="control-plane")]

    assert unscheduled_reason({}, SHORT_OF_GPUS, nodes)[0] == "WaitingForGPU"


def test_a_cordoned_node_does_not_count() -> None:
    cordoned = cluster.node("a", 8)
    cordoned["spec"]["unschedulable"] = True

    assert unscheduled_reason({"tensorParallel": 4}, SHORT_OF_GPUS, [cordoned, cluster.node("b", 2)])[0] == (
        "InsufficientGPU"
    )


def test_gpus_are_not_blamed_when_the_only_gpu_node_lacks_cpu() -> None:
    message = (
        "0/2 nodes are available: 1 Insufficient cpu, 1 Insufficient nvidia.com/gpu. preemption: 0/2 nodes"
    )
    nodes = [cluster.node("gpu", 8), cluster.node("cpu", 0)]

    assert unscheduled_reason({}, message, nodes) == (
        "Unschedulable",
        "0/2 nodes are available: 1 Insufficient cpu, 1 Insufficient nvidia.com/gpu: lower resources, "
        "or add nodes",
    )


def test_without_nodes_the_scheduler_is_quoted() -> None:
    reason, message = unscheduled_reason({}, SHORT_OF_GPUS, [])

    assert reason == "WaitingForGPU"
    assert "the scheduler says: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu: lower" in message


def test_another_gpu_resource_is_named() -> None:
    message = "0/1 nodes are available: 1 Insufficient amd.com/gpu."
    node = cluster.node("a", 0)
    node["status"]["allocatable"]["amd.com/gpu"] = "1"

    reported = unscheduled_reason({"gpuResource": "amd.com/gpu", "tensorParallel": 2}, message, [node])

    assert reported[1].startswith("needs 2 amd.com/gpu on one node, the largest node has 1")


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ("1 node(s) didn't match Pod's node affinity/selector", "change nodeSelector"),
        ("1 node(s) had untolerated taint(s)", "change nodeSelector"),
        ("1 Insufficient memory", "lower resources"),
        ("pod has unbound immediate PersistentVolumeClaims", "look at the claim's events"),
        ("1 node(s) didn't have free ports for the requested pod ports", "change the pod's fields"),
    ],
)
def test_other_causes_are_reported_in_the_schedulers_words_with_a_fix(words: str, fix: str) -> None:
    message = (
        f"0/1 nodes are available: {words}. no new claims to deallocate, preemption: 0/1 nodes are available"
    )

    reason, reported = unscheduled_reason({}, message, [cluster.node("a", 8)])

    assert reason == "Unschedulable"
    assert reported.startswith(f"0/1 nodes are available: {words}: {fix}")


def test_a_claim_that_does_not_exist_is_named() -> None:
    message = '0/1 nodes are available: persistentvolumeclaim "weights" not found. not found'

    reason, reported = unscheduled_reason({"model": {"uri": "pvc://weights/m"}}, message, [])

    assert reason == "VolumeMissing"
    assert reported.startswith("PersistentVolumeClaim weights does not exist: create it")
