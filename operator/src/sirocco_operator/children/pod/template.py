"""Builds the template of a model's pods."""

from copy import deepcopy
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import Device, InferenceModel
from sirocco_operator.children.labels import labels
from sirocco_operator.children.pod import volumes as pod_volumes
from sirocco_operator.children.pod.command import COMMAND, PORT, engine_arguments
from sirocco_operator.children.pod.environment import engine_environment
from sirocco_operator.children.pod.probes import PORT_NAME, lifecycle, probes
from sirocco_operator.children.pod.resources import engine_resources
from sirocco_operator.children.pod.scheduling import scheduling
from sirocco_operator.children.pod.security import container_security_context, pod_security_context
from sirocco_operator.children.pod.weights import Weights, weights
from sirocco_operator.children.service_account import service_account_name
from sirocco_operator.children.times import termination_grace
from sirocco_operator.settings import Settings

ENGINE_CONTAINER: Final = "vllm"


def pod_template(model: InferenceModel, settings: Settings) -> dict[str, Any]:
    """Labels, annotations and spec of the pods; the operator's labels and annotations win over the user's."""
    spec = model.spec
    image = serving_image(model, settings)
    source = weights(model, settings, image)
    own = (
        source.volume,
        pod_volumes.cache(),
        pod_volumes.tmp(),
        pod_volumes.shm(model),
        pod_volumes.serving(model),
        *pod_volumes.keys(model),
    )
    volumes = [*(entry.volume for entry in own), *deepcopy(list(spec.volumes))]
    pod: dict[str, Any] = {
        "serviceAccountName": service_account_name(model),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": termination_grace(model),
        "securityContext": pod_security_context(model, volumes),
        **scheduling(model),
        "containers": [_engine(model, settings, image, source, [entry.mount for entry in own])],
        "volumes": volumes,
    }
    if source.init_containers:
        pod["initContainers"] = list(source.init_containers)
    if spec.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": secret.name} for secret in spec.image_pull_secrets]
    return {
        "metadata": {
            "labels": {**spec.pod_labels, **labels(model.metadata.name)},
            "annotations": dict(spec.pod_annotations),
        },
        "spec": pod,
    }


def serving_image(model: InferenceModel, settings: Settings) -> str:
    """The user's image, or the operator's default for the device."""
    default = settings.serving_cpu_image if model.spec.device is Device.CPU else settings.serving_image
    return model.spec.engine.image or default


def _engine(
    model: InferenceModel, settings: Settings, image: str, source: Weights, mounts: list[dict[str, Any]]
) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": ENGINE_CONTAINER,
        "image": image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": list(COMMAND),
        "args": engine_arguments(model, source.path),
        "env": engine_environment(model),
        "ports": [{"name": PORT_NAME, "containerPort": PORT, "protocol": "TCP"}],
        **probes(model),
        "lifecycle": lifecycle(),
        "securityContext": container_security_context(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            *mounts,
            *(mount.model_dump(by_alias=True, exclude_none=True) for mount in model.spec.volume_mounts),
        ],
    }
    if resources := engine_resources(model):
        container["resources"] = resources
    return container
