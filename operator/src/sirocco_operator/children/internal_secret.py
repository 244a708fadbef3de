"""The Secret with the key that opens a model's metrics and admin routes, for scrapers and the operator."""

import base64
from typing import Any

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.manifest import manifest
from sirocco_operator.children.serving_config import INTERNAL_KEY
from sirocco_operator.kube.kinds import SECRET


def internal_secret_name(model: str) -> str:
    """The name, by the model's: one of its own, as a user's Secret is likely to have the model's."""
    return f"{model}-internal"


def build_internal_secret(model: InferenceModel, key: str) -> dict[str, Any]:
    """The Secret with this key; it is written once and not among the children, which are kept as built."""
    return {
        **manifest(SECRET, model, name=internal_secret_name(model.metadata.name)),
        "type": "Opaque",
        "data": {INTERNAL_KEY: base64.b64encode(key.encode()).decode()},
    }
