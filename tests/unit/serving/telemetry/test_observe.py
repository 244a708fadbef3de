"""What is counted and logged of each request, and what never is."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI, Request
from prometheus_client import REGISTRY
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp

from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.request.state import (
    Identity,
    Usage,
    set_identity,
    set_queue_seconds,
    set_request_body,
    set_usage,
    usage,
)
from sirocco_serving.telemetry import request_log
from sirocco_serving.telemetry.observe import Observe
from sirocco_serving.telemetry.token_usage import TokenUsage
from sirocco_serving.telemetry.trace_context import trace_id
from tests.unit.serving.asgi import Exchange, answering, exchange

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01".encode()


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def observe(
    app: ASGIApp, path: str = "/generate", made: Exchange | None = None
) -> list[Mapping[str, object]]:
    """What is logged of one request; an error of the app's is let pass."""
    lines: list[Mapping[str, object]] = []
    request = made or exchange(path)

    async def whole() -> None:
        observed = Observe(app, "mistral", lines.append)
        await asyncio.gather(observed(request.scope, request.receive, request.send), return_exceptions=True)

    asyncio.run(whole())
    return lines


@pytest.mark.parametrize(
    ("path", "status", "route"),
    [("/generate", 200, "/generate"), ("/v1/models", 503, "/v1/models"), ("/x", 404, "other")],
)
def test_answers_are_counted_by_route_status_and_key(path: str, status: int, route: str) -> None:
    labels = {"route": route, "status": str(status), "key": ""}
    before = sample("sirocco_serving_requests_total", **labels)
    timed = sample("sirocco_serving_request_seconds_count", route=route)
    (line,) = observe(answering(status), path)
    assert sample("sirocco_serving_requests_total", **labels) == before + 1
    assert sample("sirocco_serving_request_seconds_count", route=route) == timed + 1
    assert (line["route"], line["status"]) == (route, status)


def test_a_request_is_in_flight_until_its_last_byte() -> None:
    seen: list[float] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        seen.append(sample("sirocco_serving_requests_in_flight"))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    before = sample("sirocco_serving_requests_in_flight")
    observe(app)
    assert seen == [before + 1]
    assert sample("sirocco_serving_requests_in_flight") == before


def test_a_client_that_left_before_the_answer_counts_as_499() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        """Ends without an answer."""

    (line,) = observe(app)
    assert line["status"] == 499


def test_a_request_that_broke_counts_as_500() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("my secret prompt")

    (line,) = observe(app)
    assert line["status"] == 500
    assert "secret" not in json.dumps(line)


@pytest.mark.parametrize("path", ["/ready", "/live", "/health", "/metrics"])
def test_probes_and_scrapes_are_not_logged(path: str) -> None:
    assert observe(answering(), path) == []


def test_a_line_tells_everything_but_text() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope = dict(scope)
        set_identity(scope, Identity("team-a"))
        set_request_body(
            scope, {"model": "mistral-chat", "messages": [{"role": "user", "content": "my secret"}]}
        )
        set_queue_seconds(scope, 0.25)
        set_usage(scope, 12, 34)
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: my secret\n\n", "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    prompts = sample("sirocco_serving_prompt_tokens_total", key="team-a")
    generated = sample("sirocco_serving_generated_tokens_total", key="team-a")
    made = exchange("/v1/chat/completions")
    made.scope["headers"] = [(b"traceparent", TRACEPARENT)]
    (line,) = observe(app, made=made)
    times = {name: line[name] for name in ("ttft_seconds", "seconds")}
    assert all(isinstance(taken, float) and 0 <= taken < 60 for taken in times.values()), times
    assert line == times | {
        "id": TRACE,
        "key": "team-a",
        "route": "/v1/chat/completions",
        "model": "mistral-chat",
        "status": 200,
        "error": None,
        "tokens_in": 12,
        "tokens_out": 34,
        "cache": None,
        "queue_seconds": 0.25,
    }
    assert sample("sirocco_serving_prompt_tokens_total", key="team-a") == prompts + 12
    assert sample("sirocco_serving_generated_tokens_total", key="team-a") == generated + 34


def test_a_refusal_is_counted_by_its_code_and_names_no_model_that_a_client_made_up() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        set_request_body(scope, {"model": "my secret"})
        await RequestError(429, "queue_full", "full").answer(scope, receive, send)

    before = sample("sirocco_serving_rejected_total", reason="queue_full")
    (line,) = observe(app)
    assert (line["error"], line["model"], line["ttft_seconds"]) == ("queue_full", "mistral", None)
    assert sample("sirocco_serving_rejected_total", reason="queue_full") == before + 1


def test_lines_are_json_with_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    request_log.write({"route": "/generate"})
    line = json.loads(capsys.readouterr().out)
    assert line["route"] == "/generate"
    assert line["time"].endswith("Z")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"my secret prompt",
        f"00-{TRACE}-b7ad6b7169203331".encode(),
        f"ff-{TRACE}-b7ad6b7169203331-01".encode(),
        f"00-{'0' * 32}-b7ad6b7169203331-01".encode(),
    ],
)
def test_a_wrong_traceparent_gets_a_new_id(value: bytes) -> None:
    new = trace_id([(b"traceparent", value)])
    assert len(new) == 32
    assert int(new, 16) not in (0, int(TRACE, 16))


def tokens_of(app: ASGIApp, path: str = "/v1/completions") -> Usage | None:
    made = exchange(path)
    made.scope["state"] = {}
    asyncio.run(TokenUsage(app)(made.scope, made.receive, made.send))
    return usage(made.scope)


def test_vllms_own_count_is_taken() -> None:
    app = FastAPI()

    @app.post("/v1/completions")
    async def completions(request: Request) -> StreamingResponse:
        metadata = SimpleNamespace(final_usage_info=None)
        request.state.request_metadata = metadata

        async def chunks() -> AsyncGenerator[str, None]:
            yield "data: {}\n\n"
            metadata.final_usage_info = SimpleNamespace(prompt_tokens=5, completion_tokens=6)

        return StreamingResponse(chunks())

    assert tokens_of(app) == Usage(5, 6)


def test_of_a_stream_that_was_cut_short_the_events_are_counted() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"]["request_metadata"] = SimpleNamespace(final_usage_info=None)
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"data: {}\n\n", "more_body": True})

    assert tokens_of(app) == Usage(0, 3)


def test_our_routes_count_of_their_own_stands() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.body", "body": b"data: {}\n\n", "more_body": True})
        set_usage(scope, 7, 8)

    assert tokens_of(app, "/generate") == Usage(7, 8)


def test_a_refused_request_took_no_tokens() -> None:
    assert tokens_of(answering(422)) is None
