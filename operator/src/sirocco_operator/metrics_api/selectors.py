"""Parses the label selectors of a URL."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_KEY: Final = r"(?P<key>[A-Za-z0-9./_-]+)"
_VALUE: Final = r"[A-Za-z0-9._-]*"
_EQUALS: Final = re.compile(rf"{_KEY}\s*(?P<operator>==?|!=)\s*(?P<values>{_VALUE})")
_SET: Final = re.compile(rf"{_KEY}\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_EXISTS: Final = re.compile(rf"(?P<operator>!?)\s*{_KEY}")
# Characters of a selector: far more than anybody needs, and split in milliseconds.
_LONGEST: Final = 2048
# Commas inside parentheses separate values, not requirements.
_COMMA: Final = re.compile(r",(?![^(]*\))")


class SelectorError(ValueError):
    """A selector that cannot be parsed."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement of a selector.

    With `values` None only the label's presence counts; `wanted` is False for !=, notin and !.
    """

    key: str
    values: frozenset[str] | None
    wanted: bool

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels fulfils the requirement."""
        if self.values is None:
            return (self.key in labels) is self.wanted
        # As in the API server, != and notin match an object without the label.
        return (labels.get(self.key) in self.values) is self.wanted


def parse(selector: str) -> tuple[Requirement, ...]:
    """The requirements of a selector; raises SelectorError."""
    if len(selector) > _LONGEST:
        raise SelectorError(f"the label selector is longer than {_LONGEST} characters: ask for less")
    if not selector.strip():
        return ()
    return tuple(_requirement(part.strip()) for part in _COMMA.split(selector))


def matches(selector: tuple[Requirement, ...], labels: Mapping[str, str]) -> bool:
    """Whether an object with these labels fulfils all requirements."""
    return all(requirement.matches(labels) for requirement in selector)


def only_value(selector: tuple[Requirement, ...], key: str) -> str | None:
    """The only value that the selector allows for a label; None when it allows several."""
    for each in selector:
        if each.key == key and each.wanted and each.values is not None and len(each.values) == 1:
            return next(iter(each.values))
    return None


def _requirement(part: str) -> Requirement:
    if found := _EQUALS.fullmatch(part):
        return Requirement(found["key"], frozenset((found["values"],)), found["operator"] != "!=")
    if found := _SET.fullmatch(part):
        values = frozenset(value.strip() for value in found["values"].split(","))
        return Requirement(found["key"], values, found["operator"] == "in")
    if found := _EXISTS.fullmatch(part):
        return Requirement(found["key"], None, not found["operator"])
    raise SelectorError(
        f"{part!r} is no requirement of a label selector: write key=value, key!=value, key in (a,b), "
        "key notin (a,b), key or !key, with commas between"
    )
