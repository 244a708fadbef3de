"""The PodDisruptionBudget that keeps a node drain from stopping a model."""

from typing import Any

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.kinds import POD_DISRUPTION_BUDGET
from sirocco_operator.children.labels import selector
from sirocco_operator.children.manifest import manifest


def build_pod_disruption_budget(model: InferenceModel) -> dict[str, Any] | None:
    """One pod at a time may be evicted; none below 2 replicas, where it could only block drains.

    Pods that are not ready may always be evicted: a model that cannot start must not hold a node.
    """
    if model.spec.replicas < 2:
        return None
    return {
        **manifest(POD_DISRUPTION_BUDGET, model),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": selector(model.metadata.name)},
        },
    }
