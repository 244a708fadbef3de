"""Environment variables that `engine.env` may not set."""

from typing import Final

from sirocco_operator.api.crd.rules import Rule

# Variables that the operator sets on the engine's container.
OPERATOR_VARIABLES: Final = (
    "VLLM_PLUGINS",
    "VLLM_ENGINE_READY_TIMEOUT_S",
    "VLLM_NO_USAGE_STATS",
    "VLLM_CPU_OMP_THREADS_BIND",
    "HF_HUB_OFFLINE",
)
# Credentials of the hub, which everybody who reads the resource or the pod could read.
SECRET_VARIABLES: Final = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH")
# Headers that OpenTelemetry's SDK sends to the collector; they usually hold credentials.
COLLECTOR_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")


def _none_of(names: tuple[str, ...]) -> str:
    return "self.all(e, !(e.name in [" + ", ".join(f"'{name}'" for name in names) + "]))"


ENVIRONMENT_RULES: Final = (
    Rule(
        _none_of(OPERATOR_VARIABLES) + " && self.all(e, !e.name.startsWith('SIROCCO_'))",
        f"engine.env may not set {', '.join(OPERATOR_VARIABLES)} or SIROCCO_*: "
        "the operator sets them (the timeout from startup.budgetSeconds); remove the entry",
    ),
    Rule(
        _none_of(SECRET_VARIABLES),
        f"engine.env may not hold {', '.join(SECRET_VARIABLES)}, which everyone who may read the resource "
        "could read: put HF_TOKEN into a Secret and name that in model.secretName",
    ),
    Rule(
        _none_of(COLLECTOR_VARIABLES),
        f"engine.env may not hold {' or '.join(COLLECTOR_VARIABLES)}, which everyone who may read the "
        "resource could read: put OTEL_EXPORTER_OTLP_HEADERS into a Secret and name that in "
        "tracing.headersSecretName",
    ),
    Rule(
        _none_of(("VLLM_SERVER_DEV_MODE",)),
        "engine.env may not set VLLM_SERVER_DEV_MODE, which opens vLLM's unguarded debug routes: remove it",
    ),
    Rule(
        _none_of(("VLLM_API_KEY",)),
        "engine.env may not set VLLM_API_KEY, a key that everyone who may read the resource could read "
        "and that guards only a part of the routes: remove it",
    ),
    Rule(
        _none_of(("PYTHONOPTIMIZE",)),
        "engine.env may not set PYTHONOPTIMIZE, which removes checks that vLLM relies on: remove it",
    ),
)
