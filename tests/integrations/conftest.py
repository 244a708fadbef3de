"""Tests with what others make: each builds on tools of the group `integrations` (tests/kind/tools.py)."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e import cluster, release
from tests.e2e.diagnosis import diagnose
from tests.e2e.kubectl import Kubectl
from tests.integrations.jaeger import Jaeger


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.integrations)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failure in the cluster what a person would look at there."""
    report = yield
    shown = [one for one in getattr(item, "funcargs", {}).values() if isinstance(one, Kubectl)]
    if report.failed and shown and item.path.is_relative_to(Path(__file__).parent):
        namespaces = dict.fromkeys([*(one.namespace for one in shown), release.NAMESPACE])
        report.sections.append(("cluster", diagnose([*namespaces])))
    return report


@pytest.fixture(scope="session")
def operator() -> Kubectl:
    """The operator as it is now, with the usual values; kubectl in its namespace."""
    cluster.ensure()
    release.Release().install()
    release.renew_stale_pods()
    return Kubectl(release.NAMESPACE)


@pytest.fixture(scope="module")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    """A Jaeger that runs until the file's tests have ended."""
    started = Jaeger(tmp_path_factory.mktemp("jaeger"))
    started.start()
    yield started
    started.stop()
