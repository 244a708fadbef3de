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
    if rules := schema.get("x-kubernetes-validations"):
        context = _context(value)
        for rule in rules:
            if not _program(rule["rule"]).execute(context):
                yield (path + rule.get("fieldPath", "")).lstrip("."), _message(rule, context)
    if isinstance(value, Mapping):
        known = schema.get("properties", {})
        for key, child in value.items():
            if key in known:
                yield from broken_rules(child, known[key], f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from broken_rules(item, schema.get("items", {}), f"{path}[{index}]")


def _message(rule: Mapping[str, str], context: cel.Context) -> str:
    expression = rule.get("messageExpression")
    return rule["message"] if expression is None else str(_program(expression).execute(context))


def _context(value: Any) -> cel.Context:
    context = cel.Context(variables={"self": value}, functions=dict(_KUBERNETES_FUNCTIONS))
    add_stdlib_to_context(context)
    return context


@lru_cache(maxsize=256)
def _program(expression: str) -> cel.Program:
    return cel.compile(expression)
