"""Which pods are a model's own: by their owners, whatever labels they have."""

import asyncio
from typing import Any

import pytest

from sirocco_operator.controller.store import Key, Manifest, Store
from sirocco_operator.intake import owner_of
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import DEPLOYMENT, MODEL, POD, REPLICA_SET, Kind
from sirocco_operator.reconcile.pod_owners import MOST_READS, REREAD_SECONDS, PodOwners

pytestmark = pytest.mark.unit

MISTRAL = Key("models", "mistral")
DEPLOYMENT_UID = "deployment-1"


class Cluster:
    """A model with its Deployment in a store, ReplicaSets that are read one by one, and a clock."""

    def __init__(self) -> None:
        self.store = Store(MODEL.full_name, POD.full_name, owner_of)
        self.replica_sets: dict[str, Manifest] = {}
        self.reads: list[str] = []
        self.failure: ApiError | None = None
        self.now = 0.0
        self.owners = PodOwners(self.store, self._read, lambda: self.now)
        self._version = 0
        self.put(MODEL, "mistral", "model-1")
        self.put(DEPLOYMENT, "mistral", DEPLOYMENT_UID, controlled(MODEL, "mistral", "model-1"))

    def put(self, kind: Kind, name: str, uid: str, owners: Manifest | None = None) -> None:
        """Take an object into the store."""
        self._version += 1
        metadata = {"name": name, "namespace": "models", "uid": uid, **(owners or {})}
        metadata["resourceVersion"] = str(self._version)
        self.store.put({"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata})

    def add_replica_set(self, name: str, uid: str, controller: str = DEPLOYMENT_UID) -> None:
        """A ReplicaSet that is controlled by the Deployment with that uid."""
        self.replica_sets[name] = {
            "metadata": {"name": name, "uid": uid, **controlled(DEPLOYMENT, "mistral", controller)}
        }

    def own(self, *pods: Manifest) -> list[str]:
        """The names of those of the pods that are the model's own."""
        return [pod["metadata"]["name"] for pod in asyncio.run(self.owners.own(MISTRAL, pods))]

    async def _read(self, namespace: str, name: str) -> Manifest | None:
        assert namespace == "models"
        self.reads.append(name)
        if self.failure is not None:
            raise self.failure
        return self.replica_sets.get(name)


def controlled(kind: Kind, name: str, uid: str) -> dict[str, Any]:
    owner = {"apiVersion": kind.api_version, "kind": kind.kind, "name": name, "uid": uid, "controller": True}
    return {"ownerReferences": [owner]}


def pod(name: str, owners: Manifest | None = None) -> Manifest:
    return {
        "metadata": {"name": name, "labels": {"inference.sirocco.dev/model": "mistral"}, **(owners or {})}
    }


def of(name: str, uid: str) -> dict[str, Any]:
    return controlled(REPLICA_SET, name, uid)


def test_the_pods_of_the_models_deployment_are_its_own() -> None:
    cluster = Cluster()
    cluster.add_replica_set("mistral-1", "rs-1")
    cluster.add_replica_set("mistral-2", "rs-2")
    pods = [pod("a", of("mistral-1", "rs-1")), pod("b", of("mistral-2", "rs-2"))]
    assert cluster.own(*pods) == ["a", "b"]


@pytest.mark.parametrize(
    "owners",
    [
        {},
        {"ownerReferences": [{**of("mistral-1", "rs-1")["ownerReferences"][0], "controller": False}]},
        of("others-1", "rs-2"),
        of("mistral-1", "rs-9"),
        of("gone", "rs-3"),
        controlled(MODEL, "mistral", "model-1"),
        controlled(Kind("example.com/v1", "ReplicaSet", "replicasets"), "mistral-1", "rs-1"),
    ],
    ids=[
        "no owner",
        "owner that is no controller",
        "another Deployment's",
        "earlier ReplicaSet of that name",
        "ReplicaSet that is gone",
        "the model itself",
        "another kind of that name",
    ],
)
def test_labels_alone_make_no_pod_a_models_own(owners: Manifest) -> None:
    cluster = Cluster()
    cluster.add_replica_set("mistral-1", "rs-1")
    cluster.add_replica_set("others-1", "rs-2", controller="deployment-2")
    assert cluster.own(pod("stray", owners)) == []


def test_a_deployment_that_is_not_the_models_child_has_no_pods_of_it() -> None:
    cluster = Cluster()
    cluster.put(DEPLOYMENT, "mistral", DEPLOYMENT_UID, controlled(MODEL, "mistral", "model-0"))
    cluster.add_replica_set("mistral-1", "rs-1")
    assert cluster.own(pod("a", of("mistral-1", "rs-1"))) == []
    assert cluster.reads == []


def test_a_replica_set_is_read_once() -> None:
    cluster = Cluster()
    cluster.add_replica_set("mistral-1", "rs-1")
    pods = [pod(name, of("mistral-1", "rs-1")) for name in "abc"]
    for _ in range(3):
        assert cluster.own(*pods) == ["a", "b", "c"]
        cluster.now += 10 * REREAD_SECONDS
    assert cluster.reads == ["mistral-1"]


def test_nothing_is_read_without_pods_to_ask() -> None:
    cluster = Cluster()
    assert cluster.own() == []
    assert cluster.own(pod("stray")) == []
    assert cluster.reads == []


def test_a_replica_set_that_another_deployment_adopts_is_found_after_a_while() -> None:
    cluster = Cluster()
    cluster.add_replica_set("mistral-1", "rs-1", controller="deployment-0")
    mine = pod("a", of("mistral-1", "rs-1"))
    assert cluster.own(mine) == []
    cluster.add_replica_set("mistral-1", "rs-1")
    assert cluster.own(mine) == []
    cluster.now += REREAD_SECONDS + 1
    assert cluster.own(mine) == ["a"]
    assert len(cluster.reads) == 2


def test_pods_with_owners_of_any_names_cost_a_few_reads() -> None:
    cluster = Cluster()
    strays = [pod(f"stray-{number}", of(f"rs-{number}", f"uid-{number}")) for number in range(1000)]
    assert cluster.own(*strays) == []
    assert len(cluster.reads) == MOST_READS


def test_pods_that_cannot_be_told_of_now_are_left_out_and_read_again() -> None:
    cluster = Cluster()
    cluster.add_replica_set("mistral-1", "rs-1")
    cluster.failure = ApiError(503, "overloaded")
    mine = pod("a", of("mistral-1", "rs-1"))
    assert cluster.own(mine) == []
    cluster.failure = None
    assert cluster.own(mine) == ["a"]


def test_an_operator_without_the_right_asks_nothing_and_does_not_ask_again_at_once() -> None:
    cluster = Cluster()
    cluster.failure = ApiError(403, "forbidden")
    for _ in range(3):
        assert cluster.own(pod("a", of("mistral-1", "rs-1"))) == []
    assert cluster.reads == ["mistral-1"]
