"""The operator's own processes end, or go wrong, in the middle of their work."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.client import Client
from tests.api.control_plane import ControlPlane
from tests.api.models import model
from tests.api.operator_process import OperatorProcess, install_rights
from tests.faults.record import Record
from tests.faults.relay import Relay
from tests.faults.settled import follow_changes, wait_settled, wait_wanted
from tests.waiting import eventually

# Five children, a status and an event.
LEAST_WRITES = 7
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


class Assassin:
    """Kills the leader at the n-th write, and says whether that write is handed on."""

    def __init__(self, victim: OperatorProcess, at: int, lost: bool) -> None:
        self.done = False
        self._victim = victim
        self._left = at
        self._lost = lost

    def __call__(self) -> bool:
        self._left -= 1
        if self._left:
            return True
        self._victim.crash()
        self.done = True
        return not self._lost


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
    names: list[str] = []
    slowest = 0.0
    while True:
        cluster.wait_quiet(namespace)
        relay.before_write = assassin = Assassin(leader(pair), len(names) + 1, lost)
        names.append(f"model-{len(names)}")
        client.create(model(namespace, names[-1]))
        began = time.monotonic()
        cluster.wait_quiet(namespace)
        if not assassin.done:
            # A new model needs no more writes than that.
            break
        wait_wanted(client, cluster, namespace, names)
        slowest = max(slowest, time.monotonic() - began)
        relay.before_write = lambda: True
        follow_changes(client, namespace, names)
    relay.before_write = lambda: True
    wait_settled(client, cluster, namespace, names)
    assert len(names) > LEAST_WRITES
    record(f"at write 1 to {len(names) - 1} of a new model; as wanted within {slowest:.0f} s")


def test_both_replicas_killed_again_and_again(
    client: Client,
    cluster: ControlPlane,
    pair: tuple[OperatorProcess, OperatorProcess],
    namespace: str,
    record: Record,
) -> None:
    names = [f"model-{number}" for number in range(MODELS)]
    rounds = 5
    with ThreadPoolExecutor(1) as pool:
        creating = pool.submit(lambda: [client.create(model(namespace, name)) for name in names])
        for number in range(rounds):
            # Each time in the midst of the work.
            wanted = number * MODELS // rounds
            eventually(
                lambda: len(client.objects("Deployment", namespace)) > wanted,  # noqa: B023
                60,
                "more Deployments",
                0.02,
            )
            for each in pair:
                each.crash()
        creating.result()
    seconds = wait_settled(client, cluster, namespace, names)
    record(f"{rounds} times while {MODELS} models are made; as wanted {seconds:.0f} s after the last")
