"""The metrics API, asked as the HPA's controller asks: through the API server."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from sirocco_operator.metrics_api.documents import GROUP_VERSION
from sirocco_operator.metrics_api.figures import Metric
from tests.api.client import Client
from tests.api.control_plane import ControlPlane
from tests.api.metrics_api import (
    ModelPod,
    exposition,
    figures,
    make_ready,
    published,
    wait_available,
    wait_pods,
)
from tests.api.models import DEADLINE, model
from tests.api.operator_process import OperatorProcess
from tests.api.processes import free_ports
from tests.waiting import eventually

SETTINGS = {"metrics_api_refresh_seconds": "0.5", "metrics_api_overlap_seconds": "2"}


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """Where the two operators serve the metrics API."""
    first, second = free_ports(2)
    return first, second


@pytest.fixture(scope="module")
def operators(
    cluster: ControlPlane, operator: OperatorProcess, ports: tuple[int, int]
) -> Iterator[tuple[OperatorProcess, OperatorProcess]]:
    """Two operators that serve the metrics API, in the place of the shared one; both are in its Service."""
    assert operator.stop() == 0
    with ExitStack() as stack:
        first, second = (
            OperatorProcess(cluster, f"operator-metrics-{port}", metrics_api_port=str(port), **SETTINGS)
            for port in ports
        )
        stack.enter_context(published(cluster.client, ports))
        stack.enter_context(first)
        stack.enter_context(second)
        wait_available(cluster.client)
        yield first, second
    operator.start()


pytestmark = pytest.mark.usefixtures("operators")


def test_the_api_server_finds_it(client: Client) -> None:
    answer = client.request("GET", f"/apis/{GROUP_VERSION}")
    assert [each["name"] for each in answer["resources"]] == [f"pods/{metric}" for metric in Metric]


def test_a_ready_pods_figures_are_told(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    (name,) = wait_pods(client, namespace, 1)
    with ModelPod("127.87.1.1", exposition(in_flight=7, kv_cache=0.25)):
        make_ready(client, namespace, name, "127.87.1.1")

        def told() -> bool:
            assert figures(client, namespace, Metric.IN_FLIGHT) == {name: "7"}
            return True

        eventually(told, DEADLINE, "the pod's figure", 0.1)
        assert figures(client, namespace, Metric.KV_CACHE) == {name: "250m"}
