"""Detector for pods that served until their node stopped answering."""

from collections.abc import Mapping
from typing import Final

from sirocco_operator.status import pods
from sirocco_operator.status.detector import Detector
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.reasons import Reason

# Of the node controller, when it takes a pod for not ready because nobody reports of it any more.
NODE_NOT_READY: Final = "NodeNotReady"


def lost(state: ModelState) -> Mapping[str, str] | None:
    """Detects a pod that is not ready because its node does not answer."""
    for pod in state.unready_pods:
        since = str(pods.condition(pod, "Ready").get("lastTransitionTime") or "")
        for event in state.events_of(pod):
            # A node that is back changes the condition again.
            if event.get("reason") == NODE_NOT_READY and str(event.get("lastTimestamp") or "") >= since:
                node = str((pod.get("spec") or {}).get("nodeName", ""))
                return {"node": node, "pod": pods.name(pod), "serving": state.serving_share}
    return None


DETECTORS = (
    Detector(
        Reason.NODE_NOT_READY,
        lost,
        "the node {node} of the pod {pod} does not answer, {serving}",
        "bring the node back, or `kubectl delete node {node}` if it is gone for good, which replaces the pod",
    ),
)
