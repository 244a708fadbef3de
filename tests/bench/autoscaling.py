"""How the defaults of autoscaling do on bursty traffic: `python -m tests.bench.autoscaling [--sweep]`.

Simulated replicas that take minutes to load, the HPA's own algorithm, and the same requests for every rule.
Prints tables in Markdown: replica-minutes, share of requests that wait for longer than 2 s, most replicas.
The figures are the same on every machine.
"""

import argparse
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from sirocco_operator.api.autoscaling import Autoscaling
from sirocco_operator.api.parse import parse
from sirocco_operator.children.scaling import behavior, default_in_flight
from tests.bench.scaling_simulation import Hardware, Outcome, Pod, Request, Rule, Simulation

# Requests should begin within this time, in seconds.
OBJECTIVE: Final = 2.0
LEAST, MOST = 1, 40
HOURS: Final = 2
# A 13B model on one middle-sized GPU: a batch of 32, 25 ms a token alone, 44 ms in a full batch.
BATCH: Final = 32
BASE, SLOPE = 0.025, 0.0006
LOADS: Final = (60, 180, 300)
# Tokens of an answer: log-normal, half of them shorter than this.
TOKENS: Final = 150

# https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#default-behavior
KUBERNETES: Final = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "policies": [
            {"type": "Percent", "value": 100, "periodSeconds": 15},
            {"type": "Pods", "value": 4, "periodSeconds": 15},
        ],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 300,
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    },
}

# Requests a second at a time in seconds.
Rate = Callable[[float], float]
TRAFFIC: Final[Mapping[str, Rate]] = {
    # A working day in two hours.
    "day": lambda t: 2 + 14 * max(0.0, math.sin(math.pi * (t - 600) / 6000)) ** 2,
    # Five times as much from one second to the next, for an hour.
    "step": lambda t: 15.0 if 1800 <= t < 5400 else 3.0,
    # Five minutes of much, fifteen of little.
    "bursts": lambda t: 14.0 if t % 1200 < 300 and t > 600 else 2.0,
    # A minute of very much, three times.
    "spikes": lambda t: 30.0 if t % 2400 > 2340 else 3.0,
}


def requests(rate: Rate, seed: int = 7) -> list[Request]:
    """A Poisson process of that rate, by thinning."""
    chance = random.Random(seed)  # noqa: S311 -- traffic
    highest = max(rate(second) for second in range(HOURS * 3600))
    found: list[Request] = []
    now = 0.0
    while (now := now + chance.expovariate(highest)) < HOURS * 3600:
        if chance.random() * highest < rate(now):
            tokens = min(2000, max(1, round(chance.lognormvariate(math.log(TOKENS), 0.8))))
            found.append(Request(now, tokens))
    return found


def in_flight(pod: Pod) -> float:
    """Sirocco's figure."""
    return pod.in_flight


def waiting(pod: Pod) -> float:
    """vllm:num_requests_waiting."""
    return len(pod.queue)


def cpu(pod: Pod) -> float:
    """Cores of 2 requested: the engine's loop keeps one busy whatever the batch, requests add a little."""
    return (0.1 + (1.0 if pod.batch else 0.0) + 0.005 * pod.in_flight) / 2


def defaults() -> tuple[float, Mapping[str, Any]]:
    """The target and the behavior of a model that says nothing but how large its batch is."""
    spec = {
        "model": {"uri": "hf://org/name"},
        "engine": {"maxNumSeqs": BATCH},
        "autoscaling": {"maxReplicas": MOST},
    }
    model = parse({"metadata": {"name": "m", "namespace": "n"}, "spec": spec})
    return default_in_flight(model), behavior(Autoscaling(max_replicas=MOST))


def rules() -> Iterator[Rule | None]:
    """What is compared; None is as many replicas as there may be, all the time."""
    target, ours = defaults()
    yield Rule(f"Sirocco: {target:g} in flight", in_flight, target, ours)
    yield Rule(f"{target:g} in flight, Kubernetes' behavior", in_flight, target, KUBERNETES)
    yield Rule("KEDA: 5 waiting", waiting, 5, KUBERNETES, shared=True)
    yield Rule("CPU 50 %", cpu, 0.5, KUBERNETES)
    yield Rule("CPU 80 %", cpu, 0.8, KUBERNETES)
    yield None


def sweep() -> Iterator[Rule | None]:
    """Shares of the batch and behaviors, by which the defaults were chosen."""
    target, ours = defaults()
    for share in (0.25, 0.5, 0.6, 0.7, 0.85, 1.0):
        yield Rule(f"{share:.0%} of the batch", in_flight, share * BATCH, ours)
    for pods, period in ((4, 15), (4, 60), (2, 180), (4, 180), (4, 300)):
        faster = {**ours, "scaleUp": _up(pods, period)}
        yield Rule(f"up: double or {pods} in {period} s", in_flight, target, faster)
    for window in (300, 600, 900):
        slower = {**ours, "scaleDown": {**ours["scaleDown"], "stabilizationWindowSeconds": window}}
        yield Rule(f"down: after {window} s", in_flight, target, slower)


def _up(pods: int, period: int) -> dict[str, Any]:
    return {
        "stabilizationWindowSeconds": 0,
        "policies": [
            {"type": "Percent", "value": 100, "periodSeconds": period},
            {"type": "Pods", "value": pods, "periodSeconds": period},
        ],
    }


def run(rule: Rule | None, load_seconds: float, trace: Sequence[Request]) -> Outcome:
    """One rule on one trace."""
    return Simulation(Hardware(BATCH, BASE, SLOPE, load_seconds), rule, LEAST, MOST).run(trace)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sweep", action="store_true", help="other targets and behaviors, by which the defaults were chosen"
    )
    chosen = list(sweep() if parser.parse_args().sweep else rules())
    traces = {name: requests(rate) for name, rate in TRAFFIC.items()}
    for load in LOADS:
        print(f"\nReplicas load for {load} s:\n")
        print("| Rule | " + " | ".join(traces) + " |")
        print("|---|" + "---|" * len(traces))
        for rule in chosen:
            cells = [_cell(run(rule, load, trace)) for trace in traces.values()]
            name = rule.name if rule else f"{MOST} replicas, fixed"
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def _cell(outcome: Outcome) -> str:
    """Replica-minutes, the share of late requests, and the most replicas."""
    late = f"{outcome.late(OBJECTIVE):.1%}".replace("%", " %")
    return f"{outcome.replica_minutes:,.0f}, {late}, {outcome.most_replicas}"


if __name__ == "__main__":
    main()
