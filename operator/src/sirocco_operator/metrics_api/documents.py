"""Builds the API's documents: discovery in both forms, lists of metric values, and errors."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sirocco_operator.children.metrics import Metric

GROUP: Final = "custom.metrics.k8s.io"
VERSION: Final = "v1beta2"
GROUP_VERSION: Final = f"{GROUP}/{VERSION}"

JSON: Final = "application/json"
AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

_VERSION_OF_GROUP: Final = {"groupVersion": GROUP_VERSION, "version": VERSION}
_REASONS: Final = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    500: "InternalError",
    503: "ServiceUnavailable",
}


class HttpError(Exception):
    """An answer with an HTTP error status and a message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class PodFigure:
    """A figure of one pod: when it was read, and over how many seconds."""

    pod: str
    value: float
    read_at: datetime
    window_seconds: float | None = None


def wants_aggregated(accept: str) -> bool:
    """Whether an Accept header asks for the aggregated discovery document."""
    for each in accept.split(","):
        kind, *parameters = (part.strip() for part in each.split(";"))
        given = dict(part.partition("=")[::2] for part in parameters)
        if kind == JSON and (given.get("g"), given.get("v"), given.get("as")) == (
            "apidiscovery.k8s.io",
            "v2",
            "APIGroupDiscoveryList",
        ):
            return True
    return False


def aggregated_discovery() -> dict[str, Any]:
    """The aggregated discovery document; pods' metrics are subresources of a resource without verbs."""
    resource = {
        "resource": "pods",
        "responseKind": {"group": "", "version": "", "kind": ""},
        "scope": "Namespaced",
        "singularResource": "",
        "verbs": [],
        "subresources": [
            {
                "subresource": str(metric),
                "responseKind": {"group": GROUP, "version": VERSION, "kind": "MetricValueList"},
                "verbs": ["get"],
            }
            for metric in Metric
        ],
    }
    version = {"version": VERSION, "resources": [resource], "freshness": "Current"}
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [{"metadata": {"name": GROUP, "creationTimestamp": None}, "versions": [version]}],
    }


def group_list() -> dict[str, Any]:
    """The legacy list of groups."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group()]}


def group() -> dict[str, Any]:
    """The legacy document of the group."""
    return {"kind": "APIGroup", "apiVersion": "v1", **_group()}


def resource_list() -> dict[str, Any]:
    """The legacy list of the version's resources."""
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": GROUP_VERSION,
        "resources": [
            {
                "name": f"pods/{metric}",
                "singularName": "",
                "namespaced": True,
                "kind": "MetricValueList",
                "verbs": ["get"],
            }
            for metric in Metric
        ],
    }


def metric_value_list(metric: Metric, namespace: str, found: Iterable[PodFigure]) -> dict[str, Any]:
    """The MetricValueList of these figures."""
    return {
        "kind": "MetricValueList",
        "apiVersion": GROUP_VERSION,
        "metadata": {},
        "items": [_metric_value(metric, namespace, each) for each in found],
    }


def status(error: HttpError) -> dict[str, Any]:
    """The Status object of an error."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": error.message,
        "reason": _REASONS[error.status],
        "code": error.status,
    }


def quantity(value: float) -> str:
    """A figure as a Kubernetes quantity, rounded to thousandths."""
    thousandths = round(value * 1000)
    return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"


def _group() -> Mapping[str, Any]:
    return {"name": GROUP, "versions": [_VERSION_OF_GROUP], "preferredVersion": _VERSION_OF_GROUP}


def _metric_value(metric: Metric, namespace: str, figure: PodFigure) -> dict[str, Any]:
    value: dict[str, Any] = {
        "describedObject": {"kind": "Pod", "namespace": namespace, "name": figure.pod, "apiVersion": "/v1"},
        "metric": {"name": str(metric), "selector": None},
        "timestamp": figure.read_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "value": quantity(figure.value),
    }
    if figure.window_seconds is not None:
        value["windowSeconds"] = max(1, round(figure.window_seconds))
    return value
