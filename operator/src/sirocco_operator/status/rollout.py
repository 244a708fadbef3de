"""Detectors for the rollout of a new revision."""

from collections.abc import Mapping

from sirocco_operator.api.v1alpha1 import RETRY_ANNOTATION, RolloutStrategy
from sirocco_operator.children.pod.template import ENGINE_CONTAINER
from sirocco_operator.status import pods
from sirocco_operator.status.detector import Detector
from sirocco_operator.status.downloads import downloading
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.reasons import Reason
from sirocco_operator.status.scheduling import gpus_in_use, gpus_short


def unseen(state: ModelState) -> Mapping[str, str] | None:
    """Detects a change of pods that the Deployment's controller has not acted on: they are as before."""
    deployment = state.observed.deployment or {}
    is_new = not (deployment.get("status") or {}).get("observedGeneration")
    return None if is_new or state.is_seen or state.has_its_pods or state.is_as_asked else {}


def taken_back(state: ModelState) -> Mapping[str, str] | None:
    """Detects that the revision that the spec asks for was taken back."""
    if not state.observed.taken_back:
        return None
    metadata = state.model.metadata
    return {"cause": state.observed.taken_back, "name": metadata.name, "namespace": metadata.namespace}


def replacing(state: ModelState) -> Mapping[str, str] | None:
    """Detects a pod that waits for the GPUs of a terminating pod of this model."""
    resource = state.model.spec.gpu_resource
    if any(pods.is_terminating(pod) and pods.gpus_held(pod, resource) for pod in state.observed.pods):
        return gpus_in_use(state) or gpus_short(state)
    return None


def is_in_place(state: ModelState) -> bool:
    """Whether old pods of the Deployment end before new ones start."""
    spec = (state.observed.deployment or {}).get("spec") or {}
    surge = ((spec.get("strategy") or {}).get("rollingUpdate") or {}).get("maxSurge")
    return state.model.spec.rollout.strategy is RolloutStrategy.IN_PLACE or surge == 0


def needs_gpu(state: ModelState) -> Mapping[str, str] | None:
    """Detects a surge pod that finds no free GPU while old pods hold theirs."""
    if not state.is_rolling_out or is_in_place(state):
        return None
    return gpus_in_use(state) or gpus_short(state)


def needs_gpu_for_now(state: ModelState) -> Mapping[str, str] | None:
    """Detects the same where the rollout goes on in place by itself."""
    if state.model.spec.rollout.strategy is not None or state.wanted_replicas < 2:
        return None
    return needs_gpu(state)


def rolling_out(state: ModelState) -> Mapping[str, str] | None:
    """Detects pods of an older revision that still serve."""
    if not state.is_rolling_out:
        return None
    updated = sum(pods.is_ready(pod) for pod in state.current_pods)
    step = ""
    if download := downloading(state):
        step = f", fetching {download['progress']}"
    elif any(pods.is_running(pod, ENGINE_CONTAINER) for pod in state.unready_pods):
        step = ", the engine of a new pod loads the model"
    return {"updated": str(updated), "wanted": str(state.wanted_replicas), "step": step}


UNSEEN_DETECTORS = (
    Detector(Reason.UPDATING, unseen, "the Deployment's controller has not acted on the last change yet"),
)
BLOCKED_DETECTORS = (
    Detector(
        Reason.REPLACING,
        replacing,
        "the new pod waits for the {wanted} {resource} of one that finishes its requests",
    ),
    Detector(
        Reason.ROLLOUT_NEEDS_GPU,
        needs_gpu_for_now,
        "the new revision's pod needs {wanted} {resource} on one node and none is free, old pods serve on",
        "if none is free within a minute, an old pod ends first, the others serve; "
        "rollout.strategy: Surge waits instead",
    ),
    Detector(
        Reason.ROLLOUT_NEEDS_GPU,
        needs_gpu,
        "the new revision's pod needs {wanted} {resource} on one node and none is free, old pods serve on",
    ),
)
WORKING_DETECTORS = (
    Detector(
        Reason.ROLLED_BACK,
        taken_back,
        "the last change was taken back, its pods could not start ({cause})",
        "correct the spec; or, where the cause lies outside of it and is repaired, try again with "
        f"`kubectl annotate --overwrite imodel {{name}} -n {{namespace}} {RETRY_ANNOTATION}=$(date +%s)`",
    ),
    Detector(Reason.ROLLING_OUT, rolling_out, "{updated} of {wanted} replicas serve the new revision{step}"),
)
