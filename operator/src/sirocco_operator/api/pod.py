"""Fields that the operator passes to the model's pods, with Kubernetes' names.

Small types are spelled out. Large ones (affinity, volumes …) are untyped here: the CRD has Kubernetes' own
schema of them.
"""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, JsonValue

from sirocco_operator.api.base import ApiModel
from sirocco_operator.api.crd.kubernetes_rules import DESCENDING_PATH, QUALIFIED_NAME, QUANTITY_PATTERN
from sirocco_operator.api.crd.rules import KUBERNETES_TYPE, Rule, map_keyed_by, with_rules
from sirocco_operator.api.labels import (
    AnnotationValue,
    LabelKey,
    LabelValue,
    cel_list,
    keys_are_qualified,
    no_operator_annotations,
    no_operator_labels,
)
from sirocco_operator.api.security import PodSecurityContext


def _whole_number_to_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


# Kubernetes' quantity without a sign: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity
Quantity = Annotated[
    str,
    Field(
        max_length=32,
        pattern=QUANTITY_PATTERN,
        json_schema_extra={"x-kubernetes-int-or-string": True, "minimum": 0},
    ),
    BeforeValidator(_whole_number_to_text),
]
KubernetesObject = dict[str, JsonValue]
Affinity = Annotated[KubernetesObject, Field(json_schema_extra={KUBERNETES_TYPE: "Affinity"})]
TopologySpreadConstraint = Annotated[
    KubernetesObject, Field(json_schema_extra={KUBERNETES_TYPE: "TopologySpreadConstraint"})
]
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
DNS_LABEL: Final = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
DNS_SUBDOMAIN: Final = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"


def _volume_has_name(volume: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if not isinstance(volume.get("name"), str):
        raise ValueError("a volume needs a name")
    return volume


Volume = Annotated[
    KubernetesObject,
    AfterValidator(_volume_has_name),
    Field(
        json_schema_extra={
            KUBERNETES_TYPE: "Volume",
            "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 63, "pattern": DNS_LABEL}},
            "required": ["name"],
        }
    ),
]

# Names of the volumes and mount points that the operator adds to a pod.
OPERATOR_VOLUMES: Final = ("models", "model", "cache", "tmp", "shm", "serving", "keys", "internal")
OPERATOR_MOUNTS: Final = (
    "/models",
    "/model",
    "/cache",
    "/tmp",  # noqa: S108
    "/dev/shm",  # noqa: S108
    "/etc/sirocco",
    "/etc/sirocco-keys",
    "/etc/sirocco-internal",
)


def _keys_are_resources(field: str) -> Rule:
    return Rule(
        "self.all(k, k.contains('/') || k in ['cpu', 'memory', 'ephemeral-storage'] || "
        "k.startsWith('hugepages-'))",
        f"{field} has a key that is no resource of a container: write cpu, memory, ephemeral-storage, "
        "hugepages-SIZE, or an extended resource with its prefix, e.g. example.com/nic",
    )


class Resources(ApiModel):
    """Requests and limits of the engine's container; GPUs are added by the operator."""

    model_config = ConfigDict(
        json_schema_extra=with_rules(
            Rule(
                "!has(self.requests) || self.requests.all(k, "
                "!(k.contains('/') || k.startsWith('hugepages-')) || (has(self.limits) && "
                "k in self.limits && string(self.limits[k]) == string(self.requests[k])))",
                "huge pages and extended resources cannot be overcommitted: write the same amount into "
                "resources.limits, or leave it out of resources.requests",
                field="requests",
            )
        )
    )

    requests: dict[LabelKey, Quantity] = Field(
        default={},
        max_length=16,
        description="What a node must have free, e.g. cpu and memory.",
        json_schema_extra=with_rules(
            keys_are_qualified("resources.requests"), _keys_are_resources("resources.requests")
        ),
    )
    limits: dict[LabelKey, Quantity] = Field(
        default={},
        max_length=16,
        description="What the container may use at most.",
        json_schema_extra=with_rules(
            keys_are_qualified("resources.limits"), _keys_are_resources("resources.limits")
        ),
    )


class Toleration(ApiModel):
    """A taint that the pods tolerate."""

    model_config = ConfigDict(
        json_schema_extra=with_rules(
            Rule(
                "(has(self.key) && self.key != '') || (has(self.operator) && self.operator == 'Exists')",
                "a toleration without a key is for every taint, which needs operator: Exists: set that, or "
                "add the key",
                field="operator",
            ),
            Rule(
                "!has(self.value) || self.value == '' || !has(self.operator) || self.operator != 'Exists'",
                "operator Exists ignores the taint's value: remove value, or set operator: Equal",
                field="value",
            ),
            Rule(
                "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
                "tolerationSeconds is for taints that evict: set effect: NoExecute, or remove "
                "tolerationSeconds",
                field="tolerationSeconds",
            ),
        )
    )

    key: str | None = Field(
        default=None,
        max_length=317,
        pattern=f"^$|{QUALIFIED_NAME}",
        description="The taint's key; none for every taint.",
    )
    operator: Literal["Exists", "Equal"] | None = Field(
        default=None, description="Exists ignores the taint's value; Equal, the default, compares it."
    )
    value: LabelValue | None = Field(default=None, description="The taint's value.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="The taint's effect; none for every effect."
    )
    toleration_seconds: int | None = Field(
        default=None, ge=0, le=315_360_000, description="How long a NoExecute taint is tolerated, in seconds."
    )


class LocalObjectReference(ApiModel):
    """A Secret of the same namespace, by name."""

    name: str = Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN, description="The Secret's name.")


class VolumeMount(ApiModel):
    """Where a volume of `volumes` appears in the engine's container."""

    name: str = Field(min_length=1, max_length=63, description="The volume's name in `volumes`.")
    mount_path: str = Field(
        min_length=1,
        max_length=1024,
        description="Absolute path in the container.",
        json_schema_extra=with_rules(
            Rule(
                "self.matches('^(/[^/:]+)+$') && !self.matches('/[.][.]?(/|$)')",
                "mountPath is an absolute path without colons, doubled slashes, . or .. parts, and without a "
                "slash at its end, e.g. /data",
            ),
            Rule(
                f"{cel_list(OPERATOR_MOUNTS)}.all(p, !(self + '/').startsWith(p + '/') "
                "&& !(p + '/').startsWith(self + '/'))",
                f"mountPath may not be, lie under or hide {', '.join(OPERATOR_MOUNTS)}, which the operator "
                "mounts: choose another path, e.g. /data",
            ),
        ),
    )
    sub_path: str | None = Field(
        default=None,
        max_length=1024,
        pattern=DESCENDING_PATH,
        description="A folder or file of the volume instead of its root, e.g. data/v1, without .. in it.",
    )
    read_only: bool | None = Field(default=None, description="Refuse writes.")


class PodFields(ApiModel):
    """The part of an InferenceModel's spec that goes to the pods."""

    resources: Resources = Field(
        default=Resources(),
        description="Requests and limits of the engine's container; GPUs are added by the operator.",
    )
    node_selector: dict[LabelKey, LabelValue] = Field(
        default={},
        max_length=32,
        description="Labels that a node must have.",
        json_schema_extra=with_rules(keys_are_qualified("nodeSelector")),
    )
    tolerations: tuple[Toleration, ...] = Field(
        default=(), max_length=32, description="Taints that the pods tolerate; the GPU's own is added."
    )
    affinity: Affinity | None = Field(default=None, description="The pods' affinity, as in a pod.")
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = Field(
        default=(),
        max_length=16,
        description="How pods spread over nodes and zones, as in a pod.",
        json_schema_extra=map_keyed_by("topologyKey", "whenUnsatisfiable"),
    )
    priority_class_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        pattern=DNS_SUBDOMAIN,
        description="PriorityClass of the pods.",
    )
    runtime_class_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        pattern=DNS_SUBDOMAIN,
        description="RuntimeClass of the pods.",
    )
    service_account_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        pattern=DNS_SUBDOMAIN,
        description="An existing ServiceAccount instead of one of our making.",
    )
    image_pull_secrets: tuple[LocalObjectReference, ...] = Field(
        default=(),
        max_length=16,
        description="Secrets for pulling images.",
        json_schema_extra=map_keyed_by("name"),
    )
    volumes: tuple[Volume, ...] = Field(
        default=(),
        max_length=32,
        description="More volumes, as in a pod; names that the operator uses are refused.",
        json_schema_extra=with_rules(
            Rule(
                f"self.all(v, !(v.name in {cel_list(OPERATOR_VOLUMES)}))",
                f"volumes may not be named {', '.join(OPERATOR_VOLUMES)}, which the operator makes: "
                "choose another name, also in volumeMounts",
            ),
            **map_keyed_by("name"),
        ),
    )
    volume_mounts: tuple[VolumeMount, ...] = Field(
        default=(),
        max_length=32,
        description="Where those volumes appear in the engine's container.",
        json_schema_extra=map_keyed_by("mountPath"),
    )
    pod_security_context: PodSecurityContext | None = Field(
        default=None, description="Users and groups, set over the pod's restricted security context."
    )
    pod_labels: dict[LabelKey, LabelValue] = Field(
        default={},
        max_length=32,
        description="More labels of the pods.",
        json_schema_extra=with_rules(
            no_operator_labels("podLabels", "its pods"),
            keys_are_qualified("podLabels"),
        ),
    )
    pod_annotations: dict[LabelKey, AnnotationValue] = Field(
        default={},
        max_length=32,
        description="More annotations of the pods.",
        json_schema_extra=with_rules(
            no_operator_annotations("podAnnotations"),
            keys_are_qualified("podAnnotations"),
        ),
    )
