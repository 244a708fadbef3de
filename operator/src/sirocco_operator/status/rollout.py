"""A new revision on its way."""

from collections.abc import Mapping

from sirocco_operator.api.v1alpha1 import RolloutStrategy
from sirocco_operator.children.pod.template import ENGINE_CONTAINER
from sirocco_operator.status import pods
from sirocco_operator.status.detector import Detector
from sirocco_operator.status.downloads import downloading
from sirocco_operator.status.reasons import Reason
from sirocco_operator.status.scheduling import gpu_all_taken, gpu_unknown
from sirocco_operator.status.view import View


def replacing(view: View) -> Mapping[str, str] | None:
    """A pod that waits for GPUs which a pod of this model is about to give back."""
    resource = view.model.spec.gpu_resource
    if any(pods.is_terminating(pod) and pods.gpus_held(pod, resource) for pod in view.observed.pods):
        return gpu_all_taken(view) or gpu_unknown(view)
    return None


def needs_gpu(view: View) -> Mapping[str, str] | None:
    """A surge pod for which there is no free GPU while old pods hold theirs."""
    if not view.is_rolling_out or view.model.spec.rollout.strategy is not RolloutStrategy.SURGE:
        return None
    return gpu_all_taken(view) or gpu_unknown(view)


def rolling_out(view: View) -> Mapping[str, str] | None:
    """Old pods that still serve."""
    if not view.is_rolling_out:
        return None
    updated = sum(pods.is_ready(pod) for pod in view.current)
    step = ""
    if download := downloading(view):
        step = f", fetching {download['progress']}"
    elif any(pods.is_running(pod, ENGINE_CONTAINER) for pod in view.unready):
        step = ", the engine of a new pod loads the model"
    return {"updated": str(updated), "wanted": str(view.wanted), "step": step}


def stalled(view: View) -> Mapping[str, str] | None:
    """A Deployment that gave up waiting, for no cause that is seen."""
    progressing = pods.condition(view.observed.deployment or {}, "Progressing")
    if (
        progressing.get("reason") != "ProgressDeadlineExceeded"
        or len(view.current) - len(view.unready) >= view.wanted
    ):
        return None
    return {"words": str(progressing.get("message", ""))}


BLOCKED_DETECTORS = (
    Detector(
        Reason.REPLACING,
        replacing,
        "the new pod waits for the {wanted} {resource} of one that finishes its requests",
    ),
    Detector(
        Reason.ROLLOUT_NEEDS_GPU,
        needs_gpu,
        "the new revision's pod needs {wanted} {resource} on one node and none is free, old pods serve on",
    ),
)
WORKING_DETECTORS = (
    Detector(Reason.STALLED, stalled, "{words}"),
    Detector(Reason.ROLLING_OUT, rolling_out, "{updated} of {wanted} replicas serve the new revision{step}"),
)
