"""What the serving layer costs on the CPU: `python -m tests.bench.serving_overhead_cpu [--minutes N]`.

Two servers of the same image with SmolLM2, one stock vLLM, one with everything of our layer on, both up
all the time, loaded in turn in short rounds, each round in the other order than the last: what the machine
does meanwhile meets both alike. Prints medians over the rounds of ours in relation to stock, with quartiles,
and the CPU time that the API server's process took for a request.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.bench.fire_mix import ANN, ORIGIN, entry
from tests.bench.wire import connect, head
from tests.kind import docker
from tests.serving.container import Container, copy_model, start

IMAGE = "sirocco/serving-cpu:dev"
START_SECONDS = 400.0
WORDS_IN = 32
TOKENS_OUT = 16
# Concurrency, and requests in one round.
LOADS = ((1, 8), (16, 32), (64, 64))
INTERNAL = "0" * 43
# No limit or rate of these is reached: what is measured is the cost of looking.
SETTINGS = {
    "model": "smollm2",
    "limits": {"prompt_tokens": 100_000, "new_tokens": 100_000, "in_flight": 4096},
    "access": {
        "keys_folder": "/etc/sirocco-keys",
        "internal_key_file": "/etc/sirocco-internal/key",
        "allowed_origins": [ORIGIN],
        "denied_patterns": [{"name": "never", "pattern": "(?i)no such text \\d{12}"}],
    },
    # Asked, and never able to answer: the requests draw lots.
    "answer_cache": {"bytes": 67_108_864, "seconds": 300.0},
}


@dataclass(frozen=True)
class Round:
    """One load on one server: requests a second; median time to the first token, CPU a request, in ms."""

    throughput: float
    ttft: float
    cpu: float


def cpu_seconds(process: int) -> float:
    """CPU time of a process's living threads; /proc/PID/stat counts in hundredths alone."""
    threads = Path(f"/proc/{process}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


class Target:
    """A server that is loaded, at its own address: Docker's proxy for published ports would cost CPU, too."""

    def __init__(self, container: Container) -> None:
        self._process = container.process()
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        self._address = docker.docker("inspect", "--format", form, container.name).strip()

    def load(self, concurrency: int, requests: int, seed: int) -> Round:
        """Runs one load; raises ValueError when a request fails."""
        random = Random(seed)  # noqa: S311
        rest = [self._request(random) for _ in range(requests)]
        times: list[float] = []

        async def client() -> None:
            async with connect(self._address, 8000) as wire:
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
                for _ in range(concurrency):
                    group.create_task(client())

        before, began = cpu_seconds(self._process), time.perf_counter()
        asyncio.run(clients())
        took, used = time.perf_counter() - began, cpu_seconds(self._process) - before
        return Round(requests / took, statistics.median(times) * 1000, used / requests * 1000)

    def _request(self, random: Random) -> bytes:
        words = " ".join(random.choice(("one", "two", "red", "sea", "old")) for _ in range(WORDS_IN))
        asked = {
            "model": "smollm2",
            "prompt": f"{random.random()} {words}",
            "max_tokens": TOKENS_OUT,
            "temperature": 0.7,
            "ignore_eos": True,
            "stream": True,
        }
        body = json.dumps(asked).encode()
        headers = {"content-type": "application/json", "authorization": f"Bearer {ANN}", "origin": ORIGIN}
        return head("POST", "/v1/completions", {**headers, "content-length": str(len(body))}) + body


def servers(stack: ExitStack, folder: Path) -> tuple[Target, Target]:
    """Stock vLLM and ours, both ready."""
    for name in ("model", "stock", "ours", "keys", "internal"):
        (folder / name).mkdir()
        (folder / name).chmod(0o755)
    (folder / "keys" / "ann").write_text(entry(ANN, requestsPerMinute=10**9, tokensPerMinute=10**12))
    (folder / "internal" / "key").write_text(INTERNAL)
    options = [
        f"--volume={folder}/keys:/etc/sirocco-keys:ro",
        f"--volume={folder}/internal:/etc/sirocco-internal:ro",
    ]
    model = copy_model(folder / "model")
    stock = stack.enter_context(start(IMAGE, model, folder / "stock", stock=True))
    stock.wait_until_ready(START_SECONDS, "/health")
    ours = stack.enter_context(start(IMAGE, model, folder / "ours", json.dumps(SETTINGS), options=options))
    ours.wait_until_ready(START_SECONDS)
    return Target(stock), Target(ours)


def measure(stock: Target, ours: Target, minutes: float) -> dict[int, list[tuple[Round, Round]]]:
    """Pairs of rounds by concurrency, as many as the time allows and two at least."""
    found: dict[int, list[tuple[Round, Round]]] = {concurrency: [] for concurrency, _ in LOADS}
    for target in (stock, ours):
        for concurrency, requests in LOADS:
            target.load(concurrency, requests, 0)
    end = time.monotonic() + minutes * 60
    turn = 0
    while time.monotonic() < end or turn < 2:
        turn += 1
        for concurrency, requests in LOADS:
            seed = turn * 1000 + concurrency
            if turn % 2:
                first = stock.load(concurrency, requests, seed)
                pair = first, ours.load(concurrency, requests, seed)
            else:
                second = ours.load(concurrency, requests, seed)
                pair = stock.load(concurrency, requests, seed), second
            found[concurrency].append(pair)
        ratio = {c: round(pairs[-1][1].throughput / pairs[-1][0].throughput, 3) for c, pairs in found.items()}
        print(f"round {turn}: ours in relation to stock {ratio}", flush=True)
    return found


def spread(values: Sequence[float], digits: int) -> str:
    """The median and, in brackets, the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.{digits}f} ({low:.{digits}f} … {high:.{digits}f})"


def table(found: dict[int, list[tuple[Round, Round]]]) -> str:
    """A row a load; times in ms."""
    lines = [
        "| Concurrency | Pairs | Stock req/s | Ours / stock | Stock TTFT ms | Ours - stock ms "
        "| Stock CPU ms | Ours - stock ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for concurrency, pairs in found.items():
        cells = (
            str(concurrency),
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


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=8, help="how long rounds go on (8)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as text, ExitStack() as stack:
        folder = Path(text)
        folder.chmod(0o755)
        print(table(measure(*servers(stack, folder), options.minutes)))


if __name__ == "__main__":
    main()
