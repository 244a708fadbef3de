"""What a pod may tell of its download."""

import pytest

from sirocco_operator.reconcile.download_progress import parse_progress
from sirocco_operator.status.observed import Download

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b'{"done_bytes": 3, "total_bytes": 14}', Download(3, 14)),
        (b'{"done_bytes": 3, "total_bytes": null}', Download(3, None)),
        (b'{"done_bytes": 0, "total_bytes": 0}', Download(0, 0)),
        (b'{"done_bytes": 3, "total_bytes": 14, "more": "of a newer release"}', Download(3, 14)),
    ],
)
def test_what_the_downloader_answers_is_read(answer: bytes, told: Download) -> None:
    assert parse_progress(answer) == told


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b"[" * 4096,
        b'{"done_bytes": -1, "total_bytes": 14}',
        b'{"done_bytes": 15, "total_bytes": 14}',
        b'{"done_bytes": NaN, "total_bytes": 14}',
        b'{"done_bytes": 3.5, "total_bytes": 14}',
        b'{"done_bytes": true, "total_bytes": 14}',
        b'{"done_bytes": "3", "total_bytes": 14}',
        b'{"done_bytes": 1e300, "total_bytes": null}',
        b'{"done_bytes": %s, "total_bytes": null}' % (b"9" * 4000),
        b'{"done_bytes": 1125899906842625, "total_bytes": null}',
        b'{"done_bytes": 3, "total_bytes": -14}',
        b'{"done_bytes": 3, "total_bytes": 1125899906842625}',
        b'\xff{"done_bytes": 3}',
    ],
)
def test_what_cannot_be_true_is_not_believed(answer: bytes) -> None:
    with pytest.raises(ValueError):
        parse_progress(answer)
