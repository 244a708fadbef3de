"""The operator's own processes end, or go wrong, in the middle of their work."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.client import Client
from tests.api.control_plane import ControlPlane
from tests.api.models import model
from tests.api.operator_process import OperatorProcess, install_rights
from tests.faults.record import Record
from tests.faults.relay import Relay
from tests.faults.settled import wait_settled
from tests.waiting import eventually

# More writes than a new model needs, so that every gap between two of them is met.
WRITES = 10
MODELS = 50


@pytest.fixture(scope="module")
def relay(cluster: ControlPlane) -> Iterator[Relay]:
    """Between the operators and the API server."""
    install_rights(cluster.client)
    with Relay(cluster) as relay:
        yield relay


@pytest.fixture(scope="module")
def pair(relay: Relay) -> Iterator[tuple[OperatorProcess, OperatorProcess]]:
    """Two replicas behind the relay."""
    with OperatorProcess(relay) as first, OperatorProcess(relay, "operator-1") as second:
        yield first, second


def leader(pair: tuple[OperatorProcess, OperatorProcess]) -> OperatorProcess:
    """The replica that leads."""

    def leading() -> OperatorProcess | None:
        return next((each for each in pair if each.metric("sirocco_operator_leader") == 1), None)

    found = eventually(leading, 60, "a leader", 0.1)
    assert found is not None
    return found


@pytest.mark.parametrize("lost", [True, False], ids=["before it arrives", "before its answer"])
def test_the_leader_killed_at_each_write(
    lost: bool,
    client: Client,
    cluster: ControlPlane,
    relay: Relay,
    pair: tuple[OperatorProcess, OperatorProcess],
    namespace: str,
    record: Record,
) -> None:
    killed, slowest = 0, 0.0
    for gap in range(1, WRITES + 1):
        victim, name = leader(pair), f"model-{gap}"
        writes = 0

        def before_write(gap: int = gap, victim: OperatorProcess = victim) -> bool:
            nonlocal writes, killed
            writes += 1
            if writes != gap:
                return True
            killed += 1
            victim.crash()
            return not lost

        relay.before_write = before_write
        client.create(model(namespace, name))
        seconds = wait_settled(client, cluster, namespace, [f"model-{each}" for each in range(1, gap + 1)])
        relay.before_write = lambda: True
        slowest = max(slowest, seconds)
    record(f"killed at write 1 to {killed} of a new model; as wanted after {slowest:.0f} s at the most")


def test_both_replicas_killed_again_and_again(
    client: Client,
    cluster: ControlPlane,
    pair: tuple[OperatorProcess, OperatorProcess],
    namespace: str,
    record: Record,
) -> None:
    names = [f"model-{number}" for number in range(MODELS)]
    with ThreadPoolExecutor(4) as pool:
        creating = pool.submit(lambda: [client.create(model(namespace, name)) for name in names])
        for _ in range(5):
            found = len(client.objects("Deployment", namespace))
            for each in pair:
                each.crash()
            eventually(
                lambda: len(client.objects("Deployment", namespace)) > min(found, MODELS - 1),  # noqa: B023
                60,
                "more Deployments",
                0.1,
            )
        creating.result()
    seconds = wait_settled(client, cluster, namespace, names)
    record(f"5 times while {MODELS} models were made; as wanted {seconds:.0f} s after the last")
