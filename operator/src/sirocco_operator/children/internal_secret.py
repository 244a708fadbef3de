"""The Secret with the internal key, by which scrapers and the operator use a model's closed routes."""

import base64
from typing import Any

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.manifest import manifest
from sirocco_operator.children.serving_config import INTERNAL_KEY
from sirocco_operator.kube.kinds import SECRET


def internal_secret_name(model: str) -> str:
    """The Secret's name; the model's own name is likely to be taken by a user's Secret."""
    return f"{model}-internal"


def build_internal_secret(model: InferenceModel, key: str) -> dict[str, Any]:
    """The Secret with this key. It is not one of the children, because it is written once and then kept."""
    return {
        **manifest(SECRET, model, name=internal_secret_name(model.metadata.name)),
        "type": "Opaque",
        "data": {INTERNAL_KEY: base64.b64encode(key.encode()).decode()},
    }
