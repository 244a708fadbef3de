"""The operator's metrics API while its pods come and go."""

from typing import Final

import pytest

from tests.e2e import leader, release
from tests.e2e.kubectl import Kubectl, KubectlError
from tests.e2e.namespaces import fresh_namespace, remove
from tests.waiting import eventually

pytestmark = pytest.mark.alone

METRICS_API: Final = "/apis/custom.metrics.k8s.io/v1beta2"


def test_metrics_api_answers_through_a_restart_of_the_operator(operator: Kubectl) -> None:
    deployment = f"deployment/{release.OPERATOR}"
    before = set(leader.pods(operator))
    failures: list[str] = []
    operator.run("rollout", "restart", deployment)

    def renewed() -> bool:
        try:
            operator.run("get", "--raw", METRICS_API)
        except KubectlError as error:
            failures.append(str(error))
        # Those of before are gone to the last, not only about to end.
        return not before & {pod["metadata"]["name"] for pod in operator.list("pods", release.SELECTOR)}

    eventually(renewed, 300, "the operator's pods to be others", interval=0.1, steady=True)
    assert not failures, failures


def test_namespace_can_be_deleted_while_an_operator_pod_is_killed(operator: Kubectl) -> None:
    with fresh_namespace(Kubectl("sirocco-e2e-deleted")) as doomed:
        operator.delete("pod", leader.pods(operator)[0], now=True, wait=False)
        remove(doomed)
        assert not operator.get("namespace", doomed.namespace)
