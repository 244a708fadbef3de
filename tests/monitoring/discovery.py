"""What Prometheus finds in a namespace by its role `endpoints`: ports of Services' pods, with labels."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

PREFIX: Final = "__meta_kubernetes_"
_SERVICE_OF_SLICE: Final = "kubernetes.io/service-name"

Object = dict[str, Any]


def label_name(key: str) -> str:
    """A Kubernetes label's key as a part of a Prometheus label's name."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", key)


def targets(services: Sequence[Object], slices: Sequence[Object], pods: Sequence[Object]) -> list[Object]:
    """A static configuration for each address and port, ready or not, of Services' EndpointSlices."""
    by_name = {service["metadata"]["name"]: service for service in services}
    pod_of = {pod["metadata"]["name"]: pod for pod in pods}
    found = []
    for part in slices:
        service = by_name.get(part["metadata"]["labels"].get(_SERVICE_OF_SLICE, ""))
        for endpoint in part["endpoints"] or () if service else ():
            pod = pod_of.get((endpoint.get("targetRef") or {}).get("name", ""))
            for port in part["ports"] or ():
                (address,) = endpoint["addresses"]
                labels = dict(_service_labels(service)) | dict(_pod_labels(pod, port["port"]))
                labels[f"{PREFIX}endpoint_port_name"] = port["name"]
                found.append({"targets": [f"{address}:{port['port']}"], "labels": labels})
    return found


def _service_labels(service: Object | None) -> Iterator[tuple[str, str]]:
    assert service
    yield f"{PREFIX}namespace", service["metadata"]["namespace"]
    yield f"{PREFIX}service_name", service["metadata"]["name"]
    for key, value in (service["metadata"].get("labels") or {}).items():
        yield f"{PREFIX}service_label_{label_name(key)}", value
        yield f"{PREFIX}service_labelpresent_{label_name(key)}", "true"


def _pod_labels(pod: Object | None, port: int) -> Iterator[tuple[str, str]]:
    if pod is None:
        return
    yield f"{PREFIX}pod_name", pod["metadata"]["name"]
    yield f"{PREFIX}pod_phase", pod["status"].get("phase", "")
    for container in pod["spec"]["containers"]:
        if any(each["containerPort"] == port for each in container.get("ports") or ()):
            yield f"{PREFIX}pod_container_name", container["name"]
