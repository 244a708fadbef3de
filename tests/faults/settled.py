"""What holds after every fault: each model is as wanted, nothing is lost or doubled, nobody waits."""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sirocco_operator.api.parse import parse
from sirocco_operator.children.build import build_children
from sirocco_operator.children.labels import MODEL_LABEL
from sirocco_operator.children.revision import Rollout, build_revision
from sirocco_operator.kube.kinds import CHILD_KINDS, CONTROLLER_REVISION
from sirocco_operator.kube.quantity import canonical
from sirocco_operator.settings import Settings
from sirocco_operator.status.reasons import Reason
from tests.api.client import ApiError, Client, Object
from tests.api.control_plane import ControlPlane
from tests.waiting import eventually

DEADLINE = 180.0
# The longest that a change may take to reach its Deployment once all is well again, in seconds; and for each
# model more, where hundreds change at the same time.
PROMPT = 10.0
PROMPT_EACH = 0.05
# Of how many models an object is deleted, too.
LOST = 3
MANAGED = "app.kubernetes.io/managed-by=sirocco-operator"
_KINDS = [kind for kind in CHILD_KINDS if not kind.optional]
_NOT_COMPARED = {"apiVersion", "kind", "metadata", "revision"}
# With these, what is wanted has not been reached.
_FAILED = {Reason.CHILD_REJECTED, Reason.NAME_CONFLICT, Reason.QUOTA_EXCEEDED, Reason.RECONCILE_FAILED}


def wait_settled(
    client: Client,
    cluster: ControlPlane,
    namespace: str,
    names: Collection[str],
    deadline: float = DEADLINE,
    settings: Settings | None = None,
    decided: Collection[str] = (),
) -> float:
    """Wait until these models, and no others, are as wanted; then change each. Seconds until they were.

    As `wait_wanted`. Raises AssertionError also for a model that does not follow a change promptly.
    """
    seconds = wait_wanted(client, cluster, namespace, names, deadline, settings, decided)
    follow_changes(client, namespace, names)
    return seconds


def wait_wanted(
    client: Client,
    cluster: ControlPlane,
    namespace: str,
    names: Collection[str],
    deadline: float = DEADLINE,
    settings: Settings | None = None,
    decided: Collection[str] = (),
) -> float:
    """Wait until these models, and no others, are as wanted and nothing is written; seconds until they were.

    `settings` are those of the operator that serves them; `decided` are names of fields that a webhook has a
    say in. Raises AssertionError for an object that is lost or doubled, and for writes without an end.
    """
    by = settings or Settings()

    def found() -> list[str]:
        try:
            return list(differences(client, namespace, names, by, decided))
        except ApiError as error:
            # So the API server answers for a moment after its CRD has changed.
            if error.code != 429:
                raise
            return [str(error)]

    started = time.monotonic()
    eventually(lambda: not found(), deadline, lambda: f"the wanted state: {found()[:5]}", 0.5)
    seconds = time.monotonic() - started
    cluster.wait_quiet(namespace, deadline=deadline)
    assert found() == []
    return seconds


def differences(
    client: Client,
    namespace: str,
    names: Collection[str],
    settings: Settings,
    decided: Collection[str] = (),
) -> Iterator[str]:
    """What is not as these models, and no others, ask for."""
    models = _by_name(client.objects("InferenceModel", namespace))
    if set(models) != set(names):
        yield f"models {sorted(models)} instead of {sorted(names)}"
        return
    yield from filter(None, map(_untold, models.values()))
    wanted = {
        (child["kind"], child["metadata"]["name"]): child
        for model in models.values()
        for child in _children(model, settings)
    }
    live = {
        (kind.kind, each["metadata"]["name"]): each
        for kind in _KINDS
        for each in client.objects(kind.kind, namespace, MANAGED)
    }
    uids = {model["metadata"]["uid"] for model in models.values()}
    for (kind, name), child in wanted.items():
        if (found := live.get((kind, name))) is None:
            yield f"{kind} {name} is missing"
            continue
        for field in child.keys() - _NOT_COMPARED:
            yield from _fields(f"{kind} {name}: {field}", child.get(field), found.get(field), decided)
        yield from _fields(f"{kind} {name}: labels", child["metadata"]["labels"], found["metadata"]["labels"])
    for (kind, name), child in live.items():
        owners = [each["uid"] for each in child["metadata"].get("ownerReferences") or ()]
        if len(owners) != 1 or not uids.issuperset(owners):
            yield f"{kind} {name} is owned by {owners}"
        # A model remembers revisions that it had before.
        elif kind != CONTROLLER_REVISION.kind and (kind, name) not in wanted:
            yield f"{kind} {name} is too much"
    yield from _pods(client, namespace, models)


def _children(model: Object, settings: Settings) -> Sequence[Mapping[str, Any]]:
    parsed = parse(model)
    revision = replace(build_revision(parsed, settings), number=1)
    return build_children(parsed, settings, _KINDS, Rollout(revision, (revision,)))


def _untold(model: Object) -> str:
    status, metadata = model.get("status") or {}, model["metadata"]
    if status.get("observedGeneration") != metadata["generation"]:
        return f"{metadata['name']} has no status of generation {metadata['generation']}"
    if status.get("reason") in _FAILED:
        return f"{metadata['name']} says {status['reason']}: {status.get('message')}"
    return ""


def _pods(client: Client, namespace: str, models: Mapping[str, Object]) -> Iterator[str]:
    wanted = {name: model["spec"]["replicas"] for name, model in models.items() if model["spec"]["replicas"]}
    found = Counter(
        (each["metadata"].get("labels") or {}).get(MODEL_LABEL)
        for each in client.objects("Pod", namespace)
        if not each["metadata"].get("deletionTimestamp")
    )
    if found != wanted:
        yield f"{dict(found)} pods instead of {wanted}"


def _fields(path: str, wanted: Any, live: Any, decided: Collection[str] = ()) -> Iterator[str]:
    """What differs in the fields that are wanted; the API server fills in others."""
    if path.rpartition(".")[2] in decided:
        return
    if isinstance(wanted, Mapping):
        found = live if isinstance(live, Mapping) else {}
        for key, value in wanted.items():
            yield from _fields(f"{path}.{key}", value, found.get(key), decided)
    elif isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        for number, (each, found) in enumerate(zip(wanted, live, strict=True)):
            yield from _fields(f"{path}.{number}", each, found, decided)
    elif not _same(wanted, live):
        yield f"{path} is {live}"


def _same(wanted: Any, live: Any) -> bool:
    # The API server leaves out what is empty, and writes a quantity in its own way.
    if wanted == live or not (wanted or live):
        return True
    try:
        return canonical(wanted) == canonical(live)
    except ValueError:
        return False


def follow_changes(client: Client, namespace: str, names: Collection[str]) -> None:
    """Change each model, and delete some of their objects; wait until all is promptly as wanted."""
    before = {
        each["metadata"]["name"]: each["spec"]["replicas"]
        for each in client.objects("InferenceModel", namespace)
    }
    wanted = {name: 2 if before[name] == 1 else 1 for name in names}
    lost = {name: client.get("Service", namespace, name)["metadata"]["uid"] for name in sorted(names)[:LOST]}
    for name, replicas in wanted.items():
        client.patch("InferenceModel", namespace, name, {"spec": {"replicas": replicas}})
    for name in lost:
        client.delete("Service", namespace, name)

    def behind() -> list[str]:
        deployments = _by_name(client.objects("Deployment", namespace))
        models = _by_name(client.objects("InferenceModel", namespace))
        services = _by_name(client.objects("Service", namespace))
        return [
            name
            for name in names
            if deployments[name]["spec"]["replicas"] != wanted[name]
            or _untold(models[name])
            or name not in services
            or services[name]["metadata"]["uid"] == lost.get(name)
        ]

    prompt = PROMPT + PROMPT_EACH * len(names)
    eventually(lambda: not behind(), prompt, lambda: f"the changes of {behind()} to be followed", 0.05)


def _by_name(objects: Sequence[Object]) -> dict[str, Object]:
    return {each["metadata"]["name"]: each for each in objects}
