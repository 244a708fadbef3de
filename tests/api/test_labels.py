"""A child is put right and made again whatever was done to its labels."""

import time
from typing import Any

import pytest

from tests.api.client import Client, Object
from tests.api.control_plane import ControlPlane
from tests.api.models import DEADLINE, model, wait_child, wait_status
from tests.api.operator_process import OperatorProcess
from tests.api.test_children import CHILDREN
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")

MANAGED_BY, OF_MODEL = "app.kubernetes.io/managed-by", "inference.sirocco.dev/model"
CHANGES: dict[str, Object | None] = {
    "ours is taken away": {MANAGED_BY: None},
    "all are taken away": None,
}
# A busy machine takes longer than the 50 ms of an idle one.
SOON_SECONDS = 2.0
# Kubernetes fills in fields inside this list, which is replaced as a whole.
NAME: Object = {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}
FILLED_IN: Object = {
    "volumes": [{"name": "extra", "projected": {"sources": [{"downwardAPI": {"items": [NAME]}}]}}]
}


def wait_labels(client: Client, kind: str, namespace: str, name: str) -> Object:
    def labelled() -> Object:
        found = client.get(kind, namespace, name)
        labels = found["metadata"].get("labels") or {}
        right = labels.get(MANAGED_BY) == "sirocco-operator" and labels.get(OF_MODEL) == "mistral"
        return found if right else {}

    return eventually(labelled, DEADLINE, f"the labels of {kind} {name}", 0.02)


def delete_and_time(client: Client, kind: str, namespace: str, name: str, old: str) -> float:
    """Seconds from the deletion of a child until there is another."""
    started = time.monotonic()
    client.delete(kind, namespace, name)

    def again() -> bool:
        found = client.find(kind, namespace, name)
        return found is not None and found["metadata"]["uid"] != old

    eventually(again, DEADLINE, f"another {kind} {name}", 0.005, steady=True)
    return time.monotonic() - started


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("kind", "name"), CHILDREN)
def test_a_child_comes_back_whatever_was_done_to_its_labels(
    client: Client, cluster: ControlPlane, namespace: str, kind: str, name: str, change: str
) -> None:
    client.create(model(namespace, replicas=2))
    wait_status(client, namespace)
    uid = wait_child(client, kind, namespace, name)["metadata"]["uid"]
    client.patch(kind, namespace, name, {"metadata": {"labels": CHANGES[change]}})
    assert wait_labels(client, kind, namespace, name)["metadata"]["uid"] == uid
    cluster.wait_quiet(namespace)
    assert delete_and_time(client, kind, namespace, name, uid) < SOON_SECONDS


def test_a_deployment_in_which_the_api_server_fills_in_fields_comes_back_too(
    client: Client, cluster: ControlPlane, namespace: str
) -> None:
    client.create(model(namespace, **FILLED_IN))
    wait_status(client, namespace)
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"replicas": 2}})
    uid = wait_child(client, "Deployment", namespace)["metadata"]["uid"]
    cluster.wait_quiet(namespace)
    client.patch("Deployment", namespace, "mistral", {"metadata": {"labels": {MANAGED_BY: None}}})
    assert wait_labels(client, "Deployment", namespace, "mistral")["metadata"]["uid"] == uid
    cluster.wait_quiet(namespace)
    assert delete_and_time(client, "Deployment", namespace, "mistral", uid) < SOON_SECONDS


def test_a_child_that_is_relabelled_again_and_again_comes_back(
    client: Client, cluster: ControlPlane, namespace: str
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    uid = wait_child(client, "Service", namespace)["metadata"]["uid"]
    for number in range(30):
        value: Any = None if number % 2 else f"person-{number}"
        client.patch("Service", namespace, "mistral", {"metadata": {"labels": {MANAGED_BY: value}}})
    client.patch("Service", namespace, "mistral", {"metadata": {"labels": {MANAGED_BY: "sirocco-operator"}}})
    wait_labels(client, "Service", namespace, "mistral")
    cluster.wait_quiet(namespace)
    assert delete_and_time(client, "Service", namespace, "mistral", uid) < SOON_SECONDS


def test_a_child_that_lost_its_label_while_nobody_watched_comes_back(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    uid = wait_child(client, "Service", namespace)["metadata"]["uid"]
    operator.stop()
    client.patch("Service", namespace, "mistral", {"metadata": {"labels": {MANAGED_BY: None}}})
    operator.start()
    wait_labels(client, "Service", namespace, "mistral")
    cluster.wait_quiet(namespace)
    assert delete_and_time(client, "Service", namespace, "mistral", uid) < SOON_SECONDS


def pods_told(client: Client, namespace: str) -> int:
    status: Object = client.get("InferenceModel", namespace, "mistral").get("status") or {}
    return int(status.get("gpus") or 0)


def place(client: Client, namespace: str, pod: str) -> None:
    client.request(
        "POST",
        f"{client.path('Pod', namespace, pod)}/binding",
        {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod},
            "target": {"kind": "Node", "name": "n"},
        },
    )


@pytest.mark.parametrize("label", [MANAGED_BY, OF_MODEL])
def test_a_pod_counts_again_once_its_label_is_back(client: Client, namespace: str, label: str) -> None:
    client.create(model(namespace))

    def pod() -> Object:
        pods = client.objects("Pod", namespace, f"{OF_MODEL}=mistral,{MANAGED_BY}=sirocco-operator")
        return pods[0] if pods else {}

    found = eventually(pod, DEADLINE, "a pod", 0.05)
    name, value = found["metadata"]["name"], found["metadata"]["labels"][label]
    place(client, namespace, name)
    eventually(lambda: pods_told(client, namespace) == 1, DEADLINE, "its GPU to be counted", 0.05)
    client.patch("Pod", namespace, name, {"metadata": {"labels": {label: None}}})
    eventually(lambda: pods_told(client, namespace) == 0, DEADLINE, "it not to be counted", 0.05)
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"replicas": 2}})
    client.patch("Pod", namespace, name, {"metadata": {"labels": {label: value}}})
    eventually(lambda: pods_told(client, namespace) == 1, DEADLINE, "it to be counted again", 0.05)
