"""One real vLLM for the whole session, in a container as strict as a pod and with all of the contract on."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sirocco_operator.api.parse import parse
from sirocco_operator.children.serving_config import INTERNAL_KEY, INTERNAL_PATH, KEYS_PATH, serving_json
from tests.contract.issued import HOLDERS, INTERNAL, issue
from tests.contract.model import manifest
from tests.contract.server import Server
from tests.kind.paths import REPOSITORY
from tests.serving.container import QUICK, Container, copy_model, start

INTERNAL_KEY_TEXT = f"{INTERNAL:x<43}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.vllm)


@pytest.fixture(scope="session")
def images() -> None:
    """The images as the sources are now, and a Docker that runs."""
    subprocess.run([sys.executable, "-m", "tests.kind", "images"], cwd=REPOSITORY, check=True)


@pytest.fixture(scope="session")
def model(images: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with SmolLM2's weights, readable for everyone."""
    return copy_model(tmp_path_factory.mktemp("model"))


@dataclass(frozen=True)
class KeysFolder:
    """The folder of the keys' entries, as the Secret's volume in a pod, and the keys by name."""

    path: Path
    keys: dict[str, str]

    def issue(self, name: str, *options: str) -> str:
        """Make a key, or another one in its place, and let it in; returns the key."""
        issued = issue(name, *options)
        (self.path / name).write_text(issued.entry(name))
        return issued.key


@pytest.fixture(scope="session")
def keys_folder(tmp_path_factory: pytest.TempPathFactory) -> KeysFolder:
    """The keys that the session's server knows; tests may add others."""
    folder = KeysFolder(tmp_path_factory.mktemp("keys"), {})
    folder.path.chmod(0o755)
    folder.keys.update({name: folder.issue(name, *options) for name, options in HOLDERS.items()})
    return folder


@pytest.fixture(scope="session")
def container(
    model: Path, keys_folder: KeysFolder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    """VLLM with our layer, ready, its settings those that the operator writes for the contract's model.

    The last test of test_vllm.py stops it.
    """
    internal = tmp_path_factory.mktemp("internal")
    internal.chmod(0o755)
    (internal / INTERNAL_KEY).write_text(INTERNAL_KEY_TEXT)
    options = [f"--volume={keys_folder.path}:{KEYS_PATH}:ro", f"--volume={internal}:{INTERNAL_PATH}:ro"]
    settings = json.loads(serving_json(parse(manifest("contract", "default"))))
    # Sooner than in a pod, where a Service must first stop sending.
    settings["drain"]["settle_seconds"] = 1
    folder = tmp_path_factory.mktemp("settings")
    started = start(
        "sirocco/serving-cpu:dev", model, folder, json.dumps(settings), arguments=QUICK, options=options
    )
    with started as container:
        container.wait_until_ready(400, key=INTERNAL_KEY_TEXT)
        yield container


@pytest.fixture(scope="session")
def server(container: Container, keys_folder: KeysFolder) -> Server:
    """What the contract's tests ask."""
    keys = {**keys_folder.keys, INTERNAL: INTERNAL_KEY_TEXT}
    return Server(f"http://127.0.0.1:{container.port}", keys, container.logs)
