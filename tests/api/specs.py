"""Specs of InferenceModels, made by hypothesis from the CRD's own schema and rules."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from random import Random
from typing import Any, Final

from hypothesis import strategies as st

from sirocco_operator.api.crd.cel_rules import broken_rules
from sirocco_operator.api.validation import with_defaults
from tests.api.spec_values import CHOSEN, KEYS, QUANTITIES, STRAY, Schema, Values, integers, numbers, strings

_CARELESS: Final = 1 / 16
_RARE: Final = 1 / 8
# How many optional fields of an object are set, at most; few, so that most rules hold by chance.
_OPTIONAL: Final = (0, 1, 1, 2, 3)
# Of these one at most may be set, and an object without any says little.
_ONE_OF: Final[Mapping[str, tuple[int, ...]]] = {
    "spec.volumes[]": (0, 1, 1, 1, 1, 1, 1, 1, 1),
    "spec.volumes[].projected.sources[]": (1,),
}
_SPEC_FIELDS: Final = 5
# Lists and maps without a bound of their own are never longer; those of large items are short.
_LONGEST: Final = 100
_LARGE: Final = 300

# The many values of a long list that may hold none twice, and keys of long maps.
_NUMBERED: Final[Mapping[str, str]] = {
    "spec.volumeMounts[].mountPath": "/data/{}",
    "spec.access.allowedOrigins[]": "https://{}.example.com",
}
_NUMBERED_KEY: Final = "example.com/n{}"
# Fields that are chosen most of the time, where there are many that hardly anybody uses.
_LIKELY: Final[Mapping[str, list[str]]] = {
    "spec.volumes[]": [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "hostPath",
        "image",
        "nfs",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ]
}


class Specs:
    """Strategies for the schema of `spec`; those of a field are made once."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._fields: dict[str, Values] = {}
        # Of our own: hypothesis alone prefers what is first, short, and what it had.
        self._chance = Random()  # noqa: S311

    def with_field(self, field: str) -> st.SearchStrategy[dict[str, Any]]:
        """Specs that set this field of the spec, fit the schema and keep its rules, but for a few."""
        whole = self._objects(self._schema, "spec", field)

        @st.composite
        def drawn(draw: st.DrawFn) -> dict[str, Any]:
            seed = draw(st.binary(min_size=8, max_size=8))
            self._chance = chance = Random(f"{field}{seed.hex()}")  # noqa: S311
            spec: dict[str, Any] = draw(whole)
            _mount_what_is_there(spec, chance)
            self._keep_rules(spec)
            if chance.random() < _CARELESS:
                return _spoiled(spec, chance)
            return spec

        return drawn()

    def _keep_rules(self, spec: dict[str, Any]) -> None:
        """Take out what a rule of the whole spec speaks against."""
        rules = {"x-kubernetes-validations": self._schema["x-kubernetes-validations"]}
        while broken := list(broken_rules(with_defaults(spec, self._schema), rules)):
            *parents, name = broken[0][0].split(".")
            owner = spec
            for parent in parents:
                owner = owner[parent]
            del owner[name]

    def _field(self, schema: Schema, path: str) -> Values:
        if path not in self._fields:
            self._fields[path] = CHOSEN[path] if path in CHOSEN else self._values(schema, path)
        return self._fields[path]

    def _values(self, schema: Schema, path: str) -> Values:
        made = self._kind(schema, path)
        rules = {"x-kubernetes-validations": schema.get("x-kubernetes-validations", ())}
        if rules["x-kubernetes-validations"]:
            return made.filter(lambda value: not list(broken_rules(with_defaults(value, schema), rules)))
        return made

    def _kind(self, schema: Schema, path: str) -> Values:
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        if schema.get("x-kubernetes-int-or-string"):
            return st.one_of(st.integers(0, 2**31 - 1), st.sampled_from((0, *QUANTITIES)))
        match schema["type"]:
            case "string":
                return strings(schema)
            case "integer":
                return integers(schema)
            case "number":
                return numbers(schema)
            case "boolean":
                return st.booleans()
            case "array":
                return self._lists(schema, path)
            case _ if "additionalProperties" in schema:
                return self._maps(schema, path)
            case _:
                return self._objects(schema, path)

    def _lists(self, schema: Schema, path: str) -> Values:
        keys = schema.get("x-kubernetes-list-map-keys", ())
        unique = bool(keys) or schema.get("x-kubernetes-list-type") == "set"
        least = max(schema.get("minItems", 0), 1)
        most = schema.get("maxItems", _LONGEST)

        def identity(item: Any) -> Any:
            return tuple(item.get(key) for key in keys) if keys else str(item)

        items = self._field(schema["items"], f"{path}[]")
        short = st.lists(items, min_size=least, max_size=least + 1, unique_by=identity if unique else None)
        key = next((each for each in keys if "enum" not in schema["items"]["properties"][each]), "")

        def as_long_as_may_be(item: Any) -> list[Any]:
            many = [deepcopy(item) for _ in range(most if len(json.dumps(item)) < _LARGE else least)]
            if not unique:
                return many
            form = _NUMBERED.get(f"{path}[].{key}" if key else f"{path}[]", "n{}")
            if not key:
                return [form.format(number) for number in range(len(many))]
            return [{**each, key: form.format(number)} for number, each in enumerate(many)]

        rare = items.map(as_long_as_may_be)
        return self._sometimes(rare if schema.get("minItems") else st.one_of(rare, st.builds(list)), short)

    def _maps(self, schema: Schema, path: str) -> Values:
        values = self._field(schema["additionalProperties"], f"{path}{{}}")
        required = st.fixed_dictionaries(dict.fromkeys(schema.get("required", ()), values))
        short = st.dictionaries(st.sampled_from(KEYS), values, min_size=1, max_size=2)
        most = schema.get("maxProperties", _LONGEST)

        def as_large_as_may_be(value: Any) -> dict[str, Any]:
            count = most if len(json.dumps(value)) < _LARGE else 1
            return {_NUMBERED_KEY.format(number): value for number in range(count)}

        others = self._sometimes(st.one_of(values.map(as_large_as_may_be), st.builds(dict)), short)
        return st.tuples(others, required).map(lambda both: {**both[0], **both[1]})

    def _sometimes(self, rare: Values, usual: Values) -> Values:
        @st.composite
        def drawn(draw: st.DrawFn) -> Any:
            return draw(rare if self._chance.random() < _RARE else usual)

        return drawn()

    def _objects(self, schema: Schema, path: str, always: str = "") -> st.SearchStrategy[dict[str, Any]]:
        known: Schema = schema.get("properties", {})
        required = dict.fromkeys((*schema.get("required", ()), *([always] if always else ())))
        optional = [name for name in known if name not in required]

        @st.composite
        def drawn(draw: st.DrawFn) -> dict[str, Any]:
            chance = self._chance
            most = chance.randint(0, _SPEC_FIELDS) if always else chance.choice(_ONE_OF.get(path, _OPTIONAL))
            likely = _LIKELY.get(path) if chance.random() < 0.8 else None
            chosen = chance.sample(likely or optional, min(most, len(likely or optional)))
            return {name: draw(self._field(known[name], f"{path}.{name}")) for name in (*required, *chosen)}

        return drawn()


def _mount_what_is_there(spec: dict[str, Any], chance: Random) -> None:
    """Mounts name volumes of the spec: those that it has, or one that is made for them."""
    if "volumeMounts" not in spec:
        return
    spec["volumes"] = spec.get("volumes") or [{"name": "a"}]
    names = [volume["name"] for volume in spec["volumes"]]
    for mount in spec["volumeMounts"]:
        mount["name"] = chance.choice(names)


def _spoiled(spec: dict[str, Any], chance: Random) -> dict[str, Any]:
    """The spec with a stray value in one place."""
    spoiled = deepcopy(spec)
    owner, key = chance.choice(list(_places(spoiled)))
    owner[key] = deepcopy(chance.choice(STRAY))
    return spoiled


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each field and item at any depth: what it is in, and its name or number there."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(pairs):
        yield value, key
        yield from _places(child)
