"""A rollout whose new pod finds no free GPU."""

from collections.abc import Iterator

import pytest

from tests.api.client import Client, Object
from tests.api.control_plane import ControlPlane
from tests.api.metrics_api import make_ready, wait_pods
from tests.api.models import DEADLINE, model, wait_reason
from tests.api.operator_process import OperatorProcess
from tests.waiting import eventually

NO_GPU = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
}


@pytest.fixture
def hasty(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """An operator that waits for a GPU for a second, in the place of the shared one."""
    assert operator.stop() == 0
    with OperatorProcess(cluster, "operator-hasty", surge_seconds="1") as process:
        yield process
    operator.start()


@pytest.fixture
def node(client: Client, namespace: str) -> Iterator[str]:
    """A node with two GPUs."""
    name, gpus = f"node-{namespace}", {"nvidia.com/gpu": "2"}
    status = {"capacity": gpus, "allocatable": gpus}
    client.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": status})
    # A new node is marked as not ready, and no kubelet takes the mark away.
    client.patch("Node", None, name, {"spec": {"taints": None}})
    yield name
    client.delete("Node", None, name)


def roll_out_without_gpu(client: Client, namespace: str, replicas: int) -> None:
    """A model that serves, and a change of it whose new pod no node takes."""
    client.create(model(namespace, replicas=replicas))
    old = wait_pods(client, namespace, replicas)
    for number, name in enumerate(old):
        make_ready(client, namespace, name, f"127.0.0.{number + 2}")
    wait_reason(client, namespace, "Ready")
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"engine": {"maxModelLen": 1024}}})
    new = next(name for name in wait_pods(client, namespace, replicas + 1) if name not in old)
    client.patch("Pod", namespace, new, {"status": {"conditions": [NO_GPU]}}, "status")


def strategy(client: Client, namespace: str) -> Object:
    """How the Deployment replaces pods."""
    found: Object = client.get("Deployment", namespace, "mistral")["spec"]["strategy"]["rollingUpdate"]
    return found


def test_it_goes_on_in_place_while_another_replica_serves(
    client: Client, namespace: str, node: str, hasty: OperatorProcess
) -> None:
    assert hasty.running
    roll_out_without_gpu(client, namespace, replicas=2)
    eventually(
        lambda: strategy(client, namespace) == {"maxSurge": 0, "maxUnavailable": 1},
        DEADLINE,
        "the rollout to go on in place",
        0.05,
    )


def test_the_last_replica_serves_on_and_the_status_says_what_to_do(
    client: Client, namespace: str, node: str, hasty: OperatorProcess
) -> None:
    assert hasty.running
    roll_out_without_gpu(client, namespace, replicas=1)
    assert "rollout.strategy: InPlace" in wait_reason(client, namespace, "RolloutNeedsGPU")["message"]
    assert strategy(client, namespace) == {"maxSurge": 1, "maxUnavailable": 0}
