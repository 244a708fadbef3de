"""The API server and the way to it fail, while models come, change and go."""

import time
from collections.abc import Callable, Iterator

import pytest
import yaml

from tests.api.client import Client
from tests.api.conftest import CRD_FILE
from tests.api.control_plane import ControlPlane
from tests.api.models import model
from tests.api.operator_process import OperatorProcess, install_rights
from tests.faults.record import Record
from tests.faults.relay import Relay
from tests.faults.settled import wait_settled
from tests.waiting import eventually

MODELS = 20
OUTAGE = 120.0
MINUTE = 60.0
# How soon all is as wanted once watches go on, in seconds; the next list of all models is minutes away.
SOON = 30.0
# That of an installation: the shorter one of other tests would be lost to what an installation outlives.
LEASE_SECONDS = "15"


@pytest.fixture(scope="module")
def cluster() -> Iterator[ControlPlane]:
    """A control plane of this module's own, which its faults may stop."""
    with ControlPlane(crds=[yaml.safe_load(CRD_FILE.read_text())], environment={"GOGC": "400"}) as cluster:
        install_rights(cluster.client)
        yield cluster


@pytest.fixture(scope="module")
def client(cluster: ControlPlane) -> Client:
    """The admin's client, which goes past the relay."""
    return cluster.client


@pytest.fixture(scope="module")
def relay(cluster: ControlPlane) -> Iterator[Relay]:
    """Between the operator and the API server."""
    with Relay(cluster) as relay:
        yield relay


@pytest.fixture(scope="module")
def operator(relay: Relay) -> Iterator[OperatorProcess]:
    """The operator behind the relay."""
    with OperatorProcess(relay, lease_seconds=LEASE_SECONDS) as process:
        yield process


@pytest.fixture
def names(client: Client, namespace: str, cluster: ControlPlane, operator: OperatorProcess) -> list[str]:
    """Models that are as wanted before the fault begins."""
    names = [f"model-{number}" for number in range(MODELS)]
    for name in names:
        client.create(model(namespace, name))
    wait_settled(client, cluster, namespace, names)
    return names


def work(client: Client, namespace: str, names: list[str], number: int) -> list[str]:
    """What people do meanwhile: a model changes, one goes, one comes, a child is deleted; the names then."""
    changed, gone, hit, *_ = names
    client.patch("InferenceModel", namespace, changed, {"spec": {"replicas": 3 + number % 2}})
    client.delete("InferenceModel", namespace, gone)
    client.delete("Service", namespace, hit)
    new = f"new-{number}"
    client.create(model(namespace, new))
    return [*names[3:], changed, hit, new]


def during(seconds: float, each_second: Callable[[int], None] = lambda _: None) -> None:
    """Do something once a second for so long: the fault's own time."""
    began = time.monotonic()
    for number in range(int(seconds)):
        each_second(number)
        eventually(lambda: time.monotonic() >= began + number + 1, 30, "the next second", 0.05)  # noqa: B023


@pytest.mark.parametrize("how", ["away", "silent"])
def test_an_api_server_away_for_two_minutes(
    how: str,
    client: Client,
    cluster: ControlPlane,
    relay: Relay,
    operator: OperatorProcess,
    namespace: str,
    names: list[str],
    record: Record,
) -> None:
    """Connections are refused, or taken without an answer."""
    restarts = operator.restarts
    setattr(relay, how, True)
    if how == "away":
        relay.cut_watches()
    names = work(client, namespace, names, 0)
    during(OUTAGE)
    setattr(relay, how, False)
    seconds = wait_settled(client, cluster, namespace, names)
    ended = operator.restarts - restarts
    record(f"as wanted {seconds:.0f} s after its return; the operator's process ended {ended} times")


@pytest.mark.parametrize("part", ["api server", "etcd"])
def test_a_control_plane_that_is_killed_five_times(
    part: str, client: Client, cluster: ControlPlane, namespace: str, names: list[str], record: Record
) -> None:
    restart = cluster.restart_etcd if part == "etcd" else cluster.restart_api_server
    for number in range(5):
        restart()
        names = work(client, namespace, names, number)
    seconds = wait_settled(client, cluster, namespace, names)
    record(f"as wanted {seconds:.0f} s after the last return")


def test_watches_cut_each_second_for_a_minute(
    client: Client, cluster: ControlPlane, relay: Relay, namespace: str, names: list[str], record: Record
) -> None:
    cut, calls = 0, relay.calls

    def second(number: int) -> None:
        nonlocal cut, names
        cut += relay.cut_watches()
        if number % 10 == 0:
            names = work(client, namespace, names, number)

    during(MINUTE, second)
    seconds = wait_settled(client, cluster, namespace, names, SOON)
    record(f"{cut} watches cut, {relay.calls - calls} calls; as wanted {seconds:.0f} s after the last cut")


def test_watches_that_expire_with_410(
    client: Client, cluster: ControlPlane, relay: Relay, namespace: str, names: list[str], record: Record
) -> None:
    expired = 0
    for number in range(10):
        expired += relay.cut_watches(expire=True)
        names = work(client, namespace, names, number)
        during(2)
    seconds = wait_settled(client, cluster, namespace, names, SOON)
    record(f"{expired} watches expired in 20 s; as wanted {seconds:.0f} s after the last")


def test_a_minute_of_429(
    client: Client,
    cluster: ControlPlane,
    relay: Relay,
    operator: OperatorProcess,
    namespace: str,
    names: list[str],
    record: Record,
) -> None:
    restarts = operator.restarts
    relay.refusal = 429
    names = work(client, namespace, names, 0)
    calls = relay.calls
    during(MINUTE)
    refused = relay.calls - calls
    relay.refusal = 0
    seconds = wait_settled(client, cluster, namespace, names)
    ended = operator.restarts - restarts
    record(f"{refused} calls refused, the process ended {ended} times; as wanted {seconds:.0f} s later")


def test_every_call_two_seconds_slow_for_two_minutes(
    client: Client,
    cluster: ControlPlane,
    relay: Relay,
    operator: OperatorProcess,
    namespace: str,
    names: list[str],
    record: Record,
) -> None:
    restarts, began = operator.restarts, time.monotonic()
    relay.delay = 2.0
    names = work(client, namespace, names, 0)
    # What is asked for meanwhile is done while it is slow, too.
    eventually(
        lambda: client.find("Deployment", namespace, "new-0"), OUTAGE, "a Deployment of a new model", 0.5
    )
    made = time.monotonic() - began
    during(OUTAGE - made)
    relay.delay = 0.0
    seconds = wait_settled(client, cluster, namespace, names)
    assert operator.restarts == restarts
    record(f"a new model has its Deployment after {made:.0f} s; as wanted {seconds:.0f} s after the end")
