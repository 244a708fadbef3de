"""Rules that a schema cannot express: CEL for the API server, and a sentence for a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Rule:
    """A CEL expression over `self` that must be true, and a sentence that says what to change.

    `message_expression` is CEL for a sentence that quotes the value. `field` is the path, below the type, of
    the field to change.
    """

    expression: str
    message: str
    message_expression: str | None = None
    field: str | None = None

    def as_validation(self) -> dict[str, str]:
        """The entry of `x-kubernetes-validations`."""
        validation = {"rule": self.expression, "message": self.message}
        if self.message_expression is not None:
            validation["messageExpression"] = self.message_expression
        if self.field is not None:
            validation["fieldPath"] = f".{self.field}"
        return validation


def with_rules(*rules: Rule, **schema: Any) -> dict[str, Any]:
    """The `json_schema_extra` of a type or field with these rules and other schema keys."""
    return {**schema, "x-kubernetes-validations": [rule.as_validation() for rule in rules]}


def map_keyed_by(*keys: str) -> dict[str, Any]:
    """Schema keys of a list whose items are unique by these fields, so that appliers can own single items."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


# The schema key by which a field that is passed on names its type in Kubernetes; never in the CRD itself.
KUBERNETES_TYPE: Final = "x-sirocco-kubernetes-type"

# A regular expression for 1 to 65535, for rules on URLs.
PORT_NUMBER: Final = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"

# Schema keys of a list of unique values.
UNIQUE: Final[dict[str, Any]] = {"x-kubernetes-list-type": "set"}


def require_bounds(schema: Mapping[str, Any], path: str) -> None:
    """Raise ValueError for an unbounded string, list or map: rules over it would cost too much."""
    kind = schema.get("type")
    if kind == "string" and "enum" not in schema and "format" not in schema and "maxLength" not in schema:
        raise ValueError(f"{path}: give the string a max_length")
    if kind == "array":
        if "maxItems" not in schema:
            raise ValueError(f"{path}: give the list a max_length")
        require_bounds(schema["items"], f"{path}[]")
    if isinstance(values := schema.get("additionalProperties"), Mapping):
        if "maxProperties" not in schema:
            raise ValueError(f"{path}: give the map a max_length")
        require_bounds(values, f"{path}{{}}")
    for name, child in schema.get("properties", {}).items():
        require_bounds(child, f"{path}.{name}")
