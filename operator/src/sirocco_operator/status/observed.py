"""What the operator observed of one model: the input of every detector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sirocco_operator.settings import AutoscalingProvider

# An object as the API server returns it.
Manifest = Mapping[str, Any]


class RefusalCause(StrEnum):
    """Why a child was not written."""

    NAME_CONFLICT = "NameConflict"  # an object of that name belongs to somebody else
    IMAGE_VOLUMES_UNSUPPORTED = "ImageVolumesUnsupported"  # the API server drops image volumes
    IMMUTABLE = "Immutable"  # a field that cannot change is another; the message is its path
    REJECTED = "Rejected"  # the API server, a quota or a webhook refused it
    FAILED = "Failed"  # the pass over the model ended with an error, again and again


@dataclass(frozen=True)
class Refusal:
    """A child that could not be written, with the API server's message."""

    cause: RefusalCause
    kind: str
    name: str
    message: str = ""


@dataclass(frozen=True)
class Download:
    """Progress of a pod's download in bytes; the total is None when the hub does not report it."""

    done_bytes: int
    total_bytes: int | None


@dataclass(frozen=True)
class Claim:
    """A PersistentVolumeClaim of a pod.

    `cause` is its newest event, empty without one; `storage_class` is None where the claim names none, and
    `volume` is empty before it is bound.
    """

    name: str
    phase: str
    storage_class: str | None = None
    volume: str = ""
    cause: str = ""


@dataclass(frozen=True)
class CustomMetricsServer:
    """Who serves a version of custom.metrics.k8s.io: a Service as namespace/name, and its failure if any."""

    served_by: str
    failure: str = ""


@dataclass(frozen=True)
class MetricsProvider:
    """Where figures come from in this cluster.

    `service` is the operator's own Service as namespace/name. `namespaced` means that the operator is
    installed for given namespaces only, `keda` that the cluster has KEDA's API. `servers` is None when they
    are not known.
    """

    mode: AutoscalingProvider = AutoscalingProvider.BUILTIN
    service: str = ""
    namespaced: bool = False
    keda: bool = False
    servers: tuple[CustomMetricsServer, ...] | None = None


@dataclass(frozen=True)
class Scaling:
    """A model's HorizontalPodAutoscaler, ours or KEDA's, and where its figures come from."""

    autoscaler: Manifest | None
    provider: MetricsProvider


@dataclass(frozen=True)
class Observed:
    """The children and their surroundings at one moment."""

    deployment: Manifest | None = None
    pods: Sequence[Manifest] = ()
    # Events of pods that are not ready, oldest first; read on demand.
    events: Sequence[Manifest] = ()
    # Read only while a pod is unschedulable, else empty.
    nodes: Sequence[Manifest] = ()
    # Pods that hold GPUs on nodes that an unschedulable pod could use; read only while there is one.
    gpu_holders: Sequence[Manifest] = ()
    # Claims of pods that are unschedulable, or that fail to mount a volume.
    claims: Sequence[Claim] = ()
    # By pod name.
    downloads: Mapping[str, Download] = field(default_factory=dict)
    refusals: Sequence[Refusal] = ()
    # Why the revision that the spec asks for was taken back; empty when it was not.
    taken_back: str = ""
    # When pods will be as this operator makes them, as a phrase; empty when they are.
    update_pending: str = ""
    # None with a fixed replica count.
    scaling: Scaling | None = None
