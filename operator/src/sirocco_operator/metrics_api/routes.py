"""Maps a URL's path to what it requests."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from sirocco_operator.children.metrics import Metric
from sirocco_operator.metrics_api.documents import GROUP, GROUP_VERSION, HttpError

# The name by which the API server requests all pods.
ALL: Final = "*"


class DiscoveryDocument(Enum):
    """The discovery documents."""

    GROUPS = auto()
    GROUP = auto()
    RESOURCES = auto()


@dataclass(frozen=True, slots=True)
class MetricRequest:
    """A request for a metric of one pod of a namespace, or of all its pods."""

    namespace: str
    pod: str
    metric: Metric


Requested = DiscoveryDocument | MetricRequest

_DOCUMENTS: Final = {
    "/apis": DiscoveryDocument.GROUPS,
    f"/apis/{GROUP}": DiscoveryDocument.GROUP,
    f"/apis/{GROUP_VERSION}": DiscoveryDocument.RESOURCES,
}
_HEALTH: Final = frozenset({"/healthz", "/livez", "/readyz"})


def is_health(method: str, path: str) -> bool:
    """Whether a request is a health check, which needs no authentication."""
    return method in ("GET", "HEAD") and path in _HEALTH


def route(method: str, path: str) -> Requested:
    """What a request asks for; raises HttpError 404 or 405 when there is no such thing."""
    found = _find(path.rstrip("/"))
    if method != "GET":
        raise HttpError(405, f"{method} is not served here: figures are read with GET")
    return found


def _find(path: str) -> Requested:
    if path in _DOCUMENTS:
        return _DOCUMENTS[path]
    match path.removeprefix(f"/apis/{GROUP_VERSION}/").split("/"):
        case ["namespaces", namespace, "pods", pod, name] if namespace and pod:
            if name not in frozenset(Metric):
                names = ", ".join(Metric)
                raise HttpError(404, f"there is no metric {name} for pods: the metrics are {names}")
            return MetricRequest(namespace, pod, Metric(name))
    raise HttpError(
        404, f"the server could not find {path or '/'}: it serves metrics of pods in {GROUP_VERSION}"
    )
