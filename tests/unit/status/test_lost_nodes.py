"""Pods whose node does not answer; the event is the node controller's of Kubernetes 1.35."""

from typing import Any

from tests.unit.status import cluster

MODEL = cluster.model({"replicas": 2})
LOST_AT = "2026-11-23T20:52:00Z"
LATER = "2026-11-23T20:53:00Z"


def unready(since: str) -> dict[str, Any]:
    """A pod whose engine has come up and that is not ready since then."""
    pod = cluster.running(cluster.pod(MODEL), "vllm", started=True)
    pod["status"]["conditions"] = [{"type": "Ready", "status": "False", "lastTransitionTime": since}]
    return pod


def told(pod: dict[str, Any], *others: tuple[str, str, str]) -> tuple[str, str]:
    """What is said of a model with that pod and one that serves, after its node was lost."""
    events = [cluster.event(pod, *each) for each in (("NodeNotReady", "Node is not ready", LOST_AT), *others)]
    return cluster.reason_and_message(MODEL, pod, cluster.ready(MODEL, "other"), events=events)


def test_a_pod_on_a_lost_node_names_the_node_and_what_serves_meanwhile() -> None:
    assert told(unready(LOST_AT)) == (
        "NodeNotReady",
        "the node gpu-node-1 of the pod mistral-7f99ff5f67-x2k4p does not answer, 1 of 2 replicas serve: "
        "bring the node back, or `kubectl delete node gpu-node-1` if it is gone for good, which replaces the "
        "pod",
    )


def test_what_the_kubelet_said_before_is_older_than_the_loss() -> None:
    before = ("Unhealthy", "Readiness probe failed: timeout", cluster.CREATED)
    assert told(unready(LOST_AT), before)[0] == "NodeNotReady"


def test_a_pod_that_fails_after_its_node_is_back_has_another_cause() -> None:
    after = ("Unhealthy", "Readiness probe failed: timeout", LATER)
    assert told(unready(LATER), after)[0] == "PodsUnhealthy"
