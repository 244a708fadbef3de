"""The Deployment that runs a model's pods."""

from collections.abc import Mapping
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel, RolloutStrategy
from sirocco_operator.children.labels import selector
from sirocco_operator.children.manifest import manifest
from sirocco_operator.children.times import progress_deadline
from sirocco_operator.kube.kinds import DEPLOYMENT

# Enough to roll back to; each revision is an object in lists and watches.
_REVISION_HISTORY: Final = 3

_ROLLING_UPDATE: Final = {
    # Keeps every replica, but needs free GPUs for one more pod.
    RolloutStrategy.SURGE: {"maxSurge": 1, "maxUnavailable": 0},
    # An old pod frees its GPUs for the new one.
    RolloutStrategy.IN_PLACE: {"maxSurge": 0, "maxUnavailable": 1},
}


def build_deployment(
    model: InferenceModel, template: Mapping[str, Any], *, in_place: bool = False
) -> dict[str, Any]:
    """A Deployment that replaces one pod at a time, with a deadline beyond the longest startup.

    Without a strategy in the spec, `in_place` says whether an old pod ends first.

    With autoscaling, the count is only the start of a new Deployment; `handover` decides for an existing one.
    """
    without = RolloutStrategy.IN_PLACE if in_place else RolloutStrategy.SURGE
    return {
        **manifest(DEPLOYMENT, model),
        "spec": {
            "replicas": _replicas(model),
            # Kubernetes' defaults, written because others could stop every change of the model with them.
            "paused": False,
            "minReadySeconds": 0,
            "revisionHistoryLimit": _REVISION_HISTORY,
            "progressDeadlineSeconds": progress_deadline(model),
            "selector": {"matchLabels": selector(model.metadata.name)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": dict(_ROLLING_UPDATE[model.spec.rollout.strategy or without]),
            },
            "template": template,
        },
    }


def _replicas(model: InferenceModel) -> int:
    autoscaling = model.spec.autoscaling
    return model.spec.replicas if autoscaling is None else autoscaling.min_replicas
