"""What a request may ask for, as far as it is known without the engine."""

from typing import Any

import pytest

from sirocco_serving.config import LimitSettings
from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.limits.request_limits import check

LIMITS = LimitSettings(prompts=4, prompt_tokens=8, new_tokens=100)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": "x", "max_tokens": 101}, "max_tokens"),
        ({"prompt": "x", "max_tokens": "101"}, "max_tokens"),
        ({"messages": [], "max_completion_tokens": 101}, "max_completion_tokens"),
        ({"prompt": "x", "use_beam_search": True, "n": 2}, "max_tokens"),
        ({"prompts": ["x"] * 5}, "prompts"),
        ({"prompt": ["x"] * 5}, "prompt"),
        ({"prompt": [[1]] * 5}, "prompt"),
        ({"prompt_embeds": ["x"] * 5}, "prompt_embeds"),
        ({"prompt": "x", "n": 5}, "n"),
        ({"prompt": ["x", "y"], "n": 3}, "n"),
        ({"messages": [], "n": "5"}, "n"),
    ],
)
def test_what_is_over_a_limit_is_422_with_the_field(body: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as raised:
        check(body, LIMITS)
    assert (raised.value.status, raised.value.code, raised.value.param) == (422, "limit_exceeded", param)


@pytest.mark.parametrize("prompt", [list(range(9)), [[1], list(range(9))]])
def test_token_ids_over_the_limit_are_refused(prompt: list[Any]) -> None:
    with pytest.raises(RequestError, match="at most 8 tokens here, this one has 9") as raised:
        check({"prompt": prompt}, LIMITS)
    assert (raised.value.status, raised.value.code) == (400, "prompt_too_long")


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "x", "max_tokens": 100, "n": 4},
        {"prompts": ["x"] * 4},
        {"prompt": list(range(8))},
        {"prompt": ["x", "y"], "n": 2},
        {"messages": [{"role": "user", "content": "x"}], "max_completion_tokens": 100, "max_tokens": None},
        {"prompt": 7, "n": {}, "max_tokens": [], "prompts": "x"},
    ],
)
def test_what_is_within_the_limits_or_not_theirs_to_judge_passes(body: dict[str, Any]) -> None:
    check(body, LIMITS)


def test_without_limits_only_the_number_of_prompts_is_bound() -> None:
    check({"prompt": list(range(10000)), "max_tokens": 10**9}, LimitSettings())
