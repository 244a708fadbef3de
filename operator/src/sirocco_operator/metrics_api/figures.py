"""What a pod's metrics say about its load: exposition text in, figures out; no I/O, no clock."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from sirocco_operator.children.metrics import (
    ENGINE_KV_CACHE,
    ENGINE_QUEUE_SECONDS,
    ENGINE_WAITING,
    OLDEST_QUEUED_SECONDS,
    QUEUE_SECONDS,
    REQUESTS_IN_FLIGHT,
    Metric,
)

# Two looks at a pod that are further apart than this, in seconds, make no mean: too much may have happened.
WINDOW_SECONDS: Final = 60.0


# The series that are asked for; a pod's whole exposition is some hundred times as long.
SERIES: Final = (
    REQUESTS_IN_FLIGHT,
    OLDEST_QUEUED_SECONDS,
    f"{QUEUE_SECONDS}_sum",
    f"{QUEUE_SECONDS}_count",
    ENGINE_KV_CACHE,
    ENGINE_WAITING,
    f"{ENGINE_QUEUE_SECONDS}_sum",
    f"{ENGINE_QUEUE_SECONDS}_count",
)
_LINE: Final = re.compile(
    rb"^(%s)(?:\{.*\})? +(\S+)" % b"|".join(re.escape(name.encode()) for name in SERIES), re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Waits:
    """The waits that have ended since a queue's process began: their sum in seconds, and their number."""

    seconds: float
    number: float

    def since(self, before: "Waits") -> "Waits":
        """Those that ended after `before`; all of them if the process began anew meanwhile."""
        if self.number < before.number or self.seconds < before.seconds:
            return self
        return Waits(self.seconds - before.seconds, self.number - before.number)

    @property
    def mean(self) -> float:
        """Their mean in seconds, 0 without any."""
        return self.seconds / self.number if self.number else 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What one scrape of a pod told, at a time in seconds; None is what it did not tell."""

    taken_at: float
    in_flight: float | None
    kv_cache: float | None
    # Age of the oldest request in the pod's own queue, and how many wait in the engine's.
    oldest: float | None
    engine_waiting: float | None
    queue: Waits | None
    engine_queue: Waits | None


@dataclass(frozen=True, slots=True)
class History:
    """The latest scrape of a pod, the one before where it is not too old, and a queue that stands still."""

    latest: Sample
    before: Sample | None = None
    # Since when, as far as is known, requests wait in the engine and none ends there.
    stalled_since: float | None = None

    def with_sample(self, sample: Sample) -> Self:
        """The history with one more scrape."""
        if sample.taken_at - self.latest.taken_at > WINDOW_SECONDS:
            return type(self)(sample)
        stalled = bool(
            sample.engine_waiting
            and self.latest.engine_waiting
            and sample.engine_queue == self.latest.engine_queue
        )
        since = self.stalled_since if self.stalled_since is not None else self.latest.taken_at
        return type(self)(sample, self.latest, since if stalled else None)

    @property
    def window_seconds(self) -> float | None:
        """How far the two scrapes are apart; None with only one."""
        return None if self.before is None else self.latest.taken_at - self.before.taken_at


def parse_exposition(exposition: bytes, taken_at: float) -> Sample:
    """What a pod's exposition tells; several engines of a pod count together."""
    found: dict[str, list[float]] = {}
    for match in _LINE.finditer(exposition):
        value = _number(match[2])
        if value is not None:
            found.setdefault(match[1].decode(), []).append(value)
    fullness = found.get(ENGINE_KV_CACHE)
    return Sample(
        taken_at=taken_at,
        in_flight=_sum(found.get(REQUESTS_IN_FLIGHT)),
        kv_cache=None if fullness is None else sum(fullness) / len(fullness),
        oldest=max(found.get(OLDEST_QUEUED_SECONDS, ()), default=None),
        engine_waiting=_sum(found.get(ENGINE_WAITING)),
        queue=_waits(found, QUEUE_SECONDS),
        engine_queue=_waits(found, ENGINE_QUEUE_SECONDS),
    )


def figures(history: History) -> Mapping[Metric, float]:
    """What is known of a pod's load; what is not known is not in it."""
    found = {
        Metric.IN_FLIGHT: history.latest.in_flight,
        Metric.QUEUE_WAIT: _queue_wait(history),
        Metric.KV_CACHE: history.latest.kv_cache,
    }
    return {metric: value for metric, value in found.items() if value is not None}


def _queue_wait(history: History) -> float | None:
    """The mean wait of those that left the queues between two scrapes, at least that of who waits longest.

    A request waits in the pod's queue first and in the engine's then, so the means add up.
    """
    latest, before = history.latest, history.before
    if latest.queue is None and latest.engine_queue is None and latest.oldest is None:
        return None
    longest_wait = latest.oldest or 0.0
    if before is None:
        # How long those in the engine's queue have waited cannot be told by one look.
        return None if latest.engine_waiting and not longest_wait else longest_wait
    if history.stalled_since is not None:
        longest_wait = max(longest_wait, latest.taken_at - history.stalled_since)
    return max(
        longest_wait, _mean(before.queue, latest.queue) + _mean(before.engine_queue, latest.engine_queue)
    )


def _mean(before: Waits | None, latest: Waits | None) -> float:
    if latest is None:
        return 0.0
    return latest.since(before or Waits(0.0, 0.0)).mean


def _waits(found: Mapping[str, list[float]], name: str) -> Waits | None:
    seconds, number = _sum(found.get(f"{name}_sum")), _sum(found.get(f"{name}_count"))
    return None if seconds is None or number is None else Waits(seconds, number)


def _sum(values: list[float] | None) -> float | None:
    return None if values is None else sum(values)


def _number(text: bytes) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
