"""Which fields of an object are ours, as `metadata.managedFields` tells.

https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sirocco_operator.children.labels import MANAGED_BY, MANAGED_BY_LABEL, MODEL_LABEL
from sirocco_operator.controller.store import Manifest, controller_uid

# The parts of every child that are the operator's alone. Its metadata is not, nor are the Secrets that others
# add to a ServiceAccount.
_ALONE: Final = ("f:spec", "f:data", "f:binaryData", "f:immutable")
# What is left to others there: the count to an autoscaler, and the mark of `kubectl rollout restart`.
_LEFT: Final = (
    ("f:spec", "f:replicas"),
    (
        "f:spec",
        "f:template",
        "f:metadata",
        "f:annotations",
        "f:kubectl.kubernetes.io/restartedAt",
    ),
)


@dataclass(frozen=True)
class Ownership:
    """The tree of fields (FieldsV1) that a manager wrote.

    `applied` is False after a create: the tree then also has the fields that the API server filled in.
    """

    fields: Mapping[str, Any]
    applied: bool


def ownership(live: Manifest, manager: str) -> Ownership | None:
    """What `manager` owns by its latest apply, else by its create; None when it wrote nothing."""
    entries = [entry for entry in _entries(live) if _is_of(entry, manager)]
    for operation in ("Apply", "Update"):
        for entry in entries:
            if entry.get("operation") == operation:
                return Ownership(entry.get("fieldsV1") or {}, operation == "Apply")
    return None


def foreign(live: Manifest, manager: str) -> dict[str, Any]:
    """The fields that others have put where the object is `manager`'s alone, without those that it owns."""
    ours: dict[str, Any] = {}
    theirs: dict[str, Any] = {}
    for entry in _entries(live):
        fields = entry.get("fieldsV1") or {}
        if _is_of(entry, manager):
            ours = _union(ours, fields)
        elif entry.get("apiVersion") == live.get("apiVersion"):
            theirs = _union(theirs, _split(fields)[0])
    return _beyond(theirs, ours)


def as_applied(live: Manifest, manager: str) -> list[Mapping[str, Any]] | None:
    """The managedFields with all that must go by an apply of `manager` as applied by it; None as they are.

    Only what a manager applied goes when a later apply leaves it out. So what `manager` created or updated
    becomes applied, as client-go's csaupgrade does (https://pkg.go.dev/k8s.io/client-go/util/csaupgrade), and
    what others have put where the object is `manager`'s alone becomes its own.
    """
    entries = _entries(live)
    updates = [entry for entry in entries if _is_of(entry, manager) and entry.get("operation") == "Update"]
    taken = bool(foreign(live, manager))
    if not updates and not taken:
        return None
    applies = [entry for entry in entries if _is_of(entry, manager) and entry.get("operation") == "Apply"]
    fields: dict[str, Any] = {}
    for entry in (*applies, *updates):
        fields = _union(fields, entry.get("fieldsV1") or {})
    others = []
    for entry in entries:
        if _is_of(entry, manager):
            continue
        if not taken or entry.get("apiVersion") != live.get("apiVersion"):
            others.append(entry)
            continue
        alone, rest = _split(entry.get("fieldsV1") or {})
        fields = _union(fields, alone)
        if rest:
            others.append({**entry, "fieldsV1": rest})
    written = (*updates, *applies)
    last = written[-1] if written else {"manager": manager, "apiVersion": live["apiVersion"]}
    return [*others, {**last, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": fields}]


def without_updates(live: Manifest, manager: str) -> list[Mapping[str, Any]]:
    """The object's managedFields without what `manager` updated, and without what it applied and is gone."""
    entries: list[Mapping[str, Any]] = []
    for entry in _entries(live):
        if not _is_of(entry, manager):
            entries.append(entry)
        elif entry.get("operation") == "Apply":
            entries.append({**entry, "fieldsV1": _existing(entry.get("fieldsV1") or {}, live)})
    return entries


def is_orphan(live: Manifest, manager: str, model: str) -> bool:
    """Whether `manager` made the object for a model of this name and nobody controls it any more."""
    labels = live["metadata"].get("labels") or {}
    return (
        not controller_uid(live)
        and ownership(live, manager) is not None
        and labels.get(MANAGED_BY_LABEL) == MANAGED_BY
        and labels.get(MODEL_LABEL) == model
    )


def element(items: Sequence[Any], keys: Mapping[str, Any]) -> Any | None:
    """The element of a keyed list; a key that an element lacks has the API's default."""
    return next(
        (item for item in items if all(item.get(name, value) == value for name, value in keys.items())), None
    )


def owned_part(live: Any, fields: Mapping[str, Any]) -> Any:
    """What of `live` these fields (FieldsV1) cover, in the order that it has."""
    below = {key: value for key, value in fields.items() if key != "."}
    if not below:
        return live
    if isinstance(live, Mapping):
        named = {key.removeprefix("f:"): value for key, value in below.items()}
        return {name: owned_part(value, named[name]) for name, value in live.items() if name in named}
    elements = [(json.loads(key.partition(":")[2]), value) for key, value in below.items()]
    return [
        owned_part(item, value)
        for item in live
        for identity, value in elements
        if item == identity
        or (isinstance(identity, Mapping) and all(item.get(key) == value for key, value in identity.items()))
    ]


def _entries(live: Manifest) -> list[Mapping[str, Any]]:
    return list(live["metadata"].get("managedFields") or ())


def _is_of(entry: Mapping[str, Any], manager: str) -> bool:
    return entry.get("manager") == manager and not entry.get("subresource")


def _union(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _union(one.get(key) or {}, other.get(key) or {}) for key in sorted(one.keys() | other.keys())
    }


def _split(fields: Mapping[str, Any], path: tuple[str, ...] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that only the operator may own, and the rest."""
    alone: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for key, below in fields.items():
        here = (*path, key)
        if key == ".":
            continue
        if here in _LEFT or here[0] not in _ALONE:
            rest[key] = below
        elif any(left[: len(here)] == here for left in _LEFT):
            within, without = _split(below, here)
            alone |= {key: within} if within else {}
            rest |= {key: without} if without else {}
        else:
            alone[key] = below
    if rest and "." in fields:
        rest["."] = {}
    return alone, rest


def _beyond(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """What `theirs` has and `ours` has not; "." is the object or element itself."""
    found: dict[str, Any] = {}
    for key, below in theirs.items():
        if key == ".":
            continue
        if key not in ours:
            found[key] = below
        elif more := _beyond(below, ours[key]):
            found[key] = more
    return found


def _existing(fields: Mapping[str, Any], live: Any) -> dict[str, Any]:
    """The fields that there are: an apply that takes one away where it is not leaves null in its place."""
    found: dict[str, Any] = {}
    for key, below in fields.items():
        kind, _, text = key.partition(":")
        if kind == "k" and isinstance(live, list):
            within = element(live, json.loads(text))
        elif kind == "f" and isinstance(live, Mapping):
            within = live.get(text)
        else:
            # "." or an element of a set.
            found[key] = below
            continue
        if within is not None:
            found[key] = _existing(below, within)
    return found
