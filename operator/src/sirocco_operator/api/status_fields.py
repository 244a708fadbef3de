"""The resource's `.status` as the CRD declares it; only the operator writes it."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from sirocco_operator.api.base import ApiModel
from sirocco_operator.api.crd.rules import map_keyed_by


class Condition(ApiModel):
    """One aspect of the model's state, as Kubernetes' own conditions."""

    type: str = Field(
        min_length=1, max_length=316, description="Ready, Progressing, Degraded or ScalingActive."
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
        description="Ready, Progressing and Degraded; with autoscaling ScalingActive too.",
        json_schema_extra=map_keyed_by("type"),
    )
    reason: str | None = Field(
        default=None, max_length=1024, description="The Ready condition's reason, for a column."
    )
    message: str | None = Field(
        default=None, max_length=32_768, description="The Ready condition's message: cause and fix."
    )
    replicas: int | None = Field(default=None, ge=0, description="Pods that exist; read by /scale.")
    desired_replicas: int | None = Field(
        default=None, ge=0, description="With autoscaling: pods that the load asks for."
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
        default=None, ge=0, description="The metadata.generation that this status was computed from."
    )
