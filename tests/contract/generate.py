"""`POST /generate` in its forms, `POST /generate/batch`, and what they take for granted."""

from typing import Any

import pytest

from tests.contract.model import DEFAULT_TOKENS
from tests.contract.server import Server, error, events

CAPITAL = "The capital of France is"
COLD = {"temperature": 0, "max_tokens": 5}


def test_generate_answers_prompts_in_the_order_asked(server: Server) -> None:
    answer = server.ask("POST", "/generate", {"prompts": [CAPITAL, "One, two, three, four,"], **COLD})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"responses"}
    first, second = answer.json()["responses"]
    assert set(first) == {"generated_text", "num_tokens"}
    assert "Paris" in first["generated_text"]
    assert "five" in second["generated_text"]
    assert (first["num_tokens"], second["num_tokens"]) == (5, 5)


def test_generate_streams_one_prompt(server: Server) -> None:
    answer = server.ask("POST", "/generate", {"prompt": CAPITAL, **COLD})
    assert answer.headers["content-type"].startswith("text/event-stream")
    *deltas, last = events(answer.text)
    assert "Paris" in "".join(delta["text"] for delta in deltas)
    assert len(deltas) > 2
    assert last["finish_reason"] == "length"
    usage = last["usage"]
    assert usage["completion_tokens"] == 5
    assert usage["total_tokens"] == usage["prompt_tokens"] + 5 > 5


def test_generate_gives_a_stream_as_it_comes(server: Server) -> None:
    with server.busy() as answer:
        # The rest of it has not been generated yet.
        assert server.metric("vllm:num_requests_running") == 1
        assert answer.headers["cache-control"] == "no-cache"


def test_generate_gives_one_prompt_as_json_too(server: Server) -> None:
    answer = server.ask("POST", "/generate", {"prompt": CAPITAL, "stream": False, **COLD})
    (response,) = answer.json()["responses"]
    assert "Paris" in response["generated_text"]


def test_a_batch_is_answered_with_texts_in_the_order_asked(server: Server) -> None:
    answer = server.ask("POST", "/generate/batch", {"prompts": [CAPITAL, "One, two, three, four,"], **COLD})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"results"}
    first, second = answer.json()["results"]
    assert "Paris" in first
    assert "five" in second


def test_a_request_that_names_none_takes_the_models_sampling(server: Server) -> None:
    body = {"prompts": ["Once upon a time"], "seed": 1}
    taken = server.ask("POST", "/generate", body).json()["responses"]
    assert taken[0]["num_tokens"] == DEFAULT_TOKENS
    named = {"temperature": 0, "top_p": 0.95, "max_tokens": DEFAULT_TOKENS}
    assert taken == server.ask("POST", "/generate", {**body, **named}).json()["responses"]
    warm = server.ask("POST", "/generate", {**body, "temperature": 2}).json()["responses"]
    assert warm != taken


def text(server: Server, **fields: object) -> str:
    """What a stream came to: no stream is answered from memory."""
    answer = server.ask("POST", "/generate", {"prompt": "Once upon a time", "max_tokens": 12, **fields})
    assert answer.status_code == 200, answer.text
    return "".join(event["text"] for event in events(answer.text))


def test_a_seed_repeats_a_generation(server: Server) -> None:
    assert text(server, temperature=1, seed=7) == text(server, temperature=1, seed=7)
    assert text(server, temperature=1, seed=7) != text(server, temperature=1, seed=8)


def test_a_narrow_top_p_leaves_the_likeliest_token_alone(server: Server) -> None:
    assert text(server, temperature=2, top_p=1e-6) == text(server, temperature=0)


@pytest.mark.parametrize("field", ["frequency_penalty", "presence_penalty"])
def test_a_penalty_changes_what_is_said_again(server: Server, field: str) -> None:
    body = {"prompt": "one two one two one two one two", "temperature": 0, "max_tokens": 12}
    assert text(server, **body | {field: 2}) != text(server, **body)


@pytest.mark.parametrize("stop", [" 7", [" 9", " 7"]])
def test_a_stop_string_ends_a_generation(server: Server, stop: object) -> None:
    body = {"prompts": ["Count: 1 2 3 4"], "temperature": 0, "max_tokens": 40, "stop": stop}
    (response,) = server.ask("POST", "/generate", body).json()["responses"]
    assert "7" not in response["generated_text"]
    assert response["num_tokens"] < 40


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 2.1),
        ("temperature", -0.1),
        ("top_p", 0),
        ("top_p", 1.1),
        ("max_tokens", 0),
        ("seed", 2**63),
        ("frequency_penalty", 2.1),
        ("presence_penalty", -2.1),
        ("stop", [""]),
        ("prompt", ""),
        ("prompt", 3),
        ("no_such_field", 1),
    ],
)
def test_a_value_out_of_range_is_422_with_the_field(server: Server, field: str, value: Any) -> None:
    answer = server.ask("POST", "/generate", {"prompt": "x", field: value})
    problem = error(answer)
    assert (answer.status_code, problem["code"], problem["param"]) == (422, "invalid_value", field)
    assert field in problem["message"]


@pytest.mark.parametrize("path", ["/generate", "/generate/batch"])
@pytest.mark.parametrize("body", [{}, {"prompts": []}, {"prompts": ["x"], "stream": True}])
def test_a_body_without_what_to_answer_is_422(server: Server, path: str, body: dict[str, object]) -> None:
    answer = server.ask("POST", path, body)
    assert (answer.status_code, error(answer)["code"]) == (422, "invalid_value")
