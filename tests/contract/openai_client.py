"""OpenAI's Python client works as it is: answers, streams, models, structured outputs and errors."""

import json
import time
from typing import Any

import jsonschema
import openai
import pytest

from tests.contract import issued
from tests.contract.model import BODY_BYTES, CARD, NAMES, NEW_TOKENS, TOO_LONG
from tests.contract.server import Server

QUESTION: Any = [{"role": "user", "content": "What is the capital of France?"}]
CAPITAL = "The capital of France is"


def test_openai_chat_answers(server: Server) -> None:
    answer = server.openai().chat.completions.create(
        model=NAMES[0], messages=QUESTION, temperature=0, max_tokens=16
    )
    assert "Paris" in (answer.choices[0].message.content or "")
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_openai_chat_streams_and_tells_its_usage(server: Server) -> None:
    chunks = list(
        server.openai().chat.completions.create(
            model=NAMES[1],
            messages=QUESTION,
            temperature=0,
            max_tokens=16,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    parts = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert len([part for part in parts if part]) > 2
    assert "Paris" in "".join(parts)
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens > 2


def test_openai_completions_answer(server: Server) -> None:
    answer = server.openai().completions.create(model=NAMES[0], prompt=CAPITAL, temperature=0, max_tokens=4)
    assert "Paris" in answer.choices[0].text


def test_openai_completions_stream(server: Server) -> None:
    chunks = server.openai().completions.create(
        model=NAMES[0], prompt=CAPITAL, temperature=0, max_tokens=6, stream=True
    )
    texts = [chunk.choices[0].text for chunk in chunks]
    assert len(texts) > 2
    assert "Paris" in "".join(texts)


def test_openai_models_are_the_served_names(server: Server) -> None:
    assert [model.id for model in server.openai().models.list()] == list(NAMES)


def test_openai_json_schema_holds_for_the_answer(server: Server) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}, "sure": {"type": "boolean"}},
        "required": ["city", "sure"],
        "additionalProperties": False,
    }
    answer = server.openai().chat.completions.create(
        model=NAMES[0],
        messages=QUESTION,
        temperature=0,
        max_tokens=40,
        response_format={"type": "json_schema", "json_schema": {"name": "capital", "schema": schema}},
    )
    jsonschema.validate(json.loads(answer.choices[0].message.content or ""), schema)


def send(server: Server, key: str, fields: dict[str, Any]) -> None:
    """One request whose answer is read to its end."""
    body = {"model": NAMES[0], "messages": QUESTION, "max_tokens": 1, **fields}
    answer = server.openai(key).chat.completions.create(**body)
    if fields.get("stream"):
        list(answer)


def says(content: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("key", "fields", "raised", "status", "code"),
    [
        ("sk-wrong", {}, openai.AuthenticationError, 401, "invalid_api_key"),
        (issued.BOB, {}, openai.PermissionDeniedError, 403, "model_not_allowed"),
        (issued.ALICE, {"model": "none"}, openai.NotFoundError, 404, "model_not_found"),
        (issued.ALICE, says(CARD), openai.BadRequestError, 400, "prompt_denied"),
        (issued.ALICE, says(TOO_LONG), openai.BadRequestError, 400, "prompt_too_long"),
        (issued.ALICE, {"temperature": -3}, openai.BadRequestError, 400, "invalid_request"),
        (issued.ALICE, says("x" * BODY_BYTES), openai.APIStatusError, 413, "body_too_large"),
        (
            issued.ALICE,
            {"max_tokens": NEW_TOKENS + 1},
            openai.UnprocessableEntityError,
            422,
            "limit_exceeded",
        ),
    ],
)
def test_openai_raises_its_own_error(
    server: Server,
    stream: bool,
    key: str,
    fields: dict[str, Any],
    raised: type[openai.APIStatusError],
    status: int,
    code: str,
) -> None:
    with pytest.raises(raised) as caught:
        send(server, key, {**fields, "stream": stream})
    assert (caught.value.status_code, caught.value.code) == (status, code)


def until_limited(server: Server, **options: Any) -> openai.RateLimitError:
    """Ask with a key of few requests a minute until it has none left."""
    client = server.openai(issued.CAROL, **options)
    # Twice as many and one: a new minute may begin in between.
    for _ in range(2 * issued.CAROLS_REQUESTS + 1):
        try:
            client.completions.create(model=NAMES[0], prompt="x", max_tokens=1)
        except openai.RateLimitError as limited:
            return limited
    raise AssertionError(f"{2 * issued.CAROLS_REQUESTS + 1} requests were let in")


def test_openai_reads_how_long_to_wait_after_a_rate_limit(server: Server) -> None:
    limited = until_limited(server)
    headers = limited.response.headers
    assert limited.code == "requests_per_minute"
    assert 1 <= int(headers["retry-after"]) <= 60
    assert headers["x-ratelimit-limit-requests"] == str(issued.CAROLS_REQUESTS)
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"].endswith("s")


def test_openai_waits_that_long_before_it_tries_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    until_limited(server)
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    limited = until_limited(server, max_retries=1)
    (seconds,) = waited
    # A second or so has gone by since the first of the two refusals.
    assert int(limited.response.headers["retry-after"]) <= seconds <= 60
    assert seconds == int(seconds) > 0
