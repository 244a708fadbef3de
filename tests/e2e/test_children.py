"""What happens to a model's children by other hands, and what is left when the model goes."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from sirocco_operator.api.parse import parse
from sirocco_operator.children.serving_config import settings_file
from tests.e2e import models
from tests.e2e.kubectl import Kubectl, Object
from tests.waiting import eventually

MODEL: Final = "children"
NOWHERE: Final = {"e2e.sirocco.dev/no-such-node": "true"}
# All children, and no work for a node: none takes it.
UNPLACED: Final = models.stand_in(MODEL, replicas=2, nodeSelector=NOWHERE)
# The settings' name is made from the spec alone.
SETTINGS: Final = settings_file(
    parse({**UNPLACED, "metadata": {"name": MODEL, "namespace": "any", "uid": "any", "generation": 1}})
)
LABEL: Final = {"metadata": {"labels": {"app.kubernetes.io/component": "edited"}}}
# Each child, and an edit that takes it away from what the operator wants.
EDITS: Final[dict[str, dict[str, Any]]] = {
    f"deployment/{MODEL}": {"spec": {"replicas": 7}},
    f"service/{MODEL}": {"spec": {"selector": {"edited": "true"}}},
    f"serviceaccount/{MODEL}": LABEL,
    f"poddisruptionbudget/{MODEL}": {"spec": {"maxUnavailable": 0}},
    f"configmap/{SETTINGS.name}": LABEL,
}


@pytest.fixture(scope="module")
def unplaced(kubectl: Kubectl) -> Iterator[str]:
    """A model of two replicas that no node takes: all its children, and no work for the node."""
    kubectl.apply(UNPLACED)
    kubectl.until("imodel", MODEL, lambda one: models.reason(one) == "Unschedulable", "unschedulable")
    yield MODEL
    kubectl.delete("imodel", MODEL)


def children(kubectl: Kubectl) -> dict[str, Object]:
    """The children that are there, by kind and name."""
    # It prints nothing at all where none is found.
    output = kubectl.run("get", *EDITS, "--ignore-not-found", "--output", "json") or '{"items": []}'
    return {f"{one['kind'].lower()}/{one['metadata']['name']}": one for one in json.loads(output)["items"]}


def uids(kubectl: Kubectl) -> dict[str, str]:
    """Each child's identity."""
    return {name: one["metadata"]["uid"] for name, one in children(kubectl).items()}


def wanted(kubectl: Kubectl) -> dict[str, Any]:
    """Of each child, what somebody wants of it."""
    return {
        name: [one["metadata"]["labels"], one.get("spec"), one.get("data")]
        for name, one in children(kubectl).items()
    }


def test_deleted_children_come_back(unplaced: str, kubectl: Kubectl) -> None:
    before = uids(kubectl)
    assert before.keys() == EDITS.keys()
    kubectl.delete(*EDITS, wait=False)

    def renewed() -> bool:
        now = uids(kubectl)
        return now.keys() == before.keys() and all(now[name] != before[name] for name in before)

    eventually(renewed, 120, f"{', '.join(before)} to be there again under new uids", interval=1)


def test_edited_children_are_put_right(unplaced: str, kubectl: Kubectl) -> None:
    before = wanted(kubectl)
    assert before.keys() == EDITS.keys()
    for name, edit in EDITS.items():
        kind, _, child = name.partition("/")
        kubectl.patch(kind, child, edit)

    def put_right() -> bool:
        now = wanted(kubectl)
        wrong = {name: now.get(name) for name in before if now.get(name) != before[name]}
        assert not wrong, wrong
        return True

    eventually(put_right, 120, "every child to be as it was before the edits", interval=1)


def test_deleted_model_leaves_nothing(kubectl: Kubectl) -> None:
    name = "leaves-nothing"
    kubectl.apply(models.stand_in(name, replicas=2))
    kubectl.until("imodel", name, lambda one: models.reason(one) == "Ready", "ready")
    kinds = kubectl.run("api-resources", "--namespaced", "--verbs=list", "--output=name").split()
    watched = ",".join(kind for kind in kinds if not kind.startswith("events"))

    def left() -> list[str]:
        return [one for one in kubectl.run("get", watched, "--output=name").split() if f"/{name}" in one]

    assert {one.partition("/")[0].partition(".")[0] for one in left()} >= {
        "configmap", "deployment", "endpointslice", "pod", "poddisruptionbudget", "replicaset", "service",
        "serviceaccount",
    }  # fmt: skip
    kubectl.delete("imodel", name)
    # Pods go on for preStop and the settle time, 16 seconds, before they end.
    eventually(lambda: not left(), 120, lambda: f"nothing of the model to be left, not {left()}", interval=1)
