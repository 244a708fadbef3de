"""What the operator saw of one model: the input of every detector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# An object as the API server gives it.
Manifest = Mapping[str, Any]


class RefusalCause(StrEnum):
    """Why a child was not written."""

    NAME_CONFLICT = "NameConflict"  # an object of that name is not ours
    IMAGE_VOLUMES_UNSUPPORTED = "ImageVolumesUnsupported"  # the API server drops image volumes
    REJECTED = "Rejected"  # the API server, a quota or a webhook said no
    INVALID_SPEC = "InvalidSpec"  # the stored resource does not fit this operator's schema


@dataclass(frozen=True)
class Refusal:
    """A child that could not be written, and what the API server said."""

    cause: RefusalCause
    kind: str
    name: str
    message: str = ""


@dataclass(frozen=True)
class Download:
    """How far a pod's weights are; bytes, total None when the hub did not say."""

    done_bytes: int
    total_bytes: int | None


class ProviderMode(StrEnum):
    """Who is to serve the figures that autoscaling decides by."""

    BUILTIN = "builtin"  # the operator
    KEDA = "keda"  # Prometheus, through KEDA
    EXTERNAL = "external"  # another server of custom.metrics.k8s.io


@dataclass(frozen=True)
class CustomMetricsServer:
    """Who serves a version of custom.metrics.k8s.io: a Service as namespace/name; what fails, if it does."""

    served_by: str
    failure: str = ""


@dataclass(frozen=True)
class MetricsProvider:
    """Where figures come from in this cluster.

    `service` is the operator's own Service as namespace/name; `namespaced`, that the operator is installed
    for given namespaces only; `keda`, that the cluster has KEDA's API; `servers`, None for not known.
    """

    mode: ProviderMode = ProviderMode.BUILTIN
    service: str = ""
    namespaced: bool = False
    keda: bool = False
    servers: tuple[CustomMetricsServer, ...] | None = None


@dataclass(frozen=True)
class Scaling:
    """The HorizontalPodAutoscaler of a model, ours or KEDA's, and where its figures come from."""

    autoscaler: Manifest | None
    provider: MetricsProvider


@dataclass(frozen=True)
class Observed:
    """The children and their surroundings, at one moment."""

    deployment: Manifest | None = None
    pods: Sequence[Manifest] = ()
    # Events about the pods that are not ready and about the newest ReplicaSet, oldest first; read on demand.
    events: Sequence[Manifest] = ()
    # Nodes; read only while a pod is unschedulable, else empty.
    nodes: Sequence[Manifest] = ()
    # By pod name.
    downloads: Mapping[str, Download] = field(default_factory=dict)
    refusals: Sequence[Refusal] = ()
    # None with a fixed count.
    scaling: Scaling | None = None
