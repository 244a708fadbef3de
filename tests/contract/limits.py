"""What a model does not allow: too much, too long, too many at once, denied texts, other pages."""

import json
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest

from tests.contract.issued import BOB
from tests.contract.model import BODY_BYTES, CARD, NAMES, NEW_TOKENS, ORIGIN, PROMPTS, TOO_LONG
from tests.contract.server import LONG, Server, chat, completion, error
from tests.waiting import eventually

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
GENERATE, BATCH = "/generate", "/generate/batch"
TOO_MANY = ["x"] * (PROMPTS + 1)


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "param"),
    [
        (GENERATE, {"prompt": "x", "max_tokens": NEW_TOKENS + 1}, 422, "limit_exceeded", "max_tokens"),
        (BATCH, {"prompts": ["x"], "max_tokens": NEW_TOKENS + 1}, 422, "limit_exceeded", "max_tokens"),
        (COMPLETIONS, completion("x", max_tokens=NEW_TOKENS + 1), 422, "limit_exceeded", "max_tokens"),
        (
            CHAT,
            chat("x", max_completion_tokens=NEW_TOKENS + 1),
            422,
            "limit_exceeded",
            "max_completion_tokens",
        ),
        (GENERATE, {"prompts": TOO_MANY}, 422, "limit_exceeded", "prompts"),
        (BATCH, {"prompts": TOO_MANY}, 422, "limit_exceeded", "prompts"),
        (COMPLETIONS, completion(TOO_MANY), 422, "limit_exceeded", "prompt"),
        (COMPLETIONS, completion("x", n=PROMPTS + 1), 422, "limit_exceeded", "n"),
        (CHAT, chat("x", n=PROMPTS + 1), 422, "limit_exceeded", "n"),
        (GENERATE, {"prompt": TOO_LONG}, 400, "prompt_too_long", "prompt"),
        (GENERATE, {"prompts": ["x", TOO_LONG]}, 400, "prompt_too_long", "prompt"),
        (BATCH, {"prompts": ["x", TOO_LONG]}, 400, "prompt_too_long", "prompts"),
        (COMPLETIONS, completion(TOO_LONG), 400, "prompt_too_long", "prompt"),
        (COMPLETIONS, completion(["x", TOO_LONG], stream=True), 400, "prompt_too_long", "prompt"),
        (CHAT, chat(TOO_LONG), 400, "prompt_too_long", "messages"),
        (CHAT, chat(TOO_LONG, stream=True), 400, "prompt_too_long", "messages"),
        (GENERATE, {"prompt": CARD}, 400, "prompt_denied", "prompt"),
        (BATCH, {"prompts": ["x", CARD]}, 400, "prompt_denied", "prompts"),
        (COMPLETIONS, completion(CARD), 400, "prompt_denied", "prompt"),
        (CHAT, chat(CARD), 400, "prompt_denied", "messages"),
        (CHAT, chat([{"type": "text", "text": CARD}]), 400, "prompt_denied", "messages"),
        (COMPLETIONS, completion([1, 2, 3]), 422, "prompt_not_text", "prompt"),
    ],
)
def test_what_a_model_does_not_allow_is_refused_with_the_field(
    server: Server, path: str, body: object, status: int, code: str, param: str
) -> None:
    counted = f'sirocco_serving_rejected_total{{reason="{code}"}}'
    before = server.metric(counted)
    answer = server.ask("POST", path, body)
    problem = error(answer)
    assert (answer.status_code, problem["code"], problem["param"]) == (status, code, param), answer.text
    assert "4111" not in answer.text
    assert "word word" not in answer.text
    assert server.metric(counted) == before + 1


def test_denied_prompts_are_counted_by_rule(server: Server) -> None:
    counted = 'sirocco_serving_prompts_denied_total{rule="cards"}'
    before = server.metric(counted)
    server.ask("POST", GENERATE, {"prompt": CARD})
    assert server.metric(counted) == before + 1


def test_a_chat_that_names_no_length_ends_at_the_limit(server: Server) -> None:
    # What the engine was asked for, so that nobody has to wait for that many tokens.
    max_tokens = "vllm:request_params_max_tokens_sum"
    before = server.metric(max_tokens)
    answer = server.ask("POST", CHAT, chat("What is the capital of France?", temperature=0, stop="Paris"))
    assert answer.status_code == 200, answer.text
    assert server.metric(max_tokens) == before + NEW_TOKENS


def in_chunks() -> Iterator[bytes]:
    """A body over the limit whose length is not declared."""
    yield from [b"x" * (BODY_BYTES // 4)] * 10


@pytest.mark.parametrize("content", [lambda: b"x" * (BODY_BYTES + 1), in_chunks], ids=["declared", "chunked"])
def test_a_long_body_is_413(server: Server, content: Callable[[], bytes | Iterator[bytes]]) -> None:
    for path in (CHAT, COMPLETIONS, GENERATE, BATCH):
        answer = server.send(path, content())
        assert (answer.status_code, error(answer)["code"]) == (413, "body_too_large"), path
        assert str(BODY_BYTES) in error(answer)["message"]


@pytest.mark.parametrize("content", [b"", b"{no", b"[]", b'"x"', b'{"prompt": NaN}', b'{"prompt": "\xff"}'])
def test_what_is_no_json_object_is_400(server: Server, content: bytes) -> None:
    for path in (CHAT, COMPLETIONS, GENERATE, BATCH):
        answer = server.send(path, content)
        assert (answer.status_code, error(answer)["code"]) == (400, "invalid_json"), path


SECRET = "for nobody's eyes"  # noqa: S105


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (COMPLETIONS, completion(SECRET, temperature=SECRET), "temperature"),
        (COMPLETIONS, completion({SECRET: 1}), "prompt"),
        (COMPLETIONS, completion(SECRET, min_tokens=-1), None),
        (CHAT, chat([{"type": SECRET}]), None),
        (CHAT, chat(SECRET, top_p=7), "top_p"),
    ],
)
def test_vllms_refusals_come_in_the_one_shape_without_the_prompt(
    server: Server, path: str, body: object, param: str | None
) -> None:
    answer = server.ask("POST", path, body)
    problem = error(answer)
    assert (answer.status_code, problem["code"], problem["param"]) == (400, "invalid_request", param), (
        answer.text
    )
    assert "for nobody" not in answer.text


def test_an_unknown_model_is_404(server: Server) -> None:
    for path, body in ((CHAT, chat("x")), (COMPLETIONS, completion("x"))):
        answer = server.ask("POST", path, {**body, "model": "none"})
        problem = error(answer)
        assert (answer.status_code, problem["code"]) == (404, "model_not_found")
        assert problem["type"] == "not_found_error"


def short() -> dict[str, Any]:
    """A request that no answer in memory fits."""
    prompt = f"Count: {secrets.token_hex(4)}"
    return {"prompt": prompt, "stream": False, "temperature": 0, "max_tokens": 2}


def queued(server: Server) -> float:
    """How many requests wait for their turn."""
    return server.metric("sirocco_serving_requests_queued")


def test_beyond_the_limit_requests_wait_and_beyond_the_queue_they_are_429(server: Server) -> None:
    with ThreadPoolExecutor(2) as pool:
        with server.busy():
            waiting = [pool.submit(server.ask, "POST", GENERATE, short()) for _ in range(2)]
            eventually(lambda: queued(server) == 2, 30, "two requests to wait")
            assert server.metric("vllm:num_requests_running") == 1
            full = server.ask("POST", GENERATE, short())
            assert (full.status_code, error(full)["code"]) == (429, "queue_full")
            assert int(full.headers["retry-after"]) >= 1
        assert [request.result().status_code for request in waiting] == [200, 200]
    assert queued(server) == 0
    assert server.metric("sirocco_serving_queue_seconds_sum") > 0


def test_a_full_queue_has_room_for_the_key_that_waits_least(server: Server) -> None:
    with ThreadPoolExecutor(3) as pool, server.busy():
        greedy = [pool.submit(server.ask, "POST", GENERATE, short()) for _ in range(2)]
        eventually(lambda: queued(server) == 2, 30, "the queue to be full")
        modest = pool.submit(server.ask, "POST", GENERATE, short(), key=BOB)
        turned_away = eventually(
            lambda: [one.result() for one in greedy if one.done()], 30, "the newest of the other key to leave"
        )
        assert [(one.status_code, error(one)["code"]) for one in turned_away] == [(429, "queue_full")]
        assert not modest.done()
    assert modest.result().status_code == 200


def test_a_client_that_leaves_aborts_its_generation_and_gives_its_place_back(server: Server) -> None:
    with server.busy():
        assert server.metric("vllm:num_requests_running") == 1
    eventually(lambda: server.metric("vllm:num_requests_running") == 0, 30, "the generation to be aborted")
    answer = server.ask("POST", COMPLETIONS, completion("x", max_tokens=1))
    assert answer.status_code == 200, answer.text


def test_a_client_that_leaves_the_queue_gives_its_place_back(server: Server) -> None:
    headers = {"Content-Type": "application/json", **server.headers(BOB)}
    with server.busy():
        with closing(HTTPConnection(httpx.URL(server.url).netloc.decode())) as leaving:
            leaving.request("POST", GENERATE, json.dumps(LONG), headers)
            eventually(lambda: queued(server) == 1, 30, "a request to wait")
        eventually(lambda: queued(server) == 0, 30, "the queue to be empty")


def test_a_deterministic_request_is_answered_from_memory_the_second_time(server: Server) -> None:
    body = chat(f"Say {secrets.token_hex(8)}", temperature=0, max_tokens=4)
    first = server.ask("POST", CHAT, body)
    generated = server.metric("vllm:generation_tokens_total")
    second = server.ask("POST", CHAT, body)
    assert (first.headers["x-sirocco-cache"], second.headers["x-sirocco-cache"]) == ("miss", "hit")
    assert (second.status_code, second.text) == (200, first.text)
    assert server.metric("vllm:generation_tokens_total") == generated


def test_no_key_is_answered_from_the_memory_of_another(server: Server) -> None:
    body = {**completion(f"Say {secrets.token_hex(8)}", temperature=0, max_tokens=1), "model": NAMES[1]}
    assert server.ask("POST", COMPLETIONS, body).headers["x-sirocco-cache"] == "miss"
    assert server.ask("POST", COMPLETIONS, body, key=BOB).headers["x-sirocco-cache"] == "miss"


def test_a_random_request_is_not_kept(server: Server) -> None:
    answer = server.ask("POST", CHAT, chat("Hello", temperature=1, max_tokens=2))
    assert "x-sirocco-cache" not in answer.headers


def test_prefixes_that_prompts_share_are_computed_once(server: Server) -> None:
    shared = f"{secrets.token_hex(8)} " + "word " * 250
    for end in ("one", "two"):
        before = server.metric("vllm:prefix_cache_hits_total")
        server.ask("POST", GENERATE, {"prompt": shared + end, "stream": False, "max_tokens": 1})
    assert server.metric("vllm:prefix_cache_hits_total") > before


PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}


def test_pages_of_allowed_origins_may_read_every_answer(server: Server) -> None:
    origin = {"origin": ORIGIN}
    answers = [
        server.ask("OPTIONS", CHAT, key=None, headers=origin | PREFLIGHT),
        server.ask("POST", CHAT, {}, key=None, headers=origin),
        server.ask("POST", "/tokenize", {}, headers=origin),
        server.ask("POST", GENERATE, {"prompt": CARD}, headers=origin),
        server.ask("POST", GENERATE, {"prompt": "x", "max_tokens": 1}, headers=origin),
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 404, 400, 200]
    assert {answer.headers["access-control-allow-origin"] for answer in answers} == {ORIGIN}
    assert "retry-after" in answers[-1].headers["access-control-expose-headers"].lower()


def test_pages_of_other_origins_may_read_none(server: Server) -> None:
    origin = {"origin": "https://other.example"}
    refused = server.ask("OPTIONS", CHAT, key=None, headers=origin | PREFLIGHT)
    assert (refused.status_code, error(refused)["code"]) == (400, "cors_refused")
    answer = server.ask("GET", "/health", headers=origin)
    assert {"access-control-allow-origin"}.isdisjoint({*refused.headers, *answer.headers})
