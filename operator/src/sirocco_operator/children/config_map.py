"""The ConfigMap with the serving layer's settings."""

from typing import Any

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.manifest import manifest
from sirocco_operator.children.serving_config import FILE_NAME, serving_json
from sirocco_operator.kube.kinds import CONFIG_MAP


def config_map_name(model: InferenceModel) -> str:
    """A name of its own, as a user's ConfigMap is likely to have the model's."""
    return f"{model.metadata.name}-serving"


def build_config_map(model: InferenceModel) -> dict[str, Any]:
    """The settings as one file, mounted into every pod."""
    return {
        **manifest(CONFIG_MAP, model, name=config_map_name(model)),
        "data": {FILE_NAME: serving_json(model)},
    }
