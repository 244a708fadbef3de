"""Faults that need nodes: a kind cluster with the operator in it, a namespace and a client of their own."""

from collections.abc import Generator, Iterator
from typing import Final

import pytest

from tests.e2e import release
from tests.e2e.conftest import client, operator
from tests.e2e.diagnosis import diagnose
from tests.e2e.kubectl import Kubectl
from tests.e2e.namespaces import fresh_namespace

__all__ = ["client", "operator"]

NAMESPACE: Final = "sirocco-faults"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure's report what a person would look at in the cluster."""
    report = yield
    if report.failed and "kubectl" in getattr(item, "fixturenames", ()):
        report.sections.append(("cluster", diagnose([NAMESPACE, release.NAMESPACE])))
    return report


@pytest.fixture(scope="session")
def kubectl(operator: Kubectl) -> Iterator[Kubectl]:
    """A fresh namespace that admits only pods of the restricted kind."""
    kubectl = Kubectl(NAMESPACE)
    with fresh_namespace(kubectl):
        yield kubectl
