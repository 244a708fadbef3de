"""Scrapes models' pods on demand, each model once at a time."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final, Protocol

import aiohttp

from sirocco_operator.children.metrics import Metric
from sirocco_operator.controller.store import Key
from sirocco_operator.metrics_api.figures import SERIES, WINDOW_SECONDS, History, figures, parse_exposition

log = logging.getLogger(__name__)

# Older readings are not served.
KEPT_SECONDS: Final = 5.0
# A pod that takes longer is left out of the reading.
DEADLINE_SECONDS: Final = 3.0
# Connections at a time, over all models.
_MAX_CONNECTIONS: Final = 128
# The scraped series take one kilobyte, vLLM's whole exposition about a hundred.
_MAX_BYTES: Final = 4 * 1024 * 1024


class ScrapeRecorder(Protocol):
    """Records the results of scrapes."""

    def record_scrape(self, result: str) -> None:
        """Record one pod's scrape: ok, unreachable, late, unauthorized or unreadable."""

    def record_scrape_round(self, seconds: float) -> None:
        """Record how long the scrape of all pods of a model took."""


@dataclass(frozen=True, slots=True)
class Target:
    """A pod to scrape: its identity, its URL, and its key if it requires one."""

    pod: str
    uid: str
    labels: Mapping[str, str]
    url: str
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
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Cancel running scrapes and close the connections."""
        for scrape in self._running_scrapes.values():
            scrape.cancel()
        await asyncio.gather(*self._running_scrapes.values(), return_exceptions=True)
        if self._http is not None:
            await self._http.close()

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
        answers = await asyncio.gather(*(self._fetch(target) for target in targets))
        self._recorder.record_scrape_round(self._clock() - started_at)
        known = self._histories.get(model, {})
        histories: dict[str, History] = {}
        pods: list[PodReading] = []
        for target, answer in zip(targets, answers, strict=True):
            before = known.get(target.uid)
            if answer is not None:
                sample = parse_exposition(answer, started_at)
                history = History(sample) if before is None else before.with_sample(sample)
                histories[target.uid] = history
                pods.append(PodReading(target.pod, target.labels, figures(history), history.window_seconds))
            elif before is not None:
                histories[target.uid] = before
        self._histories[model] = histories
        self._readings[model] = Reading(started_at, datetime.now(UTC), pods)
        return self._readings[model]

    async def _fetch(self, target: Target) -> bytes | None:
        if self._http is None:
            # Pods close idle connections after 5 s and HPAs ask every 15 s, so none is kept.
            connector = aiohttp.TCPConnector(limit=_MAX_CONNECTIONS, force_close=True, use_dns_cache=False)
            self._http = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        # Compressing a kilobyte costs the pod more than it saves.
        headers = {"Accept-Encoding": "identity"}
        if target.key is not None:
            headers["Authorization"] = f"Bearer {target.key}"
        result = "unreachable"
        answer: bytes | None = None
        try:
            async with (
                asyncio.timeout(DEADLINE_SECONDS),
                self._http.get(target.url, headers=headers) as response,
            ):
                if response.status in (401, 403):
                    result = "unauthorized"
                elif response.status != 200:
                    result = "unreadable"
                else:
                    answer = await _read_bounded(response)
                    result = "unreadable" if answer is None else "ok"
        except TimeoutError:
            result = "late"
        except (aiohttp.ClientError, OSError):
            # The pod is ending, or a network policy blocks the way.
            result = "unreachable"
        self._recorder.record_scrape(result)
        return answer

    def _drop_unused(self) -> None:
        """Drop the readings of models that nobody requests any more."""
        oldest = self._clock() - WINDOW_SECONDS
        for model in [model for model, reading in self._readings.items() if reading.taken_at < oldest]:
            self._readings.pop(model)
            self._histories.pop(model, None)


def target_url(address: str, port: int) -> str:
    """The URL that returns the needed series of a pod and no others."""
    host = f"[{address}]" if ":" in address else address
    query = "&".join(f"name[]={name}" for name in SERIES)
    return f"http://{host}:{port}/metrics?{query}"


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > _MAX_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)
