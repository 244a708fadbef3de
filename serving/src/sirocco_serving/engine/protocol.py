"""What our routes and the client need of an engine."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sirocco_serving.engine.sampling import Sampling

# OpenAI's messages: each has a role and a content.
Conversation = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Delta:
    """What one step of a generation added.

    `tokens` counts the tokens of this step. Only the last step has a `finish_reason`.
    """

    text: str
    tokens: int
    prompt_tokens: int
    finish_reason: str | None


class Engine(Protocol):
    """Generates text for prompts. `VllmEngine` implements it."""

    def generate(
        self, prompt: str, sampling: Sampling, trace_headers: Mapping[str, str]
    ) -> AsyncGenerator[Delta, None]:
        """Yields the deltas of one generation. Closing the generator aborts the generation.

        `trace_headers` are the W3C headers of the trace to join, empty without a trace. Raises RequestError
        before the first delta when the engine refuses the request.
        """
        ...

    async def healthy(self) -> bool:
        """Returns whether the engine can still generate."""
        ...


class ChatEngine(Protocol):
    """Generates text for prompts and for conversations. `VllmEngine` implements it."""

    def generate(
        self, prompt: str | Conversation, sampling: Sampling, trace_headers: Mapping[str, str]
    ) -> AsyncGenerator[Delta, None]:
        """Yields the deltas of one generation, as `Engine` does."""
        ...
