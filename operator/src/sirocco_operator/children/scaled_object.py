"""The ScaledObject by which KEDA scales a model, from metrics in Prometheus."""

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
from sirocco_operator.settings import AutoscalingProvider, Settings

# Stands in a query for the labels of the model's series.
_PODS: Final = "{PODS}"


def _mean_wait(queue: str) -> str:
    ended = f"clamp_min(sum(rate({queue}_count{_PODS}[1m])), 0.001)"
    return f"sum(rate({queue}_sum{_PODS}[1m])) / {ended}"


# The figures as Prometheus computes them from the ServiceMonitor's series. KEDA's HPA divides a sum by the
# pods (AverageValue) and compares a mean as it is (Value). A request waits in the pod's queue and then in the
# engine's, so the means add up. The longest current wait counts too, as no wait ends in a blocked queue.
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
    """A ScaledObject with Prometheus queries; None unless KEDA is both chosen and installed."""
    autoscaling = model.spec.autoscaling
    by_keda = settings.autoscaling_provider == AutoscalingProvider.KEDA
    if autoscaling is None or not by_keda or SCALED_OBJECT not in available:
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
    """The name of KEDA's HPA; it differs from ours, which may still exist when the provider changes."""
    return f"keda-hpa-{model.metadata.name}"


def _trigger(model: InferenceModel, settings: Settings, target: Target) -> dict[str, Any]:
    kind, query = _QUERIES[target.metric]
    # The labels that the model's ServiceMonitor adds to every series.
    pods = f'{{namespace="{model.metadata.namespace}",model="{model.metadata.name}"}}'
    return {
        "type": "prometheus",
        "name": target.metric.replace("_", "-"),
        "metricType": kind,
        "metadata": {
            "serverAddress": settings.keda_prometheus_url,
            "query": query.replace(_PODS, pods),
            "threshold": f"{target.value:g}",
            # A missing value must not count as 0, which would scale down a model that Prometheus lost.
            "ignoreNullValues": "false",
        },
    }
