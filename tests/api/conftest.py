"""One control plane and one admin client for the whole session; a namespace for each test."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from tests.api.client import Client
from tests.api.control_plane import ControlPlane
from tests.api.metrics_api import FrontProxyCall, published, wait_available
from tests.api.operator_process import OperatorProcess, install_rights
from tests.api.processes import free_ports

CRD_FILE = Path(__file__).parents[2] / "crds" / "inferencemodels.yaml"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.api)


@pytest.fixture(scope="session")
def cluster() -> Iterator[ControlPlane]:
    """A running control plane with the InferenceModel CRD; `cluster.client` is its admin."""
    # Go's programs collect garbage a sixth of their time by default; here memory is the cheaper.
    environment = {"GOGC": "400"}
    with ControlPlane(crds=[yaml.safe_load(CRD_FILE.read_text())], environment=environment) as control_plane:
        yield control_plane


@pytest.fixture(scope="session")
def client(cluster: ControlPlane) -> Client:
    """The admin's client."""
    return cluster.client


@pytest.fixture(scope="session")
def operator(cluster: ControlPlane) -> Iterator[OperatorProcess]:
    """The running operator that tests share; who stops it starts it again."""
    install_rights(cluster.client)
    with OperatorProcess(cluster) as process:
        yield process


@pytest.fixture(scope="module")
def without_operator(operator: OperatorProcess) -> Iterator[None]:
    """For tests that write what the operator would write: none runs meanwhile."""
    assert operator.stop() == 0
    yield
    operator.start()


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """Where `operators` serve the metrics API."""
    first, second = free_ports(2)
    return first, second


@pytest.fixture(scope="module")
def operators(
    cluster: ControlPlane, operator: OperatorProcess, ports: tuple[int, int]
) -> Iterator[tuple[OperatorProcess, OperatorProcess]]:
    """Two operators that serve the metrics API, both in its Service, in the place of the shared one."""
    assert operator.stop() == 0
    quick = {"metrics_api_refresh_seconds": "0.5", "metrics_api_overlap_seconds": "2"}
    with ExitStack() as stack:
        first, second = (
            OperatorProcess(cluster, f"operator-metrics-{port}", metrics_api_port=str(port), **quick)
            for port in ports
        )
        stack.enter_context(published(cluster.client, ports))
        stack.enter_context(first)
        stack.enter_context(second)
        wait_available(cluster.client)
        yield first, second
    operator.start()


@pytest.fixture
def call(
    cluster: ControlPlane, operators: tuple[OperatorProcess, OperatorProcess], ports: tuple[int, int]
) -> FrontProxyCall:
    """Calls the first of `operators` as the API server would."""
    assert operators[0].running
    return FrontProxyCall(cluster.client, ports[0], cluster.front_proxy)


@pytest.fixture
def namespace(client: Client) -> Iterator[str]:
    """A namespace of the test's own."""
    with new_namespace(client) as name:
        yield name


@pytest.fixture
def elsewhere(client: Client) -> Iterator[str]:
    """Another one."""
    with new_namespace(client) as name:
        yield name


@contextmanager
def new_namespace(client: Client) -> Iterator[str]:
    """A namespace whose models are deleted in the end.

    It stays itself, as long as the control plane: to delete one takes a call for each kind of object.
    """
    created = client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "test-"}})
    name: str = created["metadata"]["name"]
    try:
        yield name
    finally:
        # One call for all of them, which is slow beside other tests.
        client.raw("DELETE", client.path("InferenceModel", name), seconds=120)
        # Without a kubelet nobody ends what a test has placed, and its node would look full to the next one.
        for pod in client.objects("Pod", name):
            if pod["spec"].get("nodeName"):
                path = client.path("Pod", name, pod["metadata"]["name"])
                client.raw("DELETE", path, gracePeriodSeconds="0")
