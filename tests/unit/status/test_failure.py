"""The status of a model whose passes fail."""

from typing import Any

import pytest

from sirocco_operator.status.failure import compute_failure
from sirocco_operator.status.messages import MESSAGE_LIMIT
from tests.unit.status import cluster

pytestmark = pytest.mark.unit


def raw(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "inference.sirocco.dev/v1alpha1",
        "kind": "InferenceModel",
        "metadata": {"name": "mistral", "namespace": "default", "uid": "1", "generation": 3},
        "spec": {"model": {"uri": "hf://mistralai/Mistral-7B-Instruct-v0.3"}, **spec},
    }


def test_the_cause_is_told_beside_what_serves() -> None:
    pods = [cluster.ready(cluster.model({}), "a")]
    status, figures = compute_failure(raw(), cluster.deployment(), pods, "500: etcd is full", cluster.NOW)
    assert status["reason"] == figures.state == "ReconcileFailed"
    assert "500: etcd is full" in status["message"]
    assert status["readyReplicas"] == 1
    assert status["observedGeneration"] == 3


def test_a_computation_that_fails_is_told_too() -> None:
    broken = {"spec": {}, "status": {"conditions": 7}}
    status, figures = compute_failure(raw(), broken, [], "unexpectedly, KeyError: x", cluster.NOW)
    assert status["reason"] == figures.state == "ReconcileFailed"
    assert "KeyError" in status["message"]


def test_a_long_message_is_bounded_and_masked() -> None:
    said = "denied: token=abcdefghijklmnop " + "x" * 100_000
    status, _ = compute_failure(raw(), None, [], said, cluster.NOW)
    assert len(status["message"]) <= MESSAGE_LIMIT
    assert "abcdefghijklmnop" not in status["message"]
