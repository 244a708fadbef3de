"""The Service that clients call."""

from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.labels import selector
from sirocco_operator.children.manifest import manifest
from sirocco_operator.kube.kinds import SERVICE

PORT: Final = 80
PORT_NAME: Final = "http"


def build_service(model: InferenceModel) -> dict[str, Any]:
    """A Service at http://NAME.NAMESPACE.svc, on port 80, over every ready pod."""
    port = {"name": PORT_NAME, "port": PORT, "targetPort": PORT_NAME, "protocol": "TCP"}
    wanted = model.spec.service
    service = manifest(SERVICE, model, extra_labels=wanted.labels)
    if wanted.annotations:
        service["metadata"]["annotations"] = dict(wanted.annotations)
    service["spec"] = {
        "type": wanted.type.value,
        "selector": selector(model.metadata.name),
        "ports": [port],
    }
    return service
