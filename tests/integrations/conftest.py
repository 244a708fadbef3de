"""Tests with what others make: each builds on tools of the group `integrations` (tests/kind/tools.py)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integrations.jaeger import Jaeger


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.integrations)


@pytest.fixture(scope="module")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    """A Jaeger that runs until the file's tests have ended."""
    started = Jaeger(tmp_path_factory.mktemp("jaeger"))
    started.start()
    yield started
    started.stop()
