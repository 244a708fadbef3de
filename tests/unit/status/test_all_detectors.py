"""Every reason can be reported."""

from sirocco_operator.status.all_detectors import DETECTORS
from sirocco_operator.status.reasons import MEANINGS, Reason


def test_every_reason_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Reason)


def test_every_reason_has_a_detector_but_that_of_a_resource_that_does_not_parse() -> None:
    assert {detector.reason for detector in DETECTORS} == set(Reason) - {Reason.INVALID_SPEC}
