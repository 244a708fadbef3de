"""Which pods are scraped, and how."""

import asyncio
from typing import Any

import pytest

from sirocco_operator.controller.store import Key, Manifest, Store
from sirocco_operator.intake import owner_of
from sirocco_operator.kube.kinds import DEPLOYMENT, MODEL, POD, REPLICA_SET, Kind
from sirocco_operator.metrics_api.documents import HttpError
from sirocco_operator.metrics_api.pods import ReadyPods
from sirocco_operator.metrics_api.selectors import parse
from sirocco_operator.reconcile.master_secret import derive_internal_key
from sirocco_operator.reconcile.pod_owners import PodOwners

MASTER = bytes(32)
MODEL_LABEL = "inference.sirocco.dev/model"


def owned_by(kind: Kind, name: str, uid: str) -> dict[str, Any]:
    """The metadata of an object that is controlled by this one."""
    owner = {"apiVersion": kind.api_version, "kind": kind.kind, "name": name, "uid": uid, "controller": True}
    return {"ownerReferences": [owner]}


class World:
    """A store with models and pods in it."""

    def __init__(self, synced: bool = True) -> None:
        self.store = Store(MODEL.full_name, POD.full_name, owner_of)
        owners = PodOwners(self.store, self._replica_set)
        self.pods = ReadyPods(self.store, owners, lambda: synced, self._master)
        self._version = 0

    async def _master(self) -> bytes:
        return MASTER

    async def _replica_set(self, namespace: str, name: str) -> Manifest:
        """The ReplicaSet of the model of that name, by its Deployment."""
        owners = owned_by(DEPLOYMENT, name, f"uid-Deployment-{name}")
        return {"metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", **owners}}

    def add_model(self, name: str, namespace: str = "models") -> None:
        """A model and its Deployment; the model's uid is its name's."""
        self._put(MODEL.api_version, MODEL.kind, namespace, name, {})
        owners = owned_by(MODEL, name, f"uid-{name}")
        self._put(
            DEPLOYMENT.api_version,
            DEPLOYMENT.kind,
            namespace,
            name,
            {},
            uid=f"uid-Deployment-{name}",
            **owners,
        )

    def add_pod(self, name: str, model: str, namespace: str = "models", **more: Any) -> None:
        """A Ready pod; `more` overrides parts of its manifest."""
        status = {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}
        spec = {"containers": [{"name": "vllm", "ports": [{"name": "http", "containerPort": 8000}]}]}
        parts = {"spec": {**spec, **more.get("spec", {})}, "status": {**status, **more.get("status", {})}}
        metadata = {
            "labels": {MODEL_LABEL: model, "pod-template-hash": "1"},
            **owned_by(REPLICA_SET, model, f"uid-{model}"),
            **more.get("metadata", {}),
        }
        self._put("v1", "Pod", namespace, name, parts, **metadata)

    def models(self, selector: str = "", namespace: str = "models") -> list[str]:
        """The names of the models whose pods are scraped."""
        return [key.name for key in self.pods.models(namespace, parse(selector))]

    def targets(self, model: str) -> list[tuple[str, str, str | None]]:
        """Name, address and key of each pod that is scraped."""
        found = asyncio.run(self.pods.targets(Key("models", model)))
        return [(each.pod, each.address, each.key) for each in found]

    def _put(
        self, version: str, kind: str, namespace: str, name: str, parts: dict[str, Any], **metadata: Any
    ) -> None:
        self._version += 1
        entry = {"name": name, "namespace": namespace, "uid": f"uid-{name}", **metadata}
        entry["resourceVersion"] = str(self._version)
        self.store.put({"apiVersion": version, "kind": kind, "metadata": entry, **parts})


def test_the_selector_of_a_model_finds_its_pods_alone() -> None:
    world = World()
    world.add_model("mistral")
    world.add_model("llama")
    world.add_model("phi", namespace="others")
    assert world.models(f"{MODEL_LABEL}=mistral,app=vllm") == ["mistral"]
    assert world.models() == ["mistral", "llama"]
    assert world.models(f"{MODEL_LABEL}!=llama") == ["mistral", "llama"]


@pytest.mark.parametrize(
    "more",
    [
        {"status": {"conditions": [{"type": "Ready", "status": "False"}]}},
        {"status": {"conditions": []}},
        {"status": {"podIP": None}},
        {"metadata": {"deletionTimestamp": "2026-01-02T03:04:05Z"}},
    ],
    ids=["not Ready", "just begun", "without address", "ending"],
)
def test_only_ready_pods_are_scraped(more: dict[str, Any]) -> None:
    world = World()
    world.add_model("mistral")
    world.add_pod("mistral-1", "mistral", **more)
    assert world.targets("mistral") == []


def test_a_pod_that_only_has_the_models_labels_is_not_scraped() -> None:
    world = World()
    world.add_model("mistral")
    world.add_pod("stray", "mistral", metadata={"ownerReferences": []})
    assert world.targets("mistral") == []


def test_an_open_pod_is_scraped_without_a_key() -> None:
    world = World()
    world.add_model("mistral")
    world.add_pod("mistral-1", "mistral")
    assert world.targets("mistral") == [("mistral-1", "10.0.0.1", None)]


def test_a_pods_labels_are_kept_for_selectors() -> None:
    world = World()
    world.add_model("mistral")
    world.add_pod("mistral-1", "mistral")
    (target,) = asyncio.run(world.pods.targets(Key("models", "mistral")))
    assert target.labels == {MODEL_LABEL: "mistral", "pod-template-hash": "1"}


def test_a_pod_with_keys_is_scraped_with_the_models_internal_key() -> None:
    world = World()
    world.add_model("mistral")
    volume = {"name": "internal", "secret": {"secretName": "mistral-internal"}}
    world.add_pod("open", "mistral")
    world.add_pod("with-keys", "mistral", spec={"volumes": [volume]})
    key = derive_internal_key(MASTER, Key("models", "mistral"), "uid-mistral")
    used = [(pod, sent) for pod, _, sent in world.targets("mistral")]
    assert used == [("open", None), ("with-keys", key)]


def test_pods_of_a_model_that_is_gone_are_not_scraped() -> None:
    world = World()
    world.add_pod("mistral-1", "mistral")
    assert world.targets("mistral") == []


def test_an_operator_that_does_not_know_all_pods_yet_says_so() -> None:
    with pytest.raises(HttpError) as raised:
        World(synced=False).models()
    assert raised.value.status == 503
