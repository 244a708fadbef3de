"""One real vLLM for the whole session, in a container as strict as a pod."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kind.paths import REPOSITORY
from tests.serving.container import Container, copy_model, start


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


@pytest.fixture(scope="session")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """VLLM with our layer, ready; the tests of a file share it, its last test may stop it."""
    settings = '{"drain": {"settle_seconds": 1, "timeout_seconds": 300}}'
    with start("sirocco/serving-cpu:dev", model, tmp_path_factory.mktemp("settings"), settings) as container:
        container.wait_until_ready(400)
        yield container
