"""What tests of the builders start from: a small model, and its children by kind."""

from collections.abc import Collection
from typing import Any

from sirocco_operator.api.parse import parse
from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.build import build_children
from sirocco_operator.kube.kinds import CHILD_KINDS, Kind
from sirocco_operator.settings import Settings

SETTINGS = Settings(
    serving_image="registry.example/serving:1",
    serving_cpu_image="registry.example/serving-cpu:1",
    image_pull_policy="IfNotPresent",
    service_monitor_labels={},
    service_monitor_interval="15s",
)


def a_model(uid: str = "a-uid", **spec: Any) -> InferenceModel:
    """The smallest model, `mistral` in `models`, with what a test adds to its spec."""
    whole = {"model": {"uri": "hf://mistralai/Mistral-7B-Instruct-v0.3"}, **spec}
    return parse({"metadata": {"name": "mistral", "namespace": "models", "uid": uid}, "spec": whole})


def children(
    model: InferenceModel, settings: Settings = SETTINGS, available: Collection[Kind] = CHILD_KINDS
) -> dict[str, dict[str, Any]]:
    """The model's children, by kind."""
    return {child["kind"]: child for child in build_children(model, settings, available)}


def template(settings: Settings = SETTINGS, /, **spec: Any) -> dict[str, Any]:
    """The pod template of a model with this in its spec."""
    found: dict[str, Any] = children(a_model(**spec), settings)["Deployment"]["spec"]["template"]
    return found


def pod(settings: Settings = SETTINGS, /, **spec: Any) -> dict[str, Any]:
    """The pod's spec."""
    found: dict[str, Any] = template(settings, **spec)["spec"]
    return found


def engine(settings: Settings = SETTINGS, /, **spec: Any) -> dict[str, Any]:
    """The engine's container."""
    (container,) = pod(settings, **spec)["containers"]
    assert isinstance(container, dict)
    return container


def download(settings: Settings = SETTINGS, /, **spec: Any) -> dict[str, Any]:
    """The container that fetches the weights."""
    (container,) = pod(settings, **spec)["initContainers"]
    assert isinstance(container, dict)
    return container


def environment(container: dict[str, Any]) -> dict[str, str]:
    """A container's variables by name."""
    return {variable["name"]: variable.get("value", "") for variable in container.get("env", ())}


def volumes(pod: dict[str, Any]) -> dict[str, Any]:
    """A pod's volumes by name."""
    return {volume["name"]: volume for volume in pod["volumes"]}


def mounts(container: dict[str, Any]) -> dict[str, Any]:
    """A container's mounts by path."""
    return {mount["mountPath"]: mount for mount in container["volumeMounts"]}
