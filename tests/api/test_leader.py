"""One leader at a time, and another when it is gone."""

from collections.abc import Iterator

import pytest

from tests.api.client import Client
from tests.api.control_plane import ControlPlane
from tests.api.models import DEADLINE, model, wait_child, wait_status
from tests.api.operator_process import OperatorProcess
from tests.waiting import eventually


def holder(client: Client) -> str:
    lease = client.find("Lease", "sirocco-system", "sirocco-operator")
    name: str = (lease or {}).get("spec", {}).get("holderIdentity", "")
    return name


def leads(operator: OperatorProcess) -> bool:
    return operator.metric("sirocco_operator_leader") == 1


def wait_leads(operator: OperatorProcess) -> None:
    eventually(lambda: leads(operator), DEADLINE, "the operator to lead", 0.1)


@pytest.fixture
def second(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """Another operator beside the leading one; afterwards the first is the only one and leads."""
    wait_leads(operator)
    with OperatorProcess(cluster, "operator-1") as process:
        yield process
        process.kill()
    operator.kill()
    operator.start()
    wait_leads(operator)


def test_of_two_operators_one_leads_and_both_are_ready(
    client: Client, operator: OperatorProcess, second: OperatorProcess
) -> None:
    assert leads(operator)
    assert not leads(second)
    assert second.http("/readyz") == 200
    assert holder(client) == "operator-0"


def test_when_the_leader_is_killed_the_other_goes_on(
    client: Client, namespace: str, operator: OperatorProcess, second: OperatorProcess
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    operator.kill()
    client.delete("Service", namespace, "mistral")
    wait_leads(second)
    wait_child(client, "Service", namespace)
    assert holder(client) == "operator-1"


def test_a_leader_that_ends_as_asked_gives_the_lease_back(
    client: Client, operator: OperatorProcess, second: OperatorProcess
) -> None:
    assert operator.stop() == 0
    wait_leads(second)
    # Released, not run out: the record of the first was not waited for.
    assert client.get("Lease", "sirocco-system", "sirocco-operator")["spec"]["leaseTransitions"] >= 1
    assert "the lease is lost" not in operator.log.read_text()


def test_a_leader_that_was_frozen_ends_without_a_write(
    client: Client,
    cluster: ControlPlane,
    namespace: str,
    operator: OperatorProcess,
    second: OperatorProcess,
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    operator.suspend()
    wait_leads(second)
    operator.resume()
    assert operator.wait_ended() == 1
    assert "the lease is lost" in operator.log.read_text()
