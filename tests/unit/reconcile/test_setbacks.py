"""How long passes have not reached what is wanted, and when the next one is due."""

from itertools import pairwise

import pytest

from sirocco_operator.controller.store import Key
from sirocco_operator.reconcile.setbacks import BACKOFF, Setbacks

pytestmark = pytest.mark.unit

KEY = Key("team", "mistral")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_delays_grow_from_seconds_to_minutes() -> None:
    clock = Clock()
    setbacks = Setbacks(clock)
    delays = []
    for _ in range(12):
        delays.append(setbacks.add(KEY, 1, 0).delay)
        clock.now += delays[-1]
    assert 5 <= delays[0] <= 10
    assert 150 <= delays[-1] <= BACKOFF.longest == 300
    assert all(later > earlier * 0.5 for earlier, later in pairwise(delays))


def test_passes_before_the_next_one_is_due_leave_it_where_it_is() -> None:
    clock = Clock()
    setbacks = Setbacks(clock)
    first = setbacks.add(KEY, 1, began=100).delay
    for _ in range(9):
        clock.now += 0.1
        assert setbacks.add(KEY, 1, began=100).delay == pytest.approx(first - (clock.now - 100))


def test_they_last_since_the_first_of_the_passes_began() -> None:
    clock = Clock()
    setbacks = Setbacks(clock)
    setbacks.add(KEY, 1, began=100)
    clock.now = 107
    assert setbacks.add(KEY, 1, began=106).lasting == 7


def test_a_change_of_the_model_begins_anew() -> None:
    clock = Clock()
    setbacks = Setbacks(clock)
    for _ in range(9):
        setbacks.add(KEY, 1, began=100)
    clock.now = 400
    changed = setbacks.add(KEY, 2, began=399)
    assert changed.lasting == 1
    assert changed.delay <= 10


def test_what_is_over_begins_anew() -> None:
    clock = Clock()
    setbacks = Setbacks(clock)
    setbacks.add(KEY, 1, began=100)
    setbacks.forget(KEY)
    clock.now = 200
    assert setbacks.add(KEY, 1, began=200).lasting == 0
