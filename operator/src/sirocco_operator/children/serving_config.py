"""The settings file of the serving layer in a model's pods."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.times import SETTLE, drain

FILE_NAME: Final = "serving.json"
# Folders in a pod: one with a file for each client key, one with the operator's own key.
KEYS_PATH: Final = "/etc/sirocco-keys"
INTERNAL_PATH: Final = "/etc/sirocco-internal"
INTERNAL_KEY: Final = "key"


@dataclass(frozen=True)
class SettingsFile:
    """A ConfigMap with the settings: its name, its data, and whether they can change."""

    name: str
    data: Mapping[str, str]
    immutable: bool = True


def has_keys(model: InferenceModel) -> bool:
    """Whether clients need a key."""
    return model.spec.access.keys_secret_name is not None


def serving_json(model: InferenceModel) -> str:
    """The text of the file, always the same for the same resource.

    It has every setting, so that the file alone says how a pod behaves; null means off, or no limit.
    """
    settings = {
        "model": model.metadata.name,
        "drain": {"settle_seconds": SETTLE, "timeout_seconds": drain(model)},
        "generation": model.spec.engine.generation.model_dump(),
        "limits": model.spec.limits.model_dump(exclude={"answer_cache"}),
        "access": _access(model),
        "answer_cache": cache.model_dump() if (cache := model.spec.limits.answer_cache) else None,
        "tracing": tracing.model_dump(exclude={"headers_secret_name"})
        if (tracing := model.spec.tracing)
        else None,
    }
    return json.dumps(settings, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def settings_file(model: InferenceModel) -> SettingsFile:
    """The settings under a name that changes with them, so that a change of settings replaces the pods.

    The keys in their Secret are not among them: the serving layer reloads these by itself.
    """
    text = serving_json(model)
    name = f"{mutable_settings_name(model)}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
    return SettingsFile(name, {FILE_NAME: text})


def mutable_settings_name(model: InferenceModel) -> str:
    """The name under which release 0.1.0 kept the settings, whatever they were."""
    return f"{model.metadata.name}-serving"


def _access(model: InferenceModel) -> dict[str, Any]:
    access = model.spec.access
    keys = has_keys(model)
    return {
        "keys_folder": KEYS_PATH if keys else None,
        "internal_key_file": f"{INTERNAL_PATH}/{INTERNAL_KEY}" if keys else None,
        "allowed_origins": list(access.allowed_origins),
        "denied_patterns": [rule.model_dump() for rule in access.denied_patterns],
    }
