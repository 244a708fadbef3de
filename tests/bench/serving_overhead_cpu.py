"""What the serving layer costs on the CPU: `python -m tests.bench.serving_overhead_cpu [--minutes N]`.

Two servers of the same image with SmolLM2, one stock vLLM, one with everything of our layer on, both up
all the time, loaded in turn. Prints medians over the rounds of ours in relation to stock, with quartiles,
and the CPU time that the API server's process took for a request.
"""

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.bench.fire_mix import ANN, ORIGIN, entry
from tests.bench.rounds import Load, Pair, Target, pair, table
from tests.kind import docker
from tests.serving.container import Container, copy_model, start

IMAGE = "sirocco/serving-cpu:dev"
START_SECONDS = 400.0
LOADS = tuple(Load(concurrency, requests, 32, 16) for concurrency, requests in ((1, 8), (16, 32), (64, 64)))
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


def target(container: Container) -> Target:
    """The container at its own address: Docker's proxy for published ports would cost CPU, too."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    address = docker.docker("inspect", "--format", form, container.name).strip()
    headers = {"authorization": f"Bearer {ANN}", "origin": ORIGIN}
    return Target(address, 8000, container.process(), headers, "smollm2")


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
    return target(stock), target(ours)


def measure(stock: Target, ours: Target, minutes: float) -> dict[int, list[Pair]]:
    """Pairs of rounds by concurrency, as many as the time allows and two at least."""
    found: dict[int, list[Pair]] = {load.concurrency: [] for load in LOADS}
    for each in (stock, ours):
        for load in LOADS:
            each.run(load, 0)
    end = time.monotonic() + minutes * 60
    turn = 0
    while time.monotonic() < end or turn < 2:
        turn += 1
        for load in LOADS:
            found[load.concurrency].append(pair(stock, ours, load, turn))
        ratio = {c: round(pairs[-1][1].throughput / pairs[-1][0].throughput, 3) for c, pairs in found.items()}
        print(f"round {turn}: ours in relation to stock {ratio}", flush=True)
    return found


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=8, help="how long rounds go on (8)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as text, ExitStack() as stack:
        folder = Path(text)
        folder.chmod(0o755)
        found = measure(*servers(stack, folder), options.minutes)
        print(table((f"c={concurrency}", pairs) for concurrency, pairs in found.items()))


if __name__ == "__main__":
    main()
