"""Many resources at once."""

from collections.abc import Iterator
from typing import Final

import pytest

from sirocco_operator.children.labels import MODEL_LABEL
from tests.e2e import models
from tests.e2e.kubectl import Kubectl

SERVING: Final = [f"many-{number:02}" for number in range(6)]
STOPPED: Final = [f"many-{number:02}" for number in range(6, 50)]
CHILDREN: Final = ("deployments", "services", "serviceaccounts", "configmaps", "controllerrevisions")


@pytest.fixture
def fifty(kubectl: Kubectl) -> Iterator[list[str]]:
    """Fifty models in one request: six that serve, each with a GPU, the others stopped."""
    kubectl.apply(
        *(models.stand_in(name, device="gpu") for name in SERVING),
        *(models.stand_in(name, replicas=0) for name in STOPPED),
    )
    yield [*SERVING, *STOPPED]
    kubectl.delete("imodel", *SERVING, *STOPPED)


def test_fifty_models_applied_at_once_all_get_there(fifty: list[str], kubectl: Kubectl) -> None:
    wanted = dict.fromkeys(SERVING, "Ready") | dict.fromkeys(STOPPED, "Stopped")
    with kubectl.watch("imodel") as watch:
        watch.until(
            lambda found: all(models.reason(found.get(name)) == wanted[name] for name in wanted),
            "six models to be ready and 44 stopped",
            420,
        )
    for kind in CHILDREN:
        owners = {one["metadata"]["labels"][MODEL_LABEL] for one in kubectl.list(kind, models.OURS)}
        assert owners >= set(fifty), kind
