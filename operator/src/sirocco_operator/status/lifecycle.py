"""The states of a model that has no trouble."""

from collections.abc import Mapping

from sirocco_operator.children.pod.template import ENGINE_CONTAINER
from sirocco_operator.status import pods
from sirocco_operator.status.detector import Detector
from sirocco_operator.status.evictions import DETECTORS as EVICTED_DETECTORS
from sirocco_operator.status.images import pulling
from sirocco_operator.status.reasons import Reason
from sirocco_operator.status.view import View


def stopping(view: View) -> Mapping[str, str] | None:
    """Pods that are left though none is wanted."""
    left = [pod for pod in view.observed.pods if not pods.is_over(pod)]
    if view.wanted or not left:
        return None
    return {"pods": "1 pod finishes" if len(left) == 1 else f"{len(left)} pods finish"}


def stopped(view: View) -> Mapping[str, str] | None:
    """None wanted."""
    return None if view.wanted else {}


def loading(view: View) -> Mapping[str, str] | None:
    """An engine that runs and does not answer yet."""
    if any(pods.is_running(pod, ENGINE_CONTAINER) for pod in view.unready):
        return {"model": view.model.spec.model.uri, "serving": view.serving_share}
    return None


def ready(view: View) -> Mapping[str, str] | None:
    """As many serve as are wanted, and the Deployment's controller knows no other wish."""
    if len(view.serving) < view.wanted or not view.is_settled:
        return None
    return {"serving": view.serving_share}


def starting(view: View) -> Mapping[str, str] | None:
    """What is left: pods that are not there, or not started."""
    return {"created": str(len(view.current)), "wanted": str(view.wanted)}


STOPPED_DETECTORS = (
    Detector(Reason.STOPPING, stopping, "replicas is 0, {pods} the requests in flight"),
    Detector(Reason.STOPPED, stopped, "replicas is 0"),
)
WORKING_DETECTORS = (
    *EVICTED_DETECTORS,
    Detector(Reason.LOADING, loading, "the engine loads {model}, {serving}"),
    Detector(Reason.PULLING_IMAGE, pulling, "the node pulls {words}"),
    Detector(Reason.READY, ready, "{serving}"),
    Detector(Reason.STARTING, starting, "{created} of {wanted} pods are created"),
)
