"""The contract of a model pod, on a real vLLM with real weights. The last test stops the server."""

import http.client
import json
import re
from typing import Any

import pytest
from openai import OpenAI

from sirocco_serving.middleware.allowlist import PATHS
from tests.serving.container import Answer, Container
from tests.waiting import eventually

QUESTION = "What is the capital of France?"
LONG = {"prompt": "Count: 1 2 3 4 5 6 7 8 9 10 11 12", "temperature": 0}
EVENT_SECONDS = 300


@pytest.fixture(scope="module")
def client(server: Container) -> OpenAI:
    return OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none", timeout=120, max_retries=0)


def events(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert lines[-1] == "[DONE]", lines[-1]
    return [json.loads(line) for line in lines[:-1]]


def open_stream(
    server: Container, tokens: int
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """A long generation of which the first event has come."""
    connection = server.connect(EVENT_SECONDS)
    connection.request("POST", "/generate", json.dumps(LONG | {"max_tokens": tokens}))
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.readline().startswith(b"data: ")
    return connection, answer


def test_nothing_is_answered_before_the_engine_has_generated(server: Container) -> None:
    assert server.early == []
    generated = re.search(r"^vllm:generation_tokens_total\S* (\S+)", server.first_metrics, re.MULTILINE)
    assert generated, server.first_metrics
    assert float(generated.group(1)) >= 1


def test_openai_chat_answers(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="smollm2", messages=[{"role": "user", "content": QUESTION}], temperature=0, max_tokens=32
    )
    assert "Paris" in (answer.choices[0].message.content or "")


def test_openai_chat_streams(client: OpenAI) -> None:
    chunks = client.chat.completions.create(
        model="second-name",
        messages=[{"role": "user", "content": QUESTION}],
        temperature=0,
        max_tokens=32,
        stream=True,
    )
    parts = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert len(parts) > 2
    assert "Paris" in "".join(parts)


def test_openai_completions_answer(client: OpenAI) -> None:
    answer = client.completions.create(
        model="smollm2", prompt="The capital of France is", temperature=0, max_tokens=4
    )
    assert "Paris" in answer.choices[0].text


def test_openai_models_are_the_served_names(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["smollm2", "second-name"]


def test_generate_answers_prompts_in_order(server: Container) -> None:
    body = {"prompts": ["The capital of France is", "2 + 2 ="], "temperature": 0, "max_tokens": 5}
    answer = server.ask("POST", "/generate", body)
    responses: Any = answer.json["responses"]
    assert answer.status == 200
    assert "Paris" in responses[0]["generated_text"]
    assert [response["num_tokens"] for response in responses] == [5, 5]


def test_generate_streams_one_prompt(server: Container) -> None:
    body = {"prompt": "The capital of France is", "temperature": 0, "max_tokens": 5}
    answer = server.ask("POST", "/generate", body)
    *deltas, last = events(answer.text)
    assert "Paris" in "".join(delta["text"] for delta in deltas)
    assert len(deltas) > 2
    assert last["finish_reason"] == "length"
    assert last["usage"]["completion_tokens"] == 5
    assert last["usage"]["prompt_tokens"] > 0


def test_generate_gives_one_prompt_as_json_too(server: Container) -> None:
    body = {"prompt": "The capital of France is", "stream": False, "temperature": 0, "max_tokens": 5}
    responses: Any = server.ask("POST", "/generate", body).json["responses"]
    assert "Paris" in responses[0]["generated_text"]


def test_a_seed_repeats_a_generation(server: Container) -> None:
    body = {"prompt": "Once upon a time", "stream": False, "seed": 7, "temperature": 1, "max_tokens": 12}
    assert server.ask("POST", "/generate", body).text == server.ask("POST", "/generate", body).text


def test_a_stop_string_ends_a_generation(server: Container) -> None:
    body = {"prompt": "Count: 1 2 3 4", "stream": False, "temperature": 0, "max_tokens": 40, "stop": " 7"}
    responses: Any = server.ask("POST", "/generate", body).json["responses"]
    assert "7" not in responses[0]["generated_text"]
    assert responses[0]["num_tokens"] < 40


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"prompt": "x", "temperature": 3}, 422, "temperature"),
        ({"prompts": []}, 422, "prompts"),
        ({"prompt": "word " * 4000}, 400, "prompt"),
        ({"prompts": ["fine", "word " * 4000]}, 400, "prompt"),
    ],
)
def test_generate_names_what_is_wrong(
    server: Container, body: dict[str, Any], status: int, param: str
) -> None:
    answer = server.ask("POST", "/generate", body)
    error: Any = answer.json["error"]
    assert (answer.status, error["param"]) == (status, param), answer.text
    assert set(error) == {"message", "type", "param", "code"}


def registered(log: str) -> set[str]:
    """The paths that vLLM says it serves."""
    return set(re.findall(r"Route: (\S+?),", log))


def test_every_other_route_of_vllm_is_closed(server: Container) -> None:
    routes = registered(server.logs())
    assert {"/tokenize", "/v1/models", "/generate", "/ready"} <= routes
    closed = {re.sub(r"\{[^}]*\}", "x", route) for route in routes} - PATHS
    closed |= {"/invocations", "/docs", "/v1/load_lora_adapter", "/server_info"}
    open_paths = {
        path for path in closed for method in ("GET", "POST") if server.ask(method, path).status != 404
    }
    assert open_paths == set()


def test_a_closed_path_is_told_in_the_one_error_shape(server: Container) -> None:
    error: Any = server.ask("POST", "/tokenize", {"prompt": "x"}).json["error"]
    assert set(error) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("path", ["/health", "/ready", "/live"])
def test_probes_answer(server: Container, path: str) -> None:
    assert server.ask("GET", path).status == 200


def test_metrics_hold_vllms_and_ours(server: Container) -> None:
    counted = 'sirocco_serving_requests_total{key="",route="/generate",status="200"}'
    before = server.metric(counted)
    server.ask("POST", "/generate", {"prompt": "x", "max_tokens": 1, "stream": False})
    assert server.metric(counted) == before + 1
    text = server.ask("GET", "/metrics").text
    for name in (
        "vllm:num_requests_running",
        "vllm:kv_cache_usage_perc",
        "sirocco_serving_requests_in_flight",
    ):
        assert f"\n{name}" in text
    assert 'sirocco_serving_request_seconds_bucket{le="10.0",route="/generate"}' in text


def test_a_client_that_leaves_aborts_its_generation(server: Container) -> None:
    connection, _ = open_stream(server, 1900)
    assert server.metric("vllm:num_requests_running") == 1
    connection.close()
    eventually(
        lambda: server.metric("vllm:num_requests_running") == 0,
        10,
        "the engine to abort the generation",
    )


def test_sigterm_lets_a_stream_finish_and_turns_new_requests_away(server: Container) -> None:
    connection, stream = open_stream(server, 300)
    server.signal("SIGTERM")

    def ready() -> int:
        return server.ask("GET", "/ready").status

    eventually(lambda: ready() == 503, 10, "readiness to end")
    settling = server.ask("GET", "/v1/models")
    assert (settling.status, settling.headers.get("connection")) == (200, "close")

    def refused() -> Answer | None:
        answer = server.ask("GET", "/v1/models")
        return answer if answer.status == 503 else None

    answer = eventually(refused, 20, "new requests to be refused")
    assert answer is not None
    assert answer.headers["retry-after"] == "1"
    assert server.ask("GET", "/live").status == 200

    *_, last = events(stream.read().decode().lstrip())
    assert last["usage"]["completion_tokens"] > 100
    connection.close()
    assert server.wait_until_ended(60) == 0, server.logs()
