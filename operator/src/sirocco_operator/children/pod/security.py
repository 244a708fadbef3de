"""Security contexts for the `restricted` Pod Security Standard, with a read-only root."""

from collections.abc import Iterable
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel

# An arbitrary group that owns the claims and contains the pod's processes.
FS_GROUP: Final = 65532


def container_security_context() -> dict[str, Any]:
    """No privilege escalation, no capabilities, and nothing writable but the volumes."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def pod_security_context(model: InferenceModel, volumes: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A context that refuses root and uses the image's numeric user; fields of `podSecurityContext` win.

    Claims become writable for the pod's group only once, so that later starts take no time for it.
    """
    context: dict[str, Any] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if any("persistentVolumeClaim" in volume for volume in volumes):
        context |= {"fsGroup": FS_GROUP, "fsGroupChangePolicy": "OnRootMismatch"}
    users = model.spec.pod_security_context
    if users is None:
        return context
    return context | users.model_dump(mode="json", by_alias=True, exclude_defaults=True)
