"""An engine client with vLLM's signature that says `token` again and again, at a set pace."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram

from .sampling_params import SamplingParams

RUNNING = Gauge("vllm:num_requests_running", "Requests in the engine.", ["model_name"])
WAITING = Gauge("vllm:num_requests_waiting", "Requests queued.", ["model_name"])
CACHE = Gauge("vllm:kv_cache_usage_perc", "Share of the KV cache in use, 0 to 1.", ["model_name"])
QUEUED = Histogram("vllm:request_queue_time_seconds", "Seconds in the engine's queue.", ["model_name"])
GENERATED = Counter("vllm:generation_tokens_total", "Tokens generated.", ["model_name"])


@dataclass(frozen=True)
class Completion:
    """One step's addition."""

    text: str
    token_ids: tuple[int, ...]
    finish_reason: str | None


@dataclass(frozen=True)
class Output:
    """One step of a request."""

    outputs: tuple[Completion, ...]
    prompt_token_ids: tuple[int, ...]


class Renderer:
    """Takes each word of a prompt for a token."""

    async def render_cmpl_async(self, prompts: Sequence[dict[str, str]]) -> list[tuple[int, ...]]:
        """The token ids of each prompt."""
        return [tuple(range(len(prompt["prompt"].split()))) for prompt in prompts]


class Engine:
    """Generates `max_tokens` tokens, one every `token_seconds`; `sequences` requests fill its KV cache.

    There is always room for one more: nothing queues.
    """

    def __init__(self, model_name: str, token_seconds: float, sequences: int) -> None:
        self.renderer = Renderer()
        self._token_seconds = token_seconds
        self._running = RUNNING.labels(model_name)
        self._share = 1 / sequences
        self._cache = CACHE.labels(model_name)
        self._queued = QUEUED.labels(model_name)
        self._generated = GENERATED.labels(model_name)
        WAITING.labels(model_name).set(0)

    async def generate(
        self,
        prompt: tuple[int, ...],
        sampling_params: SamplingParams,
        request_id: str,
        *,
        trace_headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Output]:
        """Yields one output a token; sends no span of its own."""
        self._queued.observe(0)
        with self._running.track_inprogress(), self._held():
            for number in range(1, sampling_params.max_tokens + 1):
                await asyncio.sleep(self._token_seconds)
                self._generated.inc()
                last = number == sampling_params.max_tokens
                completion = Completion("token ", (number,), "length" if last else None)
                yield Output((completion,), prompt)

    @contextmanager
    def _held(self) -> Iterator[None]:
        self._cache.inc(self._share)
        try:
            yield
        finally:
            self._cache.dec(self._share)

    async def check_health(self) -> None:
        """Never fails."""
