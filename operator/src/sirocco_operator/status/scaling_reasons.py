"""The closed set of reasons of ScalingActive: what each means, and what a person can do about it."""

from dataclasses import dataclass
from enum import StrEnum


class ScalingReason(StrEnum):
    """Why the replica count follows the load, or does not."""

    METRICS_PROVIDER_MISSING = "MetricsProviderMissing"
    METRICS_PROVIDER_CONFLICT = "MetricsProviderConflict"
    SCALER_FAILED = "ScalerFailed"
    SCALING_PENDING = "ScalingPending"
    NO_METRICS = "NoMetrics"
    SCALED_TO_MAXIMUM = "ScaledToMaximum"
    SCALING_ON_TARGET = "ScalingOnTarget"


@dataclass(frozen=True)
class ScalingMeaning:
    """Whether the count follows the load, what the reason means, and what to do about it."""

    active: bool
    meaning: str
    fix: str = ""


SCALING_MEANINGS: dict[ScalingReason, ScalingMeaning] = {
    ScalingReason.METRICS_PROVIDER_MISSING: ScalingMeaning(
        False,
        "Nothing in this cluster serves the figures to scale by; the count stays as it is.",
        "install what the message names, or another autoscaling.provider of the chart",
    ),
    ScalingReason.METRICS_PROVIDER_CONFLICT: ScalingMeaning(
        False,
        "custom.metrics.k8s.io, of which a cluster has one, is served by somebody else.",
        "set the chart's autoscaling.provider to external and give that server the rules of "
        "docs/autoscaling.md, or remove it",
    ),
    ScalingReason.SCALER_FAILED: ScalingMeaning(
        False,
        "The HPA controller cannot read or set the Deployment's count.",
        "see `kubectl describe hpa`",
    ),
    ScalingReason.SCALING_PENDING: ScalingMeaning(
        False, "No replica serves yet, or the HPA controller has not looked: there is nothing to decide by."
    ),
    ScalingReason.NO_METRICS: ScalingMeaning(
        False,
        "Replicas serve, and the HPA controller gets no figures of them; the count stays as it is.",
        "see `kubectl describe hpa`, and docs/autoscaling.md",
    ),
    ScalingReason.SCALED_TO_MAXIMUM: ScalingMeaning(
        True,
        "The load asks for more replicas than autoscaling.maxReplicas; requests wait.",
        "raise autoscaling.maxReplicas, or the target if replicas can carry more",
    ),
    ScalingReason.SCALING_ON_TARGET: ScalingMeaning(True, "The replica count follows the load."),
}
