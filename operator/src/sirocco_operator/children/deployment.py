"""The Deployment that runs a model's pods."""

from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel, RolloutStrategy
from sirocco_operator.children.labels import selector
from sirocco_operator.children.manifest import manifest
from sirocco_operator.children.pod.template import pod_template
from sirocco_operator.children.times import PROGRESS_MARGIN, STARTUP_BUDGET
from sirocco_operator.kube.kinds import DEPLOYMENT
from sirocco_operator.settings import Settings

# Enough to go back to; each is an object that lists and watches carry.
_REVISION_HISTORY: Final = 3

_ROLLING_UPDATE: Final = {
    # No replica fewer, but free GPUs for one more pod are needed.
    RolloutStrategy.SURGE: {"maxSurge": 1, "maxUnavailable": 0},
    # An old pod frees its GPUs for the new one.
    RolloutStrategy.IN_PLACE: {"maxSurge": 0, "maxUnavailable": 1},
}


def build_deployment(model: InferenceModel, settings: Settings) -> dict[str, Any]:
    """A rolling update of one pod at a time, given up only after the longest start-up.

    With autoscaling the count is only where a new Deployment begins: `handover` says what an old one gets.
    """
    return {
        **manifest(DEPLOYMENT, model),
        "spec": {
            "replicas": _replicas(model),
            "revisionHistoryLimit": _REVISION_HISTORY,
            "progressDeadlineSeconds": STARTUP_BUDGET + PROGRESS_MARGIN,
            "selector": {"matchLabels": selector(model.metadata.name)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": dict(_ROLLING_UPDATE[model.spec.rollout.strategy]),
            },
            "template": pod_template(model, settings),
        },
    }


def _replicas(model: InferenceModel) -> int:
    autoscaling = model.spec.autoscaling
    return model.spec.replicas if autoscaling is None else autoscaling.min_replicas
