"""The resource's `.status` as the CRD declares it; only the operator writes it."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from sirocco_operator.api.base import ApiModel
from sirocco_operator.api.crd.rules import map_keyed_by


class Condition(ApiModel):
    """One aspect of the model's state, as Kubernetes' own conditions."""

    type: str = Field(
        min_length=1,
        max_length=316,
        description="Ready, Available, Reconciling, Stalled or ScalingActive.",
    )
    status: Literal["True", "False", "Unknown"] = Field(description="Whether the aspect holds.")
    reason: str = Field(
        min_length=1,
        max_length=1024,
        pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        description="One word of a closed set.",
    )
    message: str = Field(max_length=32_768, description="Cause and fix, for a person.")
    last_transition_time: datetime = Field(description="When `status` last changed.")
    observed_generation: int | None = Field(
        default=None, ge=0, description="The metadata.generation that this was true for."
    )


class InferenceModelStatus(ApiModel):
    """How the model is."""

    conditions: tuple[Condition, ...] = Field(
        default=(),
        max_length=16,
        description="Ready (the model is as its spec asks), Available (the Service answers), Reconciling (it "
        "is on its way) and Stalled (somebody must change something); with autoscaling ScalingActive too.",
        json_schema_extra=map_keyed_by("type"),
    )
    reason: str | None = Field(
        default=None, max_length=1024, description="Why the model is as it is, in one word of a closed set."
    )
    message: str | None = Field(
        default=None, max_length=32_768, description="The reason's sentence: cause and fix."
    )
    replicas: int | None = Field(default=None, ge=0, description="Pods that exist; read by /scale.")
    desired_replicas: int | None = Field(
        default=None, ge=0, description="Pods that are wanted; with autoscaling those that the load asks for."
    )
    ready_replicas: int | None = Field(default=None, ge=0, description="Pods that answer.")
    gpus: int | None = Field(default=None, ge=0, description="GPUs that the pods hold.")
    selector: str | None = Field(
        default=None, max_length=1024, description="The pods' labels; read by /scale."
    )
    endpoint: str | None = Field(
        default=None, max_length=1024, description="The model's URL inside the cluster."
    )
    access: Literal["Open", "Keys"] | None = Field(
        default=None,
        description="Open: whoever reaches the Service may use the model. Keys: only with a key.",
    )
    observed_generation: int | None = Field(
        default=None,
        ge=-1,
        description="The metadata.generation that this status was computed from; -1 before the first.",
    )
    last_progress_time: datetime | None = Field(
        default=None,
        description="While the model is not as its spec asks: when it last came closer. It is Stalled once "
        "the startup budget has passed since then.",
    )
