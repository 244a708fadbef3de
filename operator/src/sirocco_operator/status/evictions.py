"""Detectors for evicted pods."""

import re
from collections.abc import Mapping
from datetime import timedelta

from sirocco_operator.status import pods
from sirocco_operator.status.detector import Detect, Detector
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import Manifest
from sirocco_operator.status.reasons import Reason

# A Deployment replaces an evicted pod at once; a pod created later has another cause.
REPLACEMENT_WITHIN = timedelta(minutes=10)


def evicted(pattern: str = "") -> Detect:
    """Detects an eviction whose message matches the pattern, until its replacement serves."""
    wanted = re.compile(pattern)

    def detect(state: ModelState) -> Mapping[str, str] | None:
        for pod in sorted(state.observed.pods, key=pods.name):
            status = pod.get("status") or {}
            quote = str(status.get("message", ""))
            if status.get("reason") == "Evicted" and wanted.search(quote) and _is_being_replaced(pod, state):
                return {"quote": quote, "name": state.model.spec.model.uri.removeprefix("hf://")}
        return None

    return detect


def _is_being_replaced(pod: Manifest, state: ModelState) -> bool:
    if pods.revision(pod) != state.revision:
        return False
    since = pods.time_of(pods.condition(pod, "Ready").get("lastTransitionTime"))
    created = [pods.time_of(other["metadata"].get("creationTimestamp")) for other in state.unready_pods]
    return any(since and other and abs(other - since) <= REPLACEMENT_WITHIN for other in created)


DETECTORS = (
    Detector(
        Reason.EVICTED,
        evicted("ephemeral local storage usage exceeds|exceeded its local ephemeral storage limit"),
        "a pod wrote more than it may and was thrown out: {quote}",
        "raise resources.limits.ephemeral-storage, or write less",
    ),
    Detector(Reason.EVICTED, evicted(), "the node evicted a pod: {quote}"),
)
