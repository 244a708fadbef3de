"""A server told by its environment what to serve, with a program in vLLM's place that prints what it got."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.serving.fake_hub import running
from tests.waiting import eventually

TOKEN = "hf_not-for-any-log"  # noqa: S105
FILES = {"config.json": b"{}", "model.safetensors": os.urandom(3 * 2**20)}
NOBODY_LISTENS = "http://127.0.0.1:9"
LAUNCH = """
import sys
from pathlib import Path
from sirocco_serving.local.launch import main

main(Path(sys.argv.pop(1)), Path(sys.argv.pop(1)))
"""
VLLM = f"""#!{sys.executable}
import json, os, sys
settings = open(os.environ["SIROCCO_SERVING_CONFIG"]).read()
print(json.dumps({{"arguments": sys.argv[1:], "environment": dict(os.environ), "settings": settings}}))
"""


def start(folder: Path, environment: Mapping[str, str], *flags: str) -> subprocess.Popen[str]:
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "vllm").write_text(VLLM)
    (programs / "vllm").chmod(0o755)
    given = {"PATH": str(programs), "HF_HOME": str(folder / "home"), "TMPDIR": str(folder), **environment}
    command = [sys.executable, "-c", LAUNCH, str(folder / "models"), str(folder / "serving.json"), *flags]
    return subprocess.Popen(command, env=given, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, list[str]]:
    """Exit status, what vLLM printed, lines of stderr."""
    out, err = process.communicate(timeout=120)
    assert TOKEN not in err
    return process.returncode, out.strip().rpartition("\n")[2], err.splitlines()


def started(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What vLLM was given."""
    status, printed, errors = finish(process)
    assert status == 0, errors
    assert TOKEN not in printed
    got: dict[str, Any] = json.loads(printed)
    got["settings"] = json.loads(got["settings"])
    return got


def test_weights_are_fetched_with_the_token_and_served_without_it(tmp_path: Path) -> None:
    with running(FILES) as hub:
        variables = {"MODEL_ID": "org/name", "HF_ENDPOINT": hub.url, "HUGGING_FACE_HUB_TOKEN": TOKEN}
        got = started(start(tmp_path, variables))
    target = tmp_path / "models" / "org--name--main"
    assert (target / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert hub.tokens == {f"Bearer {TOKEN}"}
    assert got["arguments"][:2] == ["serve", str(target)]
    assert got["environment"]["HF_HUB_OFFLINE"] == "1"


def test_weights_that_are_there_need_no_network(tmp_path: Path) -> None:
    with running(FILES) as hub:
        started(start(tmp_path, {"MODEL_ID": "org/name", "HF_ENDPOINT": hub.url}))
    started(start(tmp_path, {"MODEL_ID": "org/name", "HF_ENDPOINT": NOBODY_LISTENS}))


def test_flags_reach_vllm(tmp_path: Path) -> None:
    got = started(start(tmp_path, {"MODEL_ID": str(tmp_path)}, "--enforce-eager"))
    assert got["arguments"][-1] == "--enforce-eager"


def test_the_settings_file_holds_and_the_variables_add_to_it(tmp_path: Path) -> None:
    (tmp_path / "serving.json").write_text('{"limits": {"in_flight": 3}}')
    variables = {"MODEL_ID": str(tmp_path), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}
    settings = started(start(tmp_path, variables))["settings"]
    assert settings["limits"]["in_flight"] == 3
    assert settings["tracing"] == {"endpoint": "http://collector:4317", "sample_ratio": 1}
    assert settings["model"] == tmp_path.name


def test_a_wrong_variable_ends_with_status_2_and_its_name(tmp_path: Path) -> None:
    variables = {"MODEL_ID": str(tmp_path), "TENSOR_PARALLEL_SIZE": "two"}
    status, _, errors = finish(start(tmp_path, variables))
    line = "sirocco launch: TENSOR_PARALLEL_SIZE: must be a number of GPUs, 1 or more"
    assert (status, errors) == (2, [line])


def test_a_folder_that_is_not_there_ends_with_status_2(tmp_path: Path) -> None:
    status, _, errors = finish(start(tmp_path, {"MODEL_ID": "/models/none"}))
    assert (status, len(errors)) == (2, 1)
    assert errors[0].startswith("sirocco launch: MODEL_ID: there is no /models/none in the container")


def test_a_wrong_settings_file_ends_with_the_field(tmp_path: Path) -> None:
    (tmp_path / "serving.json").write_text('{"limits": {"in_fligth": 3}}')
    status, _, errors = finish(start(tmp_path, {"MODEL_ID": str(tmp_path)}))
    assert (status, len(errors)) == (1, 1)
    assert "serving.json is not valid: limits.in_fligth" in errors[0]


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        ((403, "GatedRepo"), "set HUGGING_FACE_HUB_TOKEN to a token whose account has accepted"),
        ((404, "RepoNotFound"), "check MODEL_ID and MODEL_REVISION"),
    ],
)
def test_a_model_that_the_hub_does_not_give_ends_with_what_to_do(
    tmp_path: Path, refusal: tuple[int, str], advice: str
) -> None:
    with running(FILES, refusal=refusal) as hub:
        variables = {"MODEL_ID": "org/name", "HF_ENDPOINT": hub.url, "HUGGING_FACE_HUB_TOKEN": TOKEN}
        status, _, errors = finish(start(tmp_path, variables))
    assert status == 1
    assert errors[-1].startswith("sirocco launch: MODEL_ID: ")
    assert advice in errors[-1]


def test_a_download_is_stopped_by_sigterm(tmp_path: Path) -> None:
    with running(FILES, seconds_a_block=60.0) as hub:
        process = start(tmp_path, {"MODEL_ID": "org/name", "HF_ENDPOINT": hub.url})
        eventually(lambda: hub.downloads("model.safetensors"), 60, "the download to begin")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
