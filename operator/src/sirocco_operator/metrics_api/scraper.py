"""Scrapes models' pods on demand, each model once at a time."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final, Protocol
from urllib.parse import urlencode

from sirocco_operator.children.metrics import Metric
from sirocco_operator.children.pod.command import PORT
from sirocco_operator.controller.store import Key
from sirocco_operator.metrics_api.figures import (
    SERIES,
    WINDOW_SECONDS,
    History,
    Sample,
    figures,
    parse_exposition,
)
from sirocco_operator.reconcile.pod_client import Bounds, PodClient, Unanswered

log = logging.getLogger(__name__)

# Older readings are not served.
KEPT_SECONDS: Final = 5.0
# A pod that takes longer is left out of the reading, and so is one that is not asked in time.
_BOUNDS: Final = Bounds(
    answer_seconds=3.0,
    wait_seconds=10.0,
    # The scraped series take a kilobyte for each engine in the pod, vLLM's whole exposition about a hundred.
    body_bytes=256 * 1024,
    at_once=64,
    at_once_of_model=16,
)
# Asks for the needed series and no others.
_PATH: Final = "/metrics?" + urlencode([("name[]", name) for name in SERIES])


class ScrapeRecorder(Protocol):
    """Records the results of scrapes."""

    def record_scrape(self, result: str) -> None:
        """Record one pod's scrape: ok, unreachable, late, unauthorized or unreadable."""

    def record_scrape_round(self, seconds: float) -> None:
        """Record how long the scrape of all pods of a model took."""


@dataclass(frozen=True, slots=True)
class Target:
    """A pod to scrape: its identity, its IP address, and its key if it requires one."""

    pod: str
    uid: str
    labels: Mapping[str, str]
    address: str
    key: str | None


@dataclass(frozen=True, slots=True)
class PodReading:
    """The figures of one pod, and over how many seconds they were taken."""

    pod: str
    labels: Mapping[str, str]
    figures: Mapping[Metric, float]
    window_seconds: float | None


@dataclass(frozen=True, slots=True)
class Reading:
    """The figures of a model's pods at one time, without the pods that did not answer."""

    taken_at: float
    read_at: datetime
    pods: Sequence[PodReading]


class Scraper:
    """Reads figures, and keeps each model's reading for a few seconds and each pod's history for a minute."""

    def __init__(
        self,
        targets: Callable[[Key], Awaitable[Sequence[Target]]],
        recorder: ScrapeRecorder,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._targets = targets
        self._recorder = recorder
        self._clock = clock
        self._readings: dict[Key, Reading] = {}
        self._histories: dict[Key, dict[str, History]] = {}
        self._running_scrapes: dict[Key, asyncio.Task[Reading]] = {}
        self._pods = PodClient(_BOUNDS)

    async def close(self) -> None:
        """Cancel running scrapes."""
        for scrape in self._running_scrapes.values():
            scrape.cancel()
        await asyncio.gather(*self._running_scrapes.values(), return_exceptions=True)

    async def read(self, model: Key) -> Reading:
        """The figures of a model's pods, at most KEPT_SECONDS old."""
        kept = self._readings.get(model)
        if kept is not None and self._clock() - kept.taken_at <= KEPT_SECONDS:
            return kept
        scrape = self._running_scrapes.get(model)
        if scrape is None:
            scrape = asyncio.create_task(self._scrape(model), name=f"scrape {model}")
            self._running_scrapes[model] = scrape
            scrape.add_done_callback(partial(self._finished, model))
        # The first caller may be cancelled while others still wait.
        return await asyncio.shield(scrape)

    def _finished(self, model: Key, scrape: asyncio.Task[Reading]) -> None:
        self._running_scrapes.pop(model, None)
        # When all callers are gone, nobody else retrieves the exception.
        if not scrape.cancelled():
            scrape.exception()

    async def _scrape(self, model: Key) -> Reading:
        self._drop_unused()
        targets = await self._targets(model)
        started_at = self._clock()
        samples = await asyncio.gather(*(self._fetch(model, target, started_at) for target in targets))
        self._recorder.record_scrape_round(self._clock() - started_at)
        known = self._histories.get(model, {})
        histories: dict[str, History] = {}
        pods: list[PodReading] = []
        for target, sample in zip(targets, samples, strict=True):
            before = known.get(target.uid)
            if sample is not None:
                history = History(sample) if before is None else before.with_sample(sample)
                histories[target.uid] = history
                pods.append(PodReading(target.pod, target.labels, figures(history), history.window_seconds))
            elif before is not None:
                histories[target.uid] = before
        self._histories[model] = histories
        self._readings[model] = Reading(started_at, datetime.now(UTC), pods)
        return self._readings[model]

    async def _fetch(self, model: Key, target: Target, taken_at: float) -> Sample | None:
        result = "ok"
        sample: Sample | None = None
        try:
            answer = await self._pods.get(model, target.address, PORT, _PATH, target.key)
            sample = parse_exposition(answer, taken_at)
        except (Unanswered, ValueError) as error:
            result = error.result if isinstance(error, Unanswered) else "unreadable"
            log.debug("%s: pod %s tells no figures: %s", model, target.pod, error)
        self._recorder.record_scrape(result)
        return sample

    def _drop_unused(self) -> None:
        """Drop the readings of models that nobody requests any more."""
        oldest = self._clock() - WINDOW_SECONDS
        for model in [model for model, reading in self._readings.items() if reading.taken_at < oldest]:
            self._readings.pop(model)
            self._histories.pop(model, None)
