"""Weights in a claim: downloaded into it once, and served from it."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.e2e import models
from tests.e2e.kubectl import Kubectl, KubectlError
from tests.e2e.network import host_address
from tests.kind.config import NODE
from tests.kind.docker import docker
from tests.serving.fake_hub import FakeHub, running

CLAIM: Final = "weights"
VOLUME: Final = "sirocco-e2e-weights"
FOLDER: Final = f"/var/{VOLUME}"
FILES: Final = {"config.json": b'{"architectures": []}', "model.safetensors": bytes(1024)}
# The folder of org/name at its default revision.
KEPT: Final = "org--name--main"


def of_the_claim() -> list[dict[str, Any]]:
    """A claim of a disk of the node, which belongs to root; the kubelet gives it to a pod's fsGroup."""
    spec = {"storageClassName": "", "accessModes": ["ReadWriteOnce"]}
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    volume = {
        **spec,
        "capacity": {"storage": "1Gi"},
        "local": {"path": FOLDER},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
    }
    claim = {**spec, "volumeName": VOLUME, "resources": {"requests": {"storage": "1Gi"}}}
    return [
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": VOLUME}, "spec": volume},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": CLAIM}, "spec": claim},
    ]


@pytest.fixture(scope="module")
def claim(kubectl: Kubectl) -> Iterator[str]:
    kubectl.delete("persistentvolume", VOLUME)
    docker("exec", NODE, "sh", "-c", f"rm -rf {FOLDER} && mkdir -m 0750 {FOLDER}")
    kubectl.apply(*of_the_claim())
    yield CLAIM
    kubectl.delete("persistentvolumeclaim", CLAIM)
    kubectl.delete("persistentvolume", VOLUME)
    docker("exec", NODE, "rm", "-rf", FOLDER)


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    with running(FILES, host_address()) as hub:
        yield hub


def ready(kubectl: Kubectl, name: str) -> str:
    """Wait for a model; returns its pod's name."""
    kubectl.until("imodel", name, lambda one: models.reason(one) == "Ready", "ready", 420)
    (pod,) = (
        pod for pod in kubectl.list("pods", models.of(name)) if "deletionTimestamp" not in pod["metadata"]
    )
    return str(pod["metadata"]["name"])


@pytest.fixture(scope="module")
def downloaded(kubectl: Kubectl, claim: str, hub: FakeHub) -> Iterator[str]:
    """A model whose weights were downloaded into the claim; returns its name."""
    name = "downloaded"
    engine = {"env": [{"name": "HF_ENDPOINT", "value": hub.url}]}
    source = {"model": {"uri": "hf://org/name"}, "cache": {"claimName": claim}}
    kubectl.apply(models.stand_in(name, engine=engine, **source))
    ready(kubectl, name)
    yield name
    kubectl.delete("imodel", name)


def test_weights_stay_in_a_claim_that_was_roots(kubectl: Kubectl, downloaded: str, hub: FakeHub) -> None:
    assert len(hub.downloads("model.safetensors")) == 1
    kubectl.patch("imodel", downloaded, {"spec": {"replicas": 0}})
    kubectl.until("imodel", downloaded, lambda one: models.reason(one) == "Stopped", "stopped")
    kubectl.patch("imodel", downloaded, {"spec": {"replicas": 1}})
    ready(kubectl, downloaded)
    assert len(hub.downloads("model.safetensors")) == 1


def test_a_folder_of_a_claim_is_served_and_cannot_be_changed(kubectl: Kubectl, downloaded: str) -> None:
    kubectl.apply(models.stand_in("from-claim", model={"uri": f"pvc://{CLAIM}/{KEPT}"}))
    pod = ready(kubectl, "from-claim")
    assert kubectl.execute(pod, "cat", f"/model/{KEPT}/config.json") == FILES["config.json"].decode()
    with pytest.raises(KubectlError, match="Read-only file system"):
        kubectl.execute(pod, "touch", f"/model/{KEPT}/config.json")
    kubectl.delete("imodel", "from-claim")
