"""OpenAI's routes, as far as clients in tests use them."""

import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from starlette.responses import JSONResponse, Response, StreamingResponse

from .engine import Engine
from .sampling_params import SamplingParams

router = APIRouter()


@router.get("/health")
async def health() -> Response:
    """Always well."""
    return Response(status_code=200)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus' default registry, vLLM's too; whole, or the series that `name[]` asks for."""
    names = request.query_params.getlist("name[]")
    registry = REGISTRY.restricted_registry(names) if names else REGISTRY
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/models")
async def models(request: Request) -> dict[str, Any]:
    """The served names."""
    names = request.app.state.args.served_model_name
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": 0, "owned_by": "standin"} for name in names],
    }


@router.post("/tokenize")
async def tokenize() -> dict[str, list[int]]:
    """One of the routes that vLLM leaves unguarded."""
    return {"tokens": []}


@router.post("/v1/chat/completions")
async def chat(request: Request) -> Response:
    """A chat completion, streamed or not."""
    body = await request.json()
    prompt = " ".join(str(message.get("content")) for message in body["messages"])
    return await _answer(request, body, prompt, chat=True)


@router.post("/v1/completions")
async def completions(request: Request) -> Response:
    """A completion, streamed or not."""
    body = await request.json()
    return await _answer(request, body, str(body["prompt"]), chat=False)


async def _answer(request: Request, body: dict[str, Any], prompt: str, chat: bool) -> Response:
    engine: Engine = request.app.state.engine_client
    (tokens,) = await engine.renderer.render_cmpl_async([{"prompt": prompt}])
    wanted = body.get("max_completion_tokens") or body.get("max_tokens") or 16
    steps = engine.generate(tokens, SamplingParams(max_tokens=wanted), uuid.uuid4().hex)
    kind = "chat.completion" if chat else "text_completion"
    frame = {"id": f"standin-{uuid.uuid4().hex}", "created": int(time.time()), "model": body["model"]}
    if body.get("stream"):
        name = f"{kind}.chunk" if chat else kind
        chunks = _chunks(frame | {"object": name}, steps, chat)
        return StreamingResponse(chunks, media_type="text/event-stream")
    text, count = "", 0
    async for output in steps:
        text += output.outputs[0].text
        count += 1
    said: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    usage = {
        "prompt_tokens": len(tokens),
        "completion_tokens": count,
        "total_tokens": len(tokens) + count,
    }
    choices = [{"index": 0, "finish_reason": "length"} | said]
    return JSONResponse(frame | {"object": kind, "choices": choices, "usage": usage})


async def _chunks(frame: dict[str, Any], steps: AsyncIterator[Any], chat: bool) -> AsyncIterator[str]:
    async for output in steps:
        completion = output.outputs[0]
        said: dict[str, Any] = {"delta": {"content": completion.text}} if chat else {"text": completion.text}
        choice = {"index": 0, "finish_reason": completion.finish_reason} | said
        yield f"data: {json.dumps(frame | {'choices': [choice]})}\n\n"
    yield "data: [DONE]\n\n"
