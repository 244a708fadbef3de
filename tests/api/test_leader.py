"""One leader at a time, and another when it is gone."""

from collections.abc import Iterator

import pytest

from tests.api.client import Client
from tests.api.control_plane import ControlPlane
from tests.api.models import DEADLINE, model, wait_child, wait_status
from tests.api.operator_process import OperatorProcess
from tests.waiting import eventually

Pair = tuple[OperatorProcess, OperatorProcess]


def leads(operator: OperatorProcess) -> bool:
    return operator.metric("sirocco_operator_leader") == 1


def wait_leads(operator: OperatorProcess) -> None:
    eventually(lambda: leads(operator), DEADLINE, "the operator to lead", 0.1)


@pytest.fixture(scope="module")
def processes(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[Pair]:
    """The shared operator and another; afterwards the shared one is the only one and leads."""
    with OperatorProcess(cluster, "operator-1") as second:
        yield operator, second
        second.stop()
    if not operator.running:
        operator.start()
    wait_leads(operator)


@pytest.fixture
def pair(processes: Pair) -> Pair:
    """Two running operators, the leader first."""
    for process in processes:
        if not process.running:
            process.start()
    eventually(lambda: any(map(leads, processes)), DEADLINE, "a leader", 0.1)
    first, second = processes
    return (first, second) if leads(first) else (second, first)


def test_of_two_operators_one_leads_and_both_are_ready(client: Client, pair: Pair) -> None:
    leader, other = pair
    assert not leads(other)
    assert other.http("/readyz") == 200
    lease = client.get("Lease", "sirocco-system", "sirocco-operator")
    assert lease["spec"]["holderIdentity"] == leader.name


def test_when_the_leader_is_killed_the_other_goes_on(client: Client, namespace: str, pair: Pair) -> None:
    leader, other = pair
    client.create(model(namespace))
    wait_status(client, namespace)
    leader.kill()
    client.delete("Service", namespace, "mistral")
    wait_leads(other)
    wait_child(client, "Service", namespace)


def test_a_leader_that_ends_as_asked_gives_the_lease_back(client: Client, pair: Pair) -> None:
    leader, other = pair
    offset = leader.log.stat().st_size
    assert leader.stop() == 0
    assert client.get("Lease", "sirocco-system", "sirocco-operator")["spec"]["holderIdentity"] in (
        "",
        other.name,
    )
    assert b"the lease is lost" not in leader.log.read_bytes()[offset:]
    wait_leads(other)


def test_a_leader_that_was_frozen_ends_without_a_write(
    client: Client, cluster: ControlPlane, namespace: str, pair: Pair
) -> None:
    leader, other = pair
    client.create(model(namespace))
    wait_status(client, namespace)
    cluster.wait_quiet(namespace)
    offset, before = leader.log.stat().st_size, leader.restarts
    leader.suspend()
    wait_leads(other)
    audit = cluster.audit_offset()
    leader.resume()
    leader.wait_restarted(before)
    assert b"the lease is lost" in leader.log.read_bytes()[offset:]
    assert cluster.writes(audit, namespace) == []
