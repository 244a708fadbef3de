"""What holds after every fault: each model is as wanted, nothing is lost or doubled, nobody waits."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sirocco_operator.api.parse import InvalidResource, parse
from sirocco_operator.children.build import build_children
from sirocco_operator.kube.kinds import CHILD_KINDS
from sirocco_operator.settings import Settings
from tests.api.client import Client, Object
from tests.api.control_plane import ControlPlane
from tests.waiting import eventually

DEADLINE = 180.0
# The longest that a change may take to reach its Deployment once all is well again, in seconds.
PROMPT = 5.0
_MANAGED = "app.kubernetes.io/managed-by=sirocco-operator"


def wait_settled(
    client: Client, cluster: ControlPlane, namespace: str, names: Sequence[str], deadline: float = DEADLINE
) -> float:
    """Wait until these models, and no others, are as wanted; then change each. Seconds until they were.

    Raises AssertionError for an object that is lost or doubled, a write without a cause, and a model that
    does not follow a change within PROMPT seconds.
    """
    started = time.monotonic()
    eventually(lambda: not _differences(client, namespace, names), deadline, "the wanted state", 0.5)
    seconds = time.monotonic() - started
    cluster.wait_quiet(namespace, deadline=deadline)
    assert _differences(client, namespace, names) == []
    _follow_changes(client, namespace, names)
    return seconds


def _differences(client: Client, namespace: str, names: Sequence[str]) -> list[str]:
    kinds = [kind for kind in CHILD_KINDS if not kind.optional]
    models = {each["metadata"]["name"]: each for each in client.objects("InferenceModel", namespace)}
    if set(models) != set(names):
        return [f"models {sorted(models)} instead of {sorted(names)}"]
    found = [_untold(model) for model in models.values()]
    wanted = {
        (child["kind"], child["metadata"]["name"]): child
        for model in models.values()
        for child in _children(model, kinds)
    }
    live = {
        (kind.kind, each["metadata"]["name"]): each
        for kind in kinds
        for each in client.objects(kind.kind, namespace, _MANAGED)
    }
    found += [f"{kind} {name} is missing" for kind, name in sorted(set(wanted) - set(live))]
    found += [f"{kind} {name} is too much" for kind, name in sorted(set(live) - set(wanted))]
    uids = {model["metadata"]["uid"] for model in models.values()}
    for (kind, name), child in live.items():
        owners = {each["uid"] for each in child["metadata"].get("ownerReferences") or ()}
        if len(owners) != 1 or not owners <= uids:
            found.append(f"{kind} {name} is owned by {owners}")
        if (kind, name) in wanted:
            found += _fields(f"{kind} {name}", wanted[kind, name].get("spec"), child.get("spec"))
    return [each for each in found if each]


def _children(model: Object, kinds: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
    try:
        return build_children(parse(model), Settings(), kinds)
    except InvalidResource:
        return ()


def _untold(model: Object) -> str:
    status, metadata = model.get("status") or {}, model["metadata"]
    if status.get("observedGeneration") == metadata["generation"]:
        return ""
    return f"{metadata['name']} has no status of generation {metadata['generation']}"


def _fields(path: str, wanted: Any, live: Any) -> list[str]:
    """Scalars of plain fields that differ; lists are compared by their lengths at the least."""
    if isinstance(wanted, Mapping):
        found = live if isinstance(live, Mapping) else {}
        return [
            line for key, value in wanted.items() for line in _fields(f"{path}.{key}", value, found.get(key))
        ]
    if isinstance(wanted, list):
        return [] if isinstance(live, list) and len(live) == len(wanted) else [f"{path} has {live}"]
    # The API server writes a quantity in its own way.
    if isinstance(wanted, str) or wanted == live:
        return []
    return [f"{path} is {live}"]


def _follow_changes(client: Client, namespace: str, names: Sequence[str]) -> None:
    """Change each model, and wait until its Deployment has followed."""
    before = {
        each["metadata"]["name"]: each["spec"]["replicas"]
        for each in client.objects("InferenceModel", namespace)
    }
    wanted = {name: 2 if before[name] != 2 else 1 for name in names}
    for name, replicas in wanted.items():
        client.patch("InferenceModel", namespace, name, {"spec": {"replicas": replicas}})

    def behind() -> list[str]:
        found = {each["metadata"]["name"]: each for each in client.objects("Deployment", namespace)}
        return [name for name in names if found[name]["spec"]["replicas"] != wanted[name]]

    eventually(lambda: not behind(), PROMPT, lambda: f"the changes of {behind()} to be followed", 0.05)
