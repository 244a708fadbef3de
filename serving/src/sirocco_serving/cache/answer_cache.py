"""Answers to deterministic requests, kept in memory, with a limit of bytes and of age."""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# A rough size of the objects of one entry.
OVERHEAD_BYTES = 512


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """The body of an answer with status 200."""

    content_type: bytes
    body: bytes

    @property
    def size(self) -> int:
        """The bytes that the answer takes in the cache."""
        return OVERHEAD_BYTES + len(self.content_type) + len(self.body)


class AnswerCache:
    """Answers by fingerprint. An answer larger than the cache is not kept."""

    def __init__(self, most_bytes: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._clock = clock
        self._answers: OrderedDict[bytes, tuple[float, CachedAnswer]] = OrderedDict()
        self.size = 0

    def get(self, fingerprint: bytes) -> CachedAnswer | None:
        """Returns the answer, or None when there is none or it is too old."""
        found = self._answers.get(fingerprint)
        if found is None:
            return None
        kept, answer = found
        if self._clock() - kept > self._seconds:
            self._drop(fingerprint)
            return None
        self._answers.move_to_end(fingerprint)
        return answer

    def put(self, fingerprint: bytes, answer: CachedAnswer) -> None:
        """Keeps an answer. The answers that were not used for the longest time make room."""
        if fingerprint in self._answers:
            self._drop(fingerprint)
        if answer.size > self._most_bytes:
            return
        while self.size + answer.size > self._most_bytes:
            self._drop(next(iter(self._answers)))
        self._answers[fingerprint] = (self._clock(), answer)
        self.size += answer.size

    def _drop(self, fingerprint: bytes) -> None:
        _, answer = self._answers.pop(fingerprint)
        self.size -= answer.size


def deterministic(path: str, body: Mapping[str, Any], default_temperature: float) -> bool:
    """Returns whether equal requests get equal answers: temperature 0 or a seed, and no stream.

    `default_temperature` is the default of `/generate`; vLLM's own routes use the model's.
    """
    ours = path.startswith("/generate")
    if body.get("stream") or (ours and body.get("prompt") is not None and body.get("stream") is not False):
        return False
    temperature = body.get("temperature", default_temperature if ours else None)
    seed = body.get("seed")
    greedy = isinstance(temperature, int | float) and not isinstance(temperature, bool) and temperature == 0
    return greedy or (isinstance(seed, int) and not isinstance(seed, bool))


def fingerprint(path: str, key_name: str, body: Mapping[str, Any]) -> bytes:
    """Returns a hash of a request and its key's name, so that no holder sees the answers of another."""
    content = json.dumps([path, key_name, body], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).digest()
