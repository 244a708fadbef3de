"""Who sets the replica count of a Deployment when autoscaling does."""

from typing import Any

import pytest

from sirocco_operator.api.autoscaling import Autoscaling
from sirocco_operator.reconcile.handover import hand_over

pytestmark = pytest.mark.unit

WANTED = {"metadata": {"name": "mistral"}, "spec": {"replicas": 2, "paused": False}}
AUTOSCALING = Autoscaling(min_replicas=2, max_replicas=6)
COUNT: dict[str, Any] = {"f:spec": {"f:replicas": {}, "f:paused": {}}}
OTHER: dict[str, Any] = {"f:spec": {"f:paused": {}}, "f:status": {"f:replicas": {}}}


def _live(replicas: int | None, *owners: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    fields = [{"manager": manager, "fieldsV1": owned} for manager, owned in owners]
    return {
        "metadata": {"resourceVersion": "7", "managedFields": fields},
        "spec": {} if replicas is None else {"replicas": replicas},
    }


def _sent(live: dict[str, Any]) -> int | None:
    spec = hand_over(WANTED, live, AUTOSCALING, "us")["spec"]
    assert spec["paused"] is False
    count: int | None = spec.get("replicas")
    return count


@pytest.mark.parametrize(("live", "sent"), [(4, 4), (1, 2), (9, 6), (None, 2)])
def test_until_the_hpa_decides_the_live_count_is_sent_between_the_fewest_and_the_most(
    live: int | None, sent: int
) -> None:
    assert _sent(_live(live, ("us", COUNT), ("kubelet", OTHER))) == sent


def test_it_is_sent_only_for_the_version_that_it_was_read_from() -> None:
    wanted = hand_over(WANTED, _live(4, ("us", COUNT)), AUTOSCALING, "us")
    assert wanted["metadata"] == {"name": "mistral", "resourceVersion": "7"}


@pytest.mark.parametrize("ours", [COUNT, OTHER])
def test_a_count_that_somebody_else_owns_is_not_sent(ours: dict[str, Any]) -> None:
    live = _live(4, ("us", ours), ("kube-controller-manager", COUNT))
    assert _sent(live) is None
    assert "resourceVersion" not in hand_over(WANTED, live, AUTOSCALING, "us")["metadata"]


def test_a_count_that_nobody_owns_is_sent() -> None:
    assert _sent(_live(3)) == 3


def test_at_zero_where_an_hpa_stays_off_the_fewest_are_sent_whoever_owns_it() -> None:
    assert _sent(_live(0, ("kubectl", COUNT))) == 2
