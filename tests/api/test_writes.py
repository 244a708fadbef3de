"""What is as wanted is not written: counted in the API server's audit log."""

import pytest

from tests.api.client import Client
from tests.api.control_plane import ControlPlane
from tests.api.models import DEADLINE, model, wait_child, wait_status
from tests.api.operator_process import LEASE_SECONDS, OperatorProcess
from tests.waiting import eventually

IDLE_SECONDS = 30


def leaving(client: Client) -> list[str]:
    """Models in namespaces that are being deleted by other tests: their children still come and go."""
    terminating = {
        each["metadata"]["name"]
        for each in client.objects("Namespace", None)
        if each["status"]["phase"] == "Terminating"
    }
    models = [each["metadata"] for each in client.objects("InferenceModel", None)]
    return [f"{each['namespace']}/{each['name']}" for each in models if each["namespace"] in terminating]


def stuck(client: Client) -> str:
    """What keeps the namespaces of these models."""
    conditions = {
        f"{each['type']}: {each['message']}"
        for namespace in client.objects("Namespace", None)
        for each in namespace["status"].get("conditions") or ()
        if each["status"] == "True"
    }
    return f"{leaving(client)} to be gone; their namespaces say {sorted(conditions)}"


def passes(operator: OperatorProcess) -> float:
    return operator.metric("sirocco_operator_reconciles_total")


def wait_passes(operator: OperatorProcess, more_than: float) -> None:
    eventually(lambda: passes(operator) > more_than, DEADLINE, "another pass over a model", 0.05)


@pytest.mark.parametrize(
    ("field", "spelled", "stored"),
    [
        ("memory", "1024Mi", "1Gi"),
        ("cpu", "2000m", "2"),
        ("cpu", "0.5", "500m"),
        ("memory", "0.5Gi", "512Mi"),
    ],
)
def test_a_quantity_in_another_spelling_makes_no_write(
    client: Client,
    cluster: ControlPlane,
    operator: OperatorProcess,
    namespace: str,
    field: str,
    spelled: str,
    stored: str,
) -> None:
    client.create(model(namespace, resources={"limits": {field: spelled}}))
    wait_status(client, namespace)
    live = wait_child(client, "Deployment", namespace)
    assert live["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"][field] == stored
    offset, before = cluster.wait_quiet(namespace), passes(operator)
    # An event of a child makes the operator look again.
    client.patch("Service", namespace, "mistral", {"metadata": {"annotations": {"touched": "yes"}}})
    wait_passes(operator, before)
    assert cluster.writes(offset, namespace) == []


def test_a_restart_makes_no_write(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str
) -> None:
    for number in range(5):
        client.create(
            model(
                namespace,
                f"model-{number}",
                replicas=2,
                tolerations=[{"key": "spot", "operator": "Exists"}],
                volumes=[{"name": "extra", "emptyDir": {"sizeLimit": "1024Mi"}}],
                volumeMounts=[{"name": "extra", "mountPath": "/extra"}],
            )
        )
    for number in range(5):
        wait_status(client, namespace, f"model-{number}")
    offset = cluster.wait_quiet(namespace)
    assert operator.stop() == 0
    operator.start()
    wait_passes(operator, 4)
    cluster.wait_quiet(namespace)
    assert cluster.writes(offset, namespace) == []


def test_an_idle_cluster_sees_no_write_but_the_leases(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    eventually(lambda: not leaving(client), DEADLINE, lambda: stuck(client), 0.5)
    offset = cluster.wait_quiet()
    renewals = operator.metric("sirocco_operator_api_calls_total", verb="update", kind="Lease")
    # Time itself is what is tested here: the lease's renewals are its clock.
    wanted = renewals + IDLE_SECONDS / (LEASE_SECONDS / 5)
    eventually(
        lambda: operator.metric("sirocco_operator_api_calls_total", verb="update", kind="Lease") >= wanted,
        2 * DEADLINE,
        f"{IDLE_SECONDS} s of renewals",
        0.5,
    )
    assert cluster.writes(offset) == []


def test_a_second_spelling_of_the_same_resource_changes_no_status(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    offset, before = cluster.wait_quiet(namespace), passes(operator)
    client.patch("InferenceModel", namespace, "mistral", {"metadata": {"labels": {"team": "a"}}})
    wait_passes(operator, before)
    assert cluster.writes(offset, namespace) == []
