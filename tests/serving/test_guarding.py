"""What guards a model, on a real vLLM with keys on."""

import hashlib
import http.client
import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from openai import AuthenticationError, OpenAI, PermissionDeniedError
from openai.types.chat import ChatCompletion

from sirocco_serving.middleware.allowlist import PATHS
from tests.serving.container import Answer, Container, start
from tests.waiting import eventually

ALICE, BOB, CAROL, INTERNAL = (f"sk-sirocco-{name:x<43}" for name in ("alice", "bob", "carol", "internal"))
SETTINGS = {
    "drain": {"settle_seconds": 3, "timeout_seconds": 120},
    "limits": {"body_bytes": 20_000, "in_flight": 1, "queue": 2, "queue_seconds": 60.0},
    "access": {
        "keys_folder": "/etc/sirocco-keys",
        "internal_key_file": "/etc/sirocco-internal/key",
        "allowed_origins": ["https://app.example"],
    },
}
LONG = {"prompt": "Count: 1 2 3 4 5 6 7 8 9 10 11 12", "temperature": 0, "max_tokens": 1900}


def entry(key: str, **fields: object) -> str:
    return json.dumps({"sha256": hashlib.sha256(key.encode()).hexdigest(), **fields})


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the keys, which tests may change."""
    folder = tmp_path_factory.mktemp("keys")
    folder.chmod(0o755)
    (folder / "alice").write_text(entry(ALICE))
    (folder / "bob").write_text(entry(BOB, models=["second-name"]))
    (folder / "carol").write_text(entry(CAROL, requestsPerMinute=1000, tokensPerMinute=5))
    return folder


@pytest.fixture(scope="module")
def server(model: Path, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    internal = tmp_path_factory.mktemp("internal")
    internal.chmod(0o755)
    (internal / "key").write_text(INTERNAL)
    options = [f"--volume={keys}:/etc/sirocco-keys:ro", f"--volume={internal}:/etc/sirocco-internal:ro"]
    settings = tmp_path_factory.mktemp("settings")
    with start(
        "sirocco/serving-cpu:dev", model, settings, json.dumps(SETTINGS), options=options
    ) as container:
        container.wait_until_ready(240)
        yield container


def ask(
    server: Container,
    method: str,
    path: str,
    key: str | None = None,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    sent = dict(headers or {})
    if key:
        sent["Authorization"] = f"Bearer {key}"
    return server.ask(method, path, body, headers=sent)


def error(answer: Answer) -> dict[str, Any]:
    problem: Any = answer.json["error"]
    assert set(problem) == {"message", "type", "param", "code"}, answer.text
    return dict(problem)


def metric(server: Container, line: str) -> float:
    text = ask(server, "GET", "/metrics", INTERNAL).text
    return sum(float(sample.rpartition(" ")[2]) for sample in text.splitlines() if sample.startswith(line))


def chat(server: Container, key: str, model: str = "smollm2") -> ChatCompletion:
    client = OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key=key, timeout=120, max_retries=0)
    return client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Hello"}], max_tokens=2
    )


def open_stream(server: Container, key: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """A long generation of which the first event has come."""
    connection = server.connect(60)
    connection.request("POST", "/generate", json.dumps(LONG), {"Authorization": f"Bearer {key}"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    assert answer.readline().startswith(b"data: ")
    return connection, answer


def idle(server: Container) -> bool:
    return metric(server, "vllm:num_requests_running") == 0


def test_openai_clients_come_in_with_a_key(server: Container) -> None:
    answer = chat(server, ALICE)
    assert answer.usage
    assert answer.usage.completion_tokens == 2


def test_openai_clients_are_told_of_a_wrong_key(server: Container) -> None:
    with pytest.raises(AuthenticationError) as raised:
        chat(server, "sk-wrong")
    assert raised.value.code == "invalid_api_key"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/completions"),
        ("POST", "/generate"),
        ("POST", "/generate/batch"),
        ("GET", "/v1/models"),
        ("GET", "/metrics"),
    ],
)
def test_without_a_key_the_answer_is_401(server: Container, method: str, path: str) -> None:
    answer = ask(server, method, path, body={"prompt": "x"} if method == "POST" else None)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    error(answer)


@pytest.mark.parametrize("path", ["/health", "/ready", "/live"])
def test_probes_need_no_key(server: Container, path: str) -> None:
    assert ask(server, "GET", path).status == 200


def test_a_key_opens_its_models_alone(server: Container) -> None:
    with pytest.raises(PermissionDeniedError) as raised:
        chat(server, BOB)
    assert raised.value.code == "model_not_allowed"
    assert chat(server, BOB, "second-name").choices


def test_metrics_are_for_the_internal_key_alone(server: Container) -> None:
    refused = ask(server, "GET", "/metrics", ALICE)
    assert (refused.status, error(refused)["code"]) == (403, "internal_key_needed")
    assert "vllm:num_requests_running" in ask(server, "GET", "/metrics", INTERNAL).text


def test_vllms_own_routes_are_there_for_the_internal_key_alone(server: Container) -> None:
    routes = {re.sub(r"\{[^}]*\}", "x", path) for path in re.findall(r"Route: (\S+?),", server.logs())}
    closed = routes - PATHS
    assert {"/tokenize", "/invocations"} <= closed
    for path in sorted(closed):
        for key in (None, ALICE):
            assert ask(server, "POST", path, key, {}).status == 404, (path, key)
    answer = ask(server, "POST", "/tokenize", INTERNAL, {"model": "smollm2", "prompt": "Hello"})
    assert answer.status == 200
    assert answer.json["tokens"]


def test_a_long_body_is_413_also_without_a_declared_length(server: Container) -> None:
    declared = ask(server, "POST", "/v1/completions", ALICE, {"prompt": "x" * 20_000})
    assert (declared.status, error(declared)["code"]) == (413, "body_too_large")
    connection = server.connect()
    chunks = iter([b"x" * 5000] * 10)
    connection.request("POST", "/generate", chunks, {"Authorization": f"Bearer {ALICE}"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_what_is_no_json_is_400(server: Container) -> None:
    connection = server.connect()
    connection.request("POST", "/v1/chat/completions", b"{no", {"Authorization": f"Bearer {ALICE}"})
    answer = connection.getresponse()
    assert answer.status == 400
    assert json.loads(answer.read())["error"]["code"] == "invalid_json"
    connection.close()


def test_beyond_the_limit_requests_wait_and_beyond_the_queue_they_are_429(server: Container) -> None:
    connection, stream = open_stream(server, ALICE)
    body = {"prompt": "Count: 1 2 3 4", "stream": False, "temperature": 0, "max_tokens": 2}
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(ask, server, "POST", "/generate", ALICE, body) for _ in range(2)]
        eventually(lambda: metric(server, "sirocco_serving_requests_queued") == 2, 30, "two requests to wait")
        assert metric(server, "vllm:num_requests_running") == 1
        full = ask(server, "POST", "/generate", ALICE, body)
        assert (full.status, error(full)["code"]) == (429, "queue_full")
        assert int(full.headers["retry-after"]) >= 1
        connection.close()
        assert [request.result().status for request in waiting] == [200, 200]
    stream.close()
    assert metric(server, "sirocco_serving_requests_queued") == 0


def test_a_client_that_leaves_aborts_its_generation_and_gives_its_place_back(server: Container) -> None:
    connection, stream = open_stream(server, ALICE)
    waiting, _ = server.connect(), stream
    waiting.request("POST", "/generate", json.dumps(LONG), {"Authorization": f"Bearer {ALICE}"})
    eventually(lambda: metric(server, "sirocco_serving_requests_queued") == 1, 30, "a request to wait")
    waiting.close()
    eventually(lambda: metric(server, "sirocco_serving_requests_queued") == 0, 30, "the queue to be empty")
    connection.close()
    eventually(lambda: idle(server), 30, "the engine to abort the generation")
    body = {"model": "smollm2", "prompt": "x", "max_tokens": 1}
    assert ask(server, "POST", "/v1/completions", ALICE, body).status == 200


def test_tokens_a_minute_are_charged_after_the_answer(server: Container) -> None:
    body = {"prompt": "Count: 1 2 3 4 5 6 7 8", "stream": False, "temperature": 0, "max_tokens": 2}
    first = ask(server, "POST", "/generate", CAROL, body)
    assert first.status == 200
    assert first.headers["x-ratelimit-limit-tokens"] == "5"
    second = ask(server, "POST", "/generate", CAROL, body)
    assert (second.status, error(second)["code"]) == (429, "tokens_per_minute")
    assert 1 <= int(second.headers["retry-after"]) <= 60
    assert second.headers["x-ratelimit-remaining-tokens"] == "0"


def test_browsers_of_allowed_origins_may_read_every_answer(server: Container) -> None:
    origin = {"Origin": "https://app.example"}
    preflight = ask(
        server,
        "OPTIONS",
        "/v1/chat/completions",
        headers=origin
        | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"},
    )
    assert preflight.status == 200
    refused = ask(server, "POST", "/v1/chat/completions", body={}, headers=origin)
    assert refused.status == 401
    for answer in (preflight, refused):
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert (
        "access-control-allow-origin"
        not in ask(server, "GET", "/health", headers={"Origin": "https://other.example"}).headers
    )


def test_a_key_that_is_added_opens_and_one_that_is_removed_does_not(server: Container, keys: Path) -> None:
    dave = f"sk-sirocco-{'dave':x<43}"
    assert ask(server, "GET", "/v1/models", dave).status == 401
    (keys / "dave").write_text(entry(dave))
    eventually(lambda: ask(server, "GET", "/v1/models", dave).status == 200, 30, "the new key to open")
    (keys / "dave").unlink()
    eventually(lambda: ask(server, "GET", "/v1/models", dave).status == 401, 30, "the old key to be refused")


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (
            "/v1/completions",
            {"prompt": "for nobody's eyes", "temperature": "for nobody's eyes"},
            "temperature",
        ),
        ("/v1/completions", {"prompt": {"for nobody's eyes": 1}}, "prompt"),
        ("/v1/completions", {"prompt": "for nobody's eyes", "max_tokens": 5000}, "max_tokens"),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": [{"type": "for nobody's eyes"}]}]},
            None,
        ),
    ],
)
def test_vllms_refusals_come_in_the_one_shape_without_the_prompt(
    server: Container, path: str, body: dict[str, object], param: str | None
) -> None:
    answer = ask(server, "POST", path, ALICE, {"model": "smollm2", **body})
    problem = error(answer)
    assert (answer.status, problem["code"], problem["param"]) == (400, "invalid_request", param)
    assert "for nobody" not in answer.text


def test_a_method_that_is_not_there_is_405_in_the_one_shape(server: Container) -> None:
    answer = ask(server, "GET", "/v1/completions", ALICE)
    assert (answer.status, error(answer)["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


def test_an_unknown_model_is_404_in_the_one_shape(server: Container) -> None:
    answer = ask(server, "POST", "/v1/completions", ALICE, {"model": "none", "prompt": "x"})
    assert (answer.status, error(answer)["code"]) == (404, "model_not_found")


def test_no_key_and_no_prompt_is_in_the_log(server: Container) -> None:
    secret = "a-prompt-for-nobody"  # noqa: S105
    ask(server, "POST", "/generate", ALICE, {"prompt": secret, "stream": False, "max_tokens": 1})
    ask(server, "POST", "/v1/completions", ALICE, {"prompt": secret, "temperature": "hot"})
    log = server.logs()
    assert [text for text in (ALICE, BOB, INTERNAL, secret) if text in log] == []
