"""A replica whose clock is wrong: the lease is neither stolen from the others nor kept from them."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.api.client import Client, Object
from tests.api.control_plane import ControlPlane
from tests.api.models import model
from tests.api.operator_process import LEASE_SECONDS, OperatorProcess, install_rights
from tests.faults.record import Record
from tests.faults.settled import wait_settled
from tests.waiting import eventually

FOLDER = Path(__file__).parent / "shifted_clock"
OFF = 300.0
MODELS = 10
# A candidate looks every fifth of the lease, and takes one that it has seen unchanged for the whole of it.
TAKEN_OVER_SECONDS = 2 * LEASE_SECONDS


def lease(client: Client) -> Object:
    found: Object = client.get("Lease", "sirocco-system", "sirocco-operator")["spec"]
    return found


def holds(client: Client, process: OperatorProcess) -> bool:
    return bool(lease(client)["holderIdentity"] == process.name)


def seconds_ahead(client: Client) -> float:
    """By how much the clock of who renewed the lease is ahead of ours."""
    return (datetime.fromisoformat(lease(client)["renewTime"]) - datetime.now(UTC)).total_seconds()


def time_of_takeover(client: Client, process: OperatorProcess) -> float:
    """Seconds until the process holds the lease."""
    started = time.monotonic()
    eventually(lambda: holds(client, process), 60, f"{process.name} to hold the lease", 0.1)
    return time.monotonic() - started


def wait_renewals(client: Client, process: OperatorProcess, seconds: float) -> None:
    """Wait until the lease was renewed for so long, by this process alone."""
    first = datetime.fromisoformat(lease(client)["renewTime"])

    def renewed() -> bool:
        spec = lease(client)
        if spec["holderIdentity"] != process.name:
            raise RuntimeError(f"the lease was taken by {spec['holderIdentity']}")
        return (datetime.fromisoformat(spec["renewTime"]) - first).total_seconds() >= seconds

    eventually(renewed, seconds + 30, "renewals", 0.2)


@pytest.mark.parametrize("off", [OFF, -OFF], ids=["ahead", "behind"])
def test_a_clock_that_is_five_minutes(
    off: float,
    client: Client,
    cluster: ControlPlane,
    namespace: str,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install_rights(client)
    names = [f"model-{number}" for number in range(MODELS)]
    right = OperatorProcess(cluster, "right")
    with monkeypatch.context() as patched:
        patched.setenv("CLOCK_OFF_SECONDS", str(off))
        patched.setenv("PYTHONPATH", os.pathsep.join([str(FOLDER), os.environ.get("PYTHONPATH", "")]))
        wrong = OperatorProcess(cluster, "wrong")
    with right, wrong:
        eventually(lambda: holds(client, right) or holds(client, wrong), 60, "a leader", 0.1)
        if holds(client, wrong):
            wrong.stop()
            wrong.start()
        for name in names:
            client.create(model(namespace, name))
        wait_settled(client, cluster, namespace, names)
        assert abs(seconds_ahead(client)) < OFF / 2
        wait_renewals(client, right, 3 * LEASE_SECONDS)
        transitions = lease(client)["leaseTransitions"]
        right.kill()
        first = time_of_takeover(client, wrong)
        wait_settled(client, cluster, namespace, names)
        assert abs(seconds_ahead(client) - off) < OFF / 2
        right.start()
        wait_renewals(client, wrong, 3 * LEASE_SECONDS)
        wrong.kill()
        second = time_of_takeover(client, right)
        wait_settled(client, cluster, namespace, names)
        assert lease(client)["leaseTransitions"] == transitions + 2
        assert max(first, second) < TAKEN_OVER_SECONDS
        assert right.restarts == wrong.restarts == 0
        right.stop()
    record(
        f"nobody takes a lease that is renewed; a killed leader is followed after {first:.0f} s by the wrong "
        f"clock and after {second:.0f} s by the right one (lease of {LEASE_SECONDS} s)"
    )
