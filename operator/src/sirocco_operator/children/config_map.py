"""The ConfigMap with the serving layer's settings.

It is named by its content and never changes: a pod that restarts, of whatever revision, finds its own.
"""

from typing import Any

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.manifest import manifest
from sirocco_operator.children.serving_config import SettingsFile
from sirocco_operator.kube.kinds import CONFIG_MAP


def build_config_map(model: InferenceModel, settings: SettingsFile) -> dict[str, Any]:
    """A ConfigMap with the settings as one file, which the pods of a revision mount."""
    immutable = {"immutable": True} if settings.immutable else {}
    return {
        **manifest(CONFIG_MAP, model, name=settings.name),
        "data": dict(settings.data),
        **immutable,
    }
