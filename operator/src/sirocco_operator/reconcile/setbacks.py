"""Passes that did not reach what is wanted: for how long, and when the next one is due."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from sirocco_operator.controller.backoff import Backoff
from sirocco_operator.controller.store import Key

# Between 5 s and 5 min: what refuses a write, such as a quota or a webhook, is nothing that a watch tells of.
BACKOFF: Final = Backoff(first=10.0, longest=300.0)


@dataclass(frozen=True)
class Setback:
    """`lasting` is how many seconds ago the first of these passes began, `delay` how many to wait now."""

    lasting: float
    delay: float


@dataclass(frozen=True)
class _Row:
    generation: int
    began: float
    delays: int = 0
    due: float = float("-inf")


class Setbacks:
    """Follows, for each model, the passes in a row that did not reach what is wanted."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, backoff: Backoff = BACKOFF) -> None:
        self._clock = clock
        self._backoff = backoff
        self._rows: dict[Key, _Row] = {}

    def add(self, key: Key, generation: int, began: float) -> Setback:
        """Count a pass over this generation of a model that began at `began`, a time of the clock.

        A pass before the next one is due, for an event, leaves that one where it is: events grow no delay.
        """
        now, row = self._clock(), self._rows.get(key)
        if row is None or row.generation != generation:
            row = _Row(generation, began)
        if now >= row.due:
            delays = row.delays + 1
            row = replace(row, delays=delays, due=now + self._backoff.delay(delays))
        self._rows[key] = row
        return Setback(now - row.began, row.due - now)

    def forget(self, key: Key) -> None:
        """Take the setbacks of a model as over."""
        self._rows.pop(key, None)
