"""Whole answers of deterministic requests, kept in memory, bounded by bytes and by age."""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# An entry's objects and its place in the table, roughly.
OVERHEAD_BYTES = 512


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of an answer with status 200."""

    content_type: bytes
    body: bytes

    @property
    def size(self) -> int:
        """The bytes that it takes in the cache."""
        return OVERHEAD_BYTES + len(self.content_type) + len(self.body)


class AnswerCache:
    """Answers by fingerprint; an answer bigger than all of the cache is not kept."""

    def __init__(self, most_bytes: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._clock = clock
        self._answers: OrderedDict[bytes, tuple[float, Answer]] = OrderedDict()
        self.size = 0

    def get(self, fingerprint: bytes) -> Answer | None:
        """The answer, unless it is too old."""
        found = self._answers.get(fingerprint)
        if found is None:
            return None
        kept, answer = found
        if self._clock() - kept > self._seconds:
            self._drop(fingerprint)
            return None
        self._answers.move_to_end(fingerprint)
        return answer

    def put(self, fingerprint: bytes, answer: Answer) -> None:
        """Keeps an answer; the ones not asked for the longest make place."""
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


def deterministic(path: str, asked: Mapping[str, Any], default_temperature: float) -> bool:
    """Whether the same request has the same whole answer: temperature 0 or a seed, and no stream.

    `default_temperature` holds for `/generate` alone: on vLLM's own routes it is the model's.
    """
    ours = path.startswith("/generate")
    if asked.get("stream") or (ours and asked.get("prompt") is not None and asked.get("stream") is not False):
        return False
    temperature = asked.get("temperature", default_temperature if ours else None)
    seed = asked.get("seed")
    cold = isinstance(temperature, int | float) and not isinstance(temperature, bool) and temperature == 0
    return cold or (isinstance(seed, int) and not isinstance(seed, bool))


def fingerprint(path: str, key_name: str, asked: Mapping[str, Any]) -> bytes:
    """Tells requests apart; those of two keys never meet, so that no holder learns what another one asked."""
    told = json.dumps([path, key_name, asked], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(told.encode()).digest()
