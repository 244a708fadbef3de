"""Kinds of the API and where their objects are."""

from dataclasses import dataclass
from typing import Final, Protocol


class Kind(Protocol):
    """What is known of a kind of the API."""

    @property
    def api_version(self) -> str:
        """Group and version, `v1` for the core API."""

    @property
    def kind(self) -> str:
        """The kind's name."""

    @property
    def plural(self) -> str:
        """Its name in URLs."""


@dataclass(frozen=True)
class Resource:
    """A kind that is read but never a child."""

    api_version: str
    kind: str
    plural: str


SECRET: Final = Resource("v1", "Secret", "secrets")
POD: Final = Resource("v1", "Pod", "pods")
EVENT: Final = Resource("v1", "Event", "events")
NODE: Final = Resource("v1", "Node", "nodes")
API_SERVICE: Final = Resource("apiregistration.k8s.io/v1", "APIService", "apiservices")


def root_of(kind: Kind) -> str:
    """The URL path of an API's group and version."""
    return f"/api/{kind.api_version}" if "/" not in kind.api_version else f"/apis/{kind.api_version}"


def path_of(kind: Kind, namespace: str | None, name: str = "") -> str:
    """The URL path of an object, or of a kind's collection for an empty name."""
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"{root_of(kind)}{where}/{kind.plural}" + (f"/{name}" if name else "")
