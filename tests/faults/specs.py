"""Specs of InferenceModels, made by hypothesis from the CRD's own schema and rules."""

import re
from collections.abc import Mapping
from random import Random
from typing import Any, Final

from hypothesis import strategies as st

from sirocco_operator.api.crd.cel_rules import broken_rules
from sirocco_operator.api.validation import with_defaults

Schema = Mapping[str, Any]

_ASCII: Final = st.characters(min_codepoint=32, max_codepoint=126)
# Of all kinds, so that each pattern is met by some; what meets none is drawn from the pattern itself.
_WORDS: Final = (
    "",
    "a",
    "data",
    "0" * 63,
    "a" * 253,
    "Model-1",
    "zone",
    "kubernetes.io/hostname",
    "example.com/gpu",
    "node-1.example",
    "main",
    "1",
    "500m",
    "1Gi",
    "/data",
    "a/b",
    ".hidden",
    "Memory",
    "HugePages-2Mi",
    "limits.cpu",
    "metadata.name",
    "metadata.labels['a']",
    "s0:c1,c2",
)
_KEYS: Final = ("team", "cpu", "memory", "ephemeral-storage", "example.com/gpu", "hugepages-2Mi", "A_b.c")
_QUANTITIES: Final = ("1", "500m", "1Gi", "0", "1e3", "1.5", ".5", "128974848", "2Ki", "7T")
# How many optional fields of an object are set, at most; few, so that most rules hold by chance.
_OPTIONAL: Final = (0, 1, 1, 2, 3)
_SPEC_FIELDS: Final = 6

# Where any value that fits would be refused, or be a thousand pods.
_CHOSEN: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "spec.model.uri": st.sampled_from(
        (
            "hf://org/name",
            "hf://mistralai/Mistral-7B-Instruct-v0.3",
            "pvc://weights",
            "pvc://weights/a/b",
            "oci://registry.example.com/models/a:1",
        )
    ),
    "spec.replicas": st.integers(0, 1),
    "spec.autoscaling.minReplicas": st.just(1),
    "spec.engine.args[]": st.sampled_from(("--seed=1", "--max-logprobs=5", "-O3", "--enable-lora", "1")),
    "spec.engine.env[].name": st.sampled_from(("A", "VLLM_USE_V1", "_b", "HTTP_PROXY")),
    "spec.access.allowedOrigins[]": st.sampled_from(("*", "https://a.example.com", "http://localhost:1")),
    "spec.tracing.endpoint": st.sampled_from(("http://collector:4317", "https://a.example.com")),
    "spec.volumeMounts[].mountPath": st.sampled_from(("/data", "/data/a", "/mnt/b.c")),
    "spec.volumeMounts[].name": st.sampled_from(("a", "b")),
    "spec.volumes[].name": st.sampled_from(("a", "b")),
}
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


def specs(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """Specs that fit the schema of `spec` and keep its rules."""
    return _values(schema, "spec")


def _values(schema: Schema, path: str) -> st.SearchStrategy[Any]:
    if path in _CHOSEN:
        return _CHOSEN[path]
    made = _kind(schema, path)
    rules = {"x-kubernetes-validations": schema.get("x-kubernetes-validations", ())}
    if rules["x-kubernetes-validations"]:
        return made.filter(lambda value: not list(broken_rules(with_defaults(value, schema), rules)))
    return made


def _kind(schema: Schema, path: str) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return st.one_of(st.integers(0, 2**31 - 1), st.sampled_from(_QUANTITIES))
    match schema["type"]:
        case "string":
            return _strings(schema)
        case "integer":
            return _integers(schema)
        case "number":
            low, high = schema.get("minimum", 0.001), schema.get("maximum", 1000)
            return st.floats(low, high, exclude_min=schema.get("exclusiveMinimum", False), width=32)
        case "boolean":
            return st.booleans()
        case "array":
            return _lists(schema, path)
        case _:
            return _maps(schema, path) if "additionalProperties" in schema else _objects(schema, path)


def _strings(schema: Schema) -> st.SearchStrategy[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", 4096)
    pattern = re.compile(schema.get("pattern", ""))
    words = [word for word in _WORDS if least <= len(word) <= most and pattern.search(word)]
    if words and "pattern" in schema:
        return st.sampled_from(words)
    if words:
        return st.one_of(st.sampled_from(words), st.text(_ASCII, min_size=least, max_size=min(most, 20)))
    return st.from_regex(pattern, fullmatch=True, alphabet=_ASCII).filter(lambda text: len(text) <= most)


def _integers(schema: Schema) -> st.SearchStrategy[int]:
    bits = 31 if schema.get("format") == "int32" else 53
    low, high = schema.get("minimum", -(2**bits)), schema.get("maximum", 2**bits - 1)
    return st.one_of(st.integers(low, min(high, low + 100)), st.just(high), st.integers(low, high))


def _lists(schema: Schema, path: str) -> st.SearchStrategy[list[Any]]:
    keys = schema.get("x-kubernetes-list-map-keys", ())
    unique = bool(keys) or schema.get("x-kubernetes-list-type") == "set"
    least = schema.get("minItems", 0)

    def identity(item: Any) -> Any:
        return tuple(item.get(key) for key in keys) if keys else str(item)

    items = _values(schema["items"], f"{path}[]")
    # An empty list is as good as none.
    least = max(least, 1)
    return st.lists(items, min_size=least, max_size=least + 1, unique_by=identity if unique else None)


def _maps(schema: Schema, path: str) -> st.SearchStrategy[dict[str, Any]]:
    required = {
        name: _values(schema["additionalProperties"], f"{path}{{}}") for name in schema.get("required", ())
    }
    others = st.dictionaries(
        st.sampled_from(_KEYS), _values(schema["additionalProperties"], f"{path}{{}}"), min_size=1, max_size=2
    )
    return st.tuples(others, st.fixed_dictionaries(required)).map(lambda both: {**both[0], **both[1]})


def _objects(schema: Schema, path: str) -> st.SearchStrategy[dict[str, Any]]:
    known: Schema = schema.get("properties", {})
    required = schema.get("required", ())
    optional = [name for name in known if name not in required]

    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, Any]:
        # By chance of our own: hypothesis alone prefers what is first and short.
        chance = Random(draw(st.binary(min_size=8, max_size=8)))  # noqa: S311
        most = chance.randint(1, _SPEC_FIELDS) if path == "spec" else chance.choice(_OPTIONAL)
        likely = _LIKELY.get(path) if chance.random() < 0.8 else None
        chosen = chance.sample(likely or optional, min(most, len(likely or optional)))
        return {name: draw(_field(known[name], f"{path}.{name}")) for name in (*required, *chosen)}

    return drawn()


_fields: dict[str, st.SearchStrategy[Any]] = {}


def _field(schema: Schema, path: str) -> st.SearchStrategy[Any]:
    """The strategy of a field, made once."""
    if path not in _fields:
        _fields[path] = _values(schema, path)
    return _fields[path]
