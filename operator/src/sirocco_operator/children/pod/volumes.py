"""The volumes of every model pod, whose root is read-only: writable places and settings."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.internal_secret import internal_secret_name
from sirocco_operator.children.serving_config import INTERNAL_PATH, KEYS_PATH, settings_file
from sirocco_operator.kube.quantity import canonical

SERVING_PATH: Final = "/etc/sirocco"
SERVING_VOLUME: Final = "serving"

_MEBIBYTE: Final = 1024**2
# Shared memory of one engine process, and of several that exchange tensors through it.
_SHM_SINGLE: Final = 2048 * _MEBIBYTE
_SHM_TENSOR_PARALLEL: Final = 8192 * _MEBIBYTE


@dataclass(frozen=True)
class PodVolume:
    """A volume and its mount in a container."""

    volume: dict[str, Any]
    mount: dict[str, Any]


def cache() -> PodVolume:
    """Caches of the engine, its compilers and libraries; the image sets them all to /cache."""
    return PodVolume({"name": "cache", "emptyDir": {}}, {"name": "cache", "mountPath": "/cache"})


def tmp() -> PodVolume:
    """Temporary files."""
    return PodVolume({"name": "tmp", "emptyDir": {}}, {"name": "tmp", "mountPath": "/tmp"})  # noqa: S108


def shm(model: InferenceModel) -> PodVolume:
    """Shared memory; Kubernetes' own /dev/shm of 64 MiB is too small for tensor parallelism."""
    source = {"medium": "Memory", "sizeLimit": _shm_size(model)}
    return PodVolume({"name": "shm", "emptyDir": source}, {"name": "shm", "mountPath": "/dev/shm"})  # noqa: S108


def serving(model: InferenceModel) -> PodVolume:
    """The settings of the serving layer."""
    return PodVolume(
        {"name": SERVING_VOLUME, "configMap": {"name": settings_file(model).name}},
        {"name": SERVING_VOLUME, "mountPath": SERVING_PATH, "readOnly": True},
    )


def keys(model: InferenceModel) -> tuple[PodVolume, ...]:
    """The clients' keys and the operator's own; none for an open model.

    They are mounted as folders, because single files do not follow a change of their Secret.
    """
    secret = model.spec.access.keys_secret_name
    if secret is None:
        return ()
    sources = (
        ("keys", secret, KEYS_PATH),
        ("internal", internal_secret_name(model.metadata.name), INTERNAL_PATH),
    )
    return tuple(
        PodVolume(
            {"name": name, "secret": {"secretName": source}},
            {"name": name, "mountPath": path, "readOnly": True},
        )
        for name, source, path in sources
    )


def _shm_size(model: InferenceModel) -> str:
    """The size of /dev/shm: at most half of the container's memory limit, towards which it counts."""
    size = _SHM_SINGLE if model.spec.tensor_parallel == 1 else _SHM_TENSOR_PARALLEL
    limit = model.spec.resources.limits.get("memory")
    if limit is not None:
        size = min(size, int(canonical(limit) / Decimal(2)))
    mebibytes = max(size // _MEBIBYTE, 1)
    return f"{mebibytes // 1024}Gi" if mebibytes % 1024 == 0 else f"{mebibytes}Mi"
