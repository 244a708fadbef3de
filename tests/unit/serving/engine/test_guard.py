"""The guard around the engine's client, which vLLM's own routes call too."""

from types import SimpleNamespace
from typing import Any

import pytest

from sirocco_serving.config import LimitSettings
from sirocco_serving.engine.guard import check_output, guard_client, request_error
from sirocco_serving.errors.request_error import RequestError


class Client:
    """Keeps the calls of generate."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any, str, dict[str, Any]]] = []

    def generate(self, prompt: Any, sampling_params: Any, request_id: str, **more: Any) -> str:
        self.calls.append((prompt, sampling_params, request_id, more))
        return "outputs"


def guarded(**limits: int) -> Client:
    client = Client()
    guard_client(client, LimitSettings(**limits))
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
    client = guarded(prompt_tokens=3)
    with pytest.raises(RequestError, match="at most 3 tokens here, this one has 4") as raised:
        client.generate(prompt, SimpleNamespace(max_tokens=1), "id")
    assert (raised.value.status, raised.value.code) == (400, "prompt_too_long")
    assert client.calls == []


def test_a_prompt_at_the_limit_passes_with_everything_that_comes_with_it() -> None:
    client, parameters = guarded(prompt_tokens=3), SimpleNamespace(max_tokens=None)
    assert client.generate({"prompt_token_ids": [1, 2, 3]}, parameters, "id", priority=1) == "outputs"
    assert client.calls == [({"prompt_token_ids": [1, 2, 3]}, parameters, "id", {"priority": 1})]
    assert parameters.max_tokens is None


@pytest.mark.parametrize(("wanted", "given"), [(None, 10), (4000, 10), (5, 5)])
def test_a_generation_ends_at_the_limit_of_new_tokens(wanted: int | None, given: int) -> None:
    client, parameters = guarded(new_tokens=10), SimpleNamespace(max_tokens=wanted)
    client.generate({"prompt_token_ids": [1]}, parameters, "id")
    assert parameters.max_tokens == given


def test_without_limits_the_client_is_left_alone() -> None:
    assert "generate" not in vars(guarded())


def output(finish_reason: str | None = None, corrupted: bool = False) -> SimpleNamespace:
    completion = SimpleNamespace(finish_reason=finish_reason)
    return SimpleNamespace(outputs=[completion], metrics=SimpleNamespace(is_corrupted=corrupted))


@pytest.mark.parametrize(
    ("failed", "code"),
    [(output("error"), "generation_failed"), (output(corrupted=True), "non_finite_result")],
)
def test_an_output_that_is_no_text_of_the_model_is_refused(failed: SimpleNamespace, code: str) -> None:
    with pytest.raises(RequestError) as raised:
        check_output(failed)
    assert (raised.value.status, raised.value.code) == (500, code)


@pytest.mark.parametrize("good", [output(), output("stop"), SimpleNamespace(outputs=output().outputs)])
def test_any_other_output_passes(good: SimpleNamespace) -> None:
    check_output(good)


class OverloadedError(Exception):
    """An error with a status, as vLLM raises."""

    http_status = 503


def test_a_clients_mistake_is_a_400_without_the_refused_value() -> None:
    problem = request_error(ValueError("top_k must be positive", "a value"), (ValueError,))
    assert problem is not None
    assert (problem.status, problem.code, problem.param) == (400, "invalid_request", "prompt")
    assert problem.message == "top_k must be positive"


def test_an_engine_that_is_overloaded_is_a_503_to_be_tried_again() -> None:
    problem = request_error(OverloadedError("busy"), (ValueError,))
    assert problem is not None
    assert (problem.status, problem.code, problem.retry_after_seconds) == (503, "overloaded", 1)


def test_any_other_error_of_the_engine_stays_what_it_is() -> None:
    assert request_error(RuntimeError("the engine died"), (ValueError,)) is None
