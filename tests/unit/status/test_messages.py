"""Messages keep secrets out and leave room for the fix."""

import pytest

from sirocco_operator.status.messages import MASK, TEXT_LIMIT, enumerated, error_lines, masked, quotation
from sirocco_operator.status.observed import Refusal, RefusalCause
from tests.unit.status import cluster


@pytest.mark.parametrize(
    "text",
    [
        "token hf_abcdefghijklmnopqrst refused",
        "GET https://user:hunter2secret@hub.example.com/x",
        "Authorization: Bearer abcdefgh12345678",
        "https://s3.example.com/x?X-Amz-Signature=deadbeef1234&x=1",
        "key AKIAABCDEFGHIJKLMNOP in use",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    ],
)
def test_secrets_in_quoted_words_are_masked(text: str) -> None:
    refusal = Refusal(RefusalCause.REJECTED, "Deployment", "mistral", text)

    _, message = cluster.reason_and_message(cluster.model(), refusals=[refusal])

    assert "***" in message
    for secret in ("hf_abc", "hunter2", "abcdefgh12345678", "deadbeef1234", "AKIA", "c2lnbmF0dXJl"):
        assert secret not in message


def test_ordinary_words_are_not_masked() -> None:
    text = 'secret "hf" not found in http://mistral.default.svc:80/v1 for hf_model'

    assert masked(text) == text


def test_a_long_quotation_leaves_room_for_the_fix() -> None:
    refusal = Refusal(RefusalCause.REJECTED, "Deployment", "mistral", "no " * 2000)

    _, message = cluster.reason_and_message(cluster.model(), refusals=[refusal])

    assert len(message) <= 1024
    assert message.endswith("…: change what it complains of, or the policy")


VLLM_LOG = """\
(APIServer pid=1) INFO 11-23 20:41:00 [api_server.py:1] vLLM API server version 0.32.0
(EngineCore pid=153) ERROR 11-23 20:42:07 [core.py:1510] EngineCore failed to start.
(EngineCore pid=153) ERROR 11-23 20:42:07 [core.py:1510] Traceback (most recent call last):
(EngineCore pid=153) ERROR 11-23 20:42:07 [core.py:1510]   File "core.py", line 1, in run
(EngineCore pid=153) ERROR 11-23 20:42:07 [core.py:1510] ValueError: no token hf_abcdefghijklmnopqrst
ValueError: no token hf_abcdefghijklmnopqrst
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""


def test_of_a_log_the_lines_that_name_an_error_are_kept_once_and_masked() -> None:
    assert error_lines(VLLM_LOG, 5) == ["EngineCore failed to start.", "ValueError: no token ***"]
    assert error_lines(VLLM_LOG, 1) == ["ValueError: no token ***"]


def test_of_a_log_without_errors_the_last_lines_are_kept() -> None:
    assert error_lines("one\ntwo\nthree\n", 2) == ["two", "three"]
    assert error_lines("", 2) == []


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (list("abcde"), "a, b, c and 2 more"),
    ],
)
def test_a_list_names_its_first_items(items: list[str], text: str) -> None:
    assert enumerated(items, 3) == text


def test_a_token_is_masked_with_what_it_is_glued_to() -> None:
    assert masked("got token-eyJhbGciOiJIUzI1NiJ9.e30.abc from it") == f"got {MASK} from it"


def test_of_a_text_of_any_length_the_beginning_alone_is_looked_at() -> None:
    assert quotation("a" + " " * TEXT_LIMIT + "b") == "a"
