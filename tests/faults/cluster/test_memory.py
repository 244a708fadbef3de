"""An engine gets more memory than its container may have: while it starts, and while it serves."""

import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.e2e import models
from tests.e2e.client import Client
from tests.e2e.kubectl import Kubectl, Object
from tests.e2e.replicas import pod_uids, until_ready
from tests.faults.cluster.losses import STREAM_SECONDS, losses
from tests.faults.cluster.told import START_SECONDS, conditions, read_everywhere, stalls, told
from tests.faults.record import Record

TOO_LITTLE: Final = "24Mi"
ENOUGH: Final = "256Mi"
TOKEN_SECONDS: Final = {"name": "STANDIN_TOKEN_SECONDS", "value": "0.05"}
KILLS: Final = 3

# Each child is smaller than the engine, so that the kernel kills that.
FILLED: Final = """
import os, time
for _ in range(64):
    if os.fork() == 0:
        held = b"x" * (16 << 20)
        time.sleep(60)
        os._exit(0)
    time.sleep(0.02)
time.sleep(60)
"""


def with_memory(limit: str) -> dict[str, Any]:
    """The resources of an engine that may have so much memory."""
    return {"requests": {"cpu": "20m", "memory": "16Mi"}, "limits": {"memory": limit}}


@pytest.fixture
def pair(kubectl: Kubectl) -> Iterator[str]:
    """A model of two replicas that serves."""
    engine = {"env": [TOKEN_SECONDS, START_SECONDS]}
    kubectl.apply(models.stand_in("pair", replicas=2, engine=engine, resources=with_memory(ENOUGH)))
    until_ready(kubectl, "pair", 2)
    yield "pair"
    kubectl.delete("imodel", "pair")


def test_memory_runs_out_while_a_new_engine_starts(kubectl: Kubectl, record: Record) -> None:
    kubectl.apply(models.stand_in("small", resources=with_memory(TOO_LITTLE)))
    model = told(kubectl, "small", "OutOfMemory")
    message = read_everywhere(kubectl, "small", model)
    assert f"its limit of {TOO_LITTLE}" in message
    assert "resources.limits.memory" in message
    kubectl.until("imodel", "small", lambda one: conditions(one)["Stalled"] == "True", "stalled", 240)
    kubectl.patch("imodel", "small", {"spec": {"resources": with_memory(ENOUGH)}})
    until_ready(kubectl, "small", 1)
    kubectl.delete("imodel", "small")
    record(f"`OutOfMemory`, Stalled after three starts; Ready with another limit. The sentence: {message}")


def test_memory_runs_out_while_the_engine_of_a_change_starts(
    pair: str, kubectl: Kubectl, client: Client, record: Record
) -> None:
    before = pod_uids(kubectl, pair)
    with losses(client, pair) as lost:
        kubectl.patch("imodel", pair, {"spec": {"resources": with_memory(TOO_LITTLE)}})
        model = told(kubectl, pair, "RolledBack")
        message = read_everywhere(kubectl, pair, model)
        assert "OutOfMemory" in message
        assert conditions(model)["Available"] == "True"
        kubectl.patch("imodel", pair, {"spec": {"resources": with_memory(ENOUGH)}})
        until_ready(kubectl, pair, 2)
    lost.load.assert_no_request_failed(15)
    assert pod_uids(kubectl, pair) == before
    record(
        f"taken back, 0 of {lost.answered()} requests failed, the pods are the same. The sentence: {message}"
    )


def test_memory_runs_out_while_the_engine_serves(
    pair: str, kubectl: Kubectl, client: Client, record: Record
) -> None:
    before, message = pod_uids(kubectl, pair), ""
    windows: list[tuple[float, float]] = []
    victim = kubectl.list("pods", models.of(pair))[0]["metadata"]["name"]
    with kubectl.watch("inferencemodels", pair) as watch, losses(client, pair) as lost:
        for number in range(1, KILLS + 1):
            # It ends with the container that it runs in.
            filled = time.monotonic()
            kubectl.run("exec", victim, "--", "sh", "-c", f"python3 -c '{FILLED}' >/dev/null 2>&1 &")
            model = told(kubectl, pair, "OutOfMemory")
            windows.append((filled - STREAM_SECONDS, time.monotonic() + 1))
            assert conditions(model)["Available"] == "True"
            message = message or read_everywhere(kubectl, pair, model)
            until_restarted(kubectl, victim, number)
            until_ready(kubectl, pair, 2)
    assert pod_uids(kubectl, pair) == before
    assert stalls(watch.history) == []
    assert f"its limit of {ENOUGH}" in message
    assert not lost.outside(*windows), lost.load.failures
    record(
        f"{KILLS} times in a pod of two: {lost.load.failed} requests of that pod failed, {lost.answered()} "
        f"were answered; never Stalled, the same pods in the end. The sentence: {message}"
    )


def until_restarted(kubectl: Kubectl, pod: str, times: int) -> None:
    """Wait until the pod's engine was started again so often."""

    def is_restarted(one: Object) -> bool:
        return sum(int(each["restartCount"]) for each in one["status"].get("containerStatuses", ())) >= times

    kubectl.until("pod", pod, is_restarted, f"restarted {times} times")
