"""Small resources, and waiting for what becomes of them."""

from typing import Any

from sirocco_operator.api.parse import parse
from sirocco_operator.children.serving_config import settings_file
from tests.api.client import Client, Object
from tests.waiting import eventually

DEADLINE = 120.0


def model(namespace: str, name: str = "mistral", **spec: Any) -> Object:
    """The smallest resource, with more fields of the spec."""
    return {
        "apiVersion": "inference.sirocco.dev/v1alpha1",
        "kind": "InferenceModel",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"model": {"uri": "hf://mistralai/Mistral-7B-Instruct-v0.3"}, **spec},
    }


# The ConfigMap that pods of the smallest resource mount.
SETTINGS = settings_file(parse(model("any"))).name


def wait_status(
    client: Client, namespace: str, name: str = "mistral", generation: int | None = None
) -> Object:
    """The status that tells of `generation`, the newest by default."""

    def told() -> Object:
        found = client.get("InferenceModel", namespace, name)
        status: Object = found.get("status") or {}
        wanted = generation or found["metadata"]["generation"]
        return status if status.get("observedGeneration") == wanted else {}

    return eventually(told, DEADLINE, f"a status of {namespace}/{name}", 0.05)


def wait_reason(client: Client, namespace: str, reason: str, name: str = "mistral") -> Object:
    """The status once its reason is `reason`."""

    def told() -> Object:
        found: Object = client.get("InferenceModel", namespace, name)
        status: Object = found.get("status") or {}
        assert status.get("reason") == reason, f"reason is {status.get('reason')}: {status.get('message')}"
        return status

    return eventually(told, DEADLINE, f"{namespace}/{name} to have the reason {reason}", 0.05)


def wait_child(client: Client, kind: str, namespace: str, name: str = "mistral") -> Object:
    """A child once it exists."""
    found = eventually(
        lambda: client.find(kind, namespace, name), DEADLINE, f"{kind} {namespace}/{name} to exist", 0.05
    )
    assert found is not None
    return found


def wait_gone(client: Client, kind: str, namespace: str | None, name: str = "mistral") -> None:
    """Wait until an object does not exist."""
    eventually(
        lambda: client.find(kind, namespace, name) is None,
        DEADLINE,
        f"{kind} {namespace}/{name} to be gone",
        0.05,
    )
