"""Which request is for what: a URL's path in, what is asked for out."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from sirocco_operator.children.metrics import Metric
from sirocco_operator.metrics_api.documents import GROUP, GROUP_VERSION, HttpError

# What the API server has for "all of them" in the place of a name.
ALL: Final = "*"


class DiscoveryDocument(Enum):
    """The documents that are the same for everyone."""

    GROUPS = auto()
    GROUP = auto()
    RESOURCES = auto()


@dataclass(frozen=True, slots=True)
class MetricRequest:
    """A figure of one pod of a namespace, or of all of them."""

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
    """Whether a request only asks if the server runs, for which nobody has to say who they are."""
    return method in ("GET", "HEAD") and path in _HEALTH


def route(method: str, path: str) -> Requested:
    """What a request asks for; raises HttpError."""
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
