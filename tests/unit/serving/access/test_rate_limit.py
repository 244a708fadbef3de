"""A key has so many requests and tokens a minute."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sirocco_serving.access.rate_limit import RateLimit
from sirocco_serving.request.state import Identity, set_identity, set_usage
from tests.unit.serving.asgi import Exchange, answering, exchange


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("time.time", made)
    return made


def using(prompt_tokens: int, completion_tokens: int) -> Any:
    """An app whose answers cost so much."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answering()(scope, receive, send)
        set_usage(scope, prompt_tokens, completion_tokens)

    return app


async def ask(rates: RateLimit, who: Identity | None, path: str = "/generate") -> Exchange:
    made = exchange(path)
    if who is not None:
        set_identity(made.scope, who)
    await made.through(rates)
    return made


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(scenario(), 30)

    asyncio.run(limited())


def code(answer: Exchange) -> object:
    return json.loads(answer.text)["error"]["code"]


def test_requests_beyond_the_rate_are_429_until_the_minute_is_over(clock: Clock) -> None:
    async def scenario() -> None:
        rates, alice = RateLimit(answering()), Identity("alice", requests_per_minute=2)
        assert [(await ask(rates, alice)).status for _ in range(2)] == [200, 200]
        clock.now += 20
        refused = await ask(rates, alice)
        assert (refused.status, code(refused)) == (429, "requests_per_minute")
        assert refused.headers["retry-after"] == "40"
        clock.now += 39
        assert (await ask(rates, alice)).status == 429
        clock.now += 1
        assert (await ask(rates, alice)).status == 200

    run(scenario)


def test_tokens_are_charged_after_the_answer(clock: Clock) -> None:
    async def scenario() -> None:
        rates, alice = RateLimit(using(7, 4)), Identity("alice", tokens_per_minute=20)
        assert [(await ask(rates, alice)).status for _ in range(2)] == [200, 200]
        clock.now += 15
        refused = await ask(rates, alice)
        assert (refused.status, code(refused)) == (429, "tokens_per_minute")
        assert refused.headers["retry-after"] == "45"
        clock.now += 45
        assert (await ask(rates, alice)).status == 200

    run(scenario)


def test_a_request_that_fails_is_charged_for_what_it_used() -> None:
    async def scenario() -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            set_usage(scope, 5, 5)
            raise RuntimeError

        rates, alice = RateLimit(app), Identity("alice", tokens_per_minute=10)
        with pytest.raises(RuntimeError):
            await ask(rates, alice)
        assert (await ask(rates, alice)).status == 429

    run(scenario)


def test_an_answer_without_tokens_begins_no_minute(clock: Clock) -> None:
    async def scenario() -> None:
        rates, alice = RateLimit(using(0, 0)), Identity("alice", tokens_per_minute=20)
        await ask(rates, alice)
        assert (await ask(rates, alice)).headers["x-ratelimit-reset-tokens"] == "0s"

    run(scenario)


def test_a_refusal_for_tokens_is_not_counted_as_a_request(clock: Clock) -> None:
    async def scenario() -> None:
        alice = Identity("alice", requests_per_minute=3, tokens_per_minute=5)
        rates = RateLimit(using(5, 0))
        answers = [await ask(rates, alice) for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 429, 429, 429]
        assert {answer.headers["x-ratelimit-remaining-requests"] for answer in answers} == {"2"}

    run(scenario)


def test_answers_say_what_is_left(clock: Clock) -> None:
    async def scenario() -> None:
        alice = Identity("alice", requests_per_minute=10, tokens_per_minute=100)
        rates = RateLimit(using(20, 10))
        await ask(rates, alice)
        clock.now += 10
        headers = (await ask(rates, alice)).headers
        assert {name: text for name, text in headers.items() if name.startswith("x-ratelimit-")} == {
            "x-ratelimit-limit-requests": "10",
            "x-ratelimit-remaining-requests": "8",
            "x-ratelimit-reset-requests": "50s",
            "x-ratelimit-limit-tokens": "100",
            "x-ratelimit-remaining-tokens": "70",
            "x-ratelimit-reset-tokens": "50s",
        }

    run(scenario)


def test_one_keys_use_is_not_anothers() -> None:
    async def scenario() -> None:
        rates = RateLimit(answering())
        alice, bob = (Identity(name, requests_per_minute=1) for name in ("alice", "bob"))
        assert [(await ask(rates, who)).status for who in (alice, bob, alice)] == [200, 200, 429]

    run(scenario)


def test_a_changed_rate_holds_at_once() -> None:
    async def scenario() -> None:
        rates = RateLimit(answering())
        await ask(rates, Identity("alice", requests_per_minute=1))
        assert (await ask(rates, Identity("alice", requests_per_minute=2))).status == 200

    run(scenario)


@pytest.mark.parametrize(
    ("who", "path"),
    [
        (Identity("alice"), "/generate"),
        (None, "/generate"),
        (Identity("alice", requests_per_minute=1), "/v1/models"),
    ],
)
def test_what_has_no_limit_is_left_alone(who: Identity | None, path: str) -> None:
    async def scenario() -> None:
        rates = RateLimit(answering())
        answers = [await ask(rates, who, path) for _ in range(5)]
        assert [(answer.status, answer.headers) for answer in answers] == [(200, {})] * 5

    run(scenario)


def test_nothing_is_kept_of_keys_that_stay_away(clock: Clock) -> None:
    async def scenario() -> None:
        rates = RateLimit(answering())
        for number in range(100):
            await ask(rates, Identity(f"key-{number}", requests_per_minute=10))
        clock.now += 61
        await ask(rates, Identity("last", requests_per_minute=10))
        await asyncio.sleep(0.01)
        assert len(rates._limiter.storage.storage) == 1  # type: ignore[attr-defined]

    run(scenario)
