"""Autoscaling: the fields of an `autoscaling/v2` HorizontalPodAutoscaler that a model may set."""

from enum import StrEnum
from typing import Final

from pydantic import ConfigDict, Field

from sirocco_operator.api.base import ApiModel
from sirocco_operator.api.crd.rules import Rule, with_rules

_MAX_REPLICAS: Final = 1000
# The API server's limits of an HPA's behavior:
# https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
_MAX_WINDOW_SECONDS: Final = 3600
_MAX_PERIOD_SECONDS: Final = 1800


class PolicyType(StrEnum):
    """The unit of a policy's value."""

    PODS = "Pods"
    PERCENT = "Percent"


class SelectPolicy(StrEnum):
    """How several policies combine."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


class ScalingPolicy(ApiModel):
    """So much change in so long a time."""

    type: PolicyType = Field(description="Pods, or Percent of the replicas at the period's start.")
    value: int = Field(ge=1, le=100_000, description="Most change within the period.")
    period_seconds: int = Field(ge=1, le=_MAX_PERIOD_SECONDS, description="Length of the period.")


class ScalingRules(ApiModel):
    """How fast the count may change in one direction; Sirocco's defaults fill what is not given."""

    stabilization_window_seconds: int | None = Field(
        default=None,
        ge=0,
        le=_MAX_WINDOW_SECONDS,
        description="Going up, the lowest count that was wanted within this time is taken; "
        "going down, the highest.",
    )
    select_policy: SelectPolicy | None = Field(
        default=None,
        description="Max takes the policy that allows the most change, Min the one that allows the least, "
        "Disabled never scales in this direction.",
    )
    policies: tuple[ScalingPolicy, ...] = Field(
        default=(), max_length=8, description="How much change is allowed in how long a time."
    )


class ScalingBehavior(ApiModel):
    """How fast the count may change."""

    scale_up: ScalingRules = Field(default=ScalingRules(), description="More replicas.")
    scale_down: ScalingRules = Field(default=ScalingRules(), description="Fewer replicas.")


class ScalingTarget(ApiModel):
    """What each replica should carry; of several figures, the one that needs the most replicas decides."""

    in_flight_requests: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Requests that are served or wait, on average a replica. Default, where no other figure "
        "is given: 60 % of what the engine takes into one batch.",
    )
    queue_wait_seconds: float | None = Field(
        default=None, gt=0, le=3600, description="Wait of requests before the engine takes them, in seconds."
    )
    kv_cache_utilization: float | None = Field(
        default=None, gt=0, le=1, description="Share of the KV cache in use, above 0 to 1."
    )


class Autoscaling(ApiModel):
    """Replicas by load, in place of `replicas`."""

    model_config = ConfigDict(
        json_schema_extra=with_rules(
            Rule(
                "self.minReplicas <= self.maxReplicas",
                "autoscaling.minReplicas must not be above autoscaling.maxReplicas: lower it, "
                "or raise maxReplicas",
                field="minReplicas",
            )
        )
    )

    min_replicas: int = Field(
        default=1, ge=1, le=_MAX_REPLICAS, description="Fewest replicas, also without load."
    )
    max_replicas: int = Field(ge=1, le=_MAX_REPLICAS, description="Most replicas.")
    target: ScalingTarget = Field(
        default=ScalingTarget(), description="What each replica should carry. Default: requests in flight."
    )
    behavior: ScalingBehavior = Field(
        default=ScalingBehavior(),
        description="How fast the count may change. Default: for models that take minutes to load.",
    )

    def clamp(self, replicas: int) -> int:
        """The count, limited to the range from `min_replicas` to `max_replicas`."""
        return min(max(replicas, self.min_replicas), self.max_replicas)
