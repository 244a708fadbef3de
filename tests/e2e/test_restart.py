"""New operator pods in the place of the old: what they write, and whether the metrics API goes on."""

from dataclasses import dataclass
from typing import Final

import pytest

from tests.e2e import audit, leader, release
from tests.e2e.conftest import SharedModel
from tests.e2e.kubectl import Kubectl, KubectlError
from tests.e2e.settling import until_settled
from tests.waiting import eventually

pytestmark = pytest.mark.alone

METRICS_API: Final = "/apis/custom.metrics.k8s.io/v1beta2"


@dataclass(frozen=True)
class Restart:
    """What was seen from the last moment before it until a new leader had looked at every model."""

    writes: list[str]
    # Of calls of the metrics API.
    failures: list[str]


@pytest.fixture(scope="module")
def restart(shared: SharedModel, operator: Kubectl) -> Restart:
    """A restart of the operator while nothing else goes on."""
    until_settled(operator)
    before = set(leader.pods(operator))
    since = audit.position()
    failures: list[str] = []
    operator.run("rollout", "restart", f"deployment/{release.OPERATOR}")

    def renewed() -> bool:
        try:
            operator.run("get", "--raw", METRICS_API)
        except KubectlError as error:
            failures.append(str(error))
        # Those of before are gone to the last, not only about to end.
        return not before & {pod["metadata"]["name"] for pod in operator.list("pods", release.SELECTOR)}

    eventually(renewed, 300, "the operator's pods to be others", interval=0.1, steady=True)
    models_there = len(operator.list_everywhere("imodel"))

    def has_looked_at_every_model() -> bool:
        new = leader.name(operator)
        assert new not in {"", *before}, f"the leader is {new or 'nobody'}"
        told = leader.metrics(operator, new)
        assert told["sirocco_operator_queue_depth"] == 0
        return told["sirocco_operator_objects"] == models_there

    eventually(has_looked_at_every_model, 120, f"a new leader to know {models_there} models")
    return Restart(audit.operator_writes(since), failures)


def test_restart_of_the_operator_writes_nothing_but_the_lease(restart: Restart) -> None:
    assert not restart.writes


def test_metrics_api_answers_through_a_restart_of_the_operator(restart: Restart) -> None:
    assert not restart.failures
