"""Whatever the API server takes as a model ends in objects that it takes, or in a reason."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

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
from tests.api.control_plane import FAST, ControlPlane
from tests.api.operator_process import OperatorProcess, install_rights
from tests.api.specs import Specs
from tests.waiting import eventually

EXAMPLES: Final = 300
NAMESPACE: Final = "any"
DEADLINE: Final = 120.0
# Objects of a model's name, and some statuses; a refused one is tried again with a back-off.
MOST_CALLS: Final = 30
# On average: the first, one for the events of what was made, and those of its pods.
MOST_PASSES: Final = 10
# Reasons with which a child may be missing.
REFUSED: Final = {Reason.CHILD_REJECTED, Reason.IMAGE_VOLUMES_UNSUPPORTED, Reason.RECONCILE_FAILED}
# Fields that hold much of what may be wrong are set more often than others.
SHARES: Final[Mapping[str, int]] = {"volumes": 8, "affinity": 3, "topologySpreadConstraints": 2, "engine": 2}


@dataclass(frozen=True)
class Tried:
    """A model that was sent, and the API server's refusal; empty when it took it."""

    document: Object
    refusal: str

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.document["metadata"]["name"])


@dataclass(frozen=True)
class Run:
    """All models, where they were sent, and the operator that works on them."""

    cluster: ControlPlane
    operator: OperatorProcess
    tried: list[Tried]

    @property
    def taken(self) -> list[Tried]:
        """Those that the API server took."""
        return [each for each in self.tried if not each.refusal]


def documents() -> list[Object]:
    """The same models at each run, each field of the spec in some: hypothesis draws from a fixed seed."""
    schema = resource_schema()["properties"]["spec"]
    specs, drawn, shapes = Specs(schema), list[Object](), set[frozenset[str]]()
    fields = [field for field in schema["properties"] for _ in range(SHARES.get(field, 1))]
    for number, field in enumerate(fields):
        share = EXAMPLES * (number + 1) // len(fields) - EXAMPLES * number // len(fields)

        @settings(
            max_examples=share,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(specs.with_field(field))
        def draw(spec: dict[str, Any]) -> None:
            # Hypothesis likes to vary what it had: one more value in the same fields finds nothing new.
            shape = frozenset(_paths(spec))
            assume(shape not in shapes)
            shapes.add(shape)
            drawn.append(_document(len(drawn), spec))

        draw()
    return drawn


def _document(number: int, spec: dict[str, Any]) -> Object:
    names = (f"m{number}", f"m-{number}", f"m--{number}-x", f"m{number}-".ljust(52, "x"))
    return {
        "apiVersion": "inference.sirocco.dev/v1alpha1",
        "kind": "InferenceModel",
        "metadata": {"name": names[number % len(names)], "namespace": NAMESPACE},
        "spec": spec,
    }


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


def send(cluster: ControlPlane, drawn: list[Object]) -> list[Tried]:
    """Create each model as kubectl does."""
    own = threading.local()

    def create(document: Object) -> Tried:
        if not hasattr(own, "client"):
            own.client = cluster.client_of("admin")
        path = own.client.path("InferenceModel", NAMESPACE)
        answer = own.client.raw("POST", path, document, fieldValidation="Strict")
        return Tried(document, "" if answer.is_success else answer.json()["message"])

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(create, drawn))


def judged_otherwise(tried: list[Tried]) -> list[str]:
    """Models that the check without a cluster takes and the API server does not, or the other way round."""
    found = []
    for each in tried:
        offline = problems(each.document)
        if bool(offline) != bool(each.refusal):
            found.append(f"API server: {each.refusal}\nrender: {offline}\n{_shown(each.document)}")
    return found


def untold(client: Client, wanted: set[str]) -> list[str]:
    """Models without a status of what they are now."""
    models = {each["metadata"]["name"]: each for each in client.objects("InferenceModel", NAMESPACE)}
    assert models.keys() == wanted
    return [
        _shown(model)
        for model in models.values()
        if model["status"]["observedGeneration"] != model["metadata"]["generation"]
        or not model["status"].get("reason")
    ]


def lacking(client: Client) -> list[str]:
    """Models with neither all their objects nor a reason for it."""
    required = [kind for kind in CHILD_KINDS if not kind.optional]
    live = {
        (kind.kind, each["metadata"]["name"])
        for kind in required
        for each in client.objects(kind.kind, NAMESPACE)
    }
    found = []
    for model in client.objects("InferenceModel", NAMESPACE):
        status = model["status"]
        try:
            children = build_children(parse(model), Settings(), required)
        except InvalidResource:
            # Of what no schema can hold, such as a regular expression.
            missing, fits = ["everything"], status.get("reason") == Reason.INVALID_SPEC
        else:
            wanted = {(child["kind"], child["metadata"]["name"]) for child in children}
            missing = sorted(kind for kind, _ in wanted - live)
            fits = not missing or status.get("reason") in REFUSED
        if not fits or not status.get("message"):
            told = f"{status.get('reason')}: {status.get('message')}"
            found.append(f"{missing} missing, {told}\n{_shown(model)}")
    return found


def busy(cluster: ControlPlane) -> list[str]:
    """Models for which the operator has called the API server without an end."""
    calls = Counter(
        entry["objectRef"]["name"].removesuffix("-internal")
        for entry in cluster.audit()
        if entry.get("objectRef", {}).get("namespace") == NAMESPACE and "name" in entry["objectRef"]
    )
    return [f"{name}: {count} calls" for name, count in calls.items() if count > MOST_CALLS]


def _shown(model: Object) -> str:
    return yaml.safe_dump({"name": model["metadata"]["name"], "spec": model["spec"]}, sort_keys=False)


def _first(what: str, found: list[str]) -> str:
    return f"{len(found)} {what}, e.g.\n" + "\n".join(found[:3])


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """The models, sent to a control plane of their own: hundreds of them go with it."""
    with ThreadPoolExecutor(1) as beside:
        drawing = beside.submit(documents)
        crd = yaml.safe_load(CRD_FILE.read_text())
        with ControlPlane([crd], controller_flags=FAST, environment={"GOGC": "400"}) as cluster:
            install_rights(cluster.client)
            cluster.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
            # So many models keep a busy machine from answering within the usual seconds.
            with OperatorProcess(cluster, lease_seconds="60") as operator:
                yield Run(cluster, operator, send(cluster, drawing.result()))


def test_render_takes_what_the_api_server_takes(run: Run) -> None:
    differing = judged_otherwise(run.tried)
    assert differing == [], _first("models judged otherwise", differing)


def test_each_field_reaches_the_operator(run: Run) -> None:
    refusals = Counter(each.refusal for each in run.tried if each.refusal)
    assert len(run.taken) > EXAMPLES * 0.9, refusals.most_common(5)
    fields = {field for each in run.taken for field in each.document["spec"]}
    assert fields == resource_schema()["properties"]["spec"]["properties"].keys()


def test_what_the_api_server_takes_ends_in_objects_or_in_a_reason(run: Run) -> None:
    client, names = run.cluster.client, {each.name for each in run.taken}
    eventually(
        lambda: not untold(client, names),
        DEADLINE,
        lambda: _first("models to have a status", untold(client, names)),
        0.5,
    )
    eventually(
        lambda: not lacking(client),
        DEADLINE,
        lambda: _first("models to have objects or a reason", lacking(client)),
        1,
    )


def test_the_operator_neither_ends_nor_runs_hot(run: Run) -> None:
    assert busy(run.cluster) == []
    assert run.operator.metric("sirocco_operator_reconciles_total") < MOST_PASSES * len(run.taken)
    assert run.operator.metric("sirocco_operator_reconciles_total", result="error") == 0
    assert run.operator.restarts == 0
    assert "Traceback" not in run.operator.log.read_text()
