"""The PodDisruptionBudget that keeps a node drain from stopping a model."""

from typing import Any

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.labels import selector
from sirocco_operator.children.manifest import manifest
from sirocco_operator.kube.kinds import POD_DISRUPTION_BUDGET


def build_pod_disruption_budget(model: InferenceModel) -> dict[str, Any] | None:
    """A budget of one evicted pod at a time; None below 2 replicas, where it could only block drains, or off.

    With autoscaling, the maximum count decides: "at most one unavailable" fits any count, and lets the only
    pod of a model at its minimum go. A budget for the current count would need a write at each change.

    Pods that are not ready may always be evicted, because a model that cannot start must not hold a node.
    """
    autoscaling = model.spec.autoscaling
    most = model.spec.replicas if autoscaling is None else autoscaling.max_replicas
    if most < 2 or not model.spec.pod_disruption_budget.enabled:
        return None
    return {
        **manifest(POD_DISRUPTION_BUDGET, model),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": selector(model.metadata.name)},
        },
    }
