"""The targets and the behavior of a model's autoscaler.

How the HPA decides: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
"""

import math
from dataclasses import dataclass
from typing import Any, Final

from sirocco_operator.api.autoscaling import Autoscaling, ScalingRules
from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.metrics import Metric
from sirocco_operator.kube.kinds import DEPLOYMENT

# vLLM's default for --max-num-seqs: 256, or 1024 on GPUs of 70 GiB and more. The GPU is not known here, and
# too many replicas cost less than too few, so this is the smaller one.
# https://docs.vllm.ai/en/latest/configuration/engine_args/
_DEFAULT_BATCH: Final = 256
# Share of the batch at which another replica is added. The rest is room for requests that arrive in the
# minutes until it serves. Of the shares measured on bursty traffic (docs/measurements.md), it is the highest
# at which a rising day's traffic did not wait.
_TARGET_SHARE_OF_BATCH: Final = 0.6


@dataclass(frozen=True)
class Target:
    """A metric and its target, on average over the replicas."""

    metric: Metric
    value: float

    @property
    def quantity(self) -> str:
        """The value as the API server stores it, rounded up to thousandths."""
        # Rounded first, as the product of 0.07 is a bit above 70; a target of nothing is refused.
        thousandths = max(1, math.ceil(round(self.value * 1000, 6)))
        return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"


def scale_target(model: InferenceModel) -> dict[str, str]:
    """The `scaleTargetRef` of a model's autoscaler."""
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.kind,
        "name": model.metadata.name,
    }


def targets(model: InferenceModel, autoscaling: Autoscaling) -> tuple[Target, ...]:
    """The model's targets: the given ones, else requests in flight."""
    given = autoscaling.target
    named = (
        (Metric.IN_FLIGHT, given.in_flight_requests),
        (Metric.QUEUE_WAIT, given.queue_wait_seconds),
        (Metric.KV_CACHE, given.kv_cache_utilization),
    )
    chosen = tuple(Target(metric, value) for metric, value in named if value is not None)
    return chosen or (Target(Metric.IN_FLIGHT, default_in_flight(model)),)


def default_in_flight(model: InferenceModel) -> int:
    """60 % of the requests that a replica serves at a time: its batch, or limits.inFlight if lower."""
    batch = model.spec.engine.max_num_seqs or _DEFAULT_BATCH
    concurrent = min(batch, model.spec.limits.in_flight or batch)
    return max(1, math.floor(concurrent * _TARGET_SHARE_OF_BATCH))


def behavior(autoscaling: Autoscaling) -> dict[str, Any]:
    """How fast the count may change, with defaults for models that take minutes to load.

    Up: at once, because waiting only adds to the minutes of loading. Requests pile up in these minutes, and
    for the pile the HPA would add replicas that have nothing to do once the first ones serve. So the count at
    most doubles, or grows by 4, in three minutes: about the time until new replicas serve.

    Down: a removed replica takes minutes to come back, so the highest count of the last ten minutes is kept.
    Then at most a quarter (at least one) goes every two minutes, and the others show in between whether they
    carry the load.

    docs/measurements.md compares this with Kubernetes' defaults (up: double, or 4 pods, every 15 s; down:
    everything after five minutes).
    """
    return {
        "scaleUp": _scaling_rules(
            autoscaling.behavior.scale_up,
            window=0,
            select="Max",
            policies=(("Percent", 100, 180), ("Pods", 4, 180)),
        ),
        "scaleDown": _scaling_rules(
            autoscaling.behavior.scale_down,
            window=600,
            select="Max",
            policies=(("Percent", 25, 120), ("Pods", 1, 120)),
        ),
    }


def _scaling_rules(
    given: ScalingRules, *, window: int, select: str, policies: tuple[tuple[str, int, int], ...]
) -> dict[str, Any]:
    chosen = tuple((str(policy.type), policy.value, policy.period_seconds) for policy in given.policies)
    seconds = given.stabilization_window_seconds
    return {
        "stabilizationWindowSeconds": window if seconds is None else seconds,
        "selectPolicy": str(given.select_policy or select),
        "policies": [
            {"type": kind, "value": value, "periodSeconds": period}
            for kind, value, period in chosen or policies
        ],
    }
