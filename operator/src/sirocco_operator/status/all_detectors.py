"""All detectors in order of severity; the status reports the first one that finds something.

First comes what keeps the children from being written, then a change that the pods do not show yet, then what
a person must repair, then what the model waits for, then what goes on by itself.
"""

from sirocco_operator.status import (
    claims,
    crashes,
    downloads,
    evictions,
    images,
    lifecycle,
    lost_nodes,
    mounts,
    refusals,
    rollout,
    scheduling,
)
from sirocco_operator.status.detector import Detector, Finding
from sirocco_operator.status.model_state import ModelState

DETECTORS: tuple[Detector, ...] = (
    *refusals.DETECTORS,
    *rollout.UNSEEN_DETECTORS,
    *lifecycle.STOPPED_DETECTORS,
    *images.DETECTORS,
    *mounts.DETECTORS,
    *lost_nodes.DETECTORS,
    *downloads.FAILED_DETECTORS,
    *crashes.DETECTORS,
    *rollout.BLOCKED_DETECTORS,
    *claims.DETECTORS,
    *scheduling.DETECTORS,
    *rollout.WORKING_DETECTORS,
    *downloads.WORKING_DETECTORS,
    *evictions.DETECTORS,
    *lifecycle.WORKING_DETECTORS,
)


def first_finding(state: ModelState) -> Finding:
    """The finding of the first detector that finds something; the last one always does."""
    return next(finding for detector in DETECTORS if (finding := detector.find(state)))
