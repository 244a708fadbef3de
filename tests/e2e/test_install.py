"""The chart as a person installs, tests and removes it."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.e2e import models, release
from tests.e2e.conftest import SharedModel
from tests.e2e.kubectl import Kubectl
from tests.e2e.namespaces import fresh_namespace, remove
from tests.e2e.release import Release
from tests.e2e.replicas import pod_uids

pytestmark = pytest.mark.alone

SECOND: Final = "second"
WATCHED: Final = "sirocco-e2e-watched"
CRD: Final = "inferencemodels.inference.sirocco.dev"


@pytest.fixture
def watched() -> Iterator[Kubectl]:
    """A namespace that an operator of its own is told to watch."""
    with fresh_namespace(Kubectl(WATCHED)) as kubectl:
        yield kubectl


def test_chart_passes_its_own_test(operator: Kubectl) -> None:
    assert "Succeeded" in Release().test()


@pytest.fixture(scope="module")
def uninstalled(shared: SharedModel, operator: Kubectl, kubectl: Kubectl) -> Iterator[set[str]]:
    """The release removed while a model serves; the identities of its pods before."""
    before = pod_uids(kubectl, shared.name)
    Release().uninstall()
    yield before
    Release().install()


def test_uninstalling_keeps_the_models(
    uninstalled: set[str], shared: SharedModel, operator: Kubectl, kubectl: Kubectl
) -> None:
    assert not operator.get("deployment", release.OPERATOR)
    assert kubectl.get("crd", CRD)
    assert kubectl.get("imodel", shared.name)


def test_namespace_can_be_deleted_after_uninstalling(uninstalled: set[str], operator: Kubectl) -> None:
    with fresh_namespace(Kubectl("sirocco-e2e-deleted")) as doomed:
        remove(doomed)
        assert not operator.get("namespace", doomed.namespace)


def test_helm_3_installs_an_operator_for_given_namespaces(
    uninstalled: set[str], watched: Kubectl, kubectl: Kubectl
) -> None:
    second = Release(SECOND, f"{WATCHED}-operator", "helm3")
    values = {
        **release.VALUES,
        "replicas": 1,
        "crds": {"install": False},
        "watchNamespaces": [WATCHED],
    }
    with fresh_namespace(Kubectl(second.namespace)):
        second.install(values)
        try:
            watched.apply(models.stand_in("inside", replicas=0))
            kubectl.apply(models.stand_in("outside", replicas=0))
            watched.until("imodel", "inside", lambda one: models.reason(one) == "Stopped", "stopped")
            outside = kubectl.get("imodel", "outside")
            assert outside
            assert outside["status"] == {"observedGeneration": -1}
            assert "Succeeded" in second.test()
        finally:
            kubectl.delete("imodel", "outside")
            second.uninstall()


def test_new_release_serves_on_with_the_same_pods(
    uninstalled: set[str], shared: SharedModel, kubectl: Kubectl
) -> None:
    Release().install()
    kubectl.until("imodel", shared.name, lambda one: models.reason(one) == "Ready", "ready")
    assert pod_uids(kubectl, shared.name) == uninstalled
