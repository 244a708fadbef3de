"""Each of the namespaces that are watched for itself, and each model by one operator."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from sirocco_operator.reconcile.claims import CLAIM_NAME
from tests.api.client import Client
from tests.api.control_plane import ControlPlane
from tests.api.models import DEADLINE, model, wait_child, wait_gone, wait_status
from tests.api.operator_process import OperatorProcess, apply_rights
from tests.chart.helm import read, template
from tests.waiting import eventually

SYSTEM = "second-system"
FIRST_LEASE, SECOND_LEASE = "sirocco-system/sirocco-operator", f"{SYSTEM}/second-operator"
UNSERVED = "sirocco_operator_namespace_unserved"


def namespace_of(client: Client, name: str) -> str:
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


def values_of(*namespaces: str) -> Any:
    """The values of a release for these namespaces."""
    return {"watchNamespaces": list(namespaces), "autoscaling": {"provider": "external"}}


def give_rights(client: Client, *namespaces: str, but: str = "") -> None:
    """Make what a second release gives its operator in these namespaces, but in one."""
    namespace_of(client, SYSTEM)
    documents = read(template(values_of(*namespaces), release="second", namespace=SYSTEM))
    apply_rights(client, [each for each in documents if each["metadata"].get("namespace") != but])


def second(cluster: ControlPlane, *namespaces: str) -> OperatorProcess:
    """The second release's operator, for these namespaces."""
    return OperatorProcess(
        cluster,
        "second-0",
        user="second",
        namespace=SYSTEM,
        lease_name="second-operator",
        serving_image="second/serving:1",
        watch_namespaces=",".join(namespaces),
        autoscaling_provider="external",
    )


def image(client: Client, namespace: str, name: str = "mistral") -> str:
    found = client.find("Deployment", namespace, name)
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"]) if found else ""


@pytest.fixture
def alone(operator: OperatorProcess) -> Iterator[None]:
    """Without the operator that tests share."""
    operator.stop()
    yield
    operator.start()


@pytest.mark.usefixtures("alone")
def test_a_namespace_that_is_missing_holds_up_no_other_and_is_served_once_it_is_there(
    client: Client, cluster: ControlPlane, namespace: str
) -> None:
    missing = f"{namespace}-b"
    give_rights(client, namespace, missing, but=missing)
    with second(cluster, namespace, missing) as process:
        client.create(model(namespace))
        wait_status(client, namespace)
        wait_child(client, "Deployment", namespace)
        said = process.text("/readyz")
        assert f"namespace {missing} is not served" in said
        assert "upgrade the release" in said
        assert process.metric(UNSERVED, namespace=missing, why="unreadable") == 1
        told = [line for line in process.log.read_text().splitlines() if f"{missing} is not served" in line]
        assert len(told) == 1
        namespace_of(client, missing)
        give_rights(client, namespace, missing)
        client.create(model(missing))
        wait_child(client, "Deployment", missing)
        eventually(lambda: process.metric(UNSERVED) == 0, DEADLINE, "no namespace to be unserved", 0.1)
        # A change is seen in both by the watch.
        for each in (namespace, missing):
            client.patch("InferenceModel", each, "mistral", {"spec": {"replicas": 2}})
            wait_child(client, "PodDisruptionBudget", each)
        process.stop()
    client.delete("Namespace", None, missing)


@pytest.mark.usefixtures("alone")
def test_a_namespace_that_goes_while_it_is_served_holds_up_no_other(
    client: Client, cluster: ControlPlane, namespace: str
) -> None:
    gone = namespace_of(client, f"{namespace}-gone")
    give_rights(client, namespace, gone)
    with second(cluster, namespace, gone) as process:
        client.create(model(gone))
        wait_child(client, "Deployment", gone)
        client.delete("Namespace", None, gone)
        wait_gone(client, "Namespace", None, gone)
        process.stop()
        # As when its pods restart.
        process.start()
        client.create(model(namespace))
        wait_child(client, "Deployment", namespace)
        process.stop()


def test_a_namespace_of_two_operators_is_served_by_the_first_until_that_one_is_gone(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    first = image(client, namespace)
    give_rights(client, namespace)
    with second(cluster, namespace) as process:
        eventually(
            lambda: process.metric(UNSERVED, namespace=namespace, why="other_operator") == 1,
            DEADLINE,
            "the second operator to tell",
            0.1,
        )
        assert f"namespace {namespace} is left to operator {FIRST_LEASE}" in process.text("/readyz")
        before = client.get("Deployment", namespace, "mistral")["metadata"]["generation"]
        status = client.get("InferenceModel", namespace, "mistral")["metadata"]["resourceVersion"]
        client.create(model(namespace, "another"))
        wait_child(client, "Deployment", namespace, "another")
        assert image(client, namespace, "another") == first
        assert client.get("Deployment", namespace, "mistral")["metadata"]["generation"] == before
        assert client.get("InferenceModel", namespace, "mistral")["metadata"]["resourceVersion"] == status
        assert holder(client, namespace) == FIRST_LEASE
        operator.stop()
        started = time.monotonic()
        eventually(
            lambda: image(client, namespace) == "second/serving:1",
            DEADLINE,
            "the second operator to take over",
            0.5,
        )
        assert time.monotonic() - started < 120
        assert holder(client, namespace) == SECOND_LEASE
        operator.start()
        eventually(
            lambda: operator.metric(UNSERVED, namespace=namespace, why="other_operator") == 1,
            DEADLINE,
            "the first operator to tell",
            0.1,
        )
        assert image(client, namespace) == "second/serving:1"
        process.stop()


def holder(client: Client, namespace: str) -> str:
    return str(client.get("Lease", namespace, CLAIM_NAME)["spec"]["holderIdentity"])


def test_a_namespace_that_the_first_operator_no_longer_names_is_taken_over_at_once(
    client: Client, operator: OperatorProcess, namespace: str
) -> None:
    assert operator.running
    give_rights(client, namespace)
    client.apply(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": "second-operator",
                "namespace": SYSTEM,
                "annotations": {"inference.sirocco.dev/namespaces": "elsewhere"},
            },
            "spec": {"holderIdentity": "second-0", "renewTime": "2026-01-01T00:00:00.000000Z"},
        }
    )
    client.apply(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": CLAIM_NAME, "namespace": namespace},
            "spec": {"holderIdentity": SECOND_LEASE},
        }
    )
    client.create(model(namespace))
    wait_child(client, "Deployment", namespace)
    assert holder(client, namespace) == FIRST_LEASE
