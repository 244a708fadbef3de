"""Delays that grow with each failure."""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Exponential delays in seconds with jitter: the n-th lies between half and all of `first * 2**n`.

    Halves keep keys that failed together from being tried together again.
    """

    first: float = 0.2
    longest: float = 30.0
    chance: Callable[[], float] = random.random

    def delay(self, failures: int) -> float:
        """Seconds to wait after `failures` (>= 1) failures in a row."""
        # 2**64 seconds is beyond any `longest`; without the cap the power would overflow a float.
        full = min(self.longest, self.first * 2.0 ** min(failures - 1, 64))
        return full * (0.5 + 0.5 * self.chance())
