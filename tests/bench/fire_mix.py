"""What clients send under fire: good requests, and each kind of bad one, with the answers that it may get."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from random import Random

ANN, BEN, CID, DOT, EVE, INTERNAL = (
    f"sk-sirocco-{name:x<43}" for name in ("ann", "ben", "cid", "dot", "eve", "internal")
)
# What a key may do besides; Dot's rate is used up at once.
KEYS: dict[str, tuple[str, dict[str, object]]] = {
    "ann": (ANN, {}),
    "ben": (BEN, {"tokensPerMinute": 10**9}),
    "cid": (CID, {"requestsPerMinute": 10**6}),
    "dot": (DOT, {"requestsPerMinute": 10}),
    "eve": (EVE, {"models": ["second-name"]}),
}
ORIGIN = "https://app.example"
BODY_BYTES = 16_384
PROMPTS = 8
PROMPT_TOKENS = 256
NEW_TOKENS = 400
SETTINGS: dict[str, object] = {
    "limits": {
        "body_bytes": BODY_BYTES,
        "prompts": PROMPTS,
        "prompt_tokens": PROMPT_TOKENS,
        "new_tokens": NEW_TOKENS,
        "in_flight": 32,
        "queue": 64,
        "queue_seconds": 20.0,
    },
    "access": {
        "keys_folder": "/etc/sirocco-keys",
        "internal_key_file": "/etc/sirocco-internal/key",
        "allowed_origins": [ORIGIN],
        "denied_patterns": [{"name": "forbidden", "pattern": "(?i)forbidden word"}],
    },
    "answer_cache": {"bytes": 1_000_000, "seconds": 60.0},
}


def entry(key: str, **fields: object) -> str:
    """A key's entry in the Secret."""
    return json.dumps({"sha256": hashlib.sha256(key.encode()).hexdigest(), **fields})


class Manner(Enum):
    """How a client sends, and whether it stays for the answer."""

    WHOLE = "whole"
    CHUNKED = "chunked"
    DRIBBLED = "dribbled"
    LEFT_IN_HEAD = "left in the head"
    LEFT_IN_BODY = "left in the body"
    LEFT_EARLY = "left before the answer"
    LEFT_IN_STREAM = "left in the stream"


LEFT = "left"
# No bad answer to a request that wants a place.
BUSY = frozenset({"429 queue_full", "429 queue_timeout"})


@dataclass(frozen=True)
class Shot:
    """One request; its answer must be one of `allowed`: a status, with the code when it is an error."""

    kind: str
    path: str
    body: bytes
    allowed: frozenset[str]
    key: str | None = ANN
    method: str = "POST"
    manner: Manner = Manner.WHOLE
    # What it asks the engine for and does not wait for.
    abandoned_tokens: int = 0


@dataclass(frozen=True)
class Kind:
    """A kind of request, and how many of each hundred or so are of it."""

    name: str
    weight: int
    make: Callable[[Random], tuple[str, object]]
    allowed: frozenset[str]
    key: str | None = None
    keyless: bool = False
    method: str = "POST"
    manner: Manner = Manner.WHOLE
    abandons: bool = field(default=False)

    def shot(self, random: Random) -> Shot:
        """One request of this kind."""
        path, asked = self.make(random)
        body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
        key = None if self.keyless else self.key or random.choice((ANN, BEN, CID))
        tokens = NEW_TOKENS if self.abandons else 0
        return Shot(self.name, path, body, self.allowed, key, self.method, self.manner, tokens)


def good(random: Random, tokens: int | None = None, text: str | None = None) -> tuple[str, dict[str, object]]:
    """A request that is answered, on any route and in any form."""
    number = random.randrange(10_000)
    prompt = text or f"Count: {number}, {number + 1}, {number + 2}, {number + 3},"
    asked: dict[str, object] = {"max_tokens": tokens or random.randint(3, 10), "temperature": 0}
    stream = random.random() < 0.5
    match random.randrange(5):
        case 0:
            return "/v1/completions", {**asked, "model": "smollm2", "prompt": prompt, "stream": stream}
        case 1:
            messages = [{"role": "user", "content": prompt}]
            return "/v1/chat/completions", {**asked, "messages": messages, "stream": stream}
        case 2:
            return "/generate", {**asked, "prompt": prompt, "stream": stream}
        case 3:
            return "/generate", {**asked, "prompts": [prompt, f"{prompt} "]}
        case _:
            return "/generate/batch", {**asked, "prompts": [prompt, f"{prompt} "]}


def streamed(random: Random) -> tuple[str, dict[str, object]]:
    """A long stream, which ends with nothing but its last token."""
    number = random.randrange(10_000)
    prompt = f"Count: {number}, {number + 1}, {number + 2}, {number + 3},"
    # With chance, so that no kept answer is given.
    asked: dict[str, object] = {
        "max_tokens": NEW_TOKENS,
        "temperature": 0.7,
        "stream": True,
        "prompt": prompt,
    }
    if random.random() < 0.5:
        return "/generate", asked
    return "/v1/completions", {**asked, "model": "smollm2", "ignore_eos": True}


def changed(**fields: object) -> Callable[[Random], tuple[str, object]]:
    """A good request with other fields."""

    def make(random: Random) -> tuple[str, object]:
        path, asked = good(random)
        return path, asked | fields

    return make


def malformed(random: Random) -> tuple[str, object]:
    """A body that is no JSON object."""
    path, asked = good(random)
    text = json.dumps(asked).encode()
    return path, random.choice((text[:-5], b"[1]", b"", b"\xff\xfe{}", b'{"prompt": NaN}', b"[" * 5000))


def out_of_range(random: Random) -> tuple[str, object]:
    """A field outside vLLM's range."""
    field, value = random.choice((("temperature", 9), ("top_p", 0), ("max_tokens", -1), ("seed", "x")))
    return "/generate", {"prompt": "Hello", field: value}


def closed(random: Random) -> tuple[str, object]:
    """A path of vLLM's own, or none at all."""
    return random.choice(("/tokenize", "/invocations", "/v1/embeddings", "/docs", "/nothing")), {}


def text(words: int) -> Callable[[Random], tuple[str, object]]:
    """A good request with a prompt of so many words."""
    return lambda random: good(random, text="one " * words + str(random.random()))


def kinds() -> list[Kind]:
    """The mix."""
    fine = frozenset({"200"}) | BUSY

    def refused(*labels: str) -> frozenset[str]:
        return frozenset(labels)

    long_body, left = text(BODY_BYTES // 4 + 1), frozenset({LEFT})
    return [
        Kind("good", 24, good, fine),
        Kind("over its rate", 4, good, fine | {"429 requests_per_minute"}, DOT),
        Kind("body too long", 6, long_body, refused("413 body_too_large")),
        Kind("body too long, no length", 4, long_body, refused("413 body_too_large"), manner=Manner.CHUNKED),
        Kind("prompt too long", 6, text(PROMPT_TOKENS * 2), BUSY | {"400 prompt_too_long"}),
        Kind("too many new tokens", 6, changed(max_tokens=NEW_TOKENS + 1), refused("422 limit_exceeded")),
        Kind(
            "too many prompts", 4, changed(prompt=["x"] * 9, prompts=["x"] * 9), refused("422 limit_exceeded")
        ),
        Kind(
            "denied prompt",
            4,
            lambda random: good(random, text="A FORBIDDEN word"),
            refused("400 prompt_denied"),
        ),
        Kind("out of range", 4, out_of_range, BUSY | {"422 invalid_value"}),
        Kind("no JSON object", 10, malformed, refused("400 invalid_json")),
        Kind("no key", 8, good, refused("401 invalid_api_key"), keyless=True),
        Kind("wrong key", 4, long_body, refused("401 invalid_api_key"), "sk-wrong"),
        Kind("another's model", 2, _model("smollm2"), refused("403 model_not_allowed"), EVE),
        Kind("unknown model", 2, _model("none"), BUSY | {"404 model_not_found"}),
        Kind("closed path", 4, closed, refused("404 not_found")),
        Kind(
            "wrong method", 2, lambda _: ("/generate", b""), refused("405 method_not_allowed"), method="GET"
        ),
        Kind("slow body", 4, good, fine, manner=Manner.DRIBBLED),
        Kind("left in the head", 2, good, left, manner=Manner.LEFT_IN_HEAD),
        Kind("left in the body", 3, good, left, manner=Manner.LEFT_IN_BODY),
        Kind("left before the answer", 6, streamed, left, manner=Manner.LEFT_EARLY, abandons=True),
        Kind("left in the stream", 7, streamed, BUSY | left, manner=Manner.LEFT_IN_STREAM, abandons=True),
    ]


def _model(name: str) -> Callable[[Random], tuple[str, object]]:
    return lambda _: ("/v1/completions", {"model": name, "prompt": "Hello", "max_tokens": 1})


def shots(number: int, seed: int = 1) -> list[Shot]:
    """So many requests, the same for the same seed; each kind is among any hundred."""
    random = Random(seed)  # noqa: S311
    mix = kinds()
    weights = [kind.weight for kind in mix]
    return [random.choices(mix, weights)[0].shot(random) for _ in range(number)]
