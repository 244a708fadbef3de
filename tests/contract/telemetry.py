"""Metrics, the log and the OpenAPI document of a server. None of them may hold a prompt or a key."""

import re
import secrets

import jsonschema
import pytest

from tests.contract import issued
from tests.contract.model import CARD, DEFAULT_TOKENS, NAMES, NEW_TOKENS
from tests.contract.server import Server, chat, completion
from tests.waiting import eventually


def test_requests_and_tokens_are_counted_by_the_keys_name(server: Server) -> None:
    counted = {
        'sirocco_serving_requests_total{key="alice",route="/generate",status="200"}': 1,
        'sirocco_serving_generated_tokens_total{key="alice"}': 3,
    }
    before = {line: server.metric(line) for line in counted}
    body = {"prompts": [secrets.token_hex(8)], "max_tokens": 3, "temperature": 0}
    assert server.ask("POST", "/generate", body).status_code == 200
    for line, more in counted.items():
        eventually(lambda: server.metric(line) == before[line] + more, 20, line)  # noqa: B023


def test_metrics_hold_vllms_and_ours(server: Server) -> None:
    text = server.ask("GET", "/metrics", key=issued.INTERNAL).text
    for name in (
        "vllm:num_requests_running",
        "vllm:num_requests_waiting",
        "vllm:kv_cache_usage_perc",
        "vllm:time_to_first_token_seconds",
        "sirocco_serving_requests_in_flight",
        "sirocco_serving_requests_queued",
        "sirocco_serving_queue_seconds_bucket",
        "sirocco_serving_request_seconds_bucket",
        "sirocco_serving_rejected_total",
        "sirocco_serving_answer_cache_total",
    ):
        assert f"\n{name}" in text, name


def test_the_tokens_of_a_stream_are_vllms_own_count(server: Server) -> None:
    ours, vllms = "sirocco_serving_generated_tokens_total", "vllm:generation_tokens_total"
    before = server.metric(ours), server.metric(vllms)
    stream = server.openai().chat.completions.create(
        model=NAMES[0], messages=[{"role": "user", "content": "Hello"}], max_tokens=5, stream=True
    )
    assert [chunk.usage for chunk in stream if chunk.usage is not None] == []
    eventually(lambda: server.metric(ours) == before[0] + 5, 20, "five tokens to be counted")
    assert server.metric(vllms) == before[1] + 5


def traced() -> tuple[str, dict[str, str]]:
    """A trace's id and the header that hands it on."""
    trace = secrets.token_hex(16)
    return trace, {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}


def test_a_request_is_one_line_of_the_log(server: Server) -> None:
    trace, headers = traced()
    answer = server.ask("POST", "/v1/chat/completions", chat("Hello", max_tokens=3), headers=headers)
    usage = answer.json()["usage"]
    entry = server.entry(trace)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", entry["time"])
    assert (entry["id"], entry["route"], entry["status"]) == (trace, "/v1/chat/completions", 200)
    assert (entry["model"], entry["key"], entry["error"]) == (NAMES[0], issued.ALICE, None)
    assert (entry["tokens_in"], entry["tokens_out"]) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert 0 < entry["seconds"] < 120
    assert entry["queue_seconds"] == 0


def test_a_streams_line_has_the_time_of_its_first_token(server: Server) -> None:
    trace, headers = traced()
    server.ask("POST", "/generate", {"prompt": "Hello", "max_tokens": 4}, headers=headers)
    entry = server.entry(trace)
    assert 0 < entry["ttft_seconds"] <= entry["seconds"]
    assert entry["tokens_out"] == 4


def test_a_refusals_line_has_its_code(server: Server) -> None:
    trace, headers = traced()
    server.ask("POST", "/generate", {"prompt": CARD}, key=issued.BOB, headers=headers)
    entry = server.entry(trace)
    assert (entry["status"], entry["error"], entry["key"]) == (400, "prompt_denied", issued.BOB)
    assert (entry["tokens_in"], entry["tokens_out"]) == (None, None)


def test_a_request_without_a_trace_gets_an_id_of_its_own(server: Server) -> None:
    def ids() -> list[str]:
        return re.findall(r'"id": "([0-9a-f]{32})"', server.log())

    before = ids()
    server.ask("GET", "/v1/models")
    eventually(lambda: len(ids()) > len(before), 20, "another line in the log")
    assert len(set(ids())) == len(ids())


def test_no_key_and_no_text_is_in_the_log_or_the_metrics(server: Server) -> None:
    trace, headers = traced()
    text = f"a-prompt-for-nobody-{secrets.token_hex(8)}"
    server.ask("POST", "/generate", {"prompts": [text], "max_tokens": 1})
    server.ask("POST", "/v1/completions", completion(text, temperature=text))
    server.ask("POST", "/v1/chat/completions", chat(f"{text} {CARD}"))
    server.ask("POST", "/v1/completions", {"model": text, "prompt": text})
    server.ask("GET", f"/{text}?key={text}")
    server.ask("POST", "/generate", {"prompt": text}, key=f"sk-{text}", headers=headers)
    assert server.entry(trace)["status"] == 401
    output = server.log() + server.ask("GET", "/metrics", key=issued.INTERNAL).text
    for hidden in (text, "4111111111111111", *server.keys.values()):
        assert hidden not in output


def test_the_routes_describe_themselves(server: Server) -> None:
    document = server.ask("GET", "/openapi.json").json()
    fields = document["components"]["schemas"]["GenerateRequest"]["properties"]
    assert (fields["max_tokens"]["default"], fields["max_tokens"]["maximum"]) == (DEFAULT_TOKENS, NEW_TOKENS)
    assert document["components"]["securitySchemes"] == {"key": {"type": "http", "scheme": "bearer"}}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/generate", {"prompts": ["x"]}, "200"),
        ("/generate/batch", {"prompts": ["x"]}, "200"),
        ("/generate", {"prompts": []}, "422"),
        ("/generate", {"prompt": CARD}, "400"),
    ],
)
def test_an_answer_is_as_described(server: Server, path: str, body: object, status: str) -> None:
    document = server.ask("GET", "/openapi.json").json()
    answer = server.ask("POST", path, body)
    assert str(answer.status_code) == status
    schema = document["paths"][path]["post"]["responses"][status]["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), schema | {"components": document["components"]})
