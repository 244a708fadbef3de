"""The settings file of a model without settings, as the operator writes it and the serving layer reads it."""

from typing import Any, Final

DEFAULTS: Final[dict[str, Any]] = {
    "model": "mistral",
    "drain": {"settle_seconds": 6, "timeout_seconds": 600},
    "generation": {"temperature": 0.7, "top_p": 0.95, "max_tokens": 256},
    "limits": {
        "body_bytes": 10485760,
        "prompts": 64,
        "prompt_tokens": None,
        "new_tokens": None,
        "in_flight": None,
        "queue": 256,
        "queue_seconds": 30,
    },
    "access": {
        "keys_folder": None,
        "internal_key_file": None,
        "allowed_origins": [],
        "denied_patterns": [],
    },
    "answer_cache": None,
    "tracing": None,
}
