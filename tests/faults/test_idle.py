"""Minutes without anything to do, among them a look at everything again."""

from collections.abc import Iterator

import pytest

from tests.api.client import Client
from tests.api.control_plane import ControlPlane
from tests.api.models import DEADLINE, model, wait_status
from tests.api.operator_process import LEASE_SECONDS, OperatorProcess, install_rights
from tests.waiting import eventually

MODELS = 20
# Children are listed again after six times as long, or up to a fifth later: within the idle time.
RESYNC_SECONDS = 50
IDLE_SECONDS = 380


@pytest.fixture
def operator(cluster: ControlPlane) -> Iterator[OperatorProcess]:
    """An operator that lists more often than by default."""
    install_rights(cluster.client)
    with OperatorProcess(cluster, resync_seconds=str(RESYNC_SECONDS)) as process:
        yield process


def test_a_resync_of_an_idle_cluster_writes_nothing(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str
) -> None:
    for number in range(MODELS):
        client.create(model(namespace, f"model-{number}", replicas=2))
    for number in range(MODELS):
        wait_status(client, namespace, f"model-{number}")
    offset = cluster.wait_quiet()

    def renewals() -> float:
        return operator.metric("sirocco_operator_api_calls_total", verb="update", kind="Lease")

    # Time itself is what is tested here: the lease's renewals are its clock.
    wanted = renewals() + IDLE_SECONDS / (LEASE_SECONDS / 5)
    eventually(lambda: renewals() >= wanted, IDLE_SECONDS + DEADLINE, f"{IDLE_SECONDS} s of renewals", 1)
    listed = {entry["objectRef"]["resource"] for entry in cluster.audit(offset) if entry["verb"] == "list"}
    assert listed >= {"deployments", "services"}
    assert cluster.writes(offset) == []
