"""The command line of the engine, as `kubectl describe pod` shows it."""

from typing import Final

from sirocco_operator.api.engine import Engine
from sirocco_operator.api.v1alpha1 import InferenceModel

PORT: Final = 8000
COMMAND: Final = ("vllm", "serve")
MIDDLEWARE: Final = "sirocco_serving.stack.Stack"
# Seconds for streams that are still open when the engine stops; by then the drain has ended them.
SHUTDOWN_TIMEOUT: Final = 5


def engine_arguments(model: InferenceModel, model_path: str) -> list[str]:
    """Arguments of `vllm serve`: ours, then the engine's settings, then the user's, which win."""
    spec = model.spec
    return [
        model_path,
        *("--host", "0.0.0.0"),  # noqa: S104 - the pod's network, reached through the Service
        *("--port", str(PORT)),
        *("--served-model-name", *(spec.served_names or (model.metadata.name,))),
        *("--tensor-parallel-size", str(spec.tensor_parallel)),
        *("--middleware", MIDDLEWARE),
        "--disable-fastapi-docs",
        # That log repeats what clients send, e.g. a key in a query; the serving layer logs requests itself.
        "--disable-uvicorn-access-log",
        *("--shutdown-timeout", str(SHUTDOWN_TIMEOUT)),
        *(("--otlp-traces-endpoint", spec.tracing.endpoint) if spec.tracing else ()),
        *_engine_flags(spec.engine),
        *spec.engine.args,
    ]


def _engine_flags(engine: Engine) -> list[str]:
    settings = {
        "--max-model-len": engine.max_model_len,
        "--dtype": engine.dtype,
        "--quantization": engine.quantization,
        "--kv-cache-dtype": engine.kv_cache_dtype,
        "--gpu-memory-utilization": engine.gpu_memory_utilization,
        "--max-num-seqs": engine.max_num_seqs,
        "--max-num-batched-tokens": engine.max_num_batched_tokens,
    }
    switches = {"--enforce-eager": engine.enforce_eager, "--trust-remote-code": engine.trust_remote_code}
    flags = [part for flag, value in settings.items() if value is not None for part in (flag, str(value))]
    return flags + [flag for flag, on in switches.items() if on]
