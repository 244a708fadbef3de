"""Who is let in: keys, the models and rates of each, and the internal key."""

import pytest

from tests.contract import issued
from tests.contract.model import NAMES
from tests.contract.server import Server, completion, error

GUARDED = [
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
    ("POST", "/generate"),
    ("POST", "/generate/batch"),
    ("GET", "/v1/models"),
    ("GET", "/openapi.json"),
    ("GET", "/metrics"),
]


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("sent", [None, "Bearer sk-wrong", "Basic {}", "{}", "Bearer", "Bearer {}x"], ids=str)
def test_without_a_valid_key_the_answer_is_401(
    server: Server, method: str, path: str, sent: str | None
) -> None:
    headers = {} if sent is None else {"authorization": sent.format(server.keys[issued.ALICE])}
    answer = server.ask(method, path, {} if method == "POST" else None, key=None, headers=headers)
    problem = error(answer)
    assert (answer.status_code, problem["type"], problem["code"]) == (
        401, "authentication_error", "invalid_api_key",
    )  # fmt: skip
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/health", "/ready", "/live"])
def test_probes_need_no_key(server: Server, path: str) -> None:
    assert server.ask("GET", path, key=None).status_code == 200


def test_a_key_for_another_name_of_the_model_is_403(server: Server) -> None:
    body = completion("x", max_tokens=1)
    refused = server.ask("POST", "/v1/completions", body, key=issued.BOB)
    problem = error(refused)
    assert (refused.status_code, problem["code"], problem["param"]) == (403, "model_not_allowed", "model")
    assert NAMES[1] in problem["message"]
    answer = server.ask("POST", "/v1/completions", {**body, "model": NAMES[1]}, key=issued.BOB)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", ["/generate", "/generate/batch"])
def test_a_key_for_one_of_the_models_names_opens_what_asks_for_no_name(server: Server, path: str) -> None:
    answer = server.ask("POST", path, {"prompts": ["x"], "max_tokens": 1}, key=issued.BOB)
    assert answer.status_code == 200, answer.text


def test_metrics_are_for_the_internal_key_alone(server: Server) -> None:
    refused = server.ask("GET", "/metrics", key=issued.ALICE)
    assert (refused.status_code, error(refused)["code"]) == (403, "internal_key_needed")
    assert "vllm:num_requests_running" in server.ask("GET", "/metrics", key=issued.INTERNAL).text


def test_tokens_a_minute_are_charged_after_the_answer(server: Server) -> None:
    body = {"prompt": "Count: 1 2 3 4 5 6 7 8", "temperature": 0, "max_tokens": 2}
    for _ in range(3):
        answer = server.ask("POST", "/generate", body, key=issued.ERIN)
        assert answer.headers["x-ratelimit-limit-tokens"] == str(issued.ERINS_TOKENS)
        if answer.status_code != 200:
            break
    assert (answer.status_code, error(answer)["code"]) == (429, "tokens_per_minute")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["x-ratelimit-remaining-tokens"] == "0"


def test_one_holders_rate_is_not_anothers(server: Server) -> None:
    for _ in range(2 * issued.CAROLS_REQUESTS + 1):
        limited = server.ask("POST", "/v1/completions", completion("x", max_tokens=1), key=issued.CAROL)
        if limited.status_code == 429:
            break
    assert limited.status_code == 429
    answer = server.ask("POST", "/v1/completions", completion("x", max_tokens=1), key=issued.ALICE)
    assert answer.status_code == 200
    assert "x-ratelimit-limit-requests" not in answer.headers
