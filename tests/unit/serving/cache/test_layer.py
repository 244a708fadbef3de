"""Exact answers: which requests have one, how long it is kept, and who may see it."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import ASGIApp

from sirocco_serving.cache.answer_cache import OVERHEAD_BYTES, AnswerCache, CachedAnswer, deterministic
from sirocco_serving.cache.layer import Cache
from sirocco_serving.config import AnswerCacheSettings, Settings
from sirocco_serving.request.state import Identity, cache_result, set_identity, set_request_body
from sirocco_serving.stack import layers
from tests.unit.serving.asgi import Exchange, call, exchange

COLD: dict[str, Any] = {"prompts": ["x"], "temperature": 0}


class Counting:
    """An app that numbers its answers."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.answered = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.answered += 1
        headers = [(b"content-type", b"application/json"), (b"x-other", b"1")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"number": ', "more_body": True})
        await send({"type": "http.response.body", "body": b"%d}" % self.answered, "more_body": False})


def ask(app: ASGIApp, body: dict[str, Any], path: str = "/generate", key: str | None = None) -> Exchange:
    async def whole() -> Exchange:
        made = exchange(path)
        set_request_body(made.scope, body)
        if key is not None:
            set_identity(made.scope, Identity(key))
        await app(made.scope, made.receive, made.send)
        return made

    return asyncio.run(whole())


def caching(app: ASGIApp) -> Cache:
    return Cache(app, AnswerCache(10_000, 60), default_temperature=0.7)


def test_a_deterministic_request_is_answered_once_by_the_engine() -> None:
    inner = Counting()
    app = caching(inner)
    first, second = ask(app, COLD), ask(app, COLD)
    assert (first.headers["x-sirocco-cache"], second.headers["x-sirocco-cache"]) == ("miss", "hit")
    assert (first.status, first.text) == (second.status, second.text) == (200, '{"number": 1}')
    assert second.headers["content-length"] == str(len(second.text))
    assert (cache_result(first.scope), cache_result(second.scope)) == ("miss", "hit")
    assert inner.answered == 1


def test_the_order_of_fields_makes_no_difference_but_every_value_does() -> None:
    app = caching(Counting())
    ask(app, COLD)
    assert ask(app, dict(reversed(COLD.items()))).headers["x-sirocco-cache"] == "hit"
    assert ask(app, COLD | {"max_tokens": 5}).headers["x-sirocco-cache"] == "miss"
    assert ask(app, COLD, "/generate/batch").headers["x-sirocco-cache"] == "miss"


def test_no_key_gets_an_answer_made_for_another() -> None:
    app = caching(Counting())
    ask(app, COLD, key="team-a")
    assert ask(app, COLD, key="team-b").headers["x-sirocco-cache"] == "miss"
    assert ask(app, COLD, key="team-a").headers["x-sirocco-cache"] == "hit"


def test_a_random_request_is_neither_kept_nor_marked() -> None:
    inner = Counting()
    app = caching(inner)
    answers = [ask(app, {"prompts": ["x"]}) for _ in range(2)]
    assert [json.loads(answer.text)["number"] for answer in answers] == [1, 2]
    assert not any("x-sirocco-cache" in answer.headers for answer in answers)


def test_an_error_is_not_kept() -> None:
    inner = Counting(503)
    app = caching(inner)
    ask(app, COLD)
    assert ask(app, COLD).headers["x-sirocco-cache"] == "miss"
    assert inner.answered == 2


def test_an_answer_that_was_cut_short_is_not_kept() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})

    app = caching(broken)
    ask(app, COLD)
    assert ask(app, COLD).headers["x-sirocco-cache"] == "miss"


@pytest.mark.parametrize(
    ("path", "body", "default", "is_deterministic"),
    [
        ("/v1/chat/completions", {"temperature": 0}, 0.7, True),
        ("/v1/chat/completions", {"temperature": 0.0, "stream": False}, 0.7, True),
        ("/v1/chat/completions", {"temperature": 1, "seed": 7}, 0.7, True),
        ("/v1/chat/completions", {"temperature": 0, "stream": True}, 0.7, False),
        ("/v1/completions", {"temperature": 0.1}, 0.7, False),
        ("/v1/completions", {"seed": None}, 0.7, False),
        ("/v1/completions", {"temperature": False, "seed": True}, 0.7, False),
        ("/v1/completions", {}, 0, False),
        ("/generate", {"prompts": ["x"]}, 0, True),
        ("/generate", {"prompt": "x", "temperature": 0}, 0.7, False),
        ("/generate", {"prompt": "x", "temperature": 0, "stream": False}, 0.7, True),
    ],
)
def test_temperature_0_or_a_seed_makes_a_request_deterministic(
    path: str, body: dict[str, Any], default: float, is_deterministic: bool
) -> None:
    assert deterministic(path, body, default) is is_deterministic


def answer(size: int) -> CachedAnswer:
    return CachedAnswer(b"", b"x" * (size - OVERHEAD_BYTES))


def test_an_answer_is_gone_after_its_time() -> None:
    now = 0.0
    answers = AnswerCache(10_000, seconds=10, clock=lambda: now)
    answers.put(b"a", answer(1000))
    now = 10.0
    assert answers.get(b"a") is not None
    now = 10.1
    assert answers.get(b"a") is None
    assert answers.size == 0


def test_the_cache_never_outgrows_its_bytes() -> None:
    answers = AnswerCache(2500, seconds=10)
    answers.put(b"a", answer(1000))
    answers.put(b"b", answer(1000))
    assert answers.get(b"a") is not None
    answers.put(b"c", answer(1000))
    assert [name for name in (b"a", b"b", b"c") if answers.get(name)] == [b"a", b"c"]
    answers.put(b"c", answer(800))
    assert answers.size == 1800
    answers.put(b"d", answer(2501))
    assert answers.get(b"d") is None
    assert answers.size == 1800


def test_the_stack_keeps_answers_only_where_the_settings_say_so() -> None:
    def results(settings: Settings) -> list[str | None]:
        app: ASGIApp = Counting()
        for layer in reversed(layers(settings)):
            app = layer(app)
        answers = [asyncio.run(call(app, "/generate", json.dumps(COLD).encode())) for _ in range(2)]
        return [made.headers.get("x-sirocco-cache") for made in answers]

    assert results(Settings(answer_cache=AnswerCacheSettings())) == ["miss", "hit"]
    assert results(Settings()) == [None, None]
