"""Computes the whole `.status` of an InferenceModel."""

from collections.abc import Mapping, Sequence
from typing import Any

from sirocco_operator.api.dropped_fields import dropped_fields
from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.labels import selector_string
from sirocco_operator.children.serving_config import has_keys
from sirocco_operator.status import pods
from sirocco_operator.status.conditions import Condition, conditions_of, with_times
from sirocco_operator.status.detector import Finding
from sirocco_operator.status.messages import QUOTATION_LIMIT, bounded, quotation
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import Manifest, Observed
from sirocco_operator.status.progress import assess
from sirocco_operator.status.reasons import Reason
from sirocco_operator.status.scaling import SCALING_ACTIVE, find_scaling

KEPT_WHEN_INVALID = (
    "replicas",
    "desiredReplicas",
    "gpus",
    "selector",
    "endpoint",
    "access",
)


def compute(
    model: InferenceModel, observed: Observed, previous: Mapping[str, Any], now: str
) -> dict[str, Any]:
    """The new status; `previous` is the one that the resource carries, `now` an RFC 3339 time.

    The same observation gives the same status until the startup budget is used up: `now` dates changes.
    """
    state = ModelState(model, observed)
    progress = assess(state, previous, now)
    finding, scaling = progress.finding, find_scaling(state, previous)
    deployment = (observed.deployment or {}).get("status") or {}
    name, namespace = model.metadata.name, model.metadata.namespace
    # Another owner's Service of this name leads elsewhere.
    has_service = not any(refusal.kind == "Service" for refusal in observed.refusals)
    status: dict[str, Any] = {
        "observedGeneration": model.metadata.generation,
        "reason": str(finding.reason),
        "message": finding.message,
        "replicas": int(deployment.get("replicas") or 0),
        "desiredReplicas": (scaling and scaling.desired_replicas) or state.wanted_replicas,
        "readyReplicas": len(state.serving_pods),
        "gpus": sum(pods.gpus_held(pod, model.spec.gpu_resource) for pod in observed.pods),
        "selector": selector_string(name),
        "access": "Keys" if has_keys(model) else "Open",
    }
    conditions = conditions_of(
        finding,
        state.serving_share,
        ready=progress.since is None,
        available=has_service and bool(state.serving_pods),
        stalled=progress.stalled,
    )
    if scaling:
        conditions.append(Condition(SCALING_ACTIVE, scaling.status, str(scaling.reason), scaling.message))
    status["conditions"] = with_times(conditions, model.metadata.generation, previous, now)
    if dropped := dropped_fields(model):
        told = bounded(f"the API server has dropped {'; '.join(dropped)}", QUOTATION_LIMIT)
        status["message"] = f"{finding.message}; {told}"
    if progress.since:
        status["lastProgressTime"] = progress.since
    if has_service:
        status["endpoint"] = f"http://{name}.{namespace}.svc"
    return status


def invalid(
    metadata: Mapping[str, Any],
    message: str,
    model_pods: Sequence[Manifest],
    previous: Mapping[str, Any],
    now: str,
    reason: Reason = Reason.INVALID_SPEC,
) -> dict[str, Any]:
    """The status of a resource that cannot be worked on; its children stay, and so does what described them.

    `metadata` is the resource's own. `message` names the wrong fields.
    """
    finding = Finding.of(reason, quotation(message))
    generation = int(metadata.get("generation") or 0)
    serving = sum(pods.is_ready(pod) and not pods.is_terminating(pod) for pod in model_pods)
    conditions = conditions_of(
        finding,
        f"{serving} replicas serve",
        ready=False,
        available=bool(serving),
        stalled=reason is Reason.INVALID_SPEC,
    )
    scaling = [each for each in previous.get("conditions") or () if each.get("type") == SCALING_ACTIVE]
    kept = {key: previous[key] for key in KEPT_WHEN_INVALID if key in previous}
    return {
        **kept,
        "observedGeneration": generation,
        "reason": str(finding.reason),
        "message": finding.message,
        "readyReplicas": serving,
        "conditions": [*with_times(conditions, generation, previous, now), *scaling],
    }
