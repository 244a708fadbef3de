"""What the operator writes when there is nothing to do: nothing but its Lease."""

import time
from typing import Final

import pytest

from tests.e2e import audit, leader, models, release
from tests.e2e.conftest import SharedModel
from tests.e2e.kubectl import Kubectl
from tests.waiting import eventually

pytestmark = pytest.mark.alone

IDLE_SECONDS: Final = 60
SETTLED: Final = frozenset({"Ready", "Stopped"})


def until_settled(kubectl: Kubectl) -> None:
    """Wait until every model in the cluster is as it was asked for, and no pod is about to end."""

    def settled() -> bool:
        found = kubectl.list_everywhere("imodel")
        moving = {one["metadata"]["name"]: models.reason(one) for one in found}
        assert set(moving.values()) <= SETTLED, moving
        pods = kubectl.list_everywhere("pods", models.OURS)
        ending = [one["metadata"]["name"] for one in pods if one["metadata"].get("deletionTimestamp")]
        assert not ending, ending
        return True

    eventually(settled, 300, "every model to be settled", interval=2)


def test_idling_writes_nothing_but_the_lease(shared: SharedModel, operator: Kubectl) -> None:
    until_settled(operator)
    since = audit.position()
    started = time.monotonic()
    eventually(lambda: time.monotonic() - started > IDLE_SECONDS, 2 * IDLE_SECONDS, "a minute to pass")
    assert audit.operator_requests(since), "the audit log shows none of the operator's requests"
    assert not audit.operator_writes(since)


def test_restart_of_the_operator_writes_nothing_but_the_lease(shared: SharedModel, operator: Kubectl) -> None:
    until_settled(operator)
    before = set(leader.pods(operator))
    since = audit.position()
    operator.run("rollout", "restart", f"deployment/{release.OPERATOR}")
    operator.run("rollout", "status", f"deployment/{release.OPERATOR}", "--timeout=5m", timeout=330)
    models_there = len(operator.list_everywhere("imodel"))

    def has_looked_at_every_model() -> bool:
        new = leader.name(operator)
        assert new not in {"", *before}, f"the leader is {new or 'nobody'}"
        told = leader.metrics(operator, new)
        assert told["sirocco_operator_queue_depth"] == 0
        return told["sirocco_operator_objects"] == models_there

    eventually(has_looked_at_every_model, 120, f"a new leader to know {models_there} models", interval=1)
    assert not audit.operator_writes(since)
