"""Only the paths of the contract are open."""

import asyncio
import json

import pytest
from starlette.types import Message

from sirocco_serving.access.allowlist import Allowlist
from sirocco_serving.request.paths import PATHS
from tests.unit.serving.asgi import answering, call


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
