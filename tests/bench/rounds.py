"""Loads in short rounds: stock vLLM and ours in pairs, each pair in the other order than the last.

What the machine does meanwhile meets both alike, so ratios within a pair say more than absolute figures.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.bench.wire import connect, head

WORDS = ("one", "two", "red", "sea", "old")


@dataclass(frozen=True)
class Load:
    """Requests of as many clients at once: words in each prompt, tokens in each streamed answer."""

    concurrency: int
    requests: int
    words: int
    tokens: int


@dataclass(frozen=True)
class Round:
    """One load on one server: requests a second; median time to the first token, CPU a request, in ms."""

    throughput: float
    ttft: float
    cpu: float


Pair = tuple[Round, Round]
"""Stock's round and ours."""


@dataclass(frozen=True)
class Target:
    """A server that is loaded; `process` is the one whose CPU time is counted, its API server."""

    host: str
    port: int
    process: int
    headers: Mapping[str, str]
    model: str

    def run(self, load: Load, seed: int) -> Round:
        """Runs one load, whose prompts no other seed repeats; raises ValueError when a request fails."""
        random = Random(seed)  # noqa: S311
        rest = [self._request(load, random) for _ in range(load.requests)]
        times: list[float] = []

        async def client() -> None:
            async with connect(self.host, self.port) as wire:
                while rest:
                    began = time.perf_counter()
                    await wire.send(rest.pop())
                    answer = await wire.head()
                    parts = wire.parts(answer)
                    last = await anext(parts)
                    times.append(time.perf_counter() - began)
                    async for part in parts:
                        last = part
                    if answer.status != 200 or not last.endswith(b"[DONE]\n\n"):
                        raise ValueError(f"{answer.status}: {last.decode()}")

        async def clients() -> None:
            async with asyncio.TaskGroup() as group:
                for _ in range(load.concurrency):
                    group.create_task(client())

        before, began = cpu_seconds(self.process), time.perf_counter()
        asyncio.run(clients())
        took, used = time.perf_counter() - began, cpu_seconds(self.process) - before
        return Round(load.requests / took, statistics.median(times) * 1000, used / load.requests * 1000)

    def _request(self, load: Load, random: Random) -> bytes:
        words = " ".join(random.choice(WORDS) for _ in range(load.words))
        asked = {
            "model": self.model,
            "prompt": f"{random.random()} {words}",
            "max_tokens": load.tokens,
            "temperature": 0.7,
            "ignore_eos": True,
            "stream": True,
        }
        body = json.dumps(asked).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body)), **self.headers}
        return head("POST", "/v1/completions", headers) + body


def cpu_seconds(process: int) -> float:
    """CPU time of a process's living threads; /proc/PID/stat counts in hundredths alone."""
    threads = Path(f"/proc/{process}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def pair(stock: Target, ours: Target, load: Load, turn: int) -> Pair:
    """One round of each, stock's first in odd turns; no two share a prompt: one engine would remember it."""
    seed = 2 * (turn * 1000 + load.concurrency)
    if turn % 2:
        first = stock.run(load, seed)
        return first, ours.run(load, seed + 1)
    second = ours.run(load, seed)
    return stock.run(load, seed + 1), second


def spread(values: Sequence[float], digits: int) -> str:
    """The median and, in brackets, the quartiles, or the values themselves where they are fewer than four."""
    middle = statistics.median(values)
    low, high = min(values), max(values)
    if len(values) > 3:
        low, _, high = statistics.quantiles(values, n=4)
    return f"{middle:.{digits}f} ({low:.{digits}f} … {high:.{digits}f})"


def table(found: Iterable[tuple[str, Sequence[Pair]]]) -> str:
    """A row for each load that was run, under its name; times in ms."""
    lines = [
        "| Load | Pairs | Stock req/s | Ours / stock | Stock TTFT ms | Ours - stock ms "
        "| Stock CPU ms | Ours - stock ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, pairs in found:
        if not pairs:
            continue
        cells = (
            name,
            str(len(pairs)),
            f"{statistics.median(stock.throughput for stock, _ in pairs):.2f}",
            spread([ours.throughput / stock.throughput for stock, ours in pairs], 3),
            f"{statistics.median(stock.ttft for stock, _ in pairs):.1f}",
            spread([ours.ttft - stock.ttft for stock, ours in pairs], 2),
            f"{statistics.median(stock.cpu for stock, _ in pairs):.2f}",
            spread([ours.cpu - stock.cpu for stock, ours in pairs], 2),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
