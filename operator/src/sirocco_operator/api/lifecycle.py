"""How long pods may take to start and to end, and whether they may be evicted together."""

from pydantic import Field

from sirocco_operator.api.base import ApiModel


class Startup(ApiModel):
    """The start of a pod's engine."""

    budget_seconds: int = Field(
        # Loading a large model from a slow disk takes up to half an hour.
        default=1800,
        ge=60,
        le=86_400,
        description="Seconds from the start of the engine to its first token; it is killed and started again "
        "when they are over. The download of weights does not count.",
    )


class Drain(ApiModel):
    """The end of a pod: what it serves is finished first."""

    timeout_seconds: int = Field(
        # Covers the longest generation that is usual.
        default=600,
        ge=0,
        le=86_400,
        description="Seconds that requests in flight may take to finish when their pod has to end, "
        "e.g. in a rollout; then they are cut off.",
    )


class PodDisruptionBudget(ApiModel):
    """Protection from evictions, e.g. when nodes are drained."""

    enabled: bool = Field(
        default=True,
        description="Let one pod at a time be evicted, where there may be 2 replicas or more. Without it, "
        "all may be at once, unless you make a PodDisruptionBudget of your own.",
    )
