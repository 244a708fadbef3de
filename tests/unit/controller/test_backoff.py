"""Delays grow, stay within bounds and scatter."""

import pytest

from sirocco_operator.controller.backoff import Backoff

pytestmark = pytest.mark.unit


def test_delays_double_with_each_failure() -> None:
    backoff = Backoff(first=1, longest=100, chance=lambda: 1.0)
    assert [backoff.delay(failures) for failures in (1, 2, 3, 4)] == [1, 2, 4, 8]


def test_delays_do_not_grow_beyond_the_longest() -> None:
    backoff = Backoff(first=1, longest=30, chance=lambda: 1.0)
    assert backoff.delay(6) == 30
    assert backoff.delay(10_000) == 30


def test_delays_scatter_between_half_and_all() -> None:
    assert Backoff(first=8, longest=100, chance=lambda: 0.0).delay(1) == 4
    assert Backoff(first=8, longest=100, chance=lambda: 0.5).delay(1) == 6
