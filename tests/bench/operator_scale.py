"""How the operator does with many resources: `python -m tests.bench.operator_scale [--resources N]`.

A real API server with etcd and controller manager, no nodes, the operator outside the cluster.
Prints a table.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.api.client import Client
from tests.api.control_plane import ControlPlane
from tests.api.models import model
from tests.api.operator_process import OperatorProcess, install_rights
from tests.waiting import eventually

CRD_FILE = Path(__file__).parents[2] / "crds" / "inferencemodels.yaml"
# In the order in which the operator writes them: the last is there when all are.
CHILDREN = ("ConfigMap", "ServiceAccount", "Service", "Deployment")
NAMESPACE = "bench"
DEADLINE = 1800.0
IDLE_SECONDS = 60.0
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What a process used since its start: seconds of CPU, peak of resident memory in MiB."""

    cpu: float
    memory: float


def usage(pid: int) -> Usage:
    """Read a process's usage from /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: utime and stime are fields 14 and 15.
    return Usage((int(fields[11]) + int(fields[12])) / TICKS, peak / 1024)


def count(client: Client, kind: str) -> int:
    """How many objects of a kind the namespace has, without reading them."""
    answer = client.request("GET", client.path(kind, NAMESPACE), limit="1")
    return len(answer["items"]) + int(answer["metadata"].get("remainingItemCount") or 0)


def wait_count(client: Client, kind: str, number: int) -> None:
    """Wait until there are so many objects of a kind."""
    eventually(
        lambda: count(client, kind) >= number,
        DEADLINE,
        lambda: f"{number} {kind}s, there are {count(client, kind)}",
        0.1,
    )


def timed(action: Callable[[], object]) -> float:
    """Seconds that an action takes."""
    started = time.monotonic()
    action()
    return time.monotonic() - started


def comeback(client: Client, name: str) -> float:
    """Seconds from deleting a Service until there is a new one."""
    old = client.get("Service", NAMESPACE, name)["metadata"]["uid"]

    def back() -> bool:
        found = client.find("Service", NAMESPACE, name)
        return found is not None and found["metadata"]["uid"] != old

    client.delete("Service", NAMESPACE, name)
    return timed(lambda: eventually(back, 60, f"Service {name} to come back", 0.002))


def measure(resources: int) -> Iterator[tuple[str, str]]:
    """Run it; the table's rows as they come."""
    names = [f"model-{number}" for number in range(resources)]
    with ControlPlane(crds=[yaml.safe_load(CRD_FILE.read_text())]) as cluster:
        client = cluster.client
        install_rights(client)
        client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        with OperatorProcess(cluster, lease_seconds="15", discovery_seconds="15") as operator:
            before = usage(operator.pid)
            started, offset = time.monotonic(), cluster.audit_offset()
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda name: client.create(model(NAMESPACE, name)), names))
            created = time.monotonic() - started
            for kind in reversed(CHILDREN):
                wait_count(client, kind, resources)
            converged = time.monotonic() - started
            idle = cluster.wait_quiet(seconds=5, deadline=DEADLINE)
            after = usage(operator.pid)
            calls = [
                entry
                for entry in cluster.audit(offset)
                # Requests for no resource, as for what the API server has, are for no model either.
                if entry["verb"] not in ("list", "watch")
                and entry.get("objectRef", {"resource": "leases"})["resource"] != "leases"
            ]
            yield "all resources created", f"{created:.1f} s"
            yield "first create -> last child", f"{converged:.1f} s"
            yield "operator's CPU until quiet", f"{after.cpu - before.cpu:.1f} s"
            yield "operator's memory: start, peak", f"{before.memory:.0f} MiB, {after.memory:.0f} MiB"
            yield "API requests a resource", f"{len(calls) / resources:.2f}"
            began = time.monotonic()
            eventually(lambda: time.monotonic() - began > IDLE_SECONDS, DEADLINE, "the idle time to pass", 1)
            yield f"writes in {IDLE_SECONDS:.0f} s of idling", str(len(cluster.writes(idle)))
            back = [comeback(client, name) for name in names[:10]]
            yield "deleted child back, median of 10", f"{statistics.median(back) * 1000:.0f} ms"
            offset = cluster.wait_quiet(seconds=5, deadline=DEADLINE)
            operator.stop()
            restart = timed(lambda: restart_and_pass(operator, resources))
            cluster.wait_quiet(seconds=5, deadline=DEADLINE)
            yield "restart: until the first pass is over", f"{restart:.1f} s"
            yield "restart: writes in it", str(len(cluster.writes(offset)))
            yield "restart: peak memory", f"{usage(operator.pid).memory:.0f} MiB"


def restart_and_pass(operator: OperatorProcess, resources: int) -> None:
    """Start, and wait until every resource was looked at."""
    operator.start()
    eventually(
        lambda: (
            operator.metric("sirocco_operator_reconciles_total", result="done") >= resources
            and operator.metric("sirocco_operator_queue_depth") == 0
        ),
        DEADLINE,
        "the first pass over all resources",
        0.1,
    )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resources", type=int, default=1000, help="how many InferenceModels (1000)")
    resources = parser.parse_args().resources
    print(f"{resources} resources, {len(CHILDREN)} children each, {os.cpu_count()} cores")
    for name, value in measure(resources):
        print(f"  {name:<36}  {value}", flush=True)


if __name__ == "__main__":
    main()
