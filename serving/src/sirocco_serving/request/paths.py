"""The paths of the contract, and which of them ask the engine for tokens."""

from starlette.types import Scope

METRICS = "/metrics"
# What kubelets ask for; never behind a key.
HEALTH = frozenset({"/health", "/ready", "/live"})
PROBES = HEALTH | {METRICS}
GENERATING = frozenset({"/v1/chat/completions", "/v1/completions", "/generate", "/generate/batch"})
PATHS = PROBES | GENERATING | {"/v1/models", "/openapi.json"}


def generates(scope: Scope) -> bool:
    """Whether a request asks the engine for tokens."""
    return scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in GENERATING


def prompt_field(path: str) -> str:
    """The field that holds the prompt in the body of a route."""
    return {"/v1/chat/completions": "messages", "/generate/batch": "prompts"}.get(path, "prompt")
