"""Errors that others make come in the one shape, without what the client sent."""

import asyncio
import json
import logging
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from sirocco_serving.errors.error_format import ErrorFormat
from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.errors.vllm_errors import rewritten
from sirocco_serving.request.state import error_code
from tests.unit.serving.asgi import Exchange, exchange

PROMPT = "the secret words"
FIELDS = {"message", "type", "param", "code"}
# Bodies of vLLM 0.32, as it answered them.
LISTED = {
    "error": {
        "message": "2 validation errors:\n"
        "  {'type': 'float_parsing', 'loc': 'body.temperature', 'msg': 'Input should be a valid number', "
        f"'input': '{PROMPT}'}}\n"
        """  {'type': 'x', 'loc': ('body', 'stop', 0), 'msg': "Input isn't a string", 'input': 1}""",
        "type": "Bad Request",
        "param": "body.temperature",
        "code": 400,
    }
}
PYDANTIC = {
    "error": {
        "message": "2 validation errors for ValidatorIterator\n0.TextParam.text\n"
        f"  Field required [type=missing, input_value={{'type': '{PROMPT}'}}, input_type=dict]\n"
        "    For further information visit https://errors.pydantic.dev/2.14/v/missing\n0.TextParam.type\n"
        f"  Input should be 'text' [type=literal_error, input_value='{PROMPT[:9]}...', input_type=str]\n"
        "    For further information visit https://errors.pydantic.dev/2.14/v/literal_error",
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    }
}
PARAMETER = {
    "error": {
        "message": f"stop cannot contain an empty string. (parameter=stop, value=['{PROMPT}'])",
        "type": "BadRequestError",
        "param": "stop",
        "code": 400,
    }
}


def rewrite(status: int, body: object, body_sent: dict[str, Any] | None = None) -> dict[str, Any]:
    error: dict[str, Any] = rewritten(status, json.dumps(body).encode(), body_sent).body()["error"]
    assert set(error) == FIELDS
    assert PROMPT[:9] not in str(error)
    return error


def test_listed_problems_name_their_fields() -> None:
    error = rewrite(400, LISTED)
    assert error["message"] == "temperature: Input should be a valid number; stop.0: Input isn't a string"
    assert (error["param"], error["code"]) == ("temperature", "invalid_request")


def test_pydantics_own_text_loses_the_values() -> None:
    assert rewrite(400, PYDANTIC)["message"] == (
        "2 validation errors for ValidatorIterator\n0.TextParam.text\n  Field required\n"
        "0.TextParam.type\n  Input should be 'text'"
    )


def test_a_refused_parameter_loses_its_value() -> None:
    error = rewrite(400, PARAMETER)
    assert (error["message"], error["param"]) == ("stop cannot contain an empty string.", "stop")


@pytest.mark.parametrize("shown", [str, repr])
def test_what_the_client_sent_is_cut_out_wherever_it_stands(shown: Callable[[str], str]) -> None:
    text = f"{PROMPT}\nand more"
    body = {"error": {"message": f"Unknown part type: {shown(text).strip(chr(39))}!"}}
    body_sent = {"model": "m", "messages": [{"role": "user", "content": [{"type": text}]}]}
    assert rewrite(400, body, body_sent)["message"] == "Unknown part type: …!"


def test_an_unknown_model_keeps_its_name() -> None:
    body = {"error": {"message": "The model `x` does not exist.", "type": "x", "param": "model", "code": 404}}
    error = rewrite(404, body, {"model": "x"})
    assert (error["code"], error["type"]) == ("model_not_found", "not_found_error")
    assert "`x`" in error["message"]


@pytest.mark.parametrize(
    ("status", "code"), [(500, "internal_error"), (502, "internal_error"), (503, "unavailable")]
)
def test_of_the_servers_own_errors_only_the_status_remains(status: int, code: str) -> None:
    error = rewrite(status, {"error": {"message": f"Traceback: {PROMPT}", "code": 500}})
    assert (error["code"], error["type"]) == (code, "server_error")


@pytest.mark.parametrize("body", [b"", b"Internal Server Error", b"[1]", b"null", b'{"error": "x"}'])
def test_an_error_in_no_known_format_keeps_its_status_alone(body: bytes) -> None:
    assert rewritten(400, body, None).message == "The request is not valid."


def app(status: int, *parts: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Any:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return answer


def ask(inner: Any, path: str = "/v1/completions") -> Exchange:
    made = exchange(path)
    asyncio.run(made.through(ErrorFormat(inner)))
    return made


def test_an_error_that_comes_in_parts_is_read_whole() -> None:
    answer = ask(
        app(
            405,
            b'{"detail": "Method ',
            b'Not Allowed"}',
            headers=((b"allow", b"POST"), (b"content-length", b"31")),
        )
    )
    assert answer.status == 405
    assert json.loads(answer.text)["error"] == {
        "message": "Method Not Allowed",
        "type": "invalid_request_error",
        "param": None,
        "code": "method_not_allowed",
    }
    assert answer.headers["allow"] == "POST"
    assert int(answer.headers["content-length"]) == len(answer.text)
    assert error_code(answer.scope) == "method_not_allowed"


def test_an_answer_of_vllms_that_it_is_busy_says_when_to_come_again() -> None:
    answer = ask(app(503, b"{}"))
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_what_is_no_error_passes_part_by_part() -> None:
    answer = ask(app(200, b"a", b"b"))
    assert [message.get("body") for message in answer.sent[1:]] == [b"a", b"b", b""]


def test_our_own_errors_pass_unchanged() -> None:
    async def refusing(scope: Any, receive: Any, send: Any) -> None:
        await RequestError(429, "queue_full", "Full.", retry_after_seconds=7).answer(scope, receive, send)

    answer = ask(refusing)
    assert json.loads(answer.text)["error"]["code"] == "queue_full"
    assert answer.headers["retry-after"] == "7"


def test_vllms_own_routes_keep_their_errors() -> None:
    assert ask(app(400, b"as it is"), "/tokenize").text == "as it is"


def test_an_error_that_goes_on_takes_no_memory() -> None:
    part = b"x" * 65536
    tracemalloc.start()
    try:
        answer = ask(app(400, *[part] * 64))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert json.loads(answer.text)["error"]["message"] == "The request is not valid."
    assert most < 2**20


def test_an_exception_is_a_500_and_its_text_is_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError(PROMPT)

    with caplog.at_level(logging.ERROR):
        answer = ask(failing)
    assert answer.status == 500
    assert json.loads(answer.text)["error"]["code"] == "internal_error"
    assert "RuntimeError at " in caplog.text
    assert PROMPT not in answer.text + caplog.text


def test_an_exception_in_a_stream_ends_it_without_its_end() -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        raise RuntimeError

    assert [message.get("more_body") for message in ask(failing).sent] == [None, True]


def test_an_exception_amid_an_error_is_a_500() -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 400, "headers": []})
        raise RuntimeError

    assert ask(failing).status == 500
