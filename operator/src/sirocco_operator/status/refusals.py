"""Detectors for children that could not be written and pods that the API server refuses to create."""

import re
from collections.abc import Mapping

from sirocco_operator.status import pods
from sirocco_operator.status.detector import Detect, Detector
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import RefusalCause
from sirocco_operator.status.reasons import Reason

# The refused pod's name differs at each attempt.
ATTEMPT = re.compile(r'^pods "[^"]+" is forbidden: ')
QUOTA = re.compile(r"exceeded quota")
# The message of the ServiceAccount admission plugin.
SERVICE_ACCOUNT = re.compile(r"error looking up service account \S+: (serviceaccount \"[^\"]+\" not found)")


def child_refused(cause: RefusalCause) -> Detect:
    """Detects the first child that was refused for this cause."""

    def detect(state: ModelState) -> Mapping[str, str] | None:
        for refusal in state.observed.refusals:
            if refusal.cause is cause:
                return {"kind": refusal.kind, "name": refusal.name, "quote": refusal.message}
        return None

    return detect


def _denials(state: ModelState) -> tuple[str, ...]:
    """The API server's messages about children and pods that it refused to create."""
    denials = [
        f"{refusal.kind} {refusal.name}: {refusal.message}"
        for refusal in state.observed.refusals
        if refusal.cause is RefusalCause.REJECTED
    ]
    failure = pods.condition(state.observed.deployment or {}, "ReplicaFailure")
    # It may be left over from before a change, a scale-down or a stop.
    is_current = state.is_seen and len(state.current_pods) < state.wanted_replicas
    if failure.get("status") == "True" and is_current:
        denials.append(ATTEMPT.sub("", str(failure.get("message", ""))))
    return tuple(denials)


def creation_denied(pattern: re.Pattern[str]) -> Detect:
    """Detects the first denial that matches the pattern."""

    def detect(state: ModelState) -> Mapping[str, str] | None:
        for quote in _denials(state):
            if found := pattern.search(quote):
                return {"quote": quote, "match": found.group(found.lastindex or 0)}
        return None

    return detect


DETECTORS = (
    Detector(
        Reason.NAME_CONFLICT,
        child_refused(RefusalCause.NAME_CONFLICT),
        "{kind} {name} exists and is not of this model",
    ),
    Detector(
        Reason.IMAGE_VOLUMES_UNSUPPORTED,
        child_refused(RefusalCause.IMAGE_VOLUMES_UNSUPPORTED),
        "this cluster's API server drops image volumes, which oci:// needs",
    ),
    Detector(Reason.QUOTA_EXCEEDED, creation_denied(QUOTA), "{quote}"),
    Detector(Reason.SERVICE_ACCOUNT_MISSING, creation_denied(SERVICE_ACCOUNT), "{match}"),
    Detector(Reason.CHILD_REJECTED, creation_denied(re.compile("")), "the API server said: {quote}"),
)
