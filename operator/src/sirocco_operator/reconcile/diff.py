"""Whether an object must be applied again: its owned fields or their values are not what is wanted.

Two rules. (a) The leaf paths that are wanted differ from those that our manager applied: a field that is no
longer wanted is removed, also after a restart. (b) A wanted value differs from the live one, quantities in
any spelling and empty values aside. Rule (a) cannot hold for an object that was created and never applied,
whose owned fields include the API server's defaults: there `with_digest` makes a removed field a changed
value. How lists merge is read from `managedFields` itself:
https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from sirocco_operator.controller.store import Manifest
from sirocco_operator.kube.quantity import canonical
from sirocco_operator.reconcile.ownership import ownership

# Fields whose values, or whose maps' values, are quantities.
_QUANTITY_FIELDS: Final = frozenset(
    {"limits", "requests", "sizeLimit", "storage", "capacity", "averageValue", "divisor"}
)
_IDENTITY: Final = frozenset({"name", "namespace", "uid", "resourceVersion"})


# Holds the digest of the manifest that an object was last written from.
DIGEST_ANNOTATION: Final = "inference.sirocco.dev/manifest-digest"


def digest(manifest: Manifest) -> str:
    """A short hash of a manifest: 32 hexadecimal digits."""
    return hashlib.sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def with_digest(manifest: Manifest) -> dict[str, Any]:
    """The manifest with an annotation that changes with it."""
    metadata = manifest["metadata"]
    annotations = {**(metadata.get("annotations") or {}), DIGEST_ANNOTATION: digest(manifest)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def difference(wanted: Manifest, live: Manifest, manager: str) -> str | None:
    """The first path at which `live` must be applied again as `manager`; None when it is as wanted."""
    owned = ownership(live, manager)
    if owned is None:
        return "managedFields"
    body = {key: value for key, value in wanted.items() if key not in ("apiVersion", "kind")}
    body["metadata"] = {key: value for key, value in wanted["metadata"].items() if key not in _IDENTITY}
    return _Comparison(owned.applied).compare(body, live, owned.fields, "")


@dataclass(frozen=True)
class _Comparison:
    """Walks what is wanted, what is live, and the owned fields side by side.

    `applied`: the fields are owned by an apply. Those owned by a create have the API server's defaults too.
    """

    applied: bool

    def compare(
        self, wanted: Any, live: Any, fields: Mapping[str, Any], path: str, quantity: bool = False
    ) -> str | None:
        below = _below(fields)
        if not below:
            # A leaf, or a list or map that is replaced as a whole.
            return None if _equal(wanted, live, quantity) else path
        if isinstance(wanted, Mapping):
            return self._compare_map(wanted, live, below, path, quantity)
        if isinstance(wanted, list | tuple):
            return self._compare_list(wanted, live, below, path)
        return path

    def _compare_map(
        self, wanted: Manifest, live: Any, fields: Mapping[str, Any], path: str, quantity: bool
    ) -> str | None:
        if not isinstance(live, Mapping):
            return path
        names = {key.removeprefix("f:") for key in fields}
        for name in sorted(names) if self.applied else ():
            # An empty value that is wanted is as good as none, but owns nothing below.
            if _empty(wanted.get(name)) and (name not in wanted or _below(fields[f"f:{name}"])):
                return f"{path}.{name}"
        for name, value in wanted.items():
            if _empty(value):
                if isinstance(value, str) and live.get(name):
                    return f"{path}.{name}"
                continue
            if name not in names:
                if not self.applied and value in (False, 0) and live.get(name) is None:
                    # The API server leaves out false and 0 where they are the default, and owns nothing then.
                    continue
                return f"{path}.{name}"
            differs = self.compare(
                value,
                live.get(name),
                fields[f"f:{name}"],
                f"{path}.{name}",
                quantity or name in _QUANTITY_FIELDS,
            )
            if differs is not None:
                return differs
        return None

    def _compare_list(
        self, wanted: Sequence[Any], live: Any, fields: Mapping[str, Any], path: str
    ) -> str | None:
        if not isinstance(live, list) or len(fields) != len(wanted):
            return path
        remaining = list(wanted)
        for key, below in fields.items():
            kind, _, text = key.partition(":")
            if kind not in ("k", "v"):
                return path
            identity = json.loads(text)
            ours = _find(remaining, identity, kind == "k")
            theirs = _find(live, identity, kind == "k")
            if ours is None or theirs is None:
                return f"{path}[{text}]"
            remaining.remove(ours)
            if (
                kind == "k"
                and (differs := self.compare(ours, theirs, below, f"{path}[{text}]", False)) is not None
            ):
                return differs
        return None


def _find(items: Sequence[Any], identity: Any, keyed: bool) -> Any | None:
    """The element of a keyed list, or of a set; a key that an element lacks has the API's default."""
    for item in items:
        if not keyed:
            if item == identity:
                return item
        elif all(item.get(name, value) == value for name, value in identity.items()):
            return item
    return None


def _equal(wanted: Any, live: Any, quantity: bool) -> bool:
    if _empty(wanted) and _empty(live):
        return True
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        names = {name for each in (wanted, live) for name, value in each.items() if not _empty(value)}
        return all(
            _equal(wanted.get(name), live.get(name), quantity or name in _QUANTITY_FIELDS) for name in names
        )
    if isinstance(wanted, list | tuple) and isinstance(live, list | tuple):
        return len(wanted) == len(live) and all(
            _equal(mine, other, quantity) for mine, other in zip(wanted, live, strict=True)
        )
    if wanted == live and type(wanted) is type(live):
        return True
    if live is None and wanted in (False, 0):
        # The API server leaves out false and 0 where they are the default.
        return True
    if quantity and isinstance(wanted, str | int | float) and isinstance(live, str | int | float):
        return _same_quantity(str(wanted), str(live))
    # JSON knows one kind of number.
    return isinstance(wanted, int | float) and isinstance(live, int | float) and wanted == live


def _same_quantity(one: str, other: str) -> bool:
    try:
        return canonical(one) == canonical(other)
    except ValueError:
        return False


def _below(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The owned fields below; "." is the object or element itself."""
    return {key: value for key, value in fields.items() if key != "."}


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | tuple | Mapping) and not value)
