"""Whatever the API server takes as a model ends in objects that it takes, or in a reason."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, assume, given, settings

from sirocco_operator.api.crd.definition import resource_schema
from sirocco_operator.api.parse import InvalidResource, parse
from sirocco_operator.api.validation import problems
from sirocco_operator.children.build import build_children
from sirocco_operator.kube.kinds import CHILD_KINDS
from sirocco_operator.settings import Settings
from sirocco_operator.status.reasons import Reason
from tests.api.client import Client, Object
from tests.api.conftest import CRD_FILE
from tests.api.control_plane import ControlPlane
from tests.api.operator_process import OperatorProcess, install_rights
from tests.faults.specs import specs
from tests.waiting import eventually

EXAMPLES = 300
NAMESPACE = "any"
DEADLINE = 120.0
# A model has eight children and some statuses; a refused one is tried again with a back-off.
MOST_CALLS = 60
# Reasons with which a child may be missing.
REFUSED = {Reason.CHILD_REJECTED, Reason.IMAGE_VOLUMES_UNSUPPORTED, Reason.RECONCILE_FAILED}


@dataclass(frozen=True)
class Tried:
    """A spec that was sent, and the API server's answer: None when it took it."""

    document: Object
    refusal: str | None

    def __str__(self) -> str:
        return yaml.safe_dump(self.document, sort_keys=False)


def documents() -> list[Object]:
    """The same specs at each run: hypothesis draws them from a fixed seed."""
    drawn: list[Object] = []
    shapes: set[frozenset[str]] = set()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(specs(resource_schema()["properties"]["spec"]))
    def draw(spec: dict[str, Any]) -> None:
        # Hypothesis likes to vary what it had: one more value in the same fields finds nothing new.
        shape = frozenset(_paths(spec))
        assume(shape not in shapes)
        shapes.add(shape)
        name = f"model-{len(drawn)}"
        drawn.append(
            {
                "apiVersion": "inference.sirocco.dev/v1alpha1",
                "kind": "InferenceModel",
                "metadata": {"name": name, "namespace": NAMESPACE},
                "spec": spec,
            }
        )

    draw()
    return drawn


def _paths(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all fields that are set."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _paths(child, f"{path}.{key}")
    elif isinstance(value, list) and value:
        for child in value:
            yield from _paths(child, f"{path}[]")
    else:
        yield path


@pytest.fixture(scope="module")
def plane() -> Iterator[tuple[Client, ControlPlane, OperatorProcess]]:
    """A control plane of the tests' own: its hundreds of models go with it."""
    with ControlPlane(crds=[yaml.safe_load(CRD_FILE.read_text())], environment={"GOGC": "400"}) as cluster:
        install_rights(cluster.client)
        cluster.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        with OperatorProcess(cluster) as operator:
            yield cluster.client, cluster, operator


@pytest.fixture(scope="module")
def tried(plane: tuple[Client, ControlPlane, OperatorProcess]) -> list[Tried]:
    """Every spec, sent to the API server as kubectl does."""
    client, cluster, _ = plane
    own = threading.local()

    def send(document: Object) -> Tried:
        if not hasattr(own, "client"):
            own.client = cluster.client_of("admin")
        path = client.path("InferenceModel", NAMESPACE)
        answer = own.client.raw("POST", path, document, fieldValidation="Strict")
        return Tried(document, None if answer.is_success else answer.json()["message"])

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(send, documents()))


@pytest.fixture(scope="module")
def admitted(plane: tuple[Client, ControlPlane, OperatorProcess], tried: list[Tried]) -> dict[str, Object]:
    """The models that the API server took, once the operator has told of each."""
    client, _, _ = plane
    wanted = {each.document["metadata"]["name"] for each in tried if each.refusal is None}

    def untold(models: list[Object]) -> list[str]:
        return [
            each["metadata"]["name"]
            for each in models
            if (each.get("status") or {}).get("observedGeneration") != each["metadata"]["generation"]
            or not each["status"].get("reason")
        ]

    def all_told() -> dict[str, Object]:
        models = client.objects("InferenceModel", NAMESPACE)
        waiting = untold(models)
        first = next(each for each in models if each["metadata"]["name"] in waiting) if waiting else {}
        spec = yaml.safe_dump({key: first.get(key) for key in ("metadata", "spec")})
        assert not waiting, f"{len(waiting)} models without a status, e.g.\n{spec}"
        assert len(models) == len(wanted)
        return {each["metadata"]["name"]: each for each in models}

    return eventually(all_told, DEADLINE, "a status of every model", 0.5)


def test_the_check_without_a_cluster_takes_what_the_api_server_takes(tried: list[Tried]) -> None:
    differing = [
        f"{each}API server: {each.refusal}\nrender: {problems(each.document)}"
        for each in tried
        if bool(problems(each.document)) != (each.refusal is not None)
    ]
    assert differing == [], "\n\n".join(differing[:3])


def test_most_of_what_is_drawn_reaches_the_operator(tried: list[Tried]) -> None:
    refusals = Counter(each.refusal for each in tried if each.refusal)
    assert len(tried) - sum(refusals.values()) > EXAMPLES * 0.9, refusals.most_common(5)


def lacking(client: Client) -> list[str]:
    """Models with neither all their objects nor a reason for it."""
    required = [kind for kind in CHILD_KINDS if not kind.optional]
    known = Settings()
    live = {
        (kind.kind, each["metadata"]["name"])
        for kind in required
        for each in client.objects(kind.kind, NAMESPACE)
    }
    found = []
    for model in client.objects("InferenceModel", NAMESPACE):
        status = model["status"]
        try:
            children = build_children(parse(model), known, required)
        except InvalidResource:
            # Of what no schema can hold, such as a regular expression.
            missing, fits = ["everything"], status["reason"] == Reason.INVALID_SPEC
        else:
            wanted = {(child["kind"], child["metadata"]["name"]) for child in children}
            missing = sorted(kind for kind, _ in wanted - live)
            fits = not missing or status["reason"] in REFUSED
        if not fits or (missing and not status["message"]):
            told = f"{status['reason']}: {status.get('message')}"
            found.append(f"{missing} missing, {told}\n{yaml.safe_dump(model['spec'])}")
    return found


@pytest.mark.usefixtures("admitted")
def test_each_model_has_its_objects_or_a_reason(
    plane: tuple[Client, ControlPlane, OperatorProcess],
) -> None:
    client, _, _ = plane

    def described() -> str:
        return "objects or a reason of:\n" + "\n\n".join(lacking(client)[:3])

    eventually(lambda: not lacking(client), DEADLINE / 2, described, 1)


def test_the_operator_neither_ends_nor_runs_hot(
    plane: tuple[Client, ControlPlane, OperatorProcess], admitted: dict[str, Object]
) -> None:
    _, cluster, operator = plane
    calls = Counter(
        entry["objectRef"]["name"].removesuffix("-internal")
        for entry in cluster.audit()
        if entry.get("objectRef", {}).get("namespace") == NAMESPACE and "name" in entry["objectRef"]
    )
    busy = {name: count for name, count in calls.items() if count > MOST_CALLS}
    assert busy == {}, "\n".join(f"{name}: {yaml.safe_dump(admitted[name])}" for name in busy)
    assert operator.restarts == 0
    assert "Traceback" not in operator.log.read_text()
