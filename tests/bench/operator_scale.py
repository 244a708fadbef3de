r"""How an operator does with many resources: `python -m tests.bench.operator_scale [--resources N]`.

A real API server with etcd and controller manager, no nodes, the operator outside the cluster. Prints a
table. Another operator is measured in the same way, by its CRDs, a resource and a command that finds the
cluster by $KUBECONFIG:

  python -m tests.bench.operator_scale --operator './manager --leader-elect=false' --crd crds.yaml \
    --template model.yaml --children apps/v1/deployments,v1/services

In the template $name and $namespace stand for the resource's own.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import yaml

from tests.api.client import Client
from tests.api.control_plane import FAST, ControlPlane
from tests.api.operator_process import OperatorProcess
from tests.api.optional_apis import served
from tests.bench.crowd import Crowd
from tests.bench.subject import Running, Subject, collection, ours
from tests.bench.usage import usage
from tests.waiting import eventually

NAMESPACE = "bench"
DEADLINE = 1800.0
IDLE_SECONDS = 60.0
QUIET_SECONDS = 5.0
DELETED = 100


def timed(action: Callable[[], object]) -> float:
    """Seconds that an action takes."""
    started = time.monotonic()
    action()
    return time.monotonic() - started


def comeback(client: Client, path: str) -> float:
    """Seconds from the end of the call that deletes an object until there is a new one."""
    old = client.request("GET", path)["metadata"]["uid"]

    def back() -> bool:
        found = client.raw("GET", path)
        return found.status_code == 200 and found.json()["metadata"]["uid"] != old

    client.request("DELETE", path)
    return timed(lambda: eventually(back, 60, f"{path} to come back", 0.001))


def measure(subject: Subject, resources: int, controllers: str) -> Iterator[tuple[str, str]]:
    """Run it; the table's rows as they come."""
    names = [f"model-{number}" for number in range(resources)]
    flags = FAST if controllers == "fast" else ()
    present = controllers != "none"
    with ControlPlane(crds=subject.crds, controllers=present, controller_flags=flags) as cluster:
        client = cluster.client
        client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        monitoring = served(client, "monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors")
        with monitoring if subject.command is None else nullcontext(), subject.process(cluster) as operator:
            yield from converge(cluster, subject, operator, names)
            yield from idle(cluster, operator)
            deleted = subject.children[min(2, len(subject.children) - 1)]
            paths = [f"{collection(deleted, NAMESPACE)}/{name}" for name in names[:DELETED]]
            back = sorted(comeback(client, path) * 1000 for path in paths)
            late, median = statistics.quantiles(back, n=20)[-1], statistics.median(back)
            yield f"deleted child back, of {len(back)}", f"median {median:.0f} ms, p95 {late:.0f} ms"
            yield from restart(cluster, operator, resources)


def converge(
    cluster: ControlPlane, subject: Subject, operator: Running, names: list[str]
) -> Iterator[tuple[str, str]]:
    """From the first create until the operator is quiet."""
    parts = {"operator": operator.pid, **cluster.pids()}
    before, offset = {name: usage(pid) for name, pid in parts.items()}, cluster.audit_offset()
    convergence = Crowd(cluster, subject, NAMESPACE, names).create(DEADLINE)
    yield "all resources created", f"{convergence.created:.1f} s"
    yield "first create -> last child", f"{convergence.children:.1f} s"
    yield "first create -> last first status", f"{convergence.statuses:.1f} s"
    cluster.wait_quiet(seconds=QUIET_SECONDS, deadline=DEADLINE)
    after = {name: usage(pid) for name, pid in parts.items()}
    calls = [
        (entry["verb"], entry["objectRef"]["resource"])
        for entry in cluster.audit(offset)
        # Requests for no resource, as for what the API server has, are for no model either.
        if entry["verb"] not in ("list", "watch")
        and entry.get("objectRef", {"resource": "leases"})["resource"] != "leases"
    ]
    reads = sum(verb == "get" for verb, _ in calls)
    yield "writes a model", f"{(len(calls) - reads) / len(names):.2f}"
    yield "reads of single objects, in all", str(reads)
    if isinstance(operator, OperatorProcess):
        passes = operator.metric("sirocco_operator_reconciles_total")
        yield "passes a model", f"{passes / len(names):.2f}"
    own = after["operator"].cpu - before["operator"].cpu
    yield "operator's CPU a model", f"{own / len(names) * 1000:.1f} ms"
    for name in parts:
        yield f"CPU of {name}", f"{after[name].cpu - before[name].cpu:.1f} s"
    start, peak = before["operator"].memory, after["operator"].memory
    yield "operator's memory: start, peak", f"{start:.0f} MiB, {peak:.0f} MiB"


def idle(cluster: ControlPlane, operator: Running) -> Iterator[tuple[str, str]]:
    """A minute in which nothing is asked for."""
    offset, before, began = cluster.audit_offset(), usage(operator.pid), time.monotonic()
    eventually(lambda: time.monotonic() - began > IDLE_SECONDS, DEADLINE, "the idle time to pass", 1)
    cpu = usage(operator.pid).cpu - before.cpu
    yield f"{IDLE_SECONDS:.0f} s idle: writes, operator's CPU", f"{len(cluster.writes(offset))}, {cpu:.2f} s"


def restart(cluster: ControlPlane, operator: Running, resources: int) -> Iterator[tuple[str, str]]:
    """The operator ends and comes back, with all resources present."""
    offset = cluster.wait_quiet(seconds=QUIET_SECONDS, deadline=DEADLINE)
    operator.stop()
    started = time.monotonic()
    operator.start()
    if isinstance(operator, OperatorProcess):
        wait_looked_at(operator, resources)
        yield "restart: until each was looked at", f"{time.monotonic() - started:.1f} s"
    cluster.wait_quiet(seconds=QUIET_SECONDS, deadline=DEADLINE)
    if not isinstance(operator, OperatorProcess):
        yield "restart: until quiet", f"{time.monotonic() - started - QUIET_SECONDS:.1f} s"
    yield "restart: writes", str(len(cluster.writes(offset)))
    yield "restart: peak memory", f"{usage(operator.pid).memory:.0f} MiB"


def wait_looked_at(operator: OperatorProcess, resources: int) -> None:
    """Wait until every resource was looked at."""
    eventually(
        lambda: (
            operator.metric("sirocco_operator_reconciles_total", result="done") >= resources
            and operator.metric("sirocco_operator_queue_depth") == 0
        ),
        DEADLINE,
        "the first pass over all resources",
        # With looks ten times a second, a seventh of the operator's time goes into their answers.
        0.5,
    )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--resources", type=int, default=1000, help="how many (1000)")
    parser.add_argument("--operator", metavar="COMMAND", help="another operator than ours")
    parser.add_argument("--crd", action="append", type=Path, default=[], help="its CRDs; may be repeated")
    parser.add_argument("--template", type=Path, help="a resource of it")
    parser.add_argument("--children", help="what it makes of one: apiVersion/plural,apiVersion/plural ...")
    parser.add_argument(
        "--controllers",
        choices=("fast", "slow", "none"),
        default="fast",
        help="Kubernetes' own: fast (each 1,000 requests a second), slow (20, their default) or none",
    )
    options = parser.parse_args()
    subject = ours()
    if options.operator:
        if not (options.crd and options.template and options.children):
            parser.error("--operator needs --crd, --template and --children")
        crds = [each for path in options.crd for each in yaml.safe_load_all(path.read_text()) if each]
        children = options.children.split(",")
        subject = Subject(crds, options.template.read_text(), children, options.operator)
    print(
        f"{options.resources} resources, {len(subject.children)} children each, {os.cpu_count()} cores, "
        f"{options.controllers} controllers"
    )
    for name, value in measure(subject, options.resources, options.controllers):
        print(f"  {name:<38}  {value}", flush=True)


if __name__ == "__main__":
    main()
