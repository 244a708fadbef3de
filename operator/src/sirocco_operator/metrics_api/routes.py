"""Which request is for what: a URL's path in, what is asked for out."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from sirocco_operator.children.metrics import Metric
from sirocco_operator.metrics_api.documents import GROUP, GROUP_VERSION, Problem

# What the API server has for "all of them" in the place of a name.
ALL: Final = "*"


class Document(Enum):
    """The documents that are the same for everyone."""

    GROUPS = auto()
    GROUP = auto()
    RESOURCES = auto()


@dataclass(frozen=True, slots=True)
class Question:
    """A figure of one pod of a namespace, or of all of them."""

    namespace: str
    pod: str
    metric: Metric


_DOCUMENTS: Final = {
    "/apis": Document.GROUPS,
    f"/apis/{GROUP}": Document.GROUP,
    f"/apis/{GROUP_VERSION}": Document.RESOURCES,
}
_HEALTH: Final = frozenset({"/healthz", "/livez", "/readyz"})


def is_health(method: str, path: str) -> bool:
    """Whether a request only asks if the server runs, for which nobody has to say who they are."""
    return method in ("GET", "HEAD") and path in _HEALTH


def route(method: str, path: str) -> Document | Question:
    """What a request asks for; raises Problem."""
    found = _find(path.rstrip("/"))
    if method != "GET":
        raise Problem(405, f"{method} is not served here: figures are read with GET")
    return found


def _find(path: str) -> Document | Question:
    if path in _DOCUMENTS:
        return _DOCUMENTS[path]
    match path.removeprefix(f"/apis/{GROUP_VERSION}/").split("/"):
        case ["namespaces", namespace, "pods", pod, name] if namespace and pod:
            if name not in frozenset(Metric):
                names = ", ".join(Metric)
                raise Problem(404, f"there is no metric {name} for pods: the metrics are {names}")
            return Question(namespace, pod, Metric(name))
    raise Problem(
        404, f"the server could not find {path or '/'}: it serves metrics of pods in {GROUP_VERSION}"
    )
