"""The middleware in front of vLLM's app, apart from the drain."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import REGISTRY
from starlette.types import Message

from sirocco_serving.middleware.allowlist import Allowlist
from sirocco_serving.middleware.plugged import Plugged
from sirocco_serving.middleware.stack import Stack
from sirocco_serving.request.paths import PATHS
from tests.unit.serving.asgi import answering, call


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize("path", sorted(PATHS))
def test_paths_of_the_contract_reach_the_app(path: str) -> None:
    assert asyncio.run(call(Allowlist(answering()), path)).text == "inner"


@pytest.mark.parametrize(
    "path",
    [
        "/invocations",
        "/tokenize",
        "/v1/models/",
        "/v1/chat/completions/x",
        "//generate",
        "/GENERATE",
        "/docs",
    ],
)
def test_other_paths_are_404_in_the_one_error_shape(path: str) -> None:
    answer = asyncio.run(call(Allowlist(answering()), path))
    assert answer.status == 404
    assert set(json.loads(answer.text)["error"]) == {"message", "type", "param", "code"}


def test_a_websocket_is_404_without_reaching_the_app() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    asyncio.run(Allowlist(answering())({"type": "websocket", "path": "/generate"}, receive, send))
    start, body = sent
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 404)
    assert json.loads(body["body"])["error"]["code"] == "not_found"


def test_no_metric_of_ours_is_named_like_vllms() -> None:
    ours = [metric.name for metric in REGISTRY.collect() if metric.documentation and "sirocco" in metric.name]
    assert ours
    assert not [name for name in ours if name.startswith("vllm")]


@pytest.mark.parametrize("plugged", [True, False])
def test_a_server_without_our_plugin_does_not_start(plugged: bool) -> None:
    state = SimpleNamespace(sirocco_engine=object()) if plugged else SimpleNamespace()
    sent: list[Message] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.complete"})

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "lifespan", "app": SimpleNamespace(state=state)}
    asyncio.run(Plugged(app)(scope, receive, send))
    if plugged:
        assert sent == [{"type": "lifespan.startup.complete"}]
    else:
        assert sent[0]["type"] == "lifespan.startup.failed"
        assert sent[0]["message"].startswith("sirocco serving: plugin: ")


def test_the_stack_puts_all_of_them_around_the_app() -> None:
    stack = Stack(answering())
    before = sample("sirocco_serving_requests_total", route="other", status="404", key="")
    assert asyncio.run(call(stack, "/tokenize")).status == 404
    assert asyncio.run(call(stack, "/generate", b"{}")).text == "inner"
    assert sample("sirocco_serving_requests_total", route="other", status="404", key="") == before + 1
