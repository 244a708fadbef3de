"""POST /generate over an engine of a few lines."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
from fastapi import FastAPI

from sirocco_serving.errors import RequestError
from sirocco_serving.generation import Delta
from sirocco_serving.routes import generate, health
from sirocco_serving.sampling import Sampling
from tests.unit.serving.asgi import Exchange, call, exchange


class Letters:
    """Generates the prompt's letters, a token each; knows which generations were cut short."""

    def __init__(self, pause: Callable[[], Awaitable[None]] | None = None) -> None:
        self.pause = pause
        self.aborted: list[str] = []
        self.dead = False

    async def generate(self, prompt: str, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        if prompt == "too long":
            raise RequestError(400, "invalid_request", "at most 3 tokens", param="prompt")
        done = False
        try:
            for number, letter in enumerate(prompt, start=1):
                if letter == "!":
                    raise RuntimeError("the engine died")
                if self.pause is not None and number > 1:
                    await self.pause()
                last = number == len(prompt)
                yield Delta(letter, 1, 7, "stop" if last else None)
            done = True
        finally:
            if not done:
                self.aborted.append(prompt)

    async def healthy(self) -> bool:
        return not self.dead


def app_over(engine: Letters) -> FastAPI:
    app = FastAPI()
    app.include_router(generate.router)
    app.include_router(health.router)
    app.state.sirocco_engine = engine
    return app


def ask(engine: Letters, body: dict[str, object]) -> Exchange:
    return asyncio.run(call(app_over(engine), "/generate", json.dumps(body).encode()))


def events(answer: Exchange) -> list[object]:
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_prompts_are_answered_in_the_order_asked() -> None:
    answer = ask(Letters(), {"prompts": ["abc", "de"]})
    assert answer.status == 200
    assert json.loads(answer.text) == {
        "responses": [
            {"generated_text": "abc", "num_tokens": 3},
            {"generated_text": "de", "num_tokens": 2},
        ]
    }


def test_one_prompt_is_streamed_delta_by_delta() -> None:
    answer = ask(Letters(), {"prompt": "abc"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert events(answer) == [
        {"text": "a"},
        {"text": "b"},
        {"text": "c"},
        {
            "text": "",
            "finish_reason": "stop",
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        },
    ]


def test_one_prompt_without_a_stream_has_the_json_form() -> None:
    answer = ask(Letters(), {"prompt": "abc", "stream": False})
    assert json.loads(answer.text) == {"responses": [{"generated_text": "abc", "num_tokens": 3}]}


@pytest.mark.parametrize("body", [{"prompt": "too long"}, {"prompts": ["ok", "too long"]}])
def test_what_the_engine_refuses_keeps_its_status(body: dict[str, object]) -> None:
    answer = ask(Letters(), body)
    assert answer.status == 400
    assert json.loads(answer.text)["error"] == {
        "message": "at most 3 tokens",
        "type": "invalid_request_error",
        "param": "prompt",
        "code": "invalid_request",
    }


def test_a_stream_that_breaks_ends_with_an_error_event() -> None:
    last = events(ask(Letters(), {"prompt": "a!"}))[-1]
    assert isinstance(last, dict)
    assert last["error"]["code"] == "generation_failed"


@pytest.mark.parametrize(
    "body", [{"prompt": "abc"}, {"prompt": "abc", "stream": False}, {"prompts": ["abc"]}]
)
def test_a_client_that_leaves_aborts_its_generation(body: dict[str, object]) -> None:
    async def leave() -> list[str]:
        waiting = asyncio.Event()

        async def pause() -> None:
            waiting.set()
            await asyncio.Event().wait()

        engine = Letters(pause)
        request = exchange("/generate", json.dumps(body).encode())
        answering = asyncio.create_task(app_over(engine)(request.scope, request.receive, request.send))
        await asyncio.wait_for(waiting.wait(), 10)
        request.leave()
        await asyncio.wait_for(answering, 10)
        return engine.aborted

    assert asyncio.run(leave()) == ["abc"]


@pytest.mark.parametrize("path", ["/ready", "/live"])
def test_probes_follow_the_engines_health(path: str) -> None:
    engine = Letters()
    assert asyncio.run(call(app_over(engine), path, method="GET")).status == 200
    engine.dead = True
    assert asyncio.run(call(app_over(engine), path, method="GET")).status == 503
