"""Waiting until nothing in the cluster is on its way to what was asked for."""

from typing import Final

from tests.e2e import models
from tests.e2e.kubectl import Kubectl
from tests.waiting import eventually

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

    eventually(settled, 300, "every model to be settled", interval=1)
