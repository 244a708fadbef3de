"""docs/inferencemodel.md."""

from pathlib import Path

import pytest

from sirocco_operator.api.crd.reference import REFERENCE_FILE, reference

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[4]


def test_the_committed_reference_is_what_the_types_say() -> None:
    stale = f"{REFERENCE_FILE} is stale: run `make generate`"
    assert (ROOT / REFERENCE_FILE).read_text() == reference(), stale
