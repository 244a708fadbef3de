"""The HorizontalPodAutoscaler that decides how many replicas a model has."""

from typing import Any

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.manifest import manifest
from sirocco_operator.children.scaling import Target, behavior, scale_target, targets
from sirocco_operator.kube.kinds import HORIZONTAL_POD_AUTOSCALER
from sirocco_operator.settings import AutoscalingProvider, Settings


def build_horizontal_pod_autoscaler(model: InferenceModel, settings: Settings) -> dict[str, Any] | None:
    """An HPA over the pods' metrics; None with a fixed count, and with KEDA, which makes its own."""
    autoscaling = model.spec.autoscaling
    if autoscaling is None or settings.autoscaling_provider == AutoscalingProvider.KEDA:
        return None
    return {
        **manifest(HORIZONTAL_POD_AUTOSCALER, model),
        "spec": {
            "scaleTargetRef": scale_target(model),
            "minReplicas": autoscaling.min_replicas,
            "maxReplicas": autoscaling.max_replicas,
            "metrics": [_metric(target) for target in targets(model, autoscaling)],
            "behavior": behavior(autoscaling),
        },
    }


def _metric(target: Target) -> dict[str, Any]:
    return {
        "type": "Pods",
        "pods": {
            "metric": {"name": str(target.metric)},
            "target": {"type": "AverageValue", "averageValue": target.quantity},
        },
    }
