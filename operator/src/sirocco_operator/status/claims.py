"""Detectors for PersistentVolumeClaims without a volume, which the scheduler waits for."""

import re
from collections.abc import Mapping

from sirocco_operator.status.detector import Detector
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import Claim
from sirocco_operator.status.reasons import Reason
from sirocco_operator.status.scheduling import unschedulable, unscheduled
from sirocco_operator.status.spec_fields import claim_field

UNBOUND = re.compile("unbound immediate PersistentVolumeClaims")


def claim_unbound(state: ModelState) -> Mapping[str, str] | None:
    """Detects a PersistentVolumeClaim that gets no volume."""
    for pod, quote in unschedulable(state):
        unbound = [claim for claim in state.observed.claims if claim.phase != "Bound"]
        # Such a claim gets its volume once the pod is placed, and so keeps no pod from that.
        unbound.sort(key=lambda claim: "first consumer" in claim.cause)
        if UNBOUND.search(quote) and unbound:
            claim = unbound[0]
            return {
                "claim": claim.name,
                "field": claim_field(state.model, pod, claim.name),
                "why": _why_unbound(claim),
                "advice": _claim_advice(claim),
            }
    return None


def _why_unbound(claim: Claim) -> str:
    if claim.storage_class:
        storage = f"its StorageClass is {claim.storage_class}"
    elif claim.storage_class is None:
        storage = "it names no StorageClass, and the cluster has no default one"
    else:
        storage = "it asks for a volume without a StorageClass"
    return f"{storage}; its newest event says: {claim.cause}" if claim.cause else storage


def _claim_advice(claim: Claim) -> str:
    if "not found" in claim.cause or claim.storage_class is None:
        return "make the claim again with a StorageClass that `kubectl get storageclass` lists"
    if not claim.storage_class:
        return "create a PersistentVolume that fits it, or make the claim again with a StorageClass"
    return f"see `kubectl describe pvc {claim.name}`, and look at the StorageClass's provisioner"


DETECTORS = (
    Detector(
        Reason.UNSCHEDULABLE,
        claim_unbound,
        "the PersistentVolumeClaim {claim} ({field}) has no volume; {why}",
        "{advice}",
    ),
    Detector(
        Reason.UNSCHEDULABLE,
        unscheduled(UNBOUND.pattern),
        "a PersistentVolumeClaim of the pod has no volume",
        "look at the claim's events (`kubectl describe pvc`): its StorageClass gives no volume",
    ),
)
