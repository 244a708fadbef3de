"""Passes that did not reach what is wanted: for how long, and when the next one is due."""

import time
from collections.abc import Callable
from dataclasses import dataclass
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
    passes: int


class Setbacks:
    """Counts, for each model, the passes in a row that did not reach what is wanted."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, backoff: Backoff = BACKOFF) -> None:
        self._clock = clock
        self._backoff = backoff
        self._rows: dict[Key, _Row] = {}

    def add(self, key: Key, generation: int, began: float) -> Setback:
        """Count a pass over this generation of a model that began at `began`, a time of the clock."""
        before = self._rows.get(key)
        if before is None or before.generation != generation:
            before = _Row(generation, began, 0)
        row = self._rows[key] = _Row(generation, before.began, before.passes + 1)
        return Setback(self._clock() - row.began, self._backoff.delay(row.passes))

    def forget(self, key: Key) -> None:
        """Take the setbacks of a model as over."""
        self._rows.pop(key, None)
