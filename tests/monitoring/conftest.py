"""Marks what lies in this folder; the rules as the chart delivers them."""

from pathlib import Path

import pytest

from tests.monitoring.rules import RULE_FILES, write


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.chart)


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the chart's rules, one file an object."""
    folder = tmp_path_factory.mktemp("rules")
    assert write(folder) == RULE_FILES
    return folder
