"""The ScaledObject by which KEDA decides how many replicas a model has, from what Prometheus knows."""

from collections.abc import Collection
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.manifest import manifest
from sirocco_operator.children.metrics import (
    ENGINE_KV_CACHE,
    ENGINE_QUEUE_SECONDS,
    OLDEST_QUEUED_SECONDS,
    QUEUE_SECONDS,
    REQUESTS_IN_FLIGHT,
    Metric,
)
from sirocco_operator.children.scaling import (
    Target,
    behavior,
    scale_target,
    targets,
)
from sirocco_operator.kube.kinds import SCALED_OBJECT, Kind
from sirocco_operator.settings import Settings

# The labels by which a query finds the model's series.
_PODS: Final = "{PODS}"


def _mean_wait(queue: str) -> str:
    ended = f"clamp_min(sum(rate({queue}_count{_PODS}[1m])), 0.001)"
    return f"sum(rate({queue}_sum{_PODS}[1m])) / {ended}"


# The figures as Prometheus computes them from what the ServiceMonitor scrapes. A sum is divided by KEDA's HPA
# (AverageValue); a mean is compared as it is (Value). A request waits in the pod's queue and then in the
# engine's, so the means add up; who waits longest now counts too, for a queue that stands still ends no wait.
_QUERIES: Final = {
    Metric.IN_FLIGHT: ("AverageValue", f"sum({REQUESTS_IN_FLIGHT}{_PODS})"),
    Metric.QUEUE_WAIT: (
        "Value",
        f"clamp_min({_mean_wait(QUEUE_SECONDS)}"
        f" + {_mean_wait(ENGINE_QUEUE_SECONDS)},"
        f" scalar(max({OLDEST_QUEUED_SECONDS}{_PODS})))",
    ),
    Metric.KV_CACHE: ("Value", f"avg({ENGINE_KV_CACHE}{_PODS})"),
}


def build_scaled_object(
    model: InferenceModel, settings: Settings, available: Collection[Kind]
) -> dict[str, Any] | None:
    """Prometheus queries in place of the metrics API; only with KEDA chosen and there."""
    autoscaling = model.spec.autoscaling
    if autoscaling is None or settings.autoscaling_provider != "keda" or SCALED_OBJECT not in available:
        return None
    return {
        **manifest(SCALED_OBJECT, model),
        "spec": {
            "scaleTargetRef": scale_target(model),
            "minReplicaCount": autoscaling.min_replicas,
            "maxReplicaCount": autoscaling.max_replicas,
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "name": keda_autoscaler_name(model),
                    "behavior": behavior(autoscaling),
                }
            },
            "triggers": [_trigger(model, settings, target) for target in targets(model, autoscaling)],
        },
    }


def keda_autoscaler_name(model: InferenceModel) -> str:
    """The HPA that KEDA makes; not the name of ours, which may still be there when the provider changes."""
    return f"keda-hpa-{model.metadata.name}"


def _trigger(model: InferenceModel, settings: Settings, target: Target) -> dict[str, Any]:
    kind, query = _QUERIES[target.metric]
    # The labels that the model's ServiceMonitor gives every series.
    pods = f'{{namespace="{model.metadata.namespace}",model="{model.metadata.name}"}}'
    return {
        "type": "prometheus",
        "name": target.metric.replace("_", "-"),
        "metricType": kind,
        "metadata": {
            "serverAddress": settings.keda_prometheus_url,
            "query": query.replace(_PODS, pods),
            "threshold": f"{target.value:g}",
            # No answer is no figure; as 0 it would scale down a model that Prometheus lost sight of.
            "ignoreNullValues": "false",
        },
    }
