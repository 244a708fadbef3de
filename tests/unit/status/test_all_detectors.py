"""Every reason can be reported."""

from sirocco_operator.status.all_detectors import DETECTORS
from sirocco_operator.status.reasons import MEANINGS, Reason


def test_every_reason_has_a_meaning_and_a_detector() -> None:
    assert set(MEANINGS) == set(Reason) == {detector.reason for detector in DETECTORS}
