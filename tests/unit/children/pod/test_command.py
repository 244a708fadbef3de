"""The engine's command line."""

import importlib
from itertools import pairwise
from typing import Any

import pytest

from sirocco_operator.children.pod.command import MIDDLEWARE
from tests.unit.children.rendering import engine

pytestmark = pytest.mark.unit


def _arguments(**spec: Any) -> list[str]:
    found: list[str] = engine(**spec)["args"]
    return found


def test_the_smallest_model_runs_vllm_with_our_layer() -> None:
    assert engine()["command"] == ["vllm", "serve"]
    assert _arguments() == [
        "/models/mistralai--Mistral-7B-Instruct-v0.3--main",
        *("--host", "0.0.0.0"),
        *("--port", "8000"),
        *("--served-model-name", "mistral"),
        *("--tensor-parallel-size", "1"),
        *("--middleware", "sirocco_serving.stack.Stack"),
        "--disable-fastapi-docs",
        "--disable-uvicorn-access-log",
        *("--shutdown-timeout", "5"),
    ]


def test_the_middleware_named_is_one_that_the_serving_layer_has() -> None:
    module, _, name = MIDDLEWARE.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))


def test_served_names_take_the_place_of_the_resources_name() -> None:
    arguments = _arguments(servedNames=["mistral-7b", "org/mistral:7b"])
    start = arguments.index("--served-model-name")
    assert arguments[start : start + 4] == [
        "--served-model-name",
        "mistral-7b",
        "org/mistral:7b",
        "--tensor-parallel-size",
    ]


def test_tensor_parallel_is_the_engines_too() -> None:
    assert ("--tensor-parallel-size", "4") in pairwise(_arguments(tensorParallel=4))


@pytest.mark.parametrize(
    ("field", "value", "flag", "text"),
    [
        ("maxModelLen", 8192, "--max-model-len", "8192"),
        ("dtype", "bfloat16", "--dtype", "bfloat16"),
        ("quantization", "awq", "--quantization", "awq"),
        ("kvCacheDtype", "fp8", "--kv-cache-dtype", "fp8"),
        ("gpuMemoryUtilization", 0.95, "--gpu-memory-utilization", "0.95"),
        ("gpuMemoryUtilization", 1, "--gpu-memory-utilization", "1.0"),
        ("maxNumSeqs", 64, "--max-num-seqs", "64"),
        ("maxNumBatchedTokens", 4096, "--max-num-batched-tokens", "4096"),
    ],
)
def test_an_engine_setting_is_its_flag(field: str, value: object, flag: str, text: str) -> None:
    assert (flag, text) in pairwise(_arguments(engine={field: value}))


@pytest.mark.parametrize(
    ("field", "flag"), [("enforceEager", "--enforce-eager"), ("trustRemoteCode", "--trust-remote-code")]
)
def test_a_switch_is_there_only_when_on(field: str, flag: str) -> None:
    assert flag in _arguments(engine={field: True})
    assert flag not in _arguments(engine={field: False})


def test_the_users_own_arguments_come_last_as_given() -> None:
    own = ["--max-num-seqs=32", "--enable-prefix-caching", "--seed", "7"]
    assert _arguments(engine={"args": own, "maxModelLen": 512})[-4:] == own


def test_a_traced_models_engine_sends_its_own_spans_too() -> None:
    traced = _arguments(tracing={"endpoint": "http://collector:4317"})
    assert ("--otlp-traces-endpoint", "http://collector:4317") in pairwise(traced)
