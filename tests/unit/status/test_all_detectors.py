"""Every reason can be reported."""

from sirocco_operator.status.all_detectors import DETECTORS
from sirocco_operator.status.compute import compute
from sirocco_operator.status.reasons import MEANINGS, Reason
from tests.unit.status import cluster
from tests.unit.status.every_reason import CASES

UNSEEN = {Reason.INVALID_SPEC, Reason.PROGRESS_DEADLINE_EXCEEDED}


def test_every_reason_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Reason)


def test_every_reason_has_a_detector_but_those_that_no_observation_shows() -> None:
    assert {detector.reason for detector in DETECTORS} == set(Reason) - UNSEEN


def test_every_reason_that_an_observation_shows_is_computed_from_one() -> None:
    found = {reason: compute(*case, {}, cluster.NOW)["reason"] for reason, case in CASES.items()}
    assert found == {reason: reason for reason in Reason if reason not in UNSEEN}
