"""Turns a pydantic model into the structural OpenAPI schema of a CRD.

Kubernetes refuses some of what pydantic writes: `$ref`, `anyOf` with null, `title`, `const`,
`additionalProperties: false`, `propertyNames` and numeric `exclusiveMinimum`.
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from sirocco_operator.api.crd.kubernetes_rules import refine
from sirocco_operator.api.crd.kubernetes_types import kubernetes_type
from sirocco_operator.api.crd.rules import KUBERNETES_TYPE, require_bounds

Schema = dict[str, Any]

_DROPPED = ("title", "propertyNames", "$defs")


def structural_schema(model: type[BaseModel]) -> Schema:
    """The structural schema; raises ValueError for an unbounded string, list or map."""
    document = model.model_json_schema(by_alias=True)
    schema = _structural(document, document.get("$defs", {}))
    require_bounds(schema, model.__name__)
    return _with_kubernetes_types(schema)


def _with_kubernetes_types(schema: Schema) -> Schema:
    """The schema with Kubernetes' own where a field names one; what the field says itself comes over it."""
    schema = dict(schema)
    if "properties" in schema:
        schema["properties"] = {
            name: _with_kubernetes_types(child) for name, child in schema["properties"].items()
        }
    if "items" in schema:
        schema["items"] = _with_kubernetes_types(schema["items"])
    name = schema.pop(KUBERNETES_TYPE, None)
    if name is None:
        return schema
    del schema["x-kubernetes-preserve-unknown-fields"]
    described = {"description": schema["description"]} if "description" in schema else {}
    return {**described, **refine(kubernetes_type(name), schema)}


def _structural(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    schema = _flatten(node, definitions)
    schema = {key: value for key, value in schema.items() if key not in _DROPPED}
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if "exclusiveMinimum" in schema:
        schema["minimum"], schema["exclusiveMinimum"] = schema["exclusiveMinimum"], True
    if schema.get("x-kubernetes-int-or-string"):
        schema.pop("type", None)
        schema["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if "properties" in schema:
        schema["properties"] = {
            name: _structural(child, definitions) for name, child in schema["properties"].items()
        }
    if "items" in schema:
        schema["items"] = _without_defaults(_structural(schema["items"], definitions))
        schema.setdefault("x-kubernetes-list-type", "atomic")
    _map_values(schema, definitions)
    _default(schema)
    return schema


def _flatten(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """Resolve a reference and take null out of a union; keys beside the reference win."""
    schema = dict(node)
    if "$ref" in schema:
        target = definitions[schema.pop("$ref").rpartition("/")[2]]
        return _flatten({**target, **schema}, definitions)
    if "anyOf" in schema:
        choices = [choice for choice in schema.pop("anyOf") if choice.get("type") != "null"]
        if len(choices) != 1:
            raise ValueError(f"a CRD's field has one type, this one has several: {choices}")
        return _flatten({**choices[0], **schema}, definitions)
    return schema


def _without_defaults(schema: Schema) -> Schema:
    """The schema of a list's entry: tools that compare lists as a whole would see a default as a change."""
    found = {key: value for key, value in schema.items() if key != "default"}
    if "properties" in found:
        found["properties"] = {name: _without_defaults(each) for name, each in found["properties"].items()}
    return found


def _map_values(schema: Schema, definitions: Mapping[str, Any]) -> None:
    values = schema.pop("additionalProperties", None)
    if values is None or values is False:
        return
    if values is True or not _flatten(values, definitions).get("type"):
        schema["x-kubernetes-preserve-unknown-fields"] = True
    else:
        schema["additionalProperties"] = _structural(values, definitions)


def _default(schema: Schema) -> None:
    """Keep defaults that have an effect: scalars, and {} for an object whose fields have defaults."""
    default = schema.pop("default", None)
    if isinstance(default, dict):
        if any("default" in child for child in schema.get("properties", {}).values()):
            schema["default"] = {}
    elif default is not None and not isinstance(default, (list, tuple)):
        schema["default"] = default
