"""Which requests a fault costs: those under way when it came, and none once it was dealt with."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tests.e2e.client import Client, Load

# A streamed answer of the load is under way for so long, in seconds.
STREAM_SECONDS: Final = 2.5

# More than that would be no fault of one pod.
SHOWN: Final = 500


@dataclass
class Losses:
    """A load, and the moment at which it began, on this machine's clock."""

    load: Load
    began: float

    def outside(self, *windows: tuple[float, float]) -> list[str]:
        """The failures of requests that were asked in none of these times of time.monotonic()."""
        asked = [re.search(r"asked at ([\d.]+) s", failure) for failure in self.load.failures]
        assert len(asked) == self.load.failed, f"more failures than are shown: {self.load.failed}"
        moments = [self.began + float(found.group(1)) for found in asked if found]
        return [
            failure
            for failure, moment in zip(self.load.failures, moments, strict=True)
            if not any(first <= moment <= last for first, last in windows)
        ]

    def answered(self) -> int:
        """How many requests were answered."""
        return sum(self.load.answered.values())


@contextmanager
def losses(client: Client, model: str, **options: float) -> Iterator[Losses]:
    """Keep a model under load until the end of the block; what was lost is known then."""
    with client.load(model, shown=SHOWN, **options) as load:
        yield Losses(load, time.monotonic() - load.seconds)
