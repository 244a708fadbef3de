"""docs/status.md."""

from pathlib import Path

from sirocco_operator.status.reasons import Reason
from sirocco_operator.status.reference import PATH, reference
from sirocco_operator.status.scaling_reasons import SCALING_MEANINGS, ScalingReason

ROOT = Path(__file__).parents[3]


def test_the_page_in_docs_is_the_one_that_the_table_gives() -> None:
    written = (ROOT / PATH).read_text(encoding="utf-8")

    assert written == reference(), "write it again: python -m sirocco_operator.status.reference"


def test_the_page_has_every_reason_once() -> None:
    assert all(reference().count(f"| `{reason}` |") == 1 for reason in Reason)


def test_the_page_has_every_reason_of_scaling_once() -> None:
    assert set(SCALING_MEANINGS) == set(ScalingReason)
    assert all(reference().count(f"| `{reason}` |") == 1 for reason in ScalingReason)
