"""The model that the tests of the contract ask: all that a client may meet is on, and its limits are low."""

from typing import Any, Final

NAMES: Final = ("smollm2", "second-name")
KEYS_SECRET: Final = "contract-keys"  # noqa: S105
ORIGIN: Final = "https://app.example"
CARD: Final = "Pay with 4111111111111111 please"

BODY_BYTES: Final = 20_000
PROMPTS: Final = 4
PROMPT_TOKENS: Final = 300
NEW_TOKENS: Final = 1500
DEFAULT_TOKENS: Final = 8
# About a token a word.
TOO_LONG: Final = "word " * 400


def manifest(name: str, namespace: str) -> dict[str, Any]:
    """The InferenceModel, SmolLM2 on the CPU."""
    return {
        "apiVersion": "inference.sirocco.dev/v1alpha1",
        "kind": "InferenceModel",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "model": {"uri": "oci://sirocco/smollm2-135m-instruct:1"},
            "device": "cpu",
            "servedNames": list(NAMES),
            "engine": {
                "maxModelLen": 2048,
                "enforceEager": True,
                "env": [
                    {"name": "VLLM_CPU_KVCACHE_SPACE", "value": "1"},
                    {"name": "OMP_NUM_THREADS", "value": "1"},
                ],
                "generation": {"temperature": 0, "maxTokens": DEFAULT_TOKENS},
            },
            "resources": {"requests": {"cpu": "100m", "memory": "2Gi"}, "limits": {"memory": "6Gi"}},
            "access": {
                "keysSecretName": KEYS_SECRET,
                "allowedOrigins": [ORIGIN],
                "deniedPatterns": [{"name": "cards", "pattern": r"\b[0-9]{16}\b"}],
            },
            "limits": {
                "bodyBytes": BODY_BYTES,
                "prompts": PROMPTS,
                "promptTokens": PROMPT_TOKENS,
                "newTokens": NEW_TOKENS,
                "inFlight": 1,
                "queue": 2,
                "queueSeconds": 60,
                "answerCache": {"bytes": 100_000, "seconds": 600},
            },
        },
    }
