"""The paths of the HTTP contract."""

from starlette.types import Scope

METRICS = "/metrics"
# Kubelets probe these without a key.
HEALTH = frozenset({"/health", "/ready", "/live"})
PROBES = HEALTH | {METRICS}
GENERATING = frozenset({"/v1/chat/completions", "/v1/completions", "/generate", "/generate/batch"})
PATHS = PROBES | GENERATING | {"/v1/models", "/openapi.json"}


def generates(scope: Scope) -> bool:
    """Returns whether a request makes the engine generate."""
    return scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in GENERATING


def prompt_field(path: str) -> str:
    """Returns the field that holds the prompt in the body of a route."""
    return {"/v1/chat/completions": "messages", "/generate/batch": "prompts"}.get(path, "prompt")
