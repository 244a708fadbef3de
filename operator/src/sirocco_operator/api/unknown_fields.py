"""Fields that a schema does not know: named, and taken out as the API server does."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta
_METADATA: Final[Schema] = {
    "properties": {
        name: {"x-kubernetes-preserve-unknown-fields": True}
        for name in (
            "name",
            "generateName",
            "namespace",
            "labels",
            "annotations",
            "finalizers",
            "ownerReferences",
            "uid",
            "resourceVersion",
            "generation",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "managedFields",
            "selfLink",
        )
    }
}


def unknown_fields(value: object, schema: Schema, path: str) -> Iterator[str]:
    """Fields that the API server refuses from kubectl and prunes from other clients."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_fields(item, schema.get("items", {}), f"{path}[{index}]")
    if not isinstance(value, Mapping) or schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    known = schema.get("properties", {})
    for key, child in value.items():
        here = join(path, key)
        if here == "status":
            continue
        if here == "metadata":
            yield from unknown_fields(child, _METADATA, here)
            continue
        if key in known:
            yield from unknown_fields(child, known[key], here)
        elif "additionalProperties" not in schema:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
            yield f"{here}: unknown field; {hint}"


def pruned(value: Any, schema: Schema) -> Any:
    """The value without fields that the schema does not know."""
    if isinstance(value, list):
        return [pruned(item, schema.get("items", {})) for item in value]
    if not isinstance(value, Mapping) or schema.get("x-kubernetes-preserve-unknown-fields"):
        return value
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    return {
        key: pruned(child, known.get(key, others or {}))
        for key, child in value.items()
        if key in known or others is not None
    }


def join(path: str, key: object) -> str:
    """The path of a field below another."""
    return f"{path}.{key}" if path else str(key)
