"""Pages of allowed origins can ask, and read every answer."""

import asyncio
import json
from collections.abc import Mapping

import pytest

from sirocco_serving.access.cors import Cors
from sirocco_serving.request.state import error_code
from tests.unit.serving.asgi import Exchange, answering, call

HERE, THERE = "https://app.example", "https://other.example"
ALLOWED = "access-control-allow-origin"


def ask(origins: tuple[str, ...], method: str, headers: Mapping[str, str], status: int = 200) -> Exchange:
    return asyncio.run(call(Cors(answering(status), origins), "/generate", method=method, headers=headers))


def preflight(origin: str, method: str = "POST", origins: tuple[str, ...] = (HERE,)) -> Exchange:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return ask(origins, "OPTIONS", headers | {"Access-Control-Request-Headers": "authorization,content-type"})


def test_a_preflight_is_answered_without_the_app() -> None:
    answer = preflight(HERE)
    assert answer.status == 200
    assert answer.text != "inner"
    assert answer.headers[ALLOWED] == HERE
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert "POST" in answer.headers["access-control-allow-methods"]


@pytest.mark.parametrize(("origin", "method"), [(THERE, "POST"), (HERE, "DELETE")])
def test_a_refused_preflight_says_so_in_the_one_error_shape(origin: str, method: str) -> None:
    answer = preflight(origin, method)
    assert answer.status == 400
    error = json.loads(answer.text)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == "cors_refused"
    assert answer.headers.get(ALLOWED) != THERE
    assert error_code(answer.scope) == "cors_refused", "the log and the metrics count it"


@pytest.mark.parametrize("status", [200, 401, 429, 500])
def test_an_allowed_origin_reads_every_answer(status: int) -> None:
    answer = ask((HERE,), "POST", {"Origin": HERE}, status)
    assert answer.headers[ALLOWED] == HERE
    assert answer.headers["vary"] == "Origin"
    assert "retry-after" in answer.headers["access-control-expose-headers"].lower()


def test_another_origin_reads_none() -> None:
    answer = ask((HERE,), "POST", {"Origin": THERE})
    assert answer.text == "inner"
    assert ALLOWED not in answer.headers


def test_a_star_allows_every_origin() -> None:
    assert ask(("*",), "POST", {"Origin": THERE}).headers[ALLOWED] == "*"
    assert preflight(THERE, origins=("*",)).status == 200


def test_keys_are_never_sent_by_the_browser_itself() -> None:
    assert "access-control-allow-credentials" not in preflight(HERE).headers


def test_requests_without_an_origin_are_left_alone() -> None:
    answer = ask((HERE,), "POST", {})
    assert answer.text == "inner"
    assert not [name for name in answer.headers if name.startswith("access-control-")]
