"""What takes minutes by its nature, with the fixtures of the suites that hold its smaller forms."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import client, cluster, namespace
from tests.api.control_plane import ControlPlane
from tests.api.operator_process import OperatorProcess, install_rights
from tests.faults.record import record, rows
from tests.serving.conftest import images, model

__all__ = ["client", "cluster", "images", "model", "namespace", "record"]


# That of an installation: the shorter one of other tests is lost on a busy machine.
LEASE_SECONDS = "15"


@pytest.fixture(scope="module")
def operator(cluster: ControlPlane) -> Iterator[OperatorProcess]:
    """A module's operator: the next module may have another kind of one, and never two at a time."""
    install_rights(cluster.client)
    with OperatorProcess(cluster, lease_seconds=LEASE_SECONDS) as process:
        yield process
        process.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the rows of docs/reliability.md."""
    for row in rows(terminalreporter.getreports("passed")):
        terminalreporter.write_line(row)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.faults)
