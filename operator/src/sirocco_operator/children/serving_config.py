"""The settings of the serving layer in a model's pods."""

import hashlib
import json

from sirocco_operator.children.times import DRAIN, SETTLE

FILE_NAME = "serving.json"


def serving_json() -> str:
    """The file's text; the same settings always give the same text."""
    settings = {"drain": {"settle_seconds": SETTLE, "timeout_seconds": DRAIN}}
    return json.dumps(settings, indent=2, sort_keys=True) + "\n"


def fingerprint() -> str:
    """Changes with the settings: on the pod template it makes a change reach running pods."""
    return hashlib.sha256(serving_json().encode()).hexdigest()[:16]
