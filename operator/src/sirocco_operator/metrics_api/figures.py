"""Computes a pod's figures from its metrics: exposition text in, figures out, without I/O or a clock."""

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

# Two scrapes further apart than this are not compared: too much may have happened in between.
WINDOW_SECONDS: Final = 60.0


# The scraped series; a pod's whole exposition is about a hundred times as long.
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
# No server counts so many requests, or seconds that they waited.
_LARGEST: Final = 1e12


@dataclass(frozen=True, slots=True)
class Waits:
    """The waits that have ended since the queue's process started: their sum in seconds and their number."""

    seconds: float
    number: float

    def since(self, before: "Waits") -> "Waits":
        """The waits that ended after `before`; all of them when the process restarted in between."""
        if self.number < before.number or self.seconds < before.seconds:
            return self
        return Waits(self.seconds - before.seconds, self.number - before.number)

    @property
    def mean(self) -> float:
        """The mean wait in seconds; 0 without any."""
        return self.seconds / self.number if self.number else 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One scrape of a pod at a time in seconds; None marks a missing series."""

    taken_at: float
    in_flight: float | None
    kv_cache: float | None
    # Age of the oldest request in the pod's own queue, and the number of requests in the engine's queue.
    oldest: float | None
    engine_waiting: float | None
    queue: Waits | None
    engine_queue: Waits | None


@dataclass(frozen=True, slots=True)
class History:
    """The latest scrape of a pod, the one before unless it is too old, and since when its queue stands."""

    latest: Sample
    before: Sample | None = None
    # Since when requests wait in the engine and none has left its queue, as far as the scrapes show.
    stalled_since: float | None = None

    def with_sample(self, sample: Sample) -> Self:
        """The history after one more scrape."""
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
        """Seconds between the two scrapes; None with only one."""
        return None if self.before is None else self.latest.taken_at - self.before.taken_at


def parse_exposition(exposition: bytes, taken_at: float) -> Sample:
    """Read a pod's exposition; several engines of a pod count together.

    Raises ValueError when none of the series is there.
    """
    found: dict[str, list[float]] = {}
    for match in _LINE.finditer(exposition):
        value = _number(match[2])
        if value is not None:
            found.setdefault(match[1].decode(), []).append(value)
    if not found:
        raise ValueError("none of the series is there")
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
    """The known figures of a pod; unknown ones are left out."""
    found = {
        Metric.IN_FLIGHT: history.latest.in_flight,
        Metric.QUEUE_WAIT: _queue_wait(history),
        Metric.KV_CACHE: history.latest.kv_cache,
    }
    return {metric: value for metric, value in found.items() if value is not None}


def _queue_wait(history: History) -> float | None:
    """The mean wait of requests that left the queues between two scrapes, or the longest current wait.

    A request waits in the pod's queue and then in the engine's, so the two means add up.
    """
    latest, before = history.latest, history.before
    if latest.queue is None and latest.engine_queue is None and latest.oldest is None:
        return None
    longest_wait = latest.oldest or 0.0
    if before is None:
        # One scrape does not show how long requests have waited in the engine's queue.
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
    """The value of a series; None for what no count, share or time of a pod can be."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= _LARGEST else None
