"""POST /generate over an engine of a few lines."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

import pytest
from fastapi import FastAPI

from sirocco_serving.engine.protocol import Delta
from sirocco_serving.engine.sampling import Sampling
from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.plugin import SiroccoEndpoints
from sirocco_serving.request.state import Usage, error_code, set_request_body, usage
from tests.unit.serving.asgi import Exchange, call, exchange


class Letters:
    """Generates the prompt's letters, a token each; knows which generations were cut short."""

    def __init__(self, pause: Callable[[], Awaitable[None]] | None = None) -> None:
        self.pause = pause
        self.aborted: list[str] = []
        self.calls: list[Sampling] = []
        self.traces: list[Mapping[str, str]] = []
        self.dead = False

    async def generate(
        self, prompt: str, sampling: Sampling, trace_headers: Mapping[str, str]
    ) -> AsyncGenerator[Delta, None]:
        self.calls.append(sampling)
        self.traces.append(trace_headers)
        if prompt == "silent":
            yield Delta("", 1, 7, "stop")
            return
        if prompt == "unfinished":
            return
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
    SiroccoEndpoints().attach_router(app)
    app.state.sirocco_engine = engine
    return app


def ask(engine: Letters, body: dict[str, object], path: str = "/generate") -> Exchange:
    return asyncio.run(call(app_over(engine), path, json.dumps(body).encode()))


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


def test_a_batch_is_answered_with_texts_alone_in_the_order_asked() -> None:
    answer = ask(Letters(), {"prompts": ["abc", "de"]}, "/generate/batch")
    assert (answer.status, json.loads(answer.text)) == (200, {"results": ["abc", "de"]})


@pytest.mark.parametrize(
    ("body", "param"), [({}, "prompts"), ({"prompts": []}, "prompts"), ({"prompt": "a"}, "prompts")]
)
def test_a_batch_without_prompts_is_422(body: dict[str, object], param: str) -> None:
    answer = ask(Letters(), body, "/generate/batch")
    assert (answer.status, json.loads(answer.text)["error"]["param"]) == (422, param)


@pytest.mark.parametrize("prompt", ["silent", "unfinished"])
@pytest.mark.parametrize("form", ["stream", "json", "batch"])
def test_an_empty_result_is_an_error(prompt: str, form: str) -> None:
    body: dict[str, object] = {"prompt": prompt, "stream": form == "stream"}
    if form == "batch":
        answer = ask(Letters(), {"prompts": ["fine", prompt]}, "/generate/batch")
    else:
        answer = ask(Letters(), body)
    assert (answer.status, json.loads(answer.text)["error"]["code"]) == (500, "empty_result")


def test_an_answer_that_a_stop_string_ends_at_once_is_no_error() -> None:
    answer = ask(Letters(), {"prompt": "silent", "stream": False, "stop": "x"})
    assert json.loads(answer.text) == {"responses": [{"generated_text": "", "num_tokens": 1}]}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"prompt": "abc"}, "/generate"),
        ({"prompt": "abc", "stream": False}, "/generate"),
        ({"prompts": ["abc"]}, "/generate/batch"),
    ],
)
def test_the_tokens_of_an_answer_are_kept_for_the_log(body: dict[str, object], path: str) -> None:
    async def counted() -> Usage | None:
        made = exchange(path, json.dumps(body).encode())
        await app_over(Letters())(made.scope, made.receive, made.send)
        return usage(made.scope)

    assert asyncio.run(counted()) == Usage(prompt_tokens=7, completion_tokens=3)


def test_the_refusals_code_is_kept_for_the_log() -> None:
    async def code() -> str | None:
        made = exchange("/generate", b"{}")
        await app_over(Letters())(made.scope, made.receive, made.send)
        return error_code(made.scope)

    assert asyncio.run(code()) == "invalid_value"


def test_a_parsed_body_is_not_parsed_again() -> None:
    async def ask_parsed() -> Exchange:
        made = exchange("/generate", b"not JSON")
        set_request_body(made.scope, {"prompts": ["abc"]})
        await app_over(Letters())(made.scope, made.receive, made.send)
        return made

    assert asyncio.run(ask_parsed()).status == 200


def test_the_callers_trace_reaches_the_engine() -> None:
    parent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    async def ask_traced(engine: Letters) -> None:
        made = exchange("/generate", b'{"prompts": ["abc"]}')
        made.scope["headers"] = [(b"traceparent", parent), (b"x-other", b"1")]
        await app_over(engine)(made.scope, made.receive, made.send)

    engine = Letters()
    asyncio.run(ask_traced(engine))
    assert engine.traces == [{"traceparent": parent.decode()}]


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
    answer = asyncio.run(call(app_over(engine), path, method="GET"))
    assert (answer.status, error_code(answer.scope)) == (503, "engine_dead")
