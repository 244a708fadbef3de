"""Limits at the engine's client, which vLLM's own routes call too."""

from types import SimpleNamespace
from typing import Any

import pytest

from sirocco_serving.config import LimitSettings
from sirocco_serving.engine_limits import hold_to_limits
from sirocco_serving.errors.request_error import RequestError


class Client:
    """Keeps what it is asked to generate."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, Any, str, dict[str, Any]]] = []

    def generate(self, prompt: Any, sampling_params: Any, request_id: str, **more: Any) -> str:
        self.asked.append((prompt, sampling_params, request_id, more))
        return "outputs"


def held(**limits: int) -> Client:
    client = Client()
    hold_to_limits(client, LimitSettings(**limits))
    return client


@pytest.mark.parametrize(
    "prompt",
    [
        {"type": "token", "prompt_token_ids": [1, 2, 3, 4]},
        {"prompt_embeds": [[0.1]] * 4},
        {"encoder_prompt": {"prompt_token_ids": [1, 2, 3]}, "decoder_prompt": {"prompt_token_ids": [1]}},
        (1, 2, 3, 4),
    ],
)
def test_a_prompt_over_the_limit_is_refused_when_the_engine_is_called(prompt: Any) -> None:
    client = held(prompt_tokens=3)
    with pytest.raises(RequestError, match="at most 3 tokens here, this one has 4") as raised:
        client.generate(prompt, SimpleNamespace(max_tokens=1), "id")
    assert (raised.value.status, raised.value.code) == (400, "prompt_too_long")
    assert client.asked == []


def test_a_prompt_at_the_limit_passes_with_everything_that_comes_with_it() -> None:
    client, parameters = held(prompt_tokens=3), SimpleNamespace(max_tokens=None)
    assert client.generate({"prompt_token_ids": [1, 2, 3]}, parameters, "id", priority=1) == "outputs"
    assert client.asked == [({"prompt_token_ids": [1, 2, 3]}, parameters, "id", {"priority": 1})]
    assert parameters.max_tokens is None


@pytest.mark.parametrize(("asked", "given"), [(None, 10), (4000, 10), (5, 5)])
def test_a_generation_ends_at_the_limit_of_new_tokens(asked: int | None, given: int) -> None:
    client, parameters = held(new_tokens=10), SimpleNamespace(max_tokens=asked)
    client.generate({"prompt_token_ids": [1]}, parameters, "id")
    assert parameters.max_tokens == given


def test_without_limits_the_client_is_left_alone() -> None:
    assert "generate" not in vars(held())
