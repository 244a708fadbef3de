"""The order of the layers, and that what is off is not there."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from starlette.types import ASGIApp

from sirocco_serving.config import Settings
from sirocco_serving.stack import Stack, layers
from tests.unit.serving.asgi import Exchange, answering, call, exchange

KEY = f"sk-sirocco-{'alice':x<43}"
INTERNAL = f"sk-sirocco-{'internal':x<43}"
ORIGIN = {"Origin": "https://app.example"}
BEARER = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., ASGIApp]:
    """Makes the whole stack with keys on, around an app, from one key's fields and the limits."""
    (tmp_path / "keys").mkdir()
    entry = {"sha256": hashlib.sha256(KEY.encode()).hexdigest()}
    (tmp_path / "internal").write_text(INTERNAL)

    def built(
        app: ASGIApp | None = None, fields: Mapping[str, object] | None = None, **limits: object
    ) -> ASGIApp:
        (tmp_path / "keys" / "alice").write_text(json.dumps(entry | dict(fields or {})))
        access = {
            "keys_folder": str(tmp_path / "keys"),
            "internal_key_file": str(tmp_path / "internal"),
            "allowed_origins": ["https://app.example"],
        }
        text = json.dumps({"limits": limits, "access": access})
        return stacked(Settings.model_validate_json(text), app)

    return built


def stacked(settings: Settings, app: ASGIApp | None = None) -> ASGIApp:
    app = app or answering()
    for layer in reversed(layers(settings)):
        app = layer(app)
    return app


def names(app: Any) -> list[str]:
    """The layers from the outside in."""
    found: list[str] = []
    while hasattr(app, "_app") or hasattr(app, "app"):
        found.append(type(app).__name__)
        app = app._app if hasattr(app, "_app") else app.app
    return found


def ask(
    app: ASGIApp,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"{}",
    method: str = "POST",
) -> Exchange:
    made = exchange(path, body, method, headers=headers)
    asyncio.run(made.through(app))
    return made


def code(answer: Exchange) -> object:
    return json.loads(answer.text)["error"]["code"]


def test_what_is_off_is_not_in_the_stack() -> None:
    off = {"Cors", "Identify", "RequireKey", "RateLimit", "AllowedModels", "Admission", "Cache"}
    assert off.isdisjoint(names(stacked(Settings())))


def test_a_path_that_is_not_there_is_404_before_a_key_is_asked_for(build: Callable[..., ASGIApp]) -> None:
    assert ask(build(), "/tokenize").status == 404


def test_a_key_is_asked_for_before_the_body_is_read(build: Callable[..., ASGIApp]) -> None:
    assert ask(build(body_bytes=10), "/generate", body=b"x" * 100).status == 401


def test_a_page_can_read_that_its_key_is_wrong(build: Callable[..., ASGIApp]) -> None:
    answer = ask(build(), "/generate", ORIGIN)
    assert answer.status == 401
    assert answer.headers["access-control-allow-origin"] == "https://app.example"


def test_a_preflight_needs_no_key(build: Callable[..., ASGIApp]) -> None:
    headers = ORIGIN | {"Access-Control-Request-Method": "POST"}
    assert ask(build(), "/generate", headers, method="OPTIONS").status == 200


def test_the_body_is_read_before_a_place_is_taken(build: Callable[..., ASGIApp]) -> None:
    stack = build(in_flight=1, queue=0)

    async def scenario() -> None:
        slow = exchange("/generate", headers=BEARER)
        never = asyncio.Event()

        async def receive() -> dict[str, object]:
            await never.wait()
            return {}

        sending = asyncio.ensure_future(stack(slow.scope, receive, slow.send))
        quick = exchange("/generate", b"{}", headers=BEARER)
        await asyncio.sleep(0)
        await quick.through(stack)
        assert quick.text == "inner"
        sending.cancel()

    asyncio.run(scenario())


def test_a_request_with_all_that_is_asked_for_comes_through(build: Callable[..., ASGIApp]) -> None:
    answer = ask(build(in_flight=1), "/generate", BEARER)
    assert answer.text == "inner"
    assert ask(build(in_flight=1), "/tokenize", {"Authorization": f"Bearer {INTERNAL}"}).text == "inner"


def test_a_page_can_read_a_refusal_of_the_body(build: Callable[..., ASGIApp]) -> None:
    answer = ask(build(body_bytes=1), "/generate", BEARER | ORIGIN)
    assert (answer.status, code(answer)) == (413, "body_too_large")
    assert "access-control-allow-origin" in answer.headers


def test_a_page_can_read_a_failure_further_in_in_the_one_format(build: Callable[..., ASGIApp]) -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError

    answer = ask(build(app=failing), "/generate", BEARER | ORIGIN)
    assert (answer.status, code(answer)) == (500, "internal_error")
    assert "access-control-allow-origin" in answer.headers


def test_each_key_has_its_rate(build: Callable[..., ASGIApp]) -> None:
    stack = build(fields={"requestsPerMinute": 2})
    assert [ask(stack, "/generate", BEARER).status for _ in range(3)] == [200, 200, 429]


def test_a_stranger_uses_up_nobodys_rate(build: Callable[..., ASGIApp]) -> None:
    stack = build(fields={"requestsPerMinute": 1})
    assert [ask(stack, "/generate").status for _ in range(3)] == [401] * 3
    assert ask(stack, "/generate", BEARER).status == 200


def test_a_key_opens_its_models_alone(build: Callable[..., ASGIApp]) -> None:
    stack = build(fields={"models": ["small"]})
    answers = [
        ask(stack, "/v1/completions", BEARER, b'{"model": "%s"}' % name) for name in (b"small", b"big")
    ]
    assert [answer.status for answer in answers] == [200, 403]


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_the_stack_puts_all_of_them_around_the_app() -> None:
    stack = Stack(answering())
    before = sample("sirocco_serving_requests_total", route="other", status="404", key="")
    assert asyncio.run(call(stack, "/tokenize")).status == 404
    assert asyncio.run(call(stack, "/generate", b"{}")).text == "inner"
    assert sample("sirocco_serving_requests_total", route="other", status="404", key="") == before + 1
