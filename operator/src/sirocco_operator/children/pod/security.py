"""What the `restricted` Pod Security Standard asks for, and a read-only root."""

from collections.abc import Iterable
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel

# Any group will do: claims are given to it, and the pod's processes are in it.
FS_GROUP: Final = 65532


def container_security_context() -> dict[str, Any]:
    """No privilege to gain, no capability, nothing to write but the volumes."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def pod_security_context(model: InferenceModel, volumes: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The image's own numeric user, never root; the user's fields of `podSecurityContext` win.

    Claims are made writable for the pod's group, once: a claim that already is takes no time at start.
    """
    context: dict[str, Any] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if any("persistentVolumeClaim" in volume for volume in volumes):
        context |= {"fsGroup": FS_GROUP, "fsGroupChangePolicy": "OnRootMismatch"}
    users = model.spec.pod_security_context
    if users is None:
        return context
    return context | users.model_dump(mode="json", by_alias=True, exclude_defaults=True)
