"""A disk is full: that of a claim, the room of a download in its pod, and what an engine may write."""

import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.e2e import models
from tests.e2e.client import Client
from tests.e2e.kubectl import Kubectl, Object
from tests.e2e.network import host_address
from tests.e2e.replicas import pod_uids, until_ready
from tests.faults.cluster.losses import losses
from tests.faults.cluster.told import START_SECONDS, conditions, read_everywhere, told
from tests.faults.record import Record
from tests.kind.config import NODE
from tests.kind.docker import docker
from tests.serving.fake_hub import FakeHub, running
from tests.waiting import eventually

CLAIM: Final = "little"
VOLUME: Final = "sirocco-faults-little"
FOLDER: Final = f"/var/{VOLUME}"
WEIGHTS: Final = {"config.json": b'{"architectures": []}', "model.safetensors": bytes(8 << 20)}
ROOM: Final = "64Mi"


@pytest.fixture
def claim(kubectl: Kubectl) -> Iterator[str]:
    """A claim of a disk with a mebibyte."""
    kubectl.delete("persistentvolume", VOLUME)
    docker("exec", NODE, "sh", "-c", f"mkdir -p {FOLDER} && mount -t tmpfs -o size=1m little {FOLDER}")
    spec = {"storageClassName": "", "accessModes": ["ReadWriteOnce"]}
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    volume = {
        **spec,
        "capacity": {"storage": "1Mi"},
        "local": {"path": FOLDER},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
    }
    claim = {**spec, "volumeName": VOLUME, "resources": {"requests": {"storage": "1Mi"}}}
    kubectl.apply(
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": VOLUME}, "spec": volume},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": CLAIM}, "spec": claim},
    )
    yield CLAIM
    kubectl.delete("persistentvolumeclaim", CLAIM)
    kubectl.delete("persistentvolume", VOLUME)
    docker("exec", NODE, "sh", "-c", f"umount --lazy {FOLDER} && rmdir {FOLDER}")


def of_hub(name: str, hub: FakeHub, **spec: Any) -> models.Manifest:
    """A model whose pods download its weights."""
    engine = {"env": [{"name": "HF_ENDPOINT", "value": hub.url}]}
    return models.stand_in(name, engine=engine, model={"uri": "hf://org/name"}, **spec)


def test_the_disk_of_a_claim_is_full(kubectl: Kubectl, claim: str, record: Record) -> None:
    with running(WEIGHTS, host_address()) as hub:
        kubectl.apply(of_hub("claimed", hub, cache={"claimName": claim}))
        model = told(kubectl, "claimed", "DownloadFailed")
        message = read_everywhere(kubectl, "claimed", model)
        assert "too small" in message
        assert "cache.claimName" in message
        assert conditions(model)["Stalled"] == "True"
        before = pod_uids(kubectl, "claimed")
        docker("exec", NODE, "mount", "-o", "remount,size=64m", FOLDER)
        until_ready(kubectl, "claimed", 1)
        assert pod_uids(kubectl, "claimed") == before
        assert len(hub.downloads("model.safetensors")) == 1
        kubectl.delete("imodel", "claimed")
        kubectl.until_gone("pod", selector=models.of("claimed"))
    record(f"`DownloadFailed`, Stalled; by itself Ready once the disk is larger. The sentence: {message}")


def test_a_download_fills_its_room_in_the_pod(kubectl: Kubectl, record: Record) -> None:
    # Slow enough for the kubelet to look while it runs.
    with running(WEIGHTS, host_address(), seconds_a_block=15.0) as hub:
        kubectl.apply(of_hub("roomy", hub, cache={"sizeLimit": "1Mi"}))
        model = told(kubectl, "roomy", "DownloadFailed", 420)
        message = read_everywhere(kubectl, "roomy", model)
        assert "cache.sizeLimit" in message
        hub.ended.set()
        kubectl.patch("imodel", "roomy", {"spec": {"cache": {"sizeLimit": ROOM}}})
        until_running_alone(kubectl, "roomy")
        thrown_out = len(finished(kubectl, "roomy"))
        kubectl.delete("imodel", "roomy")
    record(f"`DownloadFailed`; Ready with more room, {thrown_out} pods thrown out. The sentence: {message}")


def test_an_engine_writes_more_than_it_may(kubectl: Kubectl, client: Client, record: Record) -> None:
    resources = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"ephemeral-storage": ROOM}}
    engine = {"env": [START_SECONDS]}
    kubectl.apply(models.stand_in("writer", replicas=2, engine=engine, resources=resources))
    until_ready(kubectl, "writer", 2)
    victim = kubectl.list("pods", models.of("writer"))[0]["metadata"]["name"]
    with losses(client, "writer") as lost:
        began = time.monotonic()
        kubectl.execute(victim, "dd", "if=/dev/zero", "of=/tmp/much", "bs=1M", "count=128")
        model = told(kubectl, "writer", "Evicted", 420)
        seen = time.monotonic()
        message = read_everywhere(kubectl, "writer", model)
        assert "ephemeral-storage" in message.partition(": ")[2]
        assert conditions(model)["Available"] == "True"
        until_running_alone(kubectl, "writer", 2)
    assert not lost.outside((began, seen + 1)), lost.load.failures
    kubectl.delete("imodel", "writer")
    record(
        f"`Evicted` while the other serves, {lost.load.failed} requests of that pod failed, "
        f"{lost.answered()} were answered. The sentence: {message}"
    )


def until_running_alone(kubectl: Kubectl, name: str, replicas: int = 1) -> None:
    """Wait until as many replicas serve, beside pods that have ended."""
    kubectl.until(
        "imodel",
        name,
        lambda one: models.reason(one) == "Ready" and one["status"]["readyReplicas"] == replicas,
        f"ready with {replicas} replicas",
        300,
    )

    def alone() -> bool:
        return len(kubectl.list("pods", models.of(name))) - len(finished(kubectl, name)) == replicas

    eventually(alone, 120, f"{replicas} pods of {name}", interval=1)


def finished(kubectl: Kubectl, name: str) -> list[Object]:
    """The model's pods that have ended for good."""
    found = kubectl.list("pods", models.of(name))
    return [pod for pod in found if pod["status"]["phase"] in {"Failed", "Succeeded"}]
