"""The vLLM settings that a model may choose."""

from typing import Annotated, Literal

from pydantic import Field

from sirocco_operator.api.base import ApiModel
from sirocco_operator.api.crd.rules import map_keyed_by, with_rules
from sirocco_operator.api.engine_env import ENVIRONMENT_RULES
from sirocco_operator.api.engine_flags import ARGUMENT_RULES, ARGUMENTS_RULES

EngineArgument = Annotated[
    str, Field(min_length=1, max_length=2048, json_schema_extra=with_rules(*ARGUMENT_RULES))
]


class EnvVar(ApiModel):
    """An environment variable with a literal value; secrets come through `model.secretName`."""

    name: str = Field(
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Letters, digits and _, not starting with a digit.",
    )
    value: str = Field(default="", max_length=4096, description="Literal value.")


class Generation(ApiModel):
    """Default sampling of /generate and /generate/batch."""

    temperature: float = Field(
        default=0.7, ge=0, le=2, description="0 always takes the likeliest token; more is more random."
    )
    top_p: float = Field(
        default=0.95, gt=0, le=1, description="Share of the likeliest tokens that are drawn from, above 0."
    )
    max_tokens: int = Field(
        default=256, ge=1, le=10_000_000, description="Most tokens that are generated for a prompt."
    )


class Engine(ApiModel):
    """Settings of vLLM; vLLM's own defaults fill what is not given."""

    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        # ASCII without spaces: Python and the API server do not take the same characters for spaces.
        pattern="^[!-~]+$",
        description="Serving image with Sirocco's layer over vLLM. Default: the operator's for the device.",
    )
    max_model_len: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="Longest prompt plus answer, in tokens (--max-model-len).",
    )
    dtype: Literal["auto", "half", "float16", "bfloat16", "float", "float32"] | None = Field(
        default=None, description="Type of weights and activations (--dtype)."
    )
    quantization: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Quantization method, e.g. awq (--quantization).",
    )
    kv_cache_dtype: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Type of the KV cache, e.g. fp8 (--kv-cache-dtype).",
    )
    gpu_memory_utilization: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Share of each GPU's memory that vLLM takes, above 0 to 1 (--gpu-memory-utilization).",
    )
    max_num_seqs: int | None = Field(
        default=None, ge=1, le=65_536, description="Most sequences in one batch (--max-num-seqs)."
    )
    max_num_batched_tokens: int | None = Field(
        default=None, ge=1, le=10_000_000, description="Most tokens in one batch (--max-num-batched-tokens)."
    )
    enforce_eager: bool = Field(
        default=False, description="No CUDA graphs: less memory, slower (--enforce-eager)."
    )
    trust_remote_code: bool = Field(
        default=False, description="Run the model repository's own Python code (--trust-remote-code)."
    )
    generation: Generation = Field(
        default=Generation(),
        description="Sampling of /generate and /generate/batch, for requests that do not say.",
    )
    args: tuple[EngineArgument, ...] = Field(
        default=(),
        max_length=64,
        description="More `vllm serve` arguments; those that the operator owns are refused.",
        json_schema_extra=with_rules(*ARGUMENTS_RULES),
    )
    env: tuple[EnvVar, ...] = Field(
        default=(),
        max_length=64,
        description="More environment of the engine; what the operator sets is refused.",
        json_schema_extra=with_rules(*ENVIRONMENT_RULES, **map_keyed_by("name")),
    )
