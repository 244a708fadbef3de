"""Finds the rule that the texts of a request break: a denied pattern, or a check of an installed package."""

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

import regex

from sirocco_serving.config import DeniedPattern
from sirocco_serving.errors.request_error import RequestError

logger = logging.getLogger("vllm.sirocco")

# An entry point of this group is a check of an installed package: a function, also an async one, that takes
# the texts and returns the name of the rule that they break, or None.
CHECKS = "sirocco_serving.prompt_checks"
Check = Callable[[Sequence[str]], str | Awaitable[str | None] | None]

# Most prompts take microseconds. A search that takes longer than this goes on in a thread.
_INLINE_SECONDS = 0.002
# The limit for one request: a pattern that backtracks without end must not hold a thread.
SEARCH_SECONDS = 1.0

# The fields whose strings reach the model, and the fields below them that hold no text.
_TEXT_FIELDS = (
    *("prompt", "prompts", "messages", "suffix", "tools", "functions", "documents"),
    *("chat_template", "chat_template_kwargs"),
)
_NO_TEXT = frozenset({"url", "data", "b64_json"})


class PromptFilter:
    """Finds the first rule that the texts of a request break."""

    def __init__(
        self,
        patterns: Sequence[DeniedPattern],
        checks: Sequence[Check] = (),
        seconds: float = SEARCH_SECONDS,
    ) -> None:
        self._patterns = [(denied.name, regex.compile(denied.pattern)) for denied in patterns]
        self._checks = checks
        self._seconds = seconds

    @property
    def empty(self) -> bool:
        """Whether there are no rules."""
        return not self._patterns and not self._checks

    async def broken_rule(self, body: Mapping[str, Any]) -> str | None:
        """Returns the name of the rule that the request breaks; None when it breaks none.

        Raises RequestError for prompts that are no text (token ids, embeddings), and for a search that takes
        too long.
        """
        if body.get("prompt_embeds") is not None or _has_numbers(body.get("prompt")):
            message = "Prompts are filtered here, so they must be given as text."
            raise RequestError(422, "prompt_not_text", message, param="prompt")
        found = list(texts(body))
        return await self._match(found) or await self._check(found)

    async def _match(self, found: list[str]) -> str | None:
        try:
            return self._search(found, min(_INLINE_SECONDS, self._seconds), concurrent=False)
        except TimeoutError:
            pass
        try:
            return await asyncio.to_thread(self._search, found, self._seconds, concurrent=True)
        except TimeoutError:
            message = "The prompt could not be checked in time: shorten it."
            raise RequestError(400, "prompt_unchecked", message, param="prompt") from None

    def _search(self, found: list[str], seconds: float, *, concurrent: bool) -> str | None:
        end = time.monotonic() + seconds
        for name, pattern in self._patterns:
            for text in found:
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                if pattern.search(text, concurrent=concurrent, timeout=left) is not None:
                    return name
        return None

    async def _check(self, found: list[str]) -> str | None:
        for check in self._checks:
            try:
                answer = check(found)
                rule = await answer if inspect.isawaitable(answer) else answer
            except Exception as error:
                # Only its type: the message may hold the prompt.
                logger.error("a prompt check failed: %s", type(error).__name__)
                message = "The prompt could not be checked; this is a fault of the server."
                raise RequestError(500, "prompt_unchecked", message) from None
            if rule is not None:
                return rule
        return None


def installed_checks() -> list[Check]:
    """Returns the checks of installed packages, in the order of their names."""
    return [point.load() for point in sorted(entry_points(group=CHECKS), key=lambda point: point.name)]


def texts(body: Mapping[str, Any]) -> Iterator[str]:
    """Yields every string of a body that reaches the model. Joins the parts of one message, too."""
    for field in _TEXT_FIELDS:
        yield from _strings(body.get(field))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        parts = [
            part["text"] for part in value if isinstance(part, dict) and isinstance(part.get("text"), str)
        ]
        if len(parts) > 1:
            yield "".join(parts)
        yield from _all_strings(value)
    elif isinstance(value, dict):
        yield from _all_strings(item for name, item in value.items() if name not in _NO_TEXT)


def _all_strings(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        yield from _strings(value)


def _has_numbers(prompt: object) -> bool:
    if not isinstance(prompt, list):
        return False
    return any(isinstance(part, int | list) for part in prompt)
