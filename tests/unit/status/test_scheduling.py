"""Pods that the scheduler cannot place."""

from typing import Any

import pytest

from sirocco_operator.status.observed import Claim
from tests.unit.status import cluster

SHORT_OF_GPUS = (
    "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. no new claims to deallocate, preemption: 0/1 "
    "nodes are available: 1 Preemption is not helpful for scheduling."
)


def unscheduled_reason(
    spec: dict[str, Any], message: str, nodes: list[dict[str, Any]], **observed: Any
) -> tuple[str, str]:
    model = cluster.model(spec)
    return cluster.reason_and_message(model, cluster.unscheduled(model, message), nodes=nodes, **observed)


def test_more_gpus_than_any_node_has_says_what_the_largest_has() -> None:
    nodes = [cluster.node("a", 2), cluster.node("b", 1)]

    assert unscheduled_reason({"tensorParallel": 4}, SHORT_OF_GPUS, nodes) == (
        "InsufficientGPU",
        "the pod needs 4 nvidia.com/gpu on one node, and the largest node has 2: "
        "lower tensorParallel or add nodes",
    )


def test_a_cluster_without_gpus_says_so() -> None:
    reason, message = unscheduled_reason({}, SHORT_OF_GPUS, [cluster.node("a", 0)])

    assert reason == "InsufficientGPU"
    assert message.startswith(
        "the pod needs 1 nvidia.com/gpu on one node, and no node that it may use has any: add GPU"
    )


def test_gpus_that_others_hold_are_waited_for() -> None:
    assert unscheduled_reason({"tensorParallel": 4}, SHORT_OF_GPUS, [cluster.node("a", 8)]) == (
        "WaitingForGPU",
        "the pod needs 4 free nvidia.com/gpu on one node, and other pods hold them: "
        "add nodes, or stop something that uses GPUs",
    )


def test_who_holds_the_gpus_is_named_and_how_many_would_be_free() -> None:
    holders = [
        cluster.holder("team-a/llama", "a", 4, is_model=True),
        cluster.holder("ml/train-0", "a", 2),
        cluster.holder("ml/other", "elsewhere", 8),
    ]

    told = unscheduled_reason(
        {"tensorParallel": 4}, SHORT_OF_GPUS, [cluster.node("a", 8)], gpu_holders=holders
    )

    assert told == (
        "WaitingForGPU",
        "the pod needs 4 free nvidia.com/gpu on one node, and node a has 2 of 8 free (the model team-a/llama "
        "holds 4 and the pod ml/train-0 holds 2): add nodes, or stop the pod ml/train-0 "
        "(4 would be free then)",
    )


def test_of_several_nodes_the_one_with_the_most_free_gpus_is_told() -> None:
    nodes = [cluster.node("a", 8), cluster.node("b", 8)]
    holders = [cluster.holder(f"ml/a{n}", "a", 2) for n in range(4)] + [
        cluster.holder(f"ml/b{n}", "b", 1) for n in range(5)
    ]

    _, told = unscheduled_reason(
        {"tensorParallel": 8},
        SHORT_OF_GPUS.replace("1 Insuf", "2 Insuf"),
        nodes,
        gpu_holders=holders,
    )

    assert (
        "node b has 3 of 8 free (the pod ml/b0 holds 1, the pod ml/b1 holds 1, the pod ml/b2 holds 1 and 2 "
        "more)" in told
    )
    assert told.endswith(": add nodes, or stop something that uses GPUs")


def test_nobody_is_told_to_stop_the_model_that_waits() -> None:
    holders = [cluster.holder("default/mistral", "a", 8, is_model=True)]

    _, told = unscheduled_reason(
        {"tensorParallel": 4, "replicas": 3}, SHORT_OF_GPUS, [cluster.node("a", 8)], gpu_holders=holders
    )

    assert "the model default/mistral holds 8" in told
    assert told.endswith(": add nodes, or stop something that uses GPUs")


def test_a_cordoned_node_is_named_with_the_command_that_uncordons_it() -> None:
    message = "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) were unschedulable."
    nodes = [cluster.node("gpu-1", 8, cordoned=True), cluster.node("cpu-1", 0)]

    assert unscheduled_reason({}, message, nodes) == (
        "Unschedulable",
        "node gpu-1 is cordoned, and no other node can take the pod: "
        "uncordon it when it may take pods again: kubectl uncordon gpu-1",
    )


def test_a_cordoned_node_is_not_blamed_where_another_could_take_the_pod() -> None:
    message = "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) were unschedulable."
    nodes = [cluster.node("gpu-1", 8, cordoned=True), cluster.node("gpu-2", 8)]

    assert unscheduled_reason({}, message, nodes)[0] == "WaitingForGPU"


def test_a_taint_is_named_with_the_toleration_that_it_asks_for() -> None:
    message = "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) had untolerated taint(s)."
    nodes = [cluster.node("gpu-1", 8, taint="team=vision"), cluster.node("cpu-1", 0)]

    assert unscheduled_reason({}, message, nodes) == (
        "Unschedulable",
        "node gpu-1 has the taint team=vision:NoSchedule, which the pod does not tolerate, and no other node "
        "can "
        "take it: add {key: team, operator: Equal, value: vision, effect: NoSchedule} to the model's "
        "tolerations, or remove the taint from the node",
    )


def test_a_taint_without_a_value_asks_for_a_toleration_that_it_exists() -> None:
    message = "0/1 nodes are available: 1 node(s) had untolerated taint(s)."
    nodes = [cluster.node("gpu-1", 8, taint="reserved")]

    told = unscheduled_reason({}, message, nodes)[1]

    assert "the taint reserved:NoSchedule" in told
    assert "add {key: reserved, operator: Exists, effect: NoSchedule}" in told


def test_nobody_is_told_to_tolerate_a_node_that_is_not_ready() -> None:
    message = "0/1 nodes are available: 1 node(s) had untolerated taint(s)."
    nodes = [cluster.node("gpu-1", 8, taint="node.kubernetes.io/not-ready")]

    told = unscheduled_reason({}, message, nodes)[1]

    assert "the taint node.kubernetes.io/not-ready:NoSchedule" in told
    assert told.endswith(": see what is wrong with the node: kubectl describe node gpu-1")


def test_a_node_selector_that_no_node_fits_is_told_with_its_labels() -> None:
    message = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."

    assert unscheduled_reason({"nodeSelector": {"pool": "ml"}}, message, [cluster.node("a", 8)]) == (
        "Unschedulable",
        "no node has the labels pool=ml, which nodeSelector asks for: "
        "correct nodeSelector, or label a node: kubectl label node NODE pool=ml",
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
    nodes = [cluster.node("a", 8, cordoned=True), cluster.node("b", 2)]

    assert unscheduled_reason({"tensorParallel": 4}, SHORT_OF_GPUS, nodes)[0] == "InsufficientGPU"


def test_gpus_are_not_blamed_when_the_only_gpu_node_lacks_cpu() -> None:
    message = (
        "0/2 nodes are available: 1 Insufficient cpu, 1 Insufficient nvidia.com/gpu. preemption: 0/2 nodes"
    )
    nodes = [cluster.node("gpu", 8), cluster.node("cpu", 0)]

    assert unscheduled_reason({}, message, nodes) == (
        "Unschedulable",
        "no node takes the pod; the scheduler says: 0/2 nodes are available: 1 Insufficient cpu, "
        "1 Insufficient nvidia.com/gpu: lower cpu in resources, or add nodes",
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

    assert reported[1].startswith("the pod needs 2 amd.com/gpu on one node, and the largest node has 1")


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ("1 node(s) didn't match Pod's node affinity/selector", "change nodeSelector"),
        ("1 node(s) had untolerated taint(s)", "change nodeSelector"),
        ("1 Insufficient memory", "lower memory in resources"),
        ("1 node(s) didn't have free ports for the requested pod ports", "change the pod's fields"),
    ],
)
def test_other_causes_are_reported_in_the_schedulers_words_with_a_fix(words: str, fix: str) -> None:
    message = (
        f"0/1 nodes are available: {words}. no new claims to deallocate, preemption: 0/1 nodes are available"
    )

    reason, reported = unscheduled_reason({}, message, [cluster.node("a", 8)])

    assert reason == "Unschedulable"
    assert reported.startswith(
        f"no node takes the pod; the scheduler says: 0/1 nodes are available: {words}: {fix}"
    )


def test_a_claim_that_does_not_exist_is_named_with_its_field() -> None:
    message = '0/1 nodes are available: persistentvolumeclaim "weights" not found. not found'

    assert unscheduled_reason({"model": {"uri": "pvc://weights/m"}}, message, []) == (
        "VolumeMissing",
        "model.uri names the PersistentVolumeClaim weights, which does not exist in the namespace default: "
        "create it there, or correct model.uri",
    )


UNBOUND = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"


@pytest.mark.parametrize(
    ("claim", "told"),
    [
        (
            Claim("weights", "Pending", "fast", cause='storageclass.storage.k8s.io "fast" not found'),
            "the PersistentVolumeClaim weights (cache.claimName) has no volume; its StorageClass is fast; "
            "its "
            'newest event says: storageclass.storage.k8s.io "fast" not found: make the claim again with a '
            "StorageClass that `kubectl get storageclass` lists",
        ),
        (
            Claim(
                "weights",
                "Pending",
                cause="no persistent volumes available for this claim and no storage class is set",
            ),
            "the PersistentVolumeClaim weights (cache.claimName) has no volume; it names no StorageClass, "
            "and the "
            "cluster has no default one; its newest event says: no persistent volumes available for this "
            "claim "
            "and no storage class is set: make the claim again with a StorageClass that "
            "`kubectl get storageclass` lists",
        ),
        (
            Claim("weights", "Pending", "nfs"),
            "the PersistentVolumeClaim weights (cache.claimName) has no volume; its StorageClass is nfs: see "
            "`kubectl describe pvc weights`, and look at the StorageClass's provisioner",
        ),
    ],
)
def test_a_claim_without_a_volume_is_told_with_its_class_and_its_own_cause(claim: Claim, told: str) -> None:
    spec = {"cache": {"claimName": "weights"}}

    assert unscheduled_reason(spec, UNBOUND, [], claims=[claim]) == ("Unschedulable", told)


def test_a_claim_that_may_not_be_read_is_still_blamed() -> None:
    assert unscheduled_reason({"cache": {"claimName": "weights"}}, UNBOUND, []) == (
        "Unschedulable",
        "a PersistentVolumeClaim of the pod has no volume: "
        "look at the claim's events (`kubectl describe pvc`): its StorageClass gives no volume",
    )


def test_what_the_scheduler_adds_of_its_last_try_is_left_out() -> None:
    message = "0/1 nodes are available: 1 node(s) had volume node affinity conflict. not found"

    told = unscheduled_reason({}, message, [cluster.node("a", 8)])[1]

    assert "had volume node affinity conflict: change" in told
