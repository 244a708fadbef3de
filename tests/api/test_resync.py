"""What a watch misses is found by listing."""

from collections.abc import Iterator

import pytest

from tests.api.client import Client
from tests.api.control_plane import ControlPlane
from tests.api.models import model, wait_child, wait_status
from tests.api.operator_process import OperatorProcess


@pytest.fixture
def listing(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """An operator that lists often and survives a pause, in the shared one's place."""
    operator.stop()
    with OperatorProcess(cluster, resync_seconds="2", lease_seconds="60") as process:
        yield process
        process.stop()
    operator.start()


def test_a_child_that_vanished_while_nobody_watched_comes_back(
    client: Client, cluster: ControlPlane, namespace: str, listing: OperatorProcess
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    wait_child(client, "Service", namespace)
    listing.suspend()
    client.delete("Service", namespace, "mistral")
    # An API server that started anew cannot continue old watches: they begin with a list, without DELETED.
    cluster.restart_api_server()
    listing.resume()
    wait_child(client, "Service", namespace)
