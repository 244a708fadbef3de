"""Which fields of an object are ours, as `metadata.managedFields` tells.

https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sirocco_operator.controller.store import Manifest


@dataclass(frozen=True)
class Ownership:
    """The tree of fields (FieldsV1) that a manager wrote.

    `applied` is False after a create: the tree then also has the fields that the API server filled in.
    """

    fields: Mapping[str, Any]
    applied: bool


def ownership(live: Manifest, manager: str) -> Ownership | None:
    """What `manager` owns by its latest apply, else by its create; None when it wrote nothing."""
    entries = [entry for entry in live["metadata"].get("managedFields") or () if _is_of(entry, manager)]
    for operation in ("Apply", "Update"):
        for entry in entries:
            if entry.get("operation") == operation:
                return Ownership(entry.get("fieldsV1") or {}, operation == "Apply")
    return None


def as_applied(live: Manifest, manager: str) -> list[Mapping[str, Any]] | None:
    """The object's managedFields with what `manager` created or updated as applied by it; None as they are.

    Only what a manager applied goes when a later apply leaves it out. client-go's csaupgrade does the same:
    https://pkg.go.dev/k8s.io/client-go/util/csaupgrade
    """
    entries = list(live["metadata"].get("managedFields") or ())
    updates = [entry for entry in entries if _is_of(entry, manager) and entry.get("operation") == "Update"]
    if not updates:
        return None
    applies = [entry for entry in entries if _is_of(entry, manager) and entry.get("operation") == "Apply"]
    fields: dict[str, Any] = {}
    for entry in (*applies, *updates):
        fields = _union(fields, entry.get("fieldsV1") or {})
    others = [entry for entry in entries if entry not in updates and entry not in applies]
    return [*others, {**updates[-1], "operation": "Apply", "fieldsV1": fields}]


def without_updates(live: Manifest, manager: str) -> list[Mapping[str, Any]]:
    """The object's managedFields without what `manager` updated."""
    return [
        entry
        for entry in live["metadata"].get("managedFields") or ()
        if not (_is_of(entry, manager) and entry.get("operation") == "Update")
    ]


def _is_of(entry: Mapping[str, Any], manager: str) -> bool:
    return entry.get("manager") == manager and not entry.get("subresource")


def _union(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _union(one.get(key) or {}, other.get(key) or {}) for key in sorted(one.keys() | other.keys())
    }
