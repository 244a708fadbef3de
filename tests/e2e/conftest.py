"""What end-to-end tests share: the cluster, the operator in it, a client pod, one real model.

They run in several processes of pytest-xdist, each with a namespace and a client of its own. A module marked
`alone` changes the operator or the API server, which all share, and has the cluster to itself. These modules
and those that ask the shared model run in one process (tests/scheduling.py), so that there is one such model.
"""

import fcntl
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e import cluster, models, release
from tests.e2e.client import Client
from tests.e2e.diagnosis import diagnose
from tests.e2e.kubectl import Kubectl
from tests.e2e.namespaces import fresh_namespace
from tests.e2e.watch import Watch

NAMESPACE: Final = "-".join(filter(None, ("sirocco-e2e", os.environ.get("PYTEST_XDIST_WORKER"))))
SHARED: Final = "shared"


@dataclass(frozen=True)
class SharedModel:
    """The real model that many tests ask, and each state that it was seen in."""

    name: str
    history: list[dict[str, Any]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder, and put last what runs alone."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.e2e)
    items.sort(key=_alone)


def _alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure's report what a person would look at in the cluster."""
    report = yield
    if report.failed and item.path.is_relative_to(Path(__file__).parent):
        report.sections.append(("cluster", diagnose([NAMESPACE, release.NAMESPACE])))
    return report


@contextmanager
def _locked(name: str, mode: int) -> Iterator[None]:
    """Hold a lock among this machine's processes, `mode` as fcntl has it."""
    with (Path(tempfile.gettempdir()) / f"sirocco-e2e-{name}.lock").open("w") as file:
        fcntl.flock(file, mode)
        yield


@pytest.fixture(scope="module", autouse=True)
def _turn(request: pytest.FixtureRequest) -> Iterator[None]:
    """Wait until no module runs that must be alone; and such a module, until no other runs."""
    with _locked("turn", fcntl.LOCK_EX if _alone(request.node) else fcntl.LOCK_SH):
        yield


@pytest.fixture(scope="session")
def operator() -> Kubectl:
    """The operator, installed and available; returns kubectl in its namespace."""
    with _locked("install", fcntl.LOCK_EX):
        cluster.ensure()
        _give_kube_proxy_its_share()
        release.Release().install()
        release.renew_stale_pods()
        # The demo's model would take the room that the tests' need; `make demo` makes it again.
        Kubectl().delete("imodel", models.sample()["metadata"]["name"])
    return Kubectl(release.NAMESPACE)


def _give_kube_proxy_its_share() -> None:
    """Let Services follow their pods while engines take every core: kube-proxy asks for no CPU by itself."""
    kubectl = Kubectl("kube-system")
    kubectl.run("set", "resources", "daemonset/kube-proxy", "--requests=cpu=100m")
    kubectl.run("rollout", "status", "daemonset/kube-proxy", "--timeout=2m", timeout=150)


@pytest.fixture(scope="session")
def kubectl(operator: Kubectl) -> Iterator[Kubectl]:
    """A fresh namespace that admits only pods of the restricted kind."""
    kubectl = Kubectl(NAMESPACE)
    with fresh_namespace(kubectl):
        yield kubectl


@pytest.fixture(scope="session")
def client(kubectl: Kubectl) -> Client:
    """A pod inside the cluster that asks."""
    client = Client(kubectl)
    client.start()
    return client


@pytest.fixture(scope="session")
def shared_start(kubectl: Kubectl) -> Iterator[Watch]:
    """Begin to start the shared model."""
    with kubectl.watch("inferencemodels", SHARED) as watch:
        kubectl.apply(shared_manifest())
        yield watch


def shared_manifest() -> models.Manifest:
    """The sample, not so large that it starves others on two cores."""
    return {**models.modest(models.sample()), "metadata": {"name": SHARED}}


@pytest.fixture(scope="session")
def shared(shared_start: Watch) -> SharedModel:
    """The real model, ready."""
    shared_start.until(
        lambda objects: models.reason(objects.get(SHARED)) == "Ready", "the shared model to be ready", 600
    )
    return SharedModel(SHARED, list(shared_start.history))
