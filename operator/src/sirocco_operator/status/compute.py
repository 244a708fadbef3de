"""Computes the whole `.status` of an InferenceModel."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.labels import selector_string
from sirocco_operator.children.serving_config import has_keys
from sirocco_operator.status import pods
from sirocco_operator.status.all_detectors import first_finding
from sirocco_operator.status.detector import Finding
from sirocco_operator.status.messages import quotation
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import Observed
from sirocco_operator.status.reasons import CONDITIONS, MEANINGS, Reason
from sirocco_operator.status.scaling import SCALING_ACTIVE, find_scaling


class _Condition(NamedTuple):
    """A condition without its times."""

    type: str
    status: str
    reason: str
    message: str


KEPT_WHEN_INVALID = (
    "replicas",
    "desiredReplicas",
    "readyReplicas",
    "gpus",
    "selector",
    "endpoint",
    "access",
)


def compute(
    model: InferenceModel, observed: Observed, previous: Mapping[str, Any], now: str
) -> dict[str, Any]:
    """The new status; `previous` is the one that the resource carries, `now` an RFC 3339 time.

    The same observation always gives the same status: `now` only dates a change.
    """
    state = ModelState(model, observed)
    finding = first_finding(state)
    deployment = (observed.deployment or {}).get("status") or {}
    name, namespace = model.metadata.name, model.metadata.namespace
    status: dict[str, Any] = {
        "observedGeneration": model.metadata.generation,
        "reason": str(finding.reason),
        "message": finding.message,
        "replicas": int(deployment.get("replicas") or 0),
        "readyReplicas": len(state.serving_pods),
        "gpus": sum(pods.gpus_held(pod, model.spec.gpu_resource) for pod in observed.pods),
        "selector": selector_string(name),
        "access": "Keys" if has_keys(model) else "Open",
    }
    ready = "True" if state.serving_pods else "False"
    conditions = _conditions_of(finding, ready)
    if scaling := find_scaling(state, previous):
        conditions.append(_Condition(SCALING_ACTIVE, scaling.status, str(scaling.reason), scaling.message))
        if scaling.desired_replicas:
            status["desiredReplicas"] = scaling.desired_replicas
    status["conditions"] = _with_times(conditions, model.metadata.generation, previous, now)
    # Another owner's Service of this name leads elsewhere.
    if not any(refusal.kind == "Service" for refusal in observed.refusals):
        status["endpoint"] = f"http://{name}.{namespace}.svc"
    return status


def invalid(
    metadata: Mapping[str, Any], message: str, previous: Mapping[str, Any], now: str
) -> dict[str, Any]:
    """The status of a resource that does not parse; its children stay, and so does what described them.

    `metadata` is the resource's own. `message` names the wrong fields.
    """
    finding = Finding.of(Reason.INVALID_SPEC, quotation(message))
    generation = int(metadata.get("generation") or 0)
    # Pods that served before go on serving, but nobody observes them.
    ready = "Unknown" if previous.get("readyReplicas") else "False"
    scaling = [each for each in previous.get("conditions") or () if each.get("type") == SCALING_ACTIVE]
    kept = {key: previous[key] for key in KEPT_WHEN_INVALID if key in previous}
    return {
        **kept,
        "observedGeneration": generation,
        "reason": str(finding.reason),
        "message": finding.message,
        "conditions": [
            *_with_times(_conditions_of(finding, ready), generation, previous, now),
            *scaling,
        ],
    }


def _conditions_of(finding: Finding, ready: str) -> list[_Condition]:
    progressing, degraded = CONDITIONS[MEANINGS[finding.reason].stage]
    reason, message = str(finding.reason), finding.message
    return [
        _Condition("Ready", ready, reason, message),
        _Condition("Progressing", progressing, reason, message if progressing == "True" else ""),
        _Condition("Degraded", degraded, reason, message if degraded == "True" else ""),
    ]


def _with_times(
    conditions: Iterable[_Condition], generation: int, previous: Mapping[str, Any], now: str
) -> list[dict[str, Any]]:
    before = {entry.get("type"): entry for entry in previous.get("conditions") or ()}
    entries = []
    for condition in conditions:
        old = before.get(condition.type) or {}
        since = old.get("lastTransitionTime") if old.get("status") == condition.status else None
        entries.append(
            {
                **condition._asdict(),
                "observedGeneration": generation,
                "lastTransitionTime": since or now,
            }
        )
    return entries
