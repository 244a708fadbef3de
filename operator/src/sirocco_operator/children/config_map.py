"""The ConfigMap with the serving layer's settings."""

from typing import Any

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.manifest import manifest
from sirocco_operator.children.serving_config import FILE_NAME, serving_json
from sirocco_operator.kube.kinds import CONFIG_MAP


def config_map_name(model: InferenceModel) -> str:
    """The ConfigMap's name; the model's own name is likely to be taken by a user's ConfigMap."""
    return f"{model.metadata.name}-serving"


def build_config_map(model: InferenceModel) -> dict[str, Any]:
    """A ConfigMap with the settings as one file, which every pod mounts."""
    return {
        **manifest(CONFIG_MAP, model, name=config_map_name(model)),
        "data": {FILE_NAME: serving_json(model)},
    }
