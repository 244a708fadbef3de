"""When a rollout that finds no GPU goes on in place."""

from typing import Any

import pytest

from sirocco_operator.controller.store import Key
from sirocco_operator.reconcile.surge import SurgeWaits
from tests.unit.status import cluster

pytestmark = pytest.mark.unit

KEY = Key("default", "mistral")
NEEDS_GPU = "RolloutNeedsGPU"


class Watch:
    """A model in a rollout, and a clock."""

    def __init__(self, **spec: Any) -> None:
        self.now = 0.0
        self.waits = SurgeWaits(60, lambda: self.now)
        self.model = cluster.model({"replicas": 2, **spec})
        self.pods = [cluster.ready(self.model, "a", cluster.OLD), cluster.pod(self.model, "b")]
        self.deployment = cluster.deployment()

    def in_place(self) -> bool:
        """Whether it goes on in place now."""
        return self.waits.in_place(KEY, self.model, self.deployment, self.pods)


def test_a_rollout_goes_on_in_place_after_a_minute_without_a_gpu() -> None:
    watch = Watch()
    assert not watch.in_place()
    assert watch.waits.note(KEY, NEEDS_GPU) == 60
    watch.now = 59
    assert (watch.in_place(), watch.waits.note(KEY, NEEDS_GPU)) == (False, 1)
    watch.now = 60
    assert (watch.in_place(), watch.waits.note(KEY, NEEDS_GPU)) == (True, None)


def test_it_stays_in_place_until_no_old_pod_serves() -> None:
    watch = Watch()
    watch.deployment["spec"]["strategy"] = {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    watch.waits.note(KEY, "RollingOut")
    assert watch.in_place()
    del watch.pods[0]
    assert not watch.in_place()


def test_a_gpu_that_was_found_ends_the_wait() -> None:
    watch = Watch()
    watch.waits.note(KEY, NEEDS_GPU)
    watch.now = 50
    assert watch.waits.note(KEY, "RollingOut") is None
    watch.waits.note(KEY, NEEDS_GPU)
    watch.now = 70
    assert not watch.in_place()


@pytest.mark.parametrize(
    ("spec", "in_place"),
    [
        ({"replicas": 1}, False),
        ({"rollout": {"strategy": "Surge"}}, False),
        ({"replicas": 1, "rollout": {"strategy": "InPlace"}}, True),
    ],
    ids=["one replica", "Surge", "InPlace"],
)
def test_the_last_replica_and_the_spec_have_their_way(spec: dict[str, Any], in_place: bool) -> None:
    watch = Watch(**spec)
    watch.waits.note(KEY, NEEDS_GPU)
    watch.now = 100
    assert watch.in_place() is in_place
