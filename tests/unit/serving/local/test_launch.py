"""Without Kubernetes a server is started as in a pod."""

from pathlib import Path
from typing import Any

import pytest

from sirocco_serving.config import Settings, TracingSettings
from sirocco_serving.local.launch import (
    WrongVariablesError,
    arguments,
    complete,
    engine_environment,
    read_variables,
)
from tests.unit.children.rendering import engine

MODEL = {"MODEL_ID": "mistralai/Mistral-7B-Instruct-v0.3"}
VARIABLES = MODEL | {
    "TENSOR_PARALLEL_SIZE": "2",
    "GPU_MEMORY_UTILIZATION": "0.85",
    "MAX_MODEL_LEN": "8192",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317",
}
SPEC: dict[str, Any] = {
    "servedNames": [MODEL["MODEL_ID"]],
    "tensorParallel": 2,
    "engine": {"gpuMemoryUtilization": 0.85, "maxModelLen": 8192},
    "tracing": {"endpoint": "http://collector:4317"},
}
SETTINGS = Path("/tmp/serving.json")  # noqa: S108


def command(variables: dict[str, str], *more: str) -> list[str]:
    parsed = read_variables(variables)
    return arguments(parsed, parsed.path(Path("/models")), complete(Settings(), parsed), more)


def problems(**variables: str) -> tuple[str, ...]:
    with pytest.raises(WrongVariablesError) as raised:
        read_variables(MODEL | variables)
    return raised.value.lines


@pytest.mark.parametrize(
    ("variables", "spec"), [(MODEL, {"servedNames": SPEC["servedNames"]}), (VARIABLES, SPEC)]
)
def test_the_command_is_that_of_a_pod(variables: dict[str, str], spec: dict[str, Any]) -> None:
    container = engine(**spec)
    assert ["vllm", "serve", *command(variables)] == container["command"] + container["args"]


def test_the_variables_are_those_of_a_pod() -> None:
    parsed = read_variables(VARIABLES)
    ours = engine_environment({}, complete(Settings(), parsed), SETTINGS)
    pods = {each["name"]: each["value"] for each in engine(**SPEC)["env"] if "value" in each}
    assert "$(SIROCCO_POD_NAME)" in pods.pop("OTEL_RESOURCE_ATTRIBUTES"), "only a pod has a pod's name"
    assert pods["SIROCCO_SERVING_CONFIG"] == "/etc/sirocco/serving.json"
    assert ours == pods | {
        "SIROCCO_SERVING_CONFIG": str(SETTINGS),
        "OTEL_SERVICE_NAME": MODEL["MODEL_ID"],
    }


def test_the_engine_does_not_get_the_hubs_token() -> None:
    given = VARIABLES | {"HUGGING_FACE_HUB_TOKEN": "hf_secret", "HF_TOKEN": "hf_secret", "HOME": "/cache"}
    passed = engine_environment(given, Settings(), SETTINGS)
    assert "hf_secret" not in str(passed)
    assert passed["HOME"] == "/cache"


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    assert command(MODEL | dict.fromkeys(VARIABLES.keys() - MODEL.keys(), "")) == command(MODEL)


def test_more_flags_come_last() -> None:
    assert command(MODEL, "--enforce-eager", "--seed", "1")[-3:] == ["--enforce-eager", "--seed", "1"]


def test_a_folder_is_served_from_where_it_is_under_its_name() -> None:
    flags = command({"MODEL_ID": "/models/smollm2"})
    assert flags[0] == "/models/smollm2"
    assert flags[flags.index("--served-model-name") + 1] == "smollm2"


def test_another_revision_has_another_folder() -> None:
    assert command(MODEL | {"MODEL_REVISION": "refs/pr/7"})[0] == (
        "/models/mistralai--Mistral-7B-Instruct-v0.3--refs--pr--7"
    )


def test_the_variable_names_the_collector_and_the_file_the_share_of_traces() -> None:
    settings = Settings(tracing=TracingSettings(endpoint="http://other:4317", sample_ratio=0.1))
    merged = complete(settings, read_variables(VARIABLES)).tracing
    assert merged == TracingSettings(endpoint="http://collector:4317", sample_ratio=0.1)


def test_the_files_own_name_of_the_model_stays() -> None:
    assert complete(Settings(model="mistral"), read_variables(MODEL)).model == "mistral"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("MODEL_ID", "", "a repository of the Hugging Face hub"),
        ("MODEL_ID", "Mistral", "a repository of the Hugging Face hub"),
        ("MODEL_ID", "hf://org/name", "a repository of the Hugging Face hub"),
        ("MODEL_ID", "/", "the absolute path of a folder"),
        ("MODEL_REVISION", "../x", "a commit, tag or branch"),
        ("TENSOR_PARALLEL_SIZE", "two", "a number of GPUs, 1 or more"),
        ("TENSOR_PARALLEL_SIZE", "0", "a number of GPUs, 1 or more"),
        ("GPU_MEMORY_UTILIZATION", "90%", "above 0 to 1"),
        ("GPU_MEMORY_UTILIZATION", "0", "above 0 to 1"),
        ("GPU_MEMORY_UTILIZATION", "nan", "above 0 to 1"),
        ("MAX_MODEL_LEN", "-1", "a number of tokens"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "http://HOST[:PORT]"),
    ],
)
def test_a_wrong_value_is_reported_with_its_name_and_what_is_allowed(
    name: str, value: str, allowed: str
) -> None:
    (line,) = problems(**{name: value})
    assert line.startswith(f"{name}: must be ")
    assert allowed in line


def test_all_wrong_values_are_reported_at_once_and_none_is_repeated() -> None:
    lines = problems(MODEL_ID="hf_secret", TENSOR_PARALLEL_SIZE="hf_secret", MAX_MODEL_LEN="hf_secret")
    assert [line.partition(":")[0] for line in lines] == ["MODEL_ID", "TENSOR_PARALLEL_SIZE", "MAX_MODEL_LEN"]
    assert "hf_secret" not in "".join(lines)
