"""What the serving layer costs on GPUs: `python -m tests.bench.serving_overhead_gpu MODEL [-- FLAGS]`.

One `vllm serve` for each degree of tensor parallelism, all started at once, each with the layer and a way
past it (fork.py): rounds with and without the layer meet the same engine, kernels and memory. FLAGS are for
each server. Ours has everything on but tracing. Prints each pair as it comes, and a table at the end.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bench.fire_mix import ANN, ORIGIN, entry
from tests.bench.fork import STOCK
from tests.bench.rounds import Load, Pair, Target, pair, table

VLLM = (sys.executable, "-m", "vllm.entrypoints.cli.main")
NAME = "bench"
# With its number in front, a prompt of as many words has about 512 tokens in Mistral-7B.
WORDS_IN, TOKENS_OUT = 420, 128
# No rate or limit of these is reached: what is measured is the cost of looking.
SETTINGS = {
    "model": NAME,
    "limits": {"body_bytes": 10_485_760, "prompt_tokens": 100_000, "new_tokens": 100_000, "in_flight": 4096},
    "answer_cache": {"bytes": 67_108_864, "seconds": 300.0},
}
ACCESS = {
    "denied_patterns": [{"name": "never", "pattern": "(?i)no such text \\d{12}"}],
    "allowed_origins": [ORIGIN],
}


@dataclass(frozen=True)
class Server:
    """A started `vllm serve`, stock's way and ours into it."""

    parallel: int
    process: subprocess.Popen[bytes]
    log: Path
    stock: Target
    ours: Target

    def wait_until_healthy(self, deadline: float) -> None:
        """Raises RuntimeError with the log's end where it ended, or is not up at `deadline` (monotonic)."""
        while True:
            try:
                address = f"http://{self.ours.host}:{self.ours.port}/health"
                with urllib.request.urlopen(address, timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"not up:\n{self.log.read_text(errors='replace')[-4000:]}")
            try:
                self.process.wait(0.5)
            except subprocess.TimeoutExpired:
                continue


def start(stack: ExitStack, model: str, parallel: int, flags: Sequence[str], folder: Path) -> Server:
    """Starts a server on the first GPUs, with caches of its own; it ends with the stack."""
    port = 8100 + parallel
    command = [
        *VLLM, "serve", model, "--served-model-name", NAME, "--port", str(port),
        "--tensor-parallel-size", str(parallel), "--middleware", "tests.bench.fork.Fork",
        "--disable-fastapi-docs", "--disable-uvicorn-access-log", *flags,
    ]  # fmt: skip
    caches = folder / "caches"
    environment = {
        "VLLM_PLUGINS": "sirocco",
        "SIROCCO_SERVING_CONFIG": str(settings(folder)),
        "CUDA_VISIBLE_DEVICES": ",".join(map(str, range(parallel))),
        "VLLM_CACHE_ROOT": str(caches / "vllm"),
        "TORCHINDUCTOR_CACHE_DIR": str(caches / "inductor"),
        "TRITON_CACHE_DIR": str(caches / "triton"),
    }
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **environment}, start_new_session=True
        )
    stack.callback(os.killpg, process.pid, signal.SIGKILL)
    headers = {"authorization": f"Bearer {ANN}", "origin": ORIGIN}
    stock, ours = (
        Target("127.0.0.1", port, process.pid, {**headers, **mark}, NAME) for mark in (dict([STOCK]), {})
    )
    return Server(parallel, process, log, stock, ours)


def settings(folder: Path) -> Path:
    """The serving layer's settings and keys, in files."""
    keys = folder / "keys"
    keys.mkdir(parents=True)
    (keys / "ann").write_text(entry(ANN, requestsPerMinute=10**8, tokensPerMinute=10**11))
    (folder / "internal").write_text("0" * 43)
    access: Mapping[str, object] = {
        "keys_folder": str(keys),
        "internal_key_file": str(folder / "internal"),
        **ACCESS,
    }
    path = folder / "serving.json"
    path.write_text(json.dumps({**SETTINGS, "access": access}))
    return path


def measure(server: Server, load: Load, pairs: int) -> list[Pair]:
    """As many pairs of rounds; each is printed at once, for a run that is cut short."""
    found: list[Pair] = []
    for turn in range(1, pairs + 1):
        stock, ours = pair(server.stock, server.ours, load, turn)
        found.append((stock, ours))
        ratio = ours.throughput / stock.throughput
        print(f"{name(server, load)} ratio {ratio:.4f} stock {stock} ours {ours}", flush=True)
    return found


def name(server: Server, load: Load) -> str:
    """What a row is called."""
    return f"{server.parallel} GPU{'s' * (server.parallel > 1)}, c={load.concurrency}"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="folder of the model")
    parser.add_argument("--parallel", default="1", help="GPUs of each server, comma-separated (1)")
    parser.add_argument(
        "--loads",
        default="256:512:4,32:128:4,1:8:4",
        help="concurrency:requests:pairs, comma-separated; each is for all servers (%(default)s)",
    )
    parser.add_argument("--start-seconds", type=float, default=420, help="how long servers may start (420)")
    own, _, rest = "\0".join(sys.argv[1:]).partition("\0--\0")
    options = parser.parse_args(own.split("\0"))
    flags = rest.split("\0") if rest else []
    loads = [tuple(map(int, each.split(":"))) for each in options.loads.split(",")]
    with tempfile.TemporaryDirectory() as text, ExitStack() as stack:
        began = time.monotonic()
        servers = [
            start(stack, options.model, int(parallel), flags, Path(text) / parallel)
            for parallel in options.parallel.split(",")
        ]
        up = []
        for server in servers:
            try:
                server.wait_until_healthy(began + options.start_seconds)
            except RuntimeError as error:
                print(f"tensor parallel {server.parallel}: {error}", flush=True)
                continue
            print(f"tensor parallel {server.parallel}: up, {time.monotonic() - began:.0f} s", flush=True)
            up.append(server)
        most = max(concurrency for concurrency, _, _ in loads)
        for server in up:
            # Kernels are compiled for the batches that they first see.
            server.stock.run(Load(most, most, WORDS_IN, TOKENS_OUT), 0)
        found: list[tuple[str, list[Pair]]] = []
        for concurrency, requests, pairs in loads:
            load = Load(concurrency, requests, WORDS_IN, TOKENS_OUT)
            for server in up:
                found.append((name(server, load), measure(server, load, pairs)))
        print(table(found))


if __name__ == "__main__":
    main()
