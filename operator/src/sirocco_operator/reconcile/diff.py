"""Where an object is not as wanted, by its owned fields and their values.

Three rules. (a) The leaf paths that are wanted differ from those that our manager applied: a field that is
no longer wanted is removed, also after a restart. (b) A wanted value differs from the live one, quantities in
any spelling and empty values aside. (c) Others have put fields where the object is ours alone. Rule (a)
cannot hold for an object that was created and never applied, whose owned fields include the API server's
defaults: there `with_digest` makes a removed field a changed value. How lists merge is read from
`managedFields` itself:
https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

import orjson

from sirocco_operator.controller.store import Manifest
from sirocco_operator.kube.quantity import canonical
from sirocco_operator.reconcile.ownership import element, foreign, ownership

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


class Cause(Enum):
    """How a path came to differ."""

    OTHERS = auto()  # others wrote it, or another manifest is wanted than the one written last
    API = auto()  # we own the path: the API server or a webhook made the value of what we wrote
    FOREIGN = auto()  # others added it where the object is ours alone


@dataclass(frozen=True)
class Difference:
    """A path at which an object is not as wanted, and the value there, None where there is none."""

    path: str
    value: Any
    cause: Cause


def differences(wanted: Manifest, live: Manifest, manager: str) -> list[Difference]:
    """Where `live` is not what `manager` wants; empty when it is."""
    owned = ownership(live, manager)
    if owned is None:
        return [Difference("managedFields", None, Cause.OTHERS)]
    body = {key: value for key, value in wanted.items() if key not in ("apiVersion", "kind")}
    body["metadata"] = {key: value for key, value in wanted["metadata"].items() if key not in _IDENTITY}
    return [
        *_Comparison(owned.applied).compare(body, live, owned.fields, ""),
        *(Difference(path, None, Cause.FOREIGN) for path in _leaves(foreign(live, manager), "")),
    ]


def written_from(manifest: Manifest) -> str:
    """The digest of the manifest that an object was last written from, or is to be written from."""
    return str((manifest["metadata"].get("annotations") or {}).get(DIGEST_ANNOTATION, ""))


@dataclass(frozen=True)
class _Comparison:
    """Walks what is wanted, what is live, and the owned fields side by side.

    `applied`: the fields are owned by an apply. Those owned by a create have the API server's defaults too.
    """

    applied: bool

    def compare(
        self, wanted: Any, live: Any, fields: Mapping[str, Any], path: str, quantity: bool = False
    ) -> Iterator[Difference]:
        below = _below(fields)
        if not below:
            # A leaf, or a list or map that is replaced as a whole.
            if not _equal(wanted, live, quantity):
                yield Difference(path, live, Cause.API)
        elif isinstance(wanted, Mapping):
            yield from self._compare_map(wanted, live, below, path, quantity)
        elif isinstance(wanted, list | tuple):
            yield from self._compare_list(wanted, live, below, path)
        else:
            yield Difference(path, live, Cause.OTHERS)

    def _compare_map(
        self, wanted: Manifest, live: Any, fields: Mapping[str, Any], path: str, quantity: bool
    ) -> Iterator[Difference]:
        if not isinstance(live, Mapping):
            yield Difference(path, live, Cause.API)
            return
        names = {key.removeprefix("f:") for key in fields}
        for name in sorted(names) if self.applied else ():
            # An empty value that is wanted is as good as none, but owns nothing below.
            if _empty(wanted.get(name)) and (name not in wanted or _below(fields[f"f:{name}"])):
                yield Difference(f"{path}.{name}", live.get(name), Cause.OTHERS)
        for name, value in wanted.items():
            here, found = f"{path}.{name}", live.get(name)
            if _empty(value):
                if isinstance(value, str) and found:
                    yield Difference(here, found, Cause.API if name in names else Cause.OTHERS)
            elif name in names:
                as_quantity = quantity or name in _QUANTITY_FIELDS
                yield from self.compare(value, found, fields[f"f:{name}"], here, as_quantity)
            # The API server leaves out false and 0 where they are the default, and owns nothing then.
            elif self.applied or value not in (False, 0) or found is not None:
                yield Difference(here, found, Cause.OTHERS)

    def _compare_list(
        self, wanted: Sequence[Any], live: Any, fields: Mapping[str, Any], path: str
    ) -> Iterator[Difference]:
        if not isinstance(live, list):
            yield Difference(path, live, Cause.API)
            return
        remaining = list(wanted)
        for key, below in fields.items():
            kind, _, text = key.partition(":")
            if kind not in ("k", "v"):
                yield Difference(path, live, Cause.OTHERS)
                return
            here, identity = f"{path}[{text}]", json.loads(text)
            ours = _find(remaining, identity, kind == "k")
            theirs = _find(live, identity, kind == "k")
            if ours is None:
                yield Difference(here, theirs, Cause.OTHERS)
                continue
            remaining.remove(ours)
            if theirs is None:
                yield Difference(here, None, Cause.API)
            elif kind == "k":
                yield from self.compare(ours, theirs, below, here)
        for item in remaining:
            name = item.get("name", "") if isinstance(item, Mapping) else item
            yield Difference(f"{path}[{name}]", None, Cause.OTHERS)


def _leaves(fields: Mapping[str, Any], path: str) -> Iterator[str]:
    """The paths of what is owned as a whole: with "." the object or element itself is."""
    for key, below in fields.items():
        kind, _, text = key.partition(":")
        here = f"{path}.{text}" if kind == "f" else f"{path}[{text}]"
        if below and "." not in below:
            yield from _leaves(below, here)
        else:
            yield here


def _find(items: Sequence[Any], identity: Any, keyed: bool) -> Any | None:
    """The element of a keyed list, or of a set."""
    if keyed:
        return element(items, identity)
    return identity if identity in items else None


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
