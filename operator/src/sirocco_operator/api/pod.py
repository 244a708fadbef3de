"""Fields that are passed to the model's pods, in Kubernetes' own words.

Small types are spelled out; large ones (affinity, volumes …) are kept as they are and checked by the
API server when the Deployment is written.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue

from sirocco_operator.api.base import ApiModel


def _whole_number_to_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


# Kubernetes' quantity without a sign: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity
Quantity = Annotated[
    str,
    BeforeValidator(_whole_number_to_text),
    Field(
        max_length=32,
        pattern=r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$",
        json_schema_extra={"x-kubernetes-int-or-string": True},
    ),
]
LabelValue = Annotated[str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$")]
LabelKey = Annotated[str, Field(min_length=1, max_length=317)]
AnnotationValue = Annotated[str, Field(max_length=16_384)]
# Any Kubernetes object: the CRD says x-kubernetes-preserve-unknown-fields.
KubernetesObject = dict[str, JsonValue]


class Resources(ApiModel):
    """Requests and limits of the engine's container; GPUs are added by the operator."""

    requests: dict[LabelKey, Quantity] = Field(default={}, max_length=16)
    limits: dict[LabelKey, Quantity] = Field(default={}, max_length=16)


class Toleration(ApiModel):
    """A taint that the pods tolerate."""

    key: str | None = Field(default=None, max_length=317)
    operator: Literal["Exists", "Equal"] | None = None
    value: str | None = Field(default=None, max_length=63)
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = Field(default=None, ge=0, le=315_360_000)


class LocalObjectReference(ApiModel):
    """A Secret of the same namespace, by name."""

    name: str = Field(min_length=1, max_length=253)


class VolumeMount(ApiModel):
    """Where a volume of `volumes` appears in the engine's container."""

    name: str = Field(min_length=1, max_length=63)
    mount_path: str = Field(min_length=1, max_length=1024)
    sub_path: str | None = Field(default=None, max_length=1024)
    read_only: bool | None = None


class PodFields(ApiModel):
    """The pod's part of an InferenceModel's spec."""

    resources: Resources = Field(
        default=Resources(),
        description="Requests and limits of the engine's container; GPUs are added by the operator.",
    )
    node_selector: dict[LabelKey, LabelValue] = Field(
        default={}, max_length=32, description="Labels that a node must have."
    )
    tolerations: tuple[Toleration, ...] = Field(
        default=(), max_length=32, description="Taints that the pods tolerate; the GPU's own is added."
    )
    affinity: KubernetesObject | None = Field(default=None, description="The pods' affinity, as in a pod.")
    topology_spread_constraints: tuple[KubernetesObject, ...] = Field(
        default=(), max_length=16, description="How pods spread over nodes and zones, as in a pod."
    )
    priority_class_name: str | None = Field(
        default=None, min_length=1, max_length=253, description="PriorityClass."
    )
    runtime_class_name: str | None = Field(
        default=None, min_length=1, max_length=253, description="RuntimeClass."
    )
    service_account_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        description="An existing ServiceAccount instead of one of our making.",
    )
    image_pull_secrets: tuple[LocalObjectReference, ...] = Field(
        default=(), max_length=16, description="Secrets for pulling images."
    )
    volumes: tuple[KubernetesObject, ...] = Field(
        default=(),
        max_length=32,
        description="More volumes, as in a pod; names that the operator uses are refused.",
    )
    volume_mounts: tuple[VolumeMount, ...] = Field(
        default=(), max_length=32, description="Where those volumes appear in the engine's container."
    )
    pod_security_context: KubernetesObject | None = Field(
        default=None, description="Fields merged over the pod's restricted security context."
    )
    pod_labels: dict[LabelKey, LabelValue] = Field(
        default={}, max_length=32, description="More labels of the pods."
    )
    pod_annotations: dict[LabelKey, AnnotationValue] = Field(
        default={}, max_length=32, description="More annotations of the pods."
    )
