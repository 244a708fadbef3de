"""Evaluates a schema's CEL rules as the API server does."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import cel
from cel.stdlib import add_stdlib_to_context

# Kubernetes adds `find` to CEL: the first match of a regular expression, or "".
# https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-regex-library
_KUBERNETES_FUNCTIONS = {
    "find": lambda text, pattern: found[0] if (found := re.search(pattern, text)) else ""
}


def broken_rules(value: Any, schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """The path and message of every broken rule; the value must fit the schema."""
    for validation in schema.get("x-kubernetes-validations", ()):
        if not _evaluate(validation["rule"], value):
            yield (path + validation.get("fieldPath", "")).lstrip("."), _message(validation, value)
    if isinstance(value, Mapping):
        known = schema.get("properties", {})
        for key, child in value.items():
            if key in known:
                yield from broken_rules(child, known[key], f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from broken_rules(item, schema.get("items", {}), f"{path}[{index}]")


def _message(validation: Mapping[str, str], value: Any) -> str:
    expression = validation.get("messageExpression")
    return validation["message"] if expression is None else str(_evaluate(expression, value))


def _evaluate(expression: str, value: Any) -> Any:
    context = cel.Context(variables={"self": value}, functions=dict(_KUBERNETES_FUNCTIONS))
    add_stdlib_to_context(context)
    return _program(expression).execute(context)


@lru_cache(maxsize=256)
def _program(expression: str) -> cel.Program:
    return cel.compile(expression)
