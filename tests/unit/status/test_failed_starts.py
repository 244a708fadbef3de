"""Which revisions cannot start."""

from typing import Any

import pytest

from sirocco_operator.status.failed_starts import cause_of, failed_revisions
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import Observed
from tests.unit.status import cluster

pytestmark = pytest.mark.unit

MODEL = cluster.model()


def ended(times: int, *, running: bool = False, suffix: str = "a", **end: Any) -> dict[str, Any]:
    """A pod whose engine has ended so often, and runs again or waits to."""
    pod = cluster.crashed(cluster.pod(MODEL, suffix), "KeyError: 1")
    (status,) = pod["status"]["containerStatuses"]
    status["restartCount"] = times if running else times - 1
    if running:
        status["state"] = {"running": {"startedAt": cluster.CREATED}}
    status["lastState"]["terminated"].update(end)
    return pod


@pytest.mark.parametrize(
    ("pods", "failed"),
    [
        ([ended(2)], False),
        ([ended(3)], True),
        ([ended(3, running=True)], True),
        ([ended(2), ended(1, suffix="b")], True),
        ([cluster.terminating(ended(3))], False),
        ([cluster.waiting(cluster.pod(MODEL), "vllm", "ImagePullBackOff")], False),
        ([cluster.unscheduled(MODEL, "0/1 nodes are available")], False),
        ([cluster.crashed(cluster.pod(MODEL), name="download")], False),
        # One start that lasted half an hour, and one that lasted a little less.
        ([ended(1, startedAt="2026-11-23T20:00:00Z", finishedAt="2026-11-23T20:30:00Z")], True),
        ([ended(1, startedAt="2026-11-23T20:00:00Z", finishedAt="2026-11-23T20:29:00Z")], False),
    ],
    ids=[
        "two ends",
        "three ends",
        "three ends and a fourth start",
        "three ends of two pods",
        "a pod that goes",
        "an image that cannot be pulled",
        "a pod without a node",
        "a download that fails",
        "a start that used up its time",
        "a start that ended before",
    ],
)
def test_three_failed_starts_of_the_engine_are_too_many(pods: list[dict[str, Any]], failed: bool) -> None:
    assert failed_revisions(pods) == ({cluster.NEW} if failed else set())


def test_an_engine_that_came_up_in_the_end_has_started() -> None:
    pod = ended(3, running=True)
    pod["status"]["containerStatuses"][0]["started"] = True
    assert failed_revisions([pod]) == set()


def test_an_engine_that_served_before_it_ended_has_not_failed_to_start() -> None:
    served: dict[str, Any] = {"startedAt": "2026-11-23T20:00:00Z", "finishedAt": "2026-11-23T20:40:00Z"}
    pod = ended(3, **served)
    ready = {"type": "Ready", "status": "False", "lastTransitionTime": served["finishedAt"]}
    pod["status"]["conditions"] = [ready]
    assert failed_revisions([pod]) == set()


def test_the_cause_is_what_the_status_would_say() -> None:
    state = ModelState(MODEL, Observed(cluster.deployment(), [ended(3)]))
    cause = cause_of(state)
    assert cause.startswith("EngineCrashed: ")
    assert "KeyError: 1" in cause


def test_a_start_that_used_up_its_time_is_told_as_such() -> None:
    pod = ended(1, startedAt="2026-11-23T20:00:00Z", finishedAt="2026-11-23T20:30:00Z")
    state = ModelState(MODEL, Observed(cluster.deployment(), [pod]))
    assert cause_of(state).startswith("StartupTimeout: the engine was not ready")
