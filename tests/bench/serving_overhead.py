"""What the serving layer costs on a GPU: stock `vllm serve` and ours in turn, same machine, same engine.

`python3 tests/bench/serving_overhead.py MODEL -- [flags of vllm serve]`, with vLLM and our package installed
in the Python that runs it. Ours has everything on but tracing; no request repeats, so the answer cache
is asked and never answers. Prints a table of ratios. Needs nothing of the repository but itself.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PORT = 8123
VLLM = (sys.executable, "-m", "vllm.entrypoints.cli.main")
NAME = "bench"
KEY = "sk-sirocco-" + "0" * 43
START_SECONDS = 420.0
# No rate or limit of these is reached: what is measured is the cost of looking.
SETTINGS = {
    "model": NAME,
    "limits": {"body_bytes": 10_485_760, "prompt_tokens": 100_000, "new_tokens": 100_000, "in_flight": 4096},
    "access": {
        "denied_patterns": [{"name": "never", "pattern": "(?i)no such text \\d{12}"}],
        "allowed_origins": ["https://app.example"],
    },
    "answer_cache": {"bytes": 67_108_864, "seconds": 300.0},
}
ENTRY = {
    "sha256": hashlib.sha256(KEY.encode()).hexdigest(),
    "requestsPerMinute": 10**8,
    "tokensPerMinute": 10**11,
}


@dataclass(frozen=True)
class Figures:
    """One load on one server: requests a second, times to the first token and per token in milliseconds."""

    throughput: float
    ttft: float
    tpot: float


def ours(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Flags and environment that put our layer around vLLM."""
    keys = folder / "keys"
    keys.mkdir()
    (keys / "bench").write_text(json.dumps(ENTRY))
    (folder / "internal").write_text("0" * 43)
    access = {"keys_folder": str(keys), "internal_key_file": str(folder / "internal"), **SETTINGS["access"]}  # type: ignore[dict-item]
    config = folder / "serving.json"
    config.write_text(json.dumps({**SETTINGS, "access": access}))
    flags = ["--middleware", "sirocco_serving.stack.Stack", "--disable-fastapi-docs"]
    return flags, {"VLLM_PLUGINS": "sirocco", "SIROCCO_SERVING_CONFIG": str(config)}


@contextmanager
def serving(model: str, flags: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """A running server; raises TimeoutError or RuntimeError with the log's end when it does not come up."""
    command = [*VLLM, "serve", model, "--served-model-name", NAME, "--port", str(PORT), *flags]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **environment}, start_new_session=True
        )
    try:
        _until_healthy(process, log)
        yield
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _until_healthy(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended:\n{log.read_text(errors='replace')[-4000:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            process.poll()
        try:
            process.wait(0.5)
        except subprocess.TimeoutExpired:
            continue
    raise TimeoutError(f"no answer in {START_SECONDS:g} s:\n{log.read_text(errors='replace')[-4000:]}")


def load(
    model: str, concurrency: int, requests: int, tokens_in: int, tokens_out: int, seed: int, result: Path
) -> Figures:
    """Runs vLLM's own load generator against the server; prompts of different seeds share nothing.

    Raises RuntimeError when a request fails.
    """
    command = [
        *VLLM, "bench", "serve", "--backend", "openai", "--base-url", f"http://127.0.0.1:{PORT}",
        "--model", NAME, "--tokenizer", model, "--dataset-name", "random",
        "--random-input-len", str(tokens_in), "--random-output-len", str(tokens_out),
        "--ignore-eos", "--temperature", "0.7", "--seed", str(seed), "--max-concurrency", str(concurrency),
        "--num-prompts", str(requests), "--save-result", "--result-filename", str(result), "--disable-tqdm",
    ]  # fmt: skip
    done = subprocess.run(
        command, env={**os.environ, "OPENAI_API_KEY": KEY}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"the load generator failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    told = json.loads(result.read_text())
    if told["completed"] != requests:
        raise RuntimeError(f"{requests - told['completed']} of {requests} requests failed")
    return Figures(told["request_throughput"], told["median_ttft_ms"], told["median_tpot_ms"])


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="folder of the model")
    parser.add_argument(
        "--loads", default="1:24,32:512,256:1536", help="concurrency:requests, comma-separated"
    )
    parser.add_argument("--tokens-in", type=int, default=512)
    parser.add_argument("--tokens-out", type=int, default=128)
    parser.add_argument(
        "--order", default="stock,ours,stock", help="servers in turn; equal ones are averaged"
    )
    parser.add_argument("--output", type=Path, help="a folder for logs and all that the load generator told")
    parser.epilog = "What follows -- are flags of vllm serve, for both servers."
    own, _, flags_text = "\0".join(sys.argv[1:]).partition("\0--\0")
    options = parser.parse_args(own.split("\0"))
    shared = flags_text.split("\0") if flags_text else []
    loads = [(int(c), int(n)) for c, _, n in (each.partition(":") for each in options.loads.split(","))]
    output = options.output or Path(tempfile.mkdtemp())
    output.mkdir(parents=True, exist_ok=True)
    found: dict[str, dict[int, list[Figures]]] = {"stock": {}, "ours": {}}
    for turn, which in enumerate(options.order.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            flags, environment = ours(Path(folder)) if which == "ours" else ([], {"VLLM_PLUGINS": ""})
            began = time.monotonic()
            with serving(options.model, [*shared, *flags], environment, output / f"{turn}-{which}.log"):
                print(f"{which}: up in {time.monotonic() - began:.0f} s", flush=True)
                # Kernels are compiled for the batches that they first see, so the largest ones come first.
                most = max(concurrency for concurrency, _ in loads)
                tokens = options.tokens_in, options.tokens_out
                load(options.model, most, 2 * most, *tokens, 0, output / f"{turn}-{which}-warm.json")
                for concurrency, requests in loads:
                    result = output / f"{turn}-{which}-{concurrency}.json"
                    figures = load(options.model, concurrency, requests, *tokens, concurrency, result)
                    found[which].setdefault(concurrency, []).append(figures)
                    print(f"{which}: c={concurrency}: {figures}", flush=True)
    if all(found.values()):
        table(found, [concurrency for concurrency, _ in loads])


def table(found: Mapping[str, Mapping[int, list[Figures]]], concurrencies: Sequence[int]) -> None:
    """Prints each load's means (times in ms) and the ratio of ours to stock."""
    columns = (
        "c",
        "stock req/s",
        "ours req/s",
        "ratio",
        "stock TTFT",
        "ours TTFT",
        "stock TPOT",
        "ours TPOT",
    )
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for concurrency in concurrencies:
        stock, with_layer = mean(found["stock"][concurrency]), mean(found["ours"][concurrency])
        ratio = with_layer.throughput / stock.throughput
        cells = (
            stock.throughput,
            with_layer.throughput,
            ratio,
            stock.ttft,
            with_layer.ttft,
            stock.tpot,
            with_layer.tpot,
        )
        print(f"| {concurrency} | " + " | ".join(f"{cell:.3f}" for cell in cells) + " |")


def mean(runs: Sequence[Figures]) -> Figures:
    """The mean of each figure."""
    count = len(runs)
    return Figures(
        sum(run.throughput for run in runs) / count,
        sum(run.ttft for run in runs) / count,
        sum(run.tpot for run in runs) / count,
    )


if __name__ == "__main__":
    main()
