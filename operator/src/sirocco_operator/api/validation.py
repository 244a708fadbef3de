"""Finds offline what the API server would refuse in a document, with the CRD's own schema and rules."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any, Final

import jsonschema

from sirocco_operator.api.crd.cel_rules import broken_rules
from sirocco_operator.api.crd.definition import resource_schema
from sirocco_operator.api.pod import DNS_SUBDOMAIN
from sirocco_operator.api.unknown_fields import Schema, join, unknown_fields
from sirocco_operator.api.v1alpha1 import API_VERSION, KIND

# The API server accepts DNS subdomains as names of objects.
_MAX_OBJECT_NAME: Final = 253


def problems(document: object) -> list[str]:
    """Every reason to refuse the document, as `path: sentence`; empty when the API server would accept it."""
    if not isinstance(document, Mapping):
        return ["the document is not an object: write apiVersion, kind, metadata and spec"]
    header = list(_header_problems(document))
    if header:
        return header
    schema = _schema()
    resource = {key: document[key] for key in ("apiVersion", "kind", "spec") if key in document}
    found = list(unknown_fields(document, schema, ""))
    resource = with_defaults(resource, schema)
    resource["metadata"] = {"name": document["metadata"]["name"]}
    found += _schema_problems(resource)
    found += _duplicates(resource, schema, "")
    # As in the API server, rules are evaluated only on a resource that fits the schema.
    return found or [f"{path}: {message}" for path, message in broken_rules(resource, schema)]


@lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    return resource_schema()


def _header_problems(document: Mapping[str, Any]) -> Iterator[str]:
    if document.get("apiVersion") != API_VERSION:
        yield f"apiVersion: is {document.get('apiVersion')!r}: write {API_VERSION}"
    if document.get("kind") != KIND:
        yield f"kind: is {document.get('kind')!r}: write {KIND}"
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(name, str) or not name:
        yield "metadata.name: is required: write a name of lower-case letters, digits and -"
    elif len(name) > _MAX_OBJECT_NAME or not re.fullmatch(DNS_SUBDOMAIN, name):
        yield (
            f"metadata.name: {name!r} is not a name that Kubernetes takes: use lower-case letters, digits "
            "and -, starting with a letter and ending with a letter or digit"
        )


def with_defaults(value: Any, schema: Schema) -> Any:
    """The value as the API server stores it: without declared null fields, and with defaults."""
    if isinstance(value, list):
        return [with_defaults(item, schema.get("items", {})) for item in value]
    if not isinstance(value, Mapping):
        return value
    known: Mapping[str, Schema] = schema.get("properties", {})
    others: Schema = schema.get("additionalProperties", {})
    given = {
        key: child for key, child in value.items() if child is not None or not (known.get(key) or others)
    }
    defaults = {key: deepcopy(child["default"]) for key, child in known.items() if "default" in child}
    return {key: with_defaults(child, known.get(key, others)) for key, child in {**defaults, **given}.items()}


def _matches(validator: Any, pattern: str, value: object, _: Schema) -> Iterator[jsonschema.ValidationError]:
    """The keyword `pattern` with the API server's `$`, which is not also before a last line's end."""
    if validator.is_type(value, "string") and not re.search(pattern.replace("$", r"\Z"), str(value)):
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")


_Validator: Final = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft4Validator,
    {"pattern": _matches},
    # Like the API server's, the later drafts' takes 1.0 for a whole number.
    type_checker=jsonschema.Draft6Validator.TYPE_CHECKER,
)


def _schema_problems(resource: Mapping[str, Any]) -> Iterator[str]:
    """Violations of the structural schema, whose OpenAPI 3.0 keywords are those of JSON Schema draft 4."""
    validator = _Validator(_schema())
    for error in sorted(
        validator.iter_errors(resource), key=lambda error: list(map(str, error.absolute_path))
    ):
        path = ""
        for part in error.absolute_path:
            path = f"{path}[{part}]" if isinstance(part, int) else join(path, part)
        yield f"{path}: {_sentence(error)}"


def _sentence(error: jsonschema.ValidationError) -> str:
    limit: Any = error.validator_value
    given: Any = error.instance
    schema: Any = error.schema
    match error.validator:
        case "required":
            missing = next((name for name in limit if name not in given), limit)
            return f"{missing} is required"
        case "enum":
            return f"is {given!r}: choose one of {', '.join(map(str, limit))}"
        case "type":
            return f"is {_describe(given)}: write {_TYPE_NAMES.get(limit, limit)}"
        case "anyOf":
            return f"is {_describe(given)}: write a whole number or a string, e.g. 4 or 500m or 16Gi"
        case "minimum" if schema.get("exclusiveMinimum"):
            return f"is {given}: must be greater than {limit}"
        case "minimum":
            return f"is {given}: must be at least {limit}"
        case "maximum":
            return f"is {given}: must be at most {limit}"
        case "minLength":
            return "must not be empty"
        case "maxLength":
            return f"has {len(given)} characters: may have at most {limit}"
        case "minItems":
            return f"has {len(given)} entries: must have at least {limit}"
        case "maxItems" | "maxProperties":
            return f"has {len(given)} entries: may have at most {limit}"
        case "pattern":
            return f"is {given!r}: must match {limit}"
        case _:
            return error.message


_TYPE_NAMES: Final = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


def _describe(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, Mapping) else repr(value)


def _duplicates(value: object, schema: Schema, path: str) -> Iterator[str]:
    """Items that occur twice in a set, or in a list that is a map by a key."""
    if isinstance(value, Mapping):
        for key, child in schema.get("properties", {}).items():
            if key in value:
                yield from _duplicates(value[key], child, join(path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _duplicates(item, schema.get("items", {}), f"{path}[{index}]")
        keys = schema.get("x-kubernetes-list-map-keys", ())
        if not keys and schema.get("x-kubernetes-list-type") != "set":
            return
        seen: list[object] = []
        for index, item in enumerate(value):
            identity = [item.get(key) for key in keys] if keys and isinstance(item, Mapping) else item
            if identity in seen:
                shown = ", ".join(map(str, identity)) if isinstance(identity, list) else identity
                yield f"{path}[{index}]: {shown!r} comes twice: remove one"
            seen.append(identity)
