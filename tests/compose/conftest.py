"""One real vLLM for the session, started by docker compose on the CPU, with keys on."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.stack import Stack, write_variables
from tests.kind.paths import REPOSITORY
from tests.serving.container import QUICK, copy_model

KEY = "sk-sirocco-for-tests-alone"
TOKEN = "hf_not-for-any-log"  # noqa: S105
SETTINGS = {
    "drain": {"settle_seconds": 1},
    "limits": {"new_tokens": 1000},
    "access": {"keys_folder": "/etc/sirocco/keys"},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.vllm)


def entry(key: str) -> str:
    """What is written into a key's file."""
    return json.dumps({"sha256": hashlib.sha256(key.encode()).hexdigest()})


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with serving.json and the keys."""
    folder = tmp_path_factory.mktemp("settings")
    (folder / "keys").mkdir()
    (folder / "serving.json").write_text(json.dumps(SETTINGS))
    (folder / "keys" / "alice").write_text(entry(KEY))
    for path in (folder, folder / "keys"):
        path.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def variables(settings: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What `.env` holds, but for the weights."""
    return {
        "COMPOSE_FILE": "compose.yaml:compose.cpu.yaml",
        "SERVING_IMAGE": "sirocco/serving-cpu:dev",
        "MODEL_ID": "/models",
        "HUGGING_FACE_HUB_TOKEN": TOKEN,
        "TENSOR_PARALLEL_SIZE": "1",
        "GPU_MEMORY_UTILIZATION": "",
        "MAX_MODEL_LEN": "2048",
        "VLLM_ARGS": " ".join(["--enforce-eager", "--served-model-name", "smollm2", *QUICK]),
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "OMP_NUM_THREADS": "1",
        "LISTEN": "127.0.0.1:0",
        "SETTINGS_FOLDER": str(settings),
    }


@pytest.fixture(scope="session")
def stack(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The server, healthy. The test in test_stop.py ends it."""
    subprocess.run([sys.executable, "-m", "tests.kind", "images"], cwd=REPOSITORY, check=True)
    weights = copy_model(tmp_path_factory.mktemp("model"))
    file = tmp_path_factory.mktemp("variables") / ".env"
    started = Stack("sirocco-test", write_variables(file, {**variables, "MODELS_FOLDER": str(weights)}))
    # What an interrupted run has left.
    started.down()
    try:
        started.up()
        yield started
    finally:
        started.down()
