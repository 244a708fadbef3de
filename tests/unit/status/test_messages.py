"""Messages keep secrets out and leave room for the fix."""

import pytest

from sirocco_operator.status.messages import masked
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
