"""The labels of a model's objects and pods."""

from typing import Final

MODEL_LABEL: Final = "inference.sirocco.dev/model"
# The hash of the template that a pod is made from.
REVISION_LABEL: Final = "inference.sirocco.dev/revision"
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "sirocco-operator"


def labels(name: str) -> dict[str, str]:
    """Labels of every child and pod of the model."""
    return {
        "app.kubernetes.io/name": "vllm",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/component": "model-server",
        **selector(name),
    }


def selector(name: str) -> dict[str, str]:
    """Labels that select the model's pods. They must never change: a Deployment's selector is immutable."""
    return {MANAGED_BY_LABEL: MANAGED_BY, MODEL_LABEL: name}


def selector_string(name: str) -> str:
    """The selector in the form of the scale subresource and `kubectl get -l`."""
    return ",".join(f"{key}={value}" for key, value in selector(name).items())
