"""Denied prompts: found wherever they stand in a body, counted by rule, never repeated."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import REGISTRY

from sirocco_serving.config import DeniedPattern, LimitSettings
from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.limits.policy import Policy
from sirocco_serving.limits.prompt_filter import PromptFilter
from sirocco_serving.request.state import error_code, set_request_body
from tests.unit.serving.asgi import Exchange, answering, exchange

CARDS = DeniedPattern(name="cards", pattern=r"\b[0-9]{16}\b")
CARD = "pay with 4111111111111111 now"
# Backtracks without end on a long row of `a`.
ENDLESS = DeniedPattern(name="endless", pattern=r"^(a|a?)+$")


def ask(body: dict[str, Any], prompt_filter: PromptFilter, path: str = "/generate") -> Exchange:
    async def whole() -> Exchange:
        made = exchange(path)
        set_request_body(made.scope, body)
        await Policy(answering(), LimitSettings(prompts=2), prompt_filter)(
            made.scope, made.receive, made.send
        )
        return made

    return asyncio.run(whole())


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/generate", {"prompt": CARD}, "prompt"),
        ("/generate/batch", {"prompts": ["fine", CARD]}, "prompts"),
        ("/v1/completions", {"prompt": ["fine", CARD]}, "prompt"),
        ("/v1/completions", {"prompt": "fine", "suffix": CARD}, "prompt"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": CARD}]}, "messages"),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": [{"type": "text", "text": CARD}]}]},
            "messages",
        ),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": [{"text": "41111111"}, {"text": "11111111"}]}]},
            "messages",
        ),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "tool", "tool_calls": [{"function": {"arguments": CARD}}]}]},
            "messages",
        ),
        ("/v1/chat/completions", {"messages": [], "tools": [{"description": CARD}]}, "messages"),
    ],
)
def test_a_denied_prompt_is_400_wherever_it_stands(path: str, body: dict[str, Any], param: str) -> None:
    answer = ask(body, PromptFilter([CARDS]), path)
    error = json.loads(answer.text)["error"]
    assert (answer.status, error["code"], error["param"]) == (400, "prompt_denied", param)
    assert "'cards'" in error["message"]
    assert "4111" not in answer.text
    assert error_code(answer.scope) == "prompt_denied"


def test_denied_prompts_are_counted_by_rule() -> None:
    labels = {"rule": "cards"}
    before = REGISTRY.get_sample_value("sirocco_serving_prompts_denied_total", labels) or 0
    ask({"prompt": CARD}, PromptFilter([CARDS]))
    ask({"prompt": "fine"}, PromptFilter([CARDS]))
    assert REGISTRY.get_sample_value("sirocco_serving_prompts_denied_total", labels) == before + 1


def test_a_prompt_that_breaks_no_rule_passes() -> None:
    assert ask({"prompt": "41111111 11111111"}, PromptFilter([CARDS])).text == "inner"


@pytest.mark.parametrize("prompt", [[1, 2], [[1], [2]], ["x", [1]]])
def test_a_prompt_that_is_no_text_cannot_evade_the_filter(prompt: list[Any]) -> None:
    answer = ask({"prompt": prompt}, PromptFilter([CARDS]), "/v1/completions")
    assert (answer.status, json.loads(answer.text)["error"]["code"]) == (422, "prompt_not_text")
    assert ask({"prompt": prompt}, PromptFilter([]), "/v1/completions").text == "inner"


def test_a_pattern_that_never_ends_is_given_up_and_the_prompt_refused() -> None:
    answer = ask({"prompt": "a" * 5000 + "b"}, PromptFilter([ENDLESS], seconds=0.05))
    assert (answer.status, json.loads(answer.text)["error"]["code"]) == (400, "prompt_unchecked")


def test_a_check_of_ones_own_denies_by_its_rules_name() -> None:
    async def no_shouting(texts: Sequence[str]) -> str | None:
        return "shouting" if any(text.isupper() for text in texts) else None

    own = PromptFilter([CARDS], [lambda texts: None, no_shouting])
    assert "'shouting'" in ask({"prompt": "HELLO"}, own).text
    assert ask({"prompt": "hello"}, own).text == "inner"


def test_what_is_over_a_limit_is_answered_here() -> None:
    answer = ask({"prompts": ["x"] * 3}, PromptFilter([]))
    assert (answer.status, json.loads(answer.text)["error"]["param"]) == (422, "prompts")


def test_a_check_that_fails_lets_nothing_pass() -> None:
    def broken(texts: Sequence[str]) -> str | None:
        raise ValueError(texts)

    with pytest.raises(RequestError, match="could not be checked") as raised:
        asyncio.run(PromptFilter([], [broken]).broken_rule({"prompt": CARD}))
    assert raised.value.__cause__ is None
