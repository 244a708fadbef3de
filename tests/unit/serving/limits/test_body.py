"""A request's body is bounded while it streams in, and read as JSON once."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message

from sirocco_serving.limits.body import Body
from sirocco_serving.request.state import request_body
from tests.unit.serving.asgi import answering, call, exchange


def code(text: str) -> object:
    return json.loads(text)["error"]["code"]


def test_the_app_reads_the_body_as_it_came() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((request_body(scope), await receive()))
        await answering()(scope, receive, send)

    body = b'{"prompt":  "x"}'
    asyncio.run(call(Body(app, 16), "/generate", body))
    assert seen == [({"prompt": "x"}, {"type": "http.request", "body": body, "more_body": False})]


def test_after_the_body_the_app_hears_of_the_clients_departure() -> None:
    seen: list[Message] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend([await receive(), await receive()])

    made = exchange("/generate", b"{}")
    made.leave()
    asyncio.run(Body(app, 100)(made.scope, made.receive, made.send))
    assert [message["type"] for message in seen] == ["http.request", "http.disconnect"]


def test_a_declared_length_over_the_limit_is_413_before_a_byte_is_read() -> None:
    made = exchange("/generate", headers={"Content-Length": "101"})

    async def receive() -> Message:
        raise AssertionError("the body was read")

    asyncio.run(Body(answering(), 100)(made.scope, receive, made.send))
    assert (made.status, code(made.text)) == (413, "body_too_large")
    assert "100 bytes" in made.text


def test_a_streamed_body_is_413_at_the_first_byte_over_the_limit() -> None:
    made = exchange("/generate")
    read = 0

    async def receive() -> Message:
        nonlocal read
        read += 10
        return {"type": "http.request", "body": b"x" * 10, "more_body": True}

    asyncio.run(Body(answering(), 100)(made.scope, receive, made.send))
    assert (made.status, code(made.text)) == (413, "body_too_large")
    assert read == 110


@pytest.mark.parametrize("path", ["/generate", "/tokenize"])
def test_the_limit_holds_on_every_path(path: str) -> None:
    assert asyncio.run(call(Body(answering(), 3), path, b"[1,2]")).status == 413


def test_a_client_that_leaves_while_sending_gets_no_further() -> None:
    made = exchange("/generate")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("the app was called")

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    asyncio.run(Body(app, 100)(made.scope, receive, made.send))
    assert made.sent == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b'{"temperature": NaN}',
        b'{"a": Infinity}',
        b"[" * 10_000,
        b'{"a":' * 10_000,
        b'{"a": "\\ud800"}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\xff"}',
        b"{} {}",
    ],
)
def test_what_is_no_json_object_is_400(body: bytes) -> None:
    answer = asyncio.run(call(Body(answering(), 10**6), "/v1/chat/completions", body))
    assert (answer.status, code(answer.text)) == (400, "invalid_json")


def test_of_two_fields_with_one_name_the_last_is_read_as_vllm_does() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(request_body(scope))

    body = b'{"model": "a", "model": "b"}'
    asyncio.run(call(Body(app, 1000), "/v1/completions", body))
    assert seen == [json.loads(body)]


def test_a_body_on_vllms_own_routes_is_not_read_as_json() -> None:
    assert asyncio.run(call(Body(answering(), 100), "/scale_elastic_ep", b"no json")).text == "inner"
