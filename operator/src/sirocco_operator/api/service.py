"""The Service that clients call."""

from enum import StrEnum

from pydantic import Field

from sirocco_operator.api.base import ApiModel
from sirocco_operator.api.crd.rules import with_rules
from sirocco_operator.api.labels import (
    AnnotationValue,
    LabelKey,
    LabelValue,
    keys_are_qualified,
    no_operator_annotations,
    no_operator_labels,
)


class ServiceType(StrEnum):
    """From where a Service is reached: the cluster, any node's address, or a load balancer's."""

    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"


class Service(ApiModel):
    """The Service that clients call."""

    type: ServiceType = Field(
        default=ServiceType.CLUSTER_IP,
        description="NodePort and LoadBalancer let clients outside the cluster in: then set "
        "access.keysSecretName, as anybody who reaches an open model may use it.",
    )
    annotations: dict[LabelKey, AnnotationValue] = Field(
        default={},
        max_length=32,
        description="Annotations of the Service, e.g. for a cloud's load balancer.",
        json_schema_extra=with_rules(
            no_operator_annotations("service.annotations"), keys_are_qualified("service.annotations")
        ),
    )
    labels: dict[LabelKey, LabelValue] = Field(
        default={},
        max_length=32,
        description="More labels of the Service.",
        json_schema_extra=with_rules(
            no_operator_labels("service.labels", "its objects"), keys_are_qualified("service.labels")
        ),
    )
