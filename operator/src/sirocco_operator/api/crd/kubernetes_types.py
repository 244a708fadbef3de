"""Kubernetes' own schemas of what a model passes to its pods; run as a module to write them again.

`kubernetes.json` holds the types of Kubernetes' published OpenAPI without their descriptions, as
kubernetes-validate ships them. What Kubernetes checks beyond the types is in `kubernetes_rules.py`.
"""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from sirocco_operator.api.crd.kubernetes_rules import QUANTITY, REFINEMENTS, one_source, refine

Schema = dict[str, Any]

# Relative to the repository's root.
TYPES_FILE: Final = Path("operator/src/sirocco_operator/api/crd/kubernetes.json")
KUBERNETES_VERSION: Final = "1.35.0"
# The types that fields of the spec name; those that they contain come with them.
PASSED_TYPES: Final = ("Affinity", "TopologySpreadConstraint", "Volume")

# Types that the CRD writes otherwise than Kubernetes: of a claim's metadata only these two may be set.
_REPLACED: Final[Mapping[str, Schema]] = {
    "Quantity": QUANTITY,
    "ObjectMeta": {
        "type": "object",
        "properties": {
            name: {"type": "object", "additionalProperties": {"type": "string"}}
            for name in ("annotations", "labels")
        },
    },
}
_KEPT: Final = (
    "type",
    "format",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
)


def kubernetes_type(name: str) -> Schema:
    """The structural schema of a type, e.g. Affinity; raises KeyError for one that is not passed on."""
    if name in _REPLACED:
        return deepcopy(dict(_REPLACED[name]))
    schema = refine(_expand(deepcopy(_types()[name])), REFINEMENTS.get(name, {}))
    return one_source(name, schema)


def types_json() -> str:
    """The text of the types' file, from the package of the published schemas."""
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{KUBERNETES_VERSION}-local"
    published = json.loads((folder / "_definitions.json").read_text(encoding="utf-8"))["$defs"]
    core = "io.k8s.api.core.v1."
    found: dict[str, Schema] = {}
    wanted = [f"{core}{name}" for name in PASSED_TYPES]
    while wanted:
        full = wanted.pop()
        name = _short(full)
        if name not in found and name not in _REPLACED:
            found[name] = _bare(published[full])
            wanted += _references(published[full])
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


@lru_cache(maxsize=1)
def _types() -> dict[str, Schema]:
    types: dict[str, Schema] = json.loads(
        files(__package__).joinpath(TYPES_FILE.name).read_text(encoding="utf-8")
    )
    return types


def _expand(node: Mapping[str, Any]) -> Schema:
    if "$ref" in node:
        return kubernetes_type(node["$ref"])
    schema = dict(node)
    if schema.get("format") == "int32":
        # The API server checks no format in a resource, and cannot read more bits in a pod.
        schema |= {"minimum": -(2**31), "maximum": 2**31 - 1}
    if "properties" in schema:
        schema["properties"] = {name: _expand(child) for name, child in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in schema:
            schema[key] = _expand(schema[key])
    return schema


def _bare(node: Mapping[str, Any]) -> Schema:
    """The part of a published schema that constrains, with references by short names."""
    if "$ref" in node:
        return {"$ref": _short(node["$ref"])}
    schema = {key: value for key, value in node.items() if key in _KEPT}
    if isinstance(schema.get("type"), list):
        (schema["type"],) = (kind for kind in schema["type"] if kind != "null")
    if "properties" in schema:
        schema["properties"] = {name: _bare(child) for name, child in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in schema:
            schema[key] = _bare(schema[key])
    return schema


def _references(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(reference := node.get("$ref"), str):
            yield reference.rpartition("/")[2]
        for child in node.values():
            yield from _references(child)


def _short(reference: str) -> str:
    return reference.rpartition(".")[2]


if __name__ == "__main__":
    TYPES_FILE.write_text(types_json(), encoding="utf-8")
