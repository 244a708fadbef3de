"""Detectors for the states of a model without a problem, from starting to stopped."""

from collections.abc import Mapping

from sirocco_operator.children.pod.template import ENGINE_CONTAINER
from sirocco_operator.status import pods
from sirocco_operator.status.detector import Detector
from sirocco_operator.status.images import pulling
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.reasons import Reason


def stopping(state: ModelState) -> Mapping[str, str] | None:
    """Detects pods that still exist when no replica is wanted."""
    left = [pod for pod in state.observed.pods if not pods.has_finished(pod)]
    if state.wanted_replicas or not left:
        return None
    return {"pods": "1 pod finishes" if len(left) == 1 else f"{len(left)} pods finish"}


def stopped(state: ModelState) -> Mapping[str, str] | None:
    """Detects a model with no wanted replica."""
    return None if state.wanted_replicas else {}


def loading(state: ModelState) -> Mapping[str, str] | None:
    """Detects an engine that runs but does not answer yet."""
    if any(pods.is_running(pod, ENGINE_CONTAINER) for pod in state.unready_pods):
        return {"model": state.model.spec.model.uri, "serving": state.serving_share}
    return None


def ready(state: ModelState) -> Mapping[str, str] | None:
    """Detects that all wanted replicas serve, of the newest revision alone."""
    if len(state.serving_pods) < state.wanted_replicas or not state.is_as_asked:
        return None
    return {"serving": state.serving_share}


def update_pending(state: ModelState) -> Mapping[str, str] | None:
    """Detects a model that is as its spec asks, and whose pods a newer operator makes otherwise."""
    found = ready(state)
    if found is None or not state.observed.update_pending:
        return None
    return {**found, "pending": state.observed.update_pending}


def starting(state: ModelState) -> Mapping[str, str] | None:
    """Detects every other model: its pods are not created or not started yet."""
    created = min(len(state.current_pods), state.wanted_replicas)
    return {"created": str(created), "wanted": str(state.wanted_replicas)}


STOPPED_DETECTORS = (
    Detector(Reason.STOPPING, stopping, "replicas is 0, {pods} the requests in flight"),
    Detector(Reason.STOPPED, stopped, "replicas is 0"),
)
WORKING_DETECTORS = (
    Detector(Reason.LOADING, loading, "the engine loads {model}, {serving}"),
    Detector(Reason.PULLING_IMAGE, pulling, "the node pulls {quote}"),
    Detector(
        Reason.UPDATE_PENDING, update_pending, "{serving}, the operator's update of them waits: {pending}"
    ),
    Detector(Reason.READY, ready, "{serving}"),
    Detector(Reason.STARTING, starting, "{created} of {wanted} pods are created"),
)
