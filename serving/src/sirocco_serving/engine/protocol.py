"""What the routes need of an engine, apart from any engine."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sirocco_serving.engine.sampling import Sampling

# OpenAI's messages: each has a role and a content.
Conversation = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Delta:
    """What one step of a generation added.

    `tokens` counts the tokens of this step; `finish_reason` is set in the last one alone.
    """

    text: str
    tokens: int
    prompt_tokens: int
    finish_reason: str | None


class Engine(Protocol):
    """Generates text; `sirocco_serving.engine.vllm_engine` has vLLM's."""

    def generate(
        self, prompt: str, sampling: Sampling, trace_headers: Mapping[str, str]
    ) -> AsyncGenerator[Delta, None]:
        """Yields the deltas of one generation; closing the generator aborts it in the engine.

        `trace_headers` are the W3C headers of the trace to join, none without one. Raises RequestError
        before the first delta when the request cannot be served.
        """
        ...

    async def healthy(self) -> bool:
        """Whether the engine can still generate."""
        ...


class ChatEngine(Protocol):
    """Generates text for prompts and for conversations; `sirocco_serving.engine.vllm_engine` has vLLM's."""

    def generate(
        self, prompt: str | Conversation, sampling: Sampling, trace_headers: Mapping[str, str]
    ) -> AsyncGenerator[Delta, None]:
        """Yields the deltas of one generation, as `Engine` does."""
        ...
