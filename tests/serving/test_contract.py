"""What a model's own settings change: defaults, limits, denied prompts, kept answers, and what is told."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openai import OpenAI

from tests.serving.container import Container, start
from tests.waiting import eventually

SETTINGS = {
    "model": "contract",
    "generation": {"temperature": 0.0, "max_tokens": 8},
    "limits": {"prompts": 4, "prompt_tokens": 80, "new_tokens": 30},
    "access": {"denied_patterns": [{"name": "cards", "pattern": r"\b[0-9]{16}\b"}]},
    "answer_cache": {"bytes": 100_000, "seconds": 600.0},
}
CAPITAL = "The capital of France is"
STORY = [{"role": "user", "content": "Tell me a long story about a dragon and a king."}]
# About a token a word, above the limit of a prompt.
TOO_LONG = "word " * 100
CARD = "Pay with 4111111111111111 please"


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    folder = tmp_path_factory.mktemp("settings")
    with start("sirocco/serving-cpu:dev", model, folder, json.dumps(SETTINGS)) as container:
        container.wait_until_ready(240)
        yield container


@pytest.fixture(scope="module")
def client(server: Container) -> OpenAI:
    return OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none", timeout=120, max_retries=0)


def chat(**fields: object) -> dict[str, object]:
    return {"model": "smollm2", "messages": STORY, **fields}


def said(content: str) -> dict[str, object]:
    return {"model": "smollm2", "messages": [{"role": "user", "content": content}]}


def test_a_batch_is_answered_with_texts_in_the_order_asked(server: Container) -> None:
    answer = server.ask("POST", "/generate/batch", {"prompts": [CAPITAL, "2 + 2 ="]})
    results: Any = answer.json["results"]
    assert (answer.status, len(results)) == (200, 2), answer.text
    assert "Paris" in results[0]


def test_a_request_that_names_none_takes_the_models_sampling(server: Container) -> None:
    body = {"prompts": ["Count: 1 2 3 4 5 6 7 8"], "seed": 1}
    responses: Any = server.ask("POST", "/generate", body).json["responses"]
    assert responses[0]["num_tokens"] == 8
    cold: Any = server.ask("POST", "/generate", body | {"temperature": 0.0}).json["responses"]
    assert responses == cold


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "param"),
    [
        ("/generate", {"prompt": "x", "max_tokens": 31}, 422, "limit_exceeded", "max_tokens"),
        ("/generate/batch", {"prompts": ["x"] * 5}, 422, "limit_exceeded", "prompts"),
        (
            "/v1/chat/completions",
            chat(max_completion_tokens=31),
            422,
            "limit_exceeded",
            "max_completion_tokens",
        ),
        ("/v1/completions", {"model": "smollm2", "prompt": "x", "n": 5}, 422, "limit_exceeded", "n"),
        ("/generate", {"prompt": TOO_LONG}, 400, "prompt_too_long", "prompt"),
        ("/generate/batch", {"prompts": ["x", TOO_LONG]}, 400, "prompt_too_long", "prompts"),
        ("/v1/completions", {"model": "smollm2", "prompt": TOO_LONG}, 400, "prompt_too_long", "prompt"),
        ("/v1/chat/completions", said(TOO_LONG), 400, "prompt_too_long", "messages"),
        ("/v1/chat/completions", said(TOO_LONG) | {"stream": True}, 400, "prompt_too_long", "messages"),
        ("/generate", {"prompt": CARD}, 400, "prompt_denied", "prompt"),
        ("/v1/completions", {"model": "smollm2", "prompt": CARD}, 400, "prompt_denied", "prompt"),
        ("/v1/chat/completions", said(CARD), 400, "prompt_denied", "messages"),
    ],
)
def test_what_a_model_does_not_allow_is_refused_with_the_field(
    server: Container, path: str, body: object, status: int, code: str, param: str
) -> None:
    before = server.metric(f'sirocco_serving_rejected_total{{reason="{code}"}}')
    answer = server.ask("POST", path, body)
    error: Any = answer.json["error"]
    assert (answer.status, error["code"], error["param"]) == (status, code, param), answer.text
    assert "4111" not in answer.text
    assert "word word" not in answer.text
    assert server.metric(f'sirocco_serving_rejected_total{{reason="{code}"}}') == before + 1


def test_denied_prompts_are_counted_by_rule(server: Container) -> None:
    before = server.metric('sirocco_serving_prompts_denied_total{rule="cards"}')
    server.ask("POST", "/generate", {"prompt": CARD})
    assert server.metric('sirocco_serving_prompts_denied_total{rule="cards"}') == before + 1


def test_a_chat_that_names_no_length_ends_at_the_limit(client: OpenAI) -> None:
    answer = client.chat.completions.create(**chat())  # type: ignore[call-overload]
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 30)


def test_a_deterministic_request_is_answered_from_memory_the_second_time(server: Container) -> None:
    body = chat(temperature=0, max_tokens=4, user=secrets.token_hex(8))
    first = server.ask("POST", "/v1/chat/completions", body)
    generated = server.metric("vllm:generation_tokens_total")
    second = server.ask("POST", "/v1/chat/completions", body)
    assert (first.headers["x-sirocco-cache"], second.headers["x-sirocco-cache"]) == ("miss", "hit")
    assert (second.status, second.text) == (200, first.text)
    assert server.metric("vllm:generation_tokens_total") == generated


def test_a_random_request_is_not_kept(server: Container) -> None:
    body = chat(temperature=1, max_tokens=2)
    assert "x-sirocco-cache" not in server.ask("POST", "/v1/chat/completions", body).headers


def test_the_tokens_of_a_stream_are_vllms_own_count(server: Container, client: OpenAI) -> None:
    ours, vllms = "sirocco_serving_generated_tokens_total", "vllm:generation_tokens_total"
    before = server.metric(ours), server.metric(vllms)
    stream = client.chat.completions.create(**chat(stream=True, max_tokens=5))  # type: ignore[call-overload]
    assert [chunk.usage for chunk in stream if chunk.usage is not None] == []
    eventually(lambda: server.metric(ours) == before[0] + 5, 20, "five tokens to be counted")
    assert server.metric(vllms) == before[1] + 5


def test_a_request_is_told_in_one_line_without_its_text(server: Container) -> None:
    trace, content = secrets.token_hex(16), f"Say {secrets.token_hex(8)}"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    answer = server.ask(
        "POST", "/v1/chat/completions", said(content) | {"max_tokens": 3, "stop": None}, headers=headers
    )
    usage: Any = answer.json["usage"]

    def line() -> str | None:
        return next((text for text in server.logs().splitlines() if trace in text and text[0] == "{"), None)

    told = eventually(line, 20, "the request's line in the log")
    assert told is not None
    entry = json.loads(told)
    assert (entry["id"], entry["route"], entry["status"]) == (trace, "/v1/chat/completions", 200)
    assert (entry["model"], entry["key"], entry["error"]) == ("smollm2", None, None)
    assert (entry["tokens_in"], entry["tokens_out"]) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert 0 < entry["seconds"] < 120
    assert content not in server.logs()


def test_the_routes_describe_themselves(server: Container) -> None:
    told: Any = server.ask("GET", "/openapi.json").json
    fields = told["components"]["schemas"]["GenerateRequest"]["properties"]
    assert (fields["max_tokens"]["default"], fields["max_tokens"]["maximum"]) == (8, 30)
    for path in ("/generate", "/generate/batch"):
        answer = server.ask("POST", path, {"prompts": [CAPITAL]})
        success = told["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(answer.json, success | {"components": told["components"]})


@pytest.mark.parametrize(
    "fields", [{"logprobs": 2}, {"use_beam_search": True, "n": 2}, {"prompt_logprobs": 1}, {"echo": True}]
)
def test_no_field_of_a_request_ends_the_engine(server: Container, fields: dict[str, object]) -> None:
    body = {"model": "smollm2", "prompt": CAPITAL, "max_tokens": 2, **fields}
    answer = server.ask("POST", "/v1/completions", body, seconds=120)
    assert answer.status == 200, f"{answer.text}\n{server.logs()[-3000:]}"
    assert server.ask("GET", "/live").status == 200
