"""Causes that only a real scheduler and a real kubelet show, told in the status."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.e2e import models
from tests.e2e.kubectl import Kubectl, Object
from tests.kind.config import NODE

SCARCE: Final = "e2e.sirocco.dev/scarce"
ROLLED: Final = "e2e.sirocco.dev/rolled"
FOREIGN: Final = "taken"
NOT_AN_IMAGE: Final = "registry.invalid/no/such:1"

MODELS: Final[dict[str, dict[str, Any]]] = {
    "crashing": models.inference_model(
        "crashing",
        device="cpu",
        engine={"maxModelLen": 1_000_000, "env": [{"name": "VLLM_CPU_KVCACHE_SPACE", "value": "1"}]},
        # Without, it would only get the time that nobody else wants.
        resources={"requests": {"cpu": "50m"}},
    ),
    "stock": models.stand_in(
        "stock", engine={"image": models.STOCK_IMAGE}, podSecurityContext={"runAsUser": 10001}
    ),
    "too-big": models.stand_in("too-big", device="gpu", tensorParallel=64),
    "rolled": models.stand_in("rolled", device="gpu", gpuResource=ROLLED),
    "holder": models.stand_in("holder", device="gpu", gpuResource=SCARCE),
    "no-image": models.stand_in("no-image", engine={"image": NOT_AN_IMAGE}),
    "stopped": models.stand_in("stopped", replicas=0),
    FOREIGN: models.stand_in(FOREIGN),
}


def told(kubectl: Kubectl, name: str, reason: str, deadline: float = 420) -> Object:
    """Wait until a model's status tells a reason; returns the model."""
    return kubectl.until(
        "imodel",
        name,
        lambda one: one if models.reason(one) == reason else None,
        f"told as {reason}",
        deadline,
    )


@pytest.fixture(scope="module", autouse=True)
def _models(kubectl: Kubectl) -> Iterator[None]:
    """All the models at once: they get to their states side by side."""
    advertise({SCARCE: 1, ROLLED: 1})
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": FOREIGN},
            "spec": {"ports": [{"port": 9}]},
        }
    )
    kubectl.apply(*MODELS.values())
    yield
    kubectl.delete("imodel", *MODELS, "waiter")
    kubectl.delete("pods", "--selector=inference.sirocco.dev/model in (crashing,stock)", now=True)


def advertise(extended: dict[str, int]) -> None:
    """Let the node have extended resources, as a device plugin would."""
    amounts = {name: str(amount) for name, amount in extended.items()}
    change = {"status": {"capacity": amounts, "allocatable": amounts}}
    Kubectl().run(
        "patch", "node", NODE, "--subresource=status", "--type=merge", "--patch", json.dumps(change)
    )


def test_more_gpus_than_any_node_has(kubectl: Kubectl) -> None:
    message = models.message(told(kubectl, "too-big", "InsufficientGPU"))
    assert "64 nvidia.com/gpu" in message
    assert "tensorParallel" in message


def test_gpus_that_others_hold(kubectl: Kubectl) -> None:
    told(kubectl, "holder", "Ready")
    kubectl.apply(models.stand_in("waiter", device="gpu", gpuResource=SCARCE))
    message = models.message(told(kubectl, "waiter", "WaitingForGPU"))
    assert SCARCE in message


def test_rollout_without_a_spare_gpu_and_its_fix(kubectl: Kubectl) -> None:
    told(kubectl, "rolled", "Ready")
    kubectl.patch("imodel", "rolled", {"spec": {"podAnnotations": {"e2e.sirocco.dev/revision": "2"}}})
    model = told(kubectl, "rolled", "RolloutNeedsGPU")
    assert "InPlace" in models.message(model)
    conditions = {one["type"]: one["status"] for one in model["status"]["conditions"]}
    assert (conditions["Ready"], conditions["Available"]) == ("False", "True"), "the old pod serves on"
    kubectl.patch("imodel", "rolled", {"spec": {"rollout": {"strategy": "InPlace"}}})
    told(kubectl, "rolled", "Ready")
    (pod,) = [
        pod
        for pod in kubectl.list("pods", models.of("rolled"))
        if not pod["metadata"].get("deletionTimestamp")
    ]
    assert pod["metadata"]["annotations"]["e2e.sirocco.dev/revision"] == "2"


def test_image_that_cannot_be_pulled(kubectl: Kubectl) -> None:
    assert NOT_AN_IMAGE in models.message(told(kubectl, "no-image", "ImagePull"))


def test_stopped_model_has_no_pods(kubectl: Kubectl) -> None:
    told(kubectl, "stopped", "Stopped")
    assert not kubectl.list("pods", models.of("stopped"))


def test_service_of_somebody_else_is_named_and_left_alone(kubectl: Kubectl) -> None:
    model = told(kubectl, FOREIGN, "NameConflict")
    assert f"Service {FOREIGN}" in models.message(model)
    service = kubectl.get("service", FOREIGN)
    assert service
    assert service["spec"]["ports"][0]["port"] == 9
    assert "ownerReferences" not in service["metadata"]


def test_stock_image_lacks_our_layer(kubectl: Kubectl) -> None:
    message = models.message(told(kubectl, "stock", "ImageLacksServingLayer"))
    assert "engine.image" in message


def test_engine_that_ends_is_told_with_its_cause(kubectl: Kubectl) -> None:
    message = models.message(told(kubectl, "crashing", "EngineSettingRefused"))
    assert "engine.maxModelLen is 1000000" in message
