"""The simulated HPA of tests/bench decides as Kubernetes documents for the real one."""

from typing import Any

import pytest

from tests.bench.autoscaling import KUBERNETES, in_flight, waiting
from tests.bench.scaling_simulation import Autoscaler, Hardware, Pod, Request, Rule, Simulation

pytestmark = pytest.mark.unit

NO_LIMITS: dict[str, Any] = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "policies": [{"type": "Pods", "value": 1000, "periodSeconds": 15}],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 0,
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    },
}


def pods(*loads: int | None) -> list[Pod]:
    """Pods with so many requests in flight; None is one that loads."""
    found = []
    for load in loads:
        pod = Pod(0.0, float("inf") if load is None else 0.0)
        pod.queue.extend([Request(0.0, 1)] * (load or 0))
        found.append(pod)
    return found


def autoscaler(behavior: dict[str, Any] = NO_LIMITS, most: int = 100, **rule: Any) -> Autoscaler:
    return Autoscaler(Rule("x", in_flight, 10, behavior, **rule), 1, most)


@pytest.mark.parametrize(
    ("loads", "wanted"),
    [
        ((41,), 5),
        ((20, 11, 10), 5),
        ((11, 11), 2),
        ((12, 12), 3),
        ((5, 5, 5, 5), 2),
        ((0, 0, 0), 1),
        ((None, None), 2),
        ((30, None, None), 3),
        ((60, None, None), 6),
        ((5, 5, None), 2),
        ((2, 2, 2, 2, None), 2),
        ((12, None), 2),
    ],
    ids=[
        "load over target, rounded up",
        "of all pods",
        "within tolerance",
        "just beyond it",
        "down",
        "to the least",
        "nothing known",
        "loading pods count as idle",
        "and are not enough",
        "going down they count as on target",
        "and so fewer go",
        "never the other way round",
    ],
)
def test_the_count_follows_the_documented_algorithm(loads: tuple[int | None, ...], wanted: int) -> None:
    assert autoscaler().look(0.0, pods(*loads)) == wanted


def test_an_external_figure_is_divided_whoever_has_it() -> None:
    assert autoscaler(shared=True).look(0.0, pods(41, None, None)) == 5


def test_the_most_is_never_passed() -> None:
    assert autoscaler(most=3).look(0.0, pods(100)) == 3


def test_a_policy_limits_the_change_of_its_period() -> None:
    limited = autoscaler(KUBERNETES)
    assert limited.look(0.0, pods(500)) == 5
    assert limited.look(14.0, pods(500, *[None] * 4)) == 5
    assert limited.look(30.0, pods(500, *[None] * 4)) == 10


def test_going_down_the_highest_count_of_the_window_holds() -> None:
    limited = autoscaler(KUBERNETES)
    assert limited.look(0.0, pods(20, 20)) == 4
    assert limited.look(15.0, pods(0, 0, 0, 0)) == 4
    assert limited.look(299.0, pods(0, 0, 0, 0)) == 4
    assert limited.look(301.0, pods(0, 0, 0, 0)) == 1


def test_requests_beyond_the_batch_wait_for_their_turn() -> None:
    hardware = Hardware(batch=1, base=0.1, slope=0.0, load_seconds=60)
    outcome = Simulation(hardware, None, 1, 1).run([Request(0.0, 10), Request(0.0, 10), Request(5.0, 10)])
    assert outcome.waits == pytest.approx([0.0, 1.0, 0.0])
    assert outcome.late(0.5) == pytest.approx(1 / 3)
    assert outcome.replica_minutes == pytest.approx(6 / 60)


def test_a_new_replica_serves_after_its_load_and_an_old_one_finishes_first() -> None:
    hardware = Hardware(batch=1, base=1.0, slope=0.0, load_seconds=60)
    rule = Rule("x", waiting, 1, NO_LIMITS, shared=True)
    trace = [Request(0.0, 100), Request(0.1, 100), Request(0.2, 100), Request(400.0, 1)]
    outcome = Simulation(hardware, rule, 1, 5).run(trace)
    # Those that wait do not move to the new replica, which goes again when nobody waits.
    assert outcome.waits == pytest.approx([0.0, 99.9, 199.8, 0.0])
    assert outcome.most_replicas == 2
