"""The events of a model: its history, as `kubectl describe` shows it."""

from itertools import pairwise
from typing import Any

import pytest

from tests.api.client import Client, Object
from tests.api.models import DEADLINE, model, wait_reason
from tests.api.operator_process import OperatorProcess
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")


def events(client: Client, namespace: str) -> list[Object]:
    """The events of the namespace's model as `kubectl describe` asks for them, oldest first."""
    uid = client.get("InferenceModel", namespace, "mistral")["metadata"]["uid"]
    path = client.path("Event", namespace)
    found: list[Object] = client.request("GET", path, fieldSelector=f"involvedObject.uid={uid}")["items"]
    return sorted(found, key=lambda event: str(event["eventTime"]))


def wait_told(client: Client, namespace: str, reason: str) -> list[Object]:
    """The model's events once the newest tells this reason: they are written beside the passes."""

    def told() -> list[Object]:
        found = events(client, namespace)
        assert found
        assert found[-1]["reason"] == reason
        return found

    return eventually(told, DEADLINE, f"an event of {namespace}/mistral that tells {reason}", 0.05)


def test_each_change_of_reason_is_told_once_with_its_message(client: Client, namespace: str) -> None:
    client.create(model(namespace, replicas=0))
    wait_reason(client, namespace, "Stopped")
    client.patch(
        "InferenceModel", namespace, "mistral", {"spec": {"priorityClassName": "urgent", "replicas": 1}}
    )
    refused = wait_reason(client, namespace, "ChildRejected")
    assert refused["message"].startswith("priorityClassName is urgent, and the cluster has no PriorityClass")
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"replicas": 0}})
    wait_reason(client, namespace, "Stopped")
    found = wait_told(client, namespace, "Stopped")

    told = [(event["reason"], event["type"]) for event in found]
    assert told.count(("Stopped", "Normal")) == 2, told
    assert all(one != another for one, another in pairwise(told)), told
    warning = next(event for event in found if event["reason"] == "ChildRejected")
    assert warning["type"] == "Warning"
    assert warning["message"] == refused["message"]
    assert warning["involvedObject"]["kind"] == "InferenceModel"
    assert warning["reportingComponent"] == "sirocco-operator"


def test_a_restart_of_the_operator_is_no_event(
    client: Client, operator: OperatorProcess, namespace: str
) -> None:
    client.create(model(namespace, replicas=0))
    wait_reason(client, namespace, "Stopped")
    before = wait_told(client, namespace, "Stopped")
    assert operator.stop() == 0
    operator.start()
    passes = operator.metric("sirocco_operator_reconciles_total")
    client.patch("Service", namespace, "mistral", {"metadata": {"annotations": {"touched": "yes"}}})
    eventually(
        lambda: operator.metric("sirocco_operator_reconciles_total") > passes, DEADLINE, "another pass", 0.05
    )
    assert events(client, namespace) == before


def test_an_event_that_may_not_be_written_fails_no_pass(
    client: Client, operator: OperatorProcess, namespace: str
) -> None:
    role = client.get("ClusterRole", None, "sirocco-operator")
    rules: list[dict[str, Any]] = [rule for rule in role["rules"] if rule["apiGroups"] != ["events.k8s.io"]]
    client.patch("ClusterRole", None, "sirocco-operator", {"rules": rules})
    try:
        errors = operator.metric("sirocco_operator_reconciles_total", result="error")
        client.create(model(namespace, replicas=0))
        wait_reason(client, namespace, "Stopped")
        eventually(
            lambda: (
                operator.metric("sirocco_operator_api_calls_total", verb="create", kind="Event", code="403")
                > 0
            ),
            DEADLINE,
            "an event to be refused",
            0.05,
        )
        client.patch("InferenceModel", namespace, "mistral", {"spec": {"replicas": 1}})
        wait_reason(client, namespace, "Starting")
        assert operator.metric("sirocco_operator_reconciles_total", result="error") == errors
    finally:
        client.patch("ClusterRole", None, "sirocco-operator", {"rules": role["rules"]})
