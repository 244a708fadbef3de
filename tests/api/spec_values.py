"""Single values of a spec, made by hypothesis: usual ones, and those at the edge of what a schema takes."""

import re
from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st

Schema = Mapping[str, Any]
Values = st.SearchStrategy[Any]

_ASCII: Final = st.characters(min_codepoint=32, max_codepoint=126)
_ANY: Final = st.characters(codec="utf-8")
# Of all kinds, so that each pattern is met by some; what meets none is drawn from the pattern itself.
_WORDS: Final = (
    "",
    "a",
    "data",
    "0" * 63,
    "a" * 253,
    "x" * 1024,
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
    "..a",
    "Memory",
    "HugePages-2Mi",
    "limits.cpu",
    "metadata.name",
    "metadata.labels['a']",
    "s0:c1,c2",
    "größe/日本語",
    "a b\n",
)
KEYS: Final = ("team", "cpu", "memory", "ephemeral-storage", "example.com/gpu", "hugepages-2Mi", "A_b.c")
QUANTITIES: Final = (
    "1",
    "500m",
    "1Gi",
    "0",
    "1e3",
    "1.5",
    ".5",
    "128974848",
    "5Ki",
    "7T",
    "1u",
    "0.1m",
    "9E",
)
# What a careless hand may put into any place.
STRAY: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    0,
    1.0,
    1.5,
    2**40,
    "",
    "main\n",
    "\u00a0a",
    "ü",
    "x" * 5000,
    [],
    {},
    {"a": 1},
    [None],
)
# Of the module regex; some of them are none.
_EXPRESSIONS: Final = (
    "(?i)secret",
    "[",
    "(?<=a)b",
    f"{'(' * 400}a{')' * 400}",
    "a{1,99999999999}",
    r"\p{L}+",
)

# Where any value that fits would be refused, or be a thousand pods.
CHOSEN: Final[Mapping[str, Values]] = {
    "spec.model.uri": st.sampled_from(
        (
            "hf://org/name",
            "hf://mistralai/Mistral-7B-Instruct-v0.3",
            f"hf://{'a' * 96}/{'b' * 96}",
            "pvc://weights",
            "pvc://weights/a/b",
            "oci://registry.example.com/models/a:1",
        )
    ),
    "spec.replicas": st.integers(0, 2),
    "spec.autoscaling.minReplicas": st.just(1),
    "spec.engine.args[]": st.sampled_from(
        ("--seed=1", "--max-logprobs=5", "-O3", "--enable-lora", "1", "--x=ü")
    ),
    "spec.engine.env[].name": st.sampled_from(("A", "VLLM_USE_V1", "_b", "HTTP_PROXY")),
    "spec.access.allowedOrigins[]": st.sampled_from(("*", "https://a.example.com", "http://localhost:1")),
    "spec.access.deniedPatterns[].pattern": st.one_of(
        st.sampled_from(_EXPRESSIONS),
        st.text(_ANY, min_size=1, max_size=20),
    ),
    "spec.tracing.endpoint": st.sampled_from(("http://collector:4317", "https://a.example.com")),
    "spec.volumeMounts[].mountPath": st.sampled_from(("/data", "/data/a", "/mnt/b.c", "/größe")),
    "spec.volumes[].name": st.sampled_from(("a", "b-1", "0" * 63)),
}


def strings(schema: Schema) -> Values:
    """Words that fit, and any texts where the schema has no pattern."""
    least, most = schema.get("minLength", 0), schema.get("maxLength", 4096)
    # `$` is the end of the text, as in the API server, and not also before a last line's end.
    pattern = re.compile(schema.get("pattern", "").replace("$", r"\Z"))
    words = [word for word in _WORDS if least <= len(word) <= most and pattern.search(word)]
    if words and "pattern" in schema:
        return st.sampled_from(words)
    if words:
        short = min(most, 20)
        texts = (st.text(alphabet, min_size=least, max_size=short) for alphabet in (_ASCII, _ANY))
        return st.one_of(st.sampled_from(words), *texts)
    return st.from_regex(pattern, fullmatch=True, alphabet=_ASCII).filter(lambda text: len(text) <= most)


def integers(schema: Schema) -> Values:
    """Small ones, the largest, and any."""
    bits = 31 if schema.get("format") == "int32" else 53
    low, high = schema.get("minimum", -(2**bits)), schema.get("maximum", 2**bits - 1)
    return st.one_of(st.integers(low, min(high, low + 100)), st.just(high), st.integers(low, high))


def numbers(schema: Schema) -> Values:
    """Any, and those at the edges."""
    low, high = schema["minimum"], schema["maximum"]
    above = schema.get("exclusiveMinimum", False)
    edges = (high, 1e-12) if above else (low, high, 1e-12)
    return st.one_of(st.floats(low, high, exclude_min=above, width=32), st.sampled_from(edges))
