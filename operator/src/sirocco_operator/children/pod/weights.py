"""How the weights reach the engine: an init container downloads them, or a volume holds them."""

from dataclasses import dataclass
from typing import Any, Final

from sirocco_operator.api.model_source import ClaimSource, HubSource, ImageSource, parse_uri
from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.pod.environment import user_environment, variables_list
from sirocco_operator.children.pod.security import container_security_context
from sirocco_operator.children.pod.volumes import PodVolume, cache, tmp
from sirocco_operator.settings import Settings

DOWNLOAD_CONTAINER: Final = "download"
PROGRESS_PORT: Final = 8001
# Enough for the largest models that fit one GPU; larger ones need `cache.sizeLimit`, or deserve a claim.
DOWNLOAD_SIZE_LIMIT: Final = "100Gi"

_MODELS: Final = "/models"
_MODEL: Final = "/model"


@dataclass(frozen=True)
class Weights:
    """The weights in a pod: the path for vLLM, its volume, and the init containers that fill it."""

    path: str
    volume: PodVolume
    init_containers: tuple[dict[str, Any], ...] = ()


def weights(model: InferenceModel, settings: Settings, image: str) -> Weights:
    """The weights of `model.uri`; `image` is the serving image, which contains the downloader."""
    source = parse_uri(model.spec.model.uri, model.spec.model.revision)
    match source:
        case HubSource():
            return _downloaded(source, model, settings, image)
        case ClaimSource(claim=claim, path=path):
            volume = {"name": "model", "persistentVolumeClaim": {"claimName": claim}}
            return Weights(f"{_MODEL}/{path}" if path else _MODEL, _mounted(volume))
        case ImageSource(reference=reference):
            image_source = {"reference": reference, "pullPolicy": settings.image_pull_policy}
            return Weights(_MODEL, _mounted({"name": "model", "image": image_source}))


def _mounted(volume: dict[str, Any]) -> PodVolume:
    return PodVolume(volume, {"name": "model", "mountPath": _MODEL, "readOnly": True})


def _downloaded(source: HubSource, model: InferenceModel, settings: Settings, image: str) -> Weights:
    path = f"{_MODELS}/{f'{source.repository}--{source.revision}'.replace('/', '--')}"
    volume: dict[str, Any] = {"name": "models"}
    kept = model.spec.cache
    if kept is not None and kept.claim_name is not None:
        volume["persistentVolumeClaim"] = {"claimName": kept.claim_name}
    else:
        size_limit = kept.size_limit if kept is not None else None
        volume["emptyDir"] = {"sizeLimit": size_limit or DOWNLOAD_SIZE_LIMIT}
    download = {
        "name": DOWNLOAD_CONTAINER,
        "image": image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": ["python3", "-m", "sirocco_serving.download"],
        "args": [
            *("--repository", source.repository),
            *("--revision", source.revision),
            *("--target", path),
            *("--progress-port", str(PROGRESS_PORT)),
        ],
        "ports": [{"name": "progress", "containerPort": PROGRESS_PORT, "protocol": "TCP"}],
        **_download_environment(model),
        **_download_resources(model),
        "securityContext": container_security_context(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "models", "mountPath": _MODELS}, cache().mount, tmp().mount],
    }
    mount = {"name": "models", "mountPath": _MODELS, "readOnly": True}
    return Weights(path, PodVolume(volume, mount), (download,))


def _download_environment(model: InferenceModel) -> dict[str, Any]:
    """The Secret's keys, which no other container gets, and the user's variables, e.g. for a proxy."""
    environment: dict[str, Any] = {}
    if variables := user_environment(model):
        environment["env"] = variables_list(variables)
    if model.spec.model.secret_name is not None:
        environment["envFrom"] = [{"secretRef": {"name": model.spec.model.secret_name}}]
    return environment


def _download_resources(model: InferenceModel) -> dict[str, Any]:
    """The engine's resources without devices; the download ends first, so the pod needs no more."""
    resources = {
        kind: kept
        for kind, amounts in (
            ("requests", model.spec.resources.requests),
            ("limits", model.spec.resources.limits),
        )
        if (
            kept := {
                name: amounts[name] for name in ("cpu", "memory", "ephemeral-storage") if name in amounts
            }
        )
    }
    return {"resources": resources} if resources else {}
