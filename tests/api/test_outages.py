"""APIs that come and go, and an API server that restarts."""

from collections.abc import Iterator

import pytest
import yaml

from tests.api.client import Client, Object
from tests.api.conftest import CRD_FILE
from tests.api.control_plane import ControlPlane
from tests.api.models import DEADLINE, model, wait_child, wait_gone, wait_status
from tests.api.operator_process import OperatorProcess
from tests.api.optional_apis import served
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")

SERVICE_MONITORS = "servicemonitors.monitoring.coreos.com"
MODELS = "inferencemodels.inference.sirocco.dev"


@pytest.fixture
def service_monitors(client: Client) -> Iterator[None]:
    """The cluster gets the ServiceMonitor API, for one test."""
    with served(client, "monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors"):
        yield


def test_a_service_monitor_is_made_when_its_api_appears(
    client: Client, namespace: str, request: pytest.FixtureRequest
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    request.getfixturevalue("service_monitors")
    monitor = wait_child(client, "ServiceMonitor", namespace)
    assert monitor["spec"]["selector"]["matchLabels"]["inference.sirocco.dev/model"] == "mistral"


@pytest.mark.usefixtures("service_monitors")
def test_a_service_monitor_is_pruned_deleted_and_edited_as_other_children(
    client: Client, namespace: str
) -> None:
    client.create(model(namespace))
    old = wait_child(client, "ServiceMonitor", namespace)

    def again() -> bool:
        found = client.find("ServiceMonitor", namespace, "mistral")
        return found is not None and found["metadata"]["uid"] != old["metadata"]["uid"]

    client.delete("ServiceMonitor", namespace, "mistral")
    eventually(again, DEADLINE, "a new ServiceMonitor", 0.05)
    client.patch("ServiceMonitor", namespace, "mistral", {"spec": {"endpoints": []}})
    eventually(
        lambda: client.get("ServiceMonitor", namespace, "mistral")["spec"]["endpoints"],
        DEADLINE,
        "the endpoints to be put right",
        0.05,
    )
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"monitoring": {"enabled": False}}})
    wait_gone(client, "ServiceMonitor", namespace)


@pytest.mark.usefixtures("service_monitors")
def test_an_optional_api_that_is_being_taken_away_is_no_trouble_of_a_model(
    client: Client, namespace: str
) -> None:
    held: Object = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "held", "namespace": namespace, "finalizers": ["example.com/hold"]},
        "spec": {},
    }
    client.create(held)
    client.delete("CustomResourceDefinition", None, SERVICE_MONITORS)

    def refused() -> bool:
        again = {**held, "metadata": {"name": "refused", "namespace": namespace}}
        return client.raw("POST", client.path("ServiceMonitor", namespace), again).status_code == 403

    eventually(refused, DEADLINE, "the API to refuse new objects", 0.05)
    client.create(model(namespace))
    status = wait_status(client, namespace)
    wait_child(client, "Deployment", namespace)
    client.patch("ServiceMonitor", namespace, "held", {"metadata": {"finalizers": None}})
    assert status["reason"] != "ChildRejected", status["message"]


def test_an_edit_during_an_outage_of_the_api_server_is_put_right(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    wait_child(client, "Service", namespace)
    cluster.restart_api_server()
    client.delete("Service", namespace, "mistral")
    wait_child(client, "Service", namespace)
    client.create(model(namespace, "another"))
    wait_child(client, "Deployment", namespace, "another")


def test_an_outage_longer_than_the_lease_ends_the_leader_and_a_restart_goes_on(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    wait_child(client, "Service", namespace)
    before = operator.restarts
    cluster.stop_api_server()
    operator.wait_restarted(before)
    cluster.start_api_server()
    client.delete("Service", namespace, "mistral")
    wait_child(client, "Service", namespace)


def test_resources_are_served_again_after_their_crd_was_gone(
    client: Client, operator: OperatorProcess, namespace: str
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    old = wait_child(client, "Deployment", namespace)
    client.delete("CustomResourceDefinition", None, MODELS)
    wait_gone(client, "CustomResourceDefinition", None, MODELS)
    client.apply(yaml.safe_load(CRD_FILE.read_text()))
    client.wait_established(MODELS)
    eventually(
        lambda: client.raw("GET", client.path("InferenceModel", namespace)).status_code == 200,
        DEADLINE,
        "the API to be served again",
        0.1,
    )
    client.create(model(namespace))

    def made_anew() -> bool:
        found = client.find("Deployment", namespace, "mistral")
        return found is not None and found["metadata"]["uid"] != old["metadata"]["uid"]

    eventually(made_anew, DEADLINE, "a Deployment of the new resource", 0.1)
    assert operator.http("/healthz") == 200
