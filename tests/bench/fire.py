"""Whether the limits hold under fire: `python -m tests.bench.fire [--requests N] [--clients N]`.

A real vLLM on the CPU in Docker, with everything on that guards it, and clients that send good requests,
bad ones, slow ones and ones that they do not wait for. Prints a table, and ends with 1 when something does
not hold: an answer outside the contract, memory that grows, a place or a generation that is not given back.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.fire_clients import Volley
from tests.bench.fire_mix import ANN, INTERNAL, KEYS, SETTINGS, entry, shots
from tests.serving.container import Container, copy_model, start
from tests.waiting import eventually

IMAGE = "sirocco/serving-cpu:dev"
START_SECONDS = 400.0
IDLE_SECONDS = 60.0
TOLD_SECONDS = 10.0
# What a heap may wander by; a kilobyte kept of each of 10,000 requests would be as much.
GROWTH_MIB = 10.0
# Of the tokens that clients asked for and did not wait for, the part that may have been generated.
GENERATED_PART = 0.2
GAUGES = (
    "sirocco_serving_requests_in_flight",
    "sirocco_serving_requests_queued",
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
)


@dataclass(frozen=True)
class Memory:
    """Private memory in MiB."""

    server: float
    engine: float

    @classmethod
    def of(cls, process: int) -> "Memory":
        """What an API server has, and what the processes have that it started."""
        return cls(_private(process), sum(map(_private, _below(process))))

    @classmethod
    def median(cls, samples: "list[Memory]") -> "Memory":
        """The middle of several looks."""
        return cls(
            statistics.median(each.server for each in samples),
            statistics.median(each.engine for each in samples),
        )


@dataclass(frozen=True)
class Report:
    """What came of it: all answers, the memory in the middle third and at the end, what is left."""

    volley: Volley
    before: Memory
    after: Memory
    gauges: dict[str, float]
    # Of all requests, those of clients that stayed too.
    generated_tokens: float
    abandoned_tokens: int

    @property
    def growth(self) -> float:
        """MiB that the API server grew by; the engine takes more with each larger batch that it sees."""
        return self.after.server - self.before.server

    @property
    def generated_part(self) -> float:
        """Tokens that were generated, in relation to those that nobody waited for."""
        return self.generated_tokens / self.abandoned_tokens

    def problems(self) -> list[str]:
        """What does not hold."""
        found = [f"{name} is {value:g}" for name, value in self.gauges.items() if value]
        if self.growth > GROWTH_MIB:
            found.append(f"the API server grew by {self.growth:.1f} MiB, more than {GROWTH_MIB:g}")
        if self.generated_part > GENERATED_PART:
            found.append("generations that nobody waited for were not aborted")
        if wrong := self.volley.wrong:
            found += [f"{len(wrong)} answers were wrong, these first:", *wrong[:20]]
        return found

    def table(self) -> str:
        """All of it, for a reader."""
        lines = [f"{'request':<25} {'answer':<24} {'number':>6}  slowest"]
        for (kind, label), seconds in sorted(self.volley.answers.items()):
            lines.append(f"{kind:<25} {label:<24} {len(seconds):6} {max(seconds):6.1f} s")
        lines += [f"{name:<50} {value:6g}" for name, value in self.gauges.items()]
        lines += [
            f"tokens that nobody waited for {self.abandoned_tokens:,}, all that were generated "
            f"{self.generated_tokens:,.0f}",
            f"private memory, API server: {self.before.server:.1f} MiB, then {self.after.server:.1f} MiB",
            f"private memory, engine: {self.before.engine:.1f} MiB, then {self.after.engine:.1f} MiB",
        ]
        return "\n".join(lines)


@contextmanager
def server(model: Path, folder: Path, arguments: Sequence[str] = ()) -> Iterator[Container]:
    """A ready model server with keys, limits, rates, a queue, a filter and a cache; needs an empty folder.

    `arguments` come after the usual ones.
    """
    keys, internal, settings = (folder / name for name in ("keys", "internal", "settings"))
    for each in (folder, keys, internal, settings):
        each.mkdir(exist_ok=True)
        each.chmod(0o755)
    for name, (key, fields) in KEYS.items():
        (keys / name).write_text(entry(key, **fields))
    (internal / "key").write_text(INTERNAL)
    options = [f"--volume={keys}:/etc/sirocco-keys:ro", f"--volume={internal}:/etc/sirocco-internal:ro"]
    started = start(IMAGE, model, settings, json.dumps(SETTINGS), arguments=arguments, options=options)
    with started as container:
        container.wait_until_ready(START_SECONDS)
        yield container


def run(container: Container, requests: int, clients: int, tell: Callable[[str], None]) -> Report:
    """Fires until every request has had its end, and waits for the server to be idle."""
    volley = Volley(container.port, shots(requests))
    process, generated = container.process(), "vllm:generation_tokens_total"
    samples: list[Memory] = []
    began = told = time.monotonic()

    def watch(part: float) -> None:
        nonlocal told
        now = Memory.of(process)
        if 1 / 3 < part < 2 / 3:
            samples.append(now)
        if time.monotonic() - told > TOLD_SECONDS:
            told = time.monotonic()
            tell(f"{told - began:4.0f} s: {part:4.0%} done, {len(volley.wrong)} wrong, {now}")

    before = metric(container, generated)
    asyncio.run(volley.fire(clients, watch))
    with suppress(AssertionError):
        eventually(lambda: not any(gauges(container).values()), IDLE_SECONDS, "the server to be idle")
    return Report(
        volley,
        Memory.median(samples or [Memory.of(process)]),
        Memory.of(process),
        gauges(container),
        metric(container, generated) - before,
        sum(shot.abandoned_tokens for shot in volley.shots),
    )


def metric(container: Container, name: str) -> float:
    """The sum of a metric's samples."""
    text = container.ask("GET", "/metrics", headers={"Authorization": f"Bearer {INTERNAL}"}).text
    samples = [line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
    assert samples, f"there is no metric {name}"
    return sum(float(sample.rpartition(" ")[2]) for sample in samples)


def gauges(container: Container) -> dict[str, float]:
    """What must be zero when nobody asks for anything."""
    return {name: metric(container, name) for name in GAUGES}


def _below(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [each for child in map(int, children) for each in (child, *_below(child))]


def _private(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


def main() -> None:
    """Fires and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        folder.chmod(0o755)
        (folder / "model").mkdir()
        with server(copy_model(folder / "model"), folder / "server") as container:
            report = run(container, options.requests, options.clients, print)
            print(
                f"{options.requests} requests of {options.clients} clients in {report.volley.seconds:.0f} s"
            )
            print(report.table())
            key = {"Authorization": f"Bearer {ANN}"}
            after = container.ask("POST", "/generate", {"prompts": ["1, 2,"], "max_tokens": 2}, headers=key)
    problems = report.problems() + ([] if after.status == 200 else [f"afterwards: {after.text}"])
    print("\n".join(f"DOES NOT HOLD: {problem}" for problem in problems) or "everything holds")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
