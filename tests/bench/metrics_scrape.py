"""What figures for HPAs cost: `python -m tests.bench.metrics_scrape [--pods N] [--models N] [--rounds N]`.

A real API server with etcd, one operator process, pods that one server of its own answers for at as many
loopback addresses. Every 15 s two figures of each model are asked for, as an HPA with two targets does.
Prints a table; the CPU is the operator's alone.
"""

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

import yaml
from aiohttp import web

from sirocco_operator.children.labels import MODEL_LABEL, labels
from sirocco_operator.children.metrics import Metric
from sirocco_operator.metrics_api.documents import GROUP_VERSION
from tests.api.client import Client, Object
from tests.api.control_plane import ControlPlane
from tests.api.metrics_api import POD_PORT, FrontProxyCall, exposition, make_ready
from tests.api.models import model, wait_child
from tests.api.operator_process import OperatorProcess, install_rights
from tests.api.processes import free_ports
from tests.bench.subject import CRD_FILE
from tests.bench.usage import usage
from tests.waiting import eventually

NAMESPACE = "bench"
PERIOD_SECONDS = 15.0
DEADLINE = 600.0


def answer_for_pods(listening: Event) -> None:
    """Answer at every loopback address as a pod whose restricted exposition has two comments a metric."""
    lines = (f"# HELP {line}\n# TYPE {line}\n{line}\n" for line in exposition(8, 0, 0.5).splitlines()[1:])
    body = "".join(lines).encode()

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body)

    application = web.Application()
    application.router.add_get("/metrics", answer)

    async def started(_: web.Application) -> None:
        listening.set()

    application.on_startup.append(started)
    web.run_app(application, host="0.0.0.0", port=POD_PORT, print=None, access_log=None)


@contextmanager
def pods_answering() -> Iterator[None]:
    """Runs the server of all pods."""
    context = multiprocessing.get_context("spawn")
    listening = context.Event()
    process = context.Process(target=answer_for_pods, args=(listening,), daemon=True)
    process.start()
    try:
        if not listening.wait(60):
            raise RuntimeError("the pods' server did not start")
        yield
    finally:
        process.kill()
        process.join()


def owned_by(owner: Object) -> list[Object]:
    """References to the object that controls another."""
    same = {key: owner[key] for key in ("apiVersion", "kind")}
    metadata = owner["metadata"]
    return [{**same, "name": metadata["name"], "uid": metadata["uid"], "controller": True}]


def replica_set(client: Client, of: str) -> Object:
    """A ReplicaSet of a model's Deployment, which nobody makes pods for."""
    deployment = wait_child(client, "Deployment", NAMESPACE, of)
    template = deployment["spec"]["template"]
    return client.create(
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {"name": of, "namespace": NAMESPACE, "ownerReferences": owned_by(deployment)},
            "spec": {"selector": deployment["spec"]["selector"], "template": template},
        }
    )


def pod(name: str, of: str, owner: Object) -> Object:
    """A model's pod, as far as the operator looks at it; as long as a real one."""
    padding = [{"name": f"VARIABLE_{number}", "value": "x" * 100} for number in range(40)]
    container = {
        "name": "vllm",
        "image": "vllm",
        "env": padding,
        "ports": [{"name": "http", "containerPort": POD_PORT}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": labels(of),
            "ownerReferences": owned_by(owner),
        },
        "spec": {"containers": [container]},
    }


def populate(client: Client, models: Sequence[str], pods: int) -> None:
    """Models with Ready pods, spread evenly, each at an address of its own; an operator must be running."""
    client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    replica_sets: dict[str, Object] = {}

    def make(number: int) -> None:
        of = models[number % len(models)]
        name = f"{of}-{number}"
        client.create(pod(name, of, replica_sets[of]))
        make_ready(client, NAMESPACE, name, f"127.88.{number // 250}.{number % 250 + 1}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: client.create(model(NAMESPACE, name)), models))
        replica_sets.update(
            zip(models, pool.map(lambda name: replica_set(client, name), models), strict=True)
        )
        list(pool.map(make, range(pods)))


def ask(call: FrontProxyCall, name: str, metric: Metric) -> int:
    """How many pods of a model a figure is told of."""
    path = f"/apis/{GROUP_VERSION}/namespaces/{NAMESPACE}/pods/*/{metric}"
    path = f"{path}?labelSelector={MODEL_LABEL}%3D{name}"
    answer = call(path, "system:serviceaccount:kube-system:horizontal-pod-autoscaler", ["system:masters"])
    answer.raise_for_status()
    return len(answer.json()["items"])


def measure(pods: int, models: int, rounds: int) -> list[tuple[str, str]]:
    """Run it; the table's rows."""
    names = [f"model-{number}" for number in range(models)]
    (port,) = free_ports(1)
    crds = [yaml.safe_load(Path(CRD_FILE).read_text())]
    with ControlPlane(crds=crds, controllers=False) as cluster, pods_answering():
        client = cluster.client
        install_rights(client)
        with OperatorProcess(cluster, metrics_api_port=str(port), lease_seconds="15") as operator:
            populate(client, names, pods)
            call = FrontProxyCall(client, port, cluster.front_proxy)
            cluster.wait_quiet(seconds=10, deadline=DEADLINE)
            idle = cpu_of_a_period(operator, lambda: None)
            seconds: list[float] = []
            told: list[int] = []

            def one_round() -> None:
                began = time.monotonic()
                told.append(sum(ask(call, name, Metric.IN_FLIGHT) for name in names))
                told.append(sum(ask(call, name, Metric.QUEUE_WAIT) for name in names))
                seconds.append(time.monotonic() - began)

            # The first round makes connections, and knows no earlier one.
            cpu_of_a_period(operator, one_round)
            told.clear()
            costs = [cpu_of_a_period(operator, one_round) for _ in range(rounds)]
            scraped = operator.metric("sirocco_operator_metrics_api_scrapes_total", result="ok")
            memory = usage(operator.pid).memory
    cost = statistics.median(costs)
    return [
        ("figures told a round", f"{min(told)} to {max(told)}"),
        ("scrapes that succeeded", f"{scraped:.0f} of {(rounds + 1) * pods}"),
        ("a round takes, median", f"{statistics.median(seconds):.2f} s"),
        ("operator's CPU in 15 s of idling", f"{idle:.2f} s"),
        ("operator's CPU in 15 s with a round", f"{cost:.2f} s ({min(costs):.2f} to {max(costs):.2f})"),
        ("CPU of a scrape", f"{(cost - idle) / pods * 1000:.2f} ms"),
        ("of a core", f"{cost / PERIOD_SECONDS:.1%}"),
        ("operator's memory, peak", f"{memory:.0f} MiB"),
    ]


def cpu_of_a_period(operator: OperatorProcess, action: Callable[[], None]) -> float:
    """Seconds of CPU that the operator uses in 15 s that begin with an action."""
    before, began = usage(operator.pid).cpu, time.monotonic()
    action()
    eventually(lambda: time.monotonic() - began > PERIOD_SECONDS, DEADLINE, "the period to pass", 0.1)
    return usage(operator.pid).cpu - before


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=1000, help="Ready pods in all (1000)")
    parser.add_argument("--models", type=int, default=50, help="models that they belong to (50)")
    parser.add_argument("--rounds", type=int, default=4, help="rounds of 15 s (4)")
    options = parser.parse_args()
    rows = measure(options.pods, options.models, options.rounds)
    width = max(len(name) for name, _ in rows)
    print(f"{options.pods} pods of {options.models} models every 15 s, {os.cpu_count()} cores")
    for name, value in rows:
        print(f"  {name:<{width}}  {value}")


if __name__ == "__main__":
    main()
