"""`POST /generate` and `POST /generate/batch`: one prompt as a stream or as JSON, or several prompts."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from sirocco_serving.config import settings
from sirocco_serving.engine.protocol import Delta, Engine
from sirocco_serving.engine.sampling import Sampling
from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.errors.schema import ErrorAnswer
from sirocco_serving.generate.answers import (
    BatchAnswer,
    GenerateAnswer,
    GeneratedText,
    StreamedText,
    StreamEnd,
    StreamUsage,
)
from sirocco_serving.generate.disconnect import EventStream, unless_disconnected
from sirocco_serving.generate.requests import BatchRequest, GenerateRequest, parse
from sirocco_serving.request.state import Usage, request_body, set_usage

router = APIRouter()

# The headers that join the engine's spans to the trace of the caller.
_TRACE_HEADERS = ("traceparent", "tracestate")


@router.post("/generate")
async def generate(request: Request) -> Response:
    """Answers with a stream or with JSON, as the body says; see docs/calling-a-model.md."""
    body = parse(GenerateRequest, await _body(request), settings())
    generations = Generations(request, body)
    streamed = body.streamed()
    answering = _stream(generations, body.all_prompts()[0]) if streamed else _answer(generations, body)
    return await unless_disconnected(request.receive, answering)


@router.post("/generate/batch")
async def generate_batch(request: Request) -> Response:
    """Answers with the texts alone, in the order of the prompts."""
    body = parse(BatchRequest, await _body(request), settings())
    return await unless_disconnected(request.receive, _texts(Generations(request, body), body))


class Generations:
    """The generations of one request, and their tokens so far."""

    def __init__(self, request: Request, sampling: Sampling) -> None:
        self._engine: Engine = request.app.state.sirocco_engine
        self._scope = request.scope
        self._sampling = sampling
        self._trace: Mapping[str, str] = {
            name: value for name, value in request.headers.items() if name in _TRACE_HEADERS
        }
        self._prompt_tokens = 0
        self._completion_tokens = 0

    @property
    def usage(self) -> Usage:
        """The tokens of all generations, also of those that were cut short."""
        return Usage(self._prompt_tokens, self._completion_tokens)

    async def deltas(self, prompt: str) -> AsyncGenerator[Delta, None]:
        """Yields the deltas of one generation. Raises RequestError also for an empty result."""
        first, silent = True, True
        try:
            async with aclosing(self._engine.generate(prompt, self._sampling, self._trace)) as deltas:
                async for delta in deltas:
                    self._prompt_tokens += delta.prompt_tokens if first else 0
                    self._completion_tokens += delta.tokens
                    first, silent = False, silent and not delta.text
                    if silent and delta.finish_reason == "stop" and not self._sampling.stop:
                        raise _empty("The model ended its answer without a text.")
                    yield delta
                    if delta.finish_reason is not None:
                        return
        finally:
            set_usage(self._scope, self._prompt_tokens, self._completion_tokens)
        raise _empty("The engine ended a generation without an answer.")

    async def complete(self, prompt: str) -> "Completion":
        """Returns one whole generation."""
        text: list[str] = []
        tokens = 0
        async with aclosing(self.deltas(prompt)) as deltas:
            async for delta in deltas:
                text.append(delta.text)
                tokens += delta.tokens
        return Completion("".join(text), tokens)

    async def complete_all(self, prompts: list[str]) -> list["Completion"]:
        """Runs whole generations together, and returns them in order. One that fails ends the others."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.complete(prompt)) for prompt in prompts]
        return [task.result() for task in tasks]


@dataclass(frozen=True, slots=True)
class Completion:
    """The whole text for one prompt."""

    text: str
    tokens: int


def _empty(message: str) -> RequestError:
    return RequestError(500, "empty_result", f"{message} Change the prompt or the sampling.")


async def _body(request: Request) -> bytes | dict[str, Any]:
    parsed = request_body(request.scope)
    return await request.body() if parsed is None else parsed


async def _answer(generations: Generations, body: GenerateRequest) -> Response:
    done = await generations.complete_all(body.all_prompts())
    texts = [GeneratedText(generated_text=one.text, num_tokens=one.tokens) for one in done]
    return GenerateAnswer(responses=texts).response()


async def _texts(generations: Generations, body: BatchRequest) -> Response:
    return BatchAnswer(results=[one.text for one in await generations.complete_all(body.prompts)]).response()


async def _stream(generations: Generations, prompt: str) -> Response:
    deltas = generations.deltas(prompt)
    # The first delta comes before the headers, so that a refusal of the engine still gets its status.
    first = await anext(deltas)
    return EventStream(_events(generations, first, deltas))


async def _events(
    generations: Generations, first: Delta, deltas: AsyncGenerator[Delta, None]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(deltas):
        delta = first
        try:
            while delta.finish_reason is None:
                yield _event(StreamedText(text=delta.text))
                delta = await anext(deltas)
        except Exception as error:
            # The status is sent already, so the error is an event.
            failed = RequestError(500, "generation_failed", "The engine failed to generate.")
            problem = error if isinstance(error, RequestError) else failed
            yield _event(ErrorAnswer.model_validate(problem.body()))
        else:
            if delta.text:
                yield _event(StreamedText(text=delta.text))
            prompt, generated = generations.usage.prompt_tokens, generations.usage.completion_tokens
            usage = StreamUsage(
                prompt_tokens=prompt, completion_tokens=generated, total_tokens=prompt + generated
            )
            yield _event(StreamEnd(finish_reason=delta.finish_reason, usage=usage))
        yield b"data: [DONE]\n\n"


def _event(data: BaseModel) -> bytes:
    return b"data: " + data.model_dump_json().encode() + b"\n\n"
