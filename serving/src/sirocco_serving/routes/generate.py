"""`POST /generate`: several prompts at once, or one prompt as a stream or as JSON."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from sirocco_serving.errors import RequestError
from sirocco_serving.generation import Delta, Engine
from sirocco_serving.routes.disconnect import EventStream, unless_disconnected
from sirocco_serving.sampling import GenerateRequest, parse_generate

router = APIRouter()


@router.post("/generate")
async def generate(request: Request) -> Response:
    """Answers in the form that the body asks for; see docs/calling-a-model.md."""
    engine: Engine = request.app.state.sirocco_engine
    try:
        asked = parse_generate(await request.body())
        work = _stream(engine, asked) if asked.streamed() else _answer(engine, asked)
        return await unless_disconnected(request.receive, work)
    except RequestError as problem:
        return problem.response()


async def _answer(engine: Engine, asked: GenerateRequest) -> Response:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_complete(engine, prompt, asked)) for prompt in asked.all_prompts()]
    return JSONResponse({"responses": [task.result() for task in tasks]})


async def _complete(engine: Engine, prompt: str, asked: GenerateRequest) -> dict[str, str | int]:
    text: list[str] = []
    tokens = 0
    async with aclosing(engine.generate(prompt, asked)) as deltas:
        async for delta in deltas:
            text.append(delta.text)
            tokens += delta.tokens
    return {"generated_text": "".join(text), "num_tokens": tokens}


async def _stream(engine: Engine, asked: GenerateRequest) -> Response:
    deltas = engine.generate(asked.all_prompts()[0], asked)
    # A request that the engine refuses still gets its status: the first delta comes before the headers.
    first = await anext(deltas)
    return EventStream(_events(first, deltas))


async def _events(first: Delta, deltas: AsyncGenerator[Delta, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(deltas):
        delta, tokens = first, first.tokens
        try:
            while delta.finish_reason is None:
                yield _event({"text": delta.text})
                delta = await anext(deltas)
                tokens += delta.tokens
        except Exception:
            # The status is sent already: an error event is all that can still tell the client.
            yield _event(RequestError(500, "generation_failed", "The engine failed to generate.").body())
        else:
            if delta.text:
                yield _event({"text": delta.text})
            usage = {
                "prompt_tokens": first.prompt_tokens,
                "completion_tokens": tokens,
                "total_tokens": first.prompt_tokens + tokens,
            }
            yield _event({"text": "", "finish_reason": delta.finish_reason, "usage": usage})
        yield b"data: [DONE]\n\n"


def _event(data: object) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"
