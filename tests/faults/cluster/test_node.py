"""A node is lost while a model serves from it, and comes back after its pod was replaced."""

import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.e2e import models
from tests.e2e.client import Client
from tests.e2e.kubectl import Kubectl, Object
from tests.e2e.replicas import pod_uids, until_ready
from tests.faults.cluster import worker
from tests.faults.cluster.losses import STREAM_SECONDS, losses
from tests.faults.cluster.told import conditions, read_everywhere, told
from tests.faults.record import Record
from tests.kind.config import NODE
from tests.kind.docker import docker

MODEL: Final = "spread"
# Kubernetes' own are 300.
TOLERATED_SECONDS: Final = 30
# A Service lets go of a pod that moment later.
FOLLOWED_SECONDS: Final = 2.0


def apart(name: str) -> dict[str, Any]:
    """A pod on each node that answers, and a new one soon where one does not."""
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "nodeTaintsPolicy": "Honor",
        "labelSelector": {"matchLabels": {"inference.sirocco.dev/model": name}},
    }
    tolerations = [
        {
            "key": f"node.kubernetes.io/{state}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": TOLERATED_SECONDS,
        }
        for state in ("unreachable", "not-ready")
    ]
    return {"topologySpreadConstraints": [spread], "tolerations": tolerations}


@pytest.fixture
def second_node(client: Client) -> Iterator[str]:
    """A node beside the first, on which everything else runs already."""
    image = models.WEIGHTS.removeprefix("oci://")
    with worker.joined(models.STANDIN_IMAGE, image) as name:
        yield name


def on(kubectl: Kubectl, node: str) -> list[Object]:
    """The model's pods of a node."""
    return [pod for pod in kubectl.list("pods", models.of(MODEL)) if pod["spec"].get("nodeName") == node]


def test_a_node_is_lost_and_comes_back(
    second_node: str, kubectl: Kubectl, client: Client, record: Record
) -> None:
    kubectl.apply(models.stand_in(MODEL, replicas=2, **apart(MODEL)))
    until_ready(kubectl, MODEL, 2)
    ((staying,), (lost_pod,)) = on(kubectl, NODE), on(kubectl, second_node)
    with losses(client, MODEL) as lost:
        docker("pause", second_node)
        paused = time.monotonic()
        model = told(kubectl, MODEL, "NodeNotReady")
        noticed = time.monotonic()
        assert conditions(model)["Available"] == "True"
        message = read_everywhere(kubectl, MODEL, model)
        assert second_node in message
        told(kubectl, MODEL, "Ready")
        replaced = time.monotonic()
        assert len(on(kubectl, NODE)) == 2
        docker("unpause", second_node)
        kubectl.until_gone("pod", lost_pod["metadata"]["name"])
        until_ready(kubectl, MODEL, 2)
        Kubectl().run("wait", "--for=condition=Ready", f"node/{second_node}", "--timeout=120s", timeout=150)
    assert staying["metadata"]["uid"] in pod_uids(kubectl, MODEL)
    assert not lost.outside((paused - STREAM_SECONDS, noticed + FOLLOWED_SECONDS)), lost.load.failures
    kubectl.delete("imodel", MODEL)
    kubectl.until_gone("pod", selector=models.of(MODEL))
    record(
        f"noticed by Kubernetes after {noticed - paused:.0f} s, replaced {replaced - noticed:.0f} s later "
        f"(tolerationSeconds {TOLERATED_SECONDS}): {lost.load.failed} requests sent to the lost pod before "
        f"that failed, none after, {lost.answered()} were answered; the node came back, two pods in the end. "
        f"The sentence: {message}"
    )
