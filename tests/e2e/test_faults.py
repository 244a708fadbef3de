"""The operator and the API server end without a word; the cluster still gets to what was asked for."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.e2e import leader, models
from tests.e2e.kubectl import Kubectl
from tests.e2e.namespaces import fresh_namespace, remove
from tests.kind.config import NODE
from tests.kind.docker import docker
from tests.waiting import eventually

pytestmark = pytest.mark.alone

MODEL: Final = "survivor"
API_SERVER: Final = "kube-apiserver"


@pytest.fixture(scope="module")
def survivor(kubectl: Kubectl) -> Iterator[str]:
    """A stopped model: its children are there, and no pods."""
    kubectl.apply(models.stand_in(MODEL, replicas=0))
    kubectl.until("imodel", MODEL, lambda one: models.reason(one) == "Stopped", "stopped")
    yield MODEL
    kubectl.delete("imodel", MODEL)


def delete_deployment(kubectl: Kubectl) -> str:
    """Delete the model's Deployment; returns the uid that it had."""
    deployment = kubectl.get("deployment", MODEL)
    assert deployment
    kubectl.delete("deployment", MODEL, wait=False)
    return str(deployment["metadata"]["uid"])


def until_deployment_is_another(kubectl: Kubectl, uid: str) -> None:
    """Wait until the Deployment is there again."""
    kubectl.until("deployment", MODEL, lambda one: one["metadata"]["uid"] != uid, "there again")


def test_another_takes_over_when_the_leader_is_killed(
    survivor: str, operator: Kubectl, kubectl: Kubectl
) -> None:
    killed = eventually(lambda: leader.name(operator), 60, "a leader", interval=1)
    operator.delete("pod", killed, now=True, wait=False)
    deleted = delete_deployment(kubectl)
    until_deployment_is_another(kubectl, deleted)
    successor = eventually(lambda: leader.name(operator), 60, "another leader", interval=1)
    assert successor != killed


def test_namespace_can_be_deleted_while_an_operator_pod_is_killed(operator: Kubectl) -> None:
    with fresh_namespace(Kubectl("sirocco-e2e-deleted")) as doomed:
        operator.delete("pod", leader.pods(operator)[0], now=True, wait=False)
        remove(doomed)
        assert not operator.get("namespace", doomed.namespace)


def test_desired_state_is_reached_after_a_restart_of_the_api_server(survivor: str, kubectl: Kubectl) -> None:
    process = in_node("pgrep", API_SERVER)
    deleted = delete_deployment(kubectl)
    in_node("pkill", "-KILL", API_SERVER)
    eventually(lambda: is_restarted(kubectl, process), 180, "the API server to be back", interval=1)
    until_deployment_is_another(kubectl, deleted)
    kubectl.patch("imodel", survivor, {"spec": {"servedNames": ["after-the-restart"]}})
    kubectl.until(
        "deployment",
        survivor,
        lambda one: "after-the-restart" in one["spec"]["template"]["spec"]["containers"][0]["args"],
        "as the model says since",
    )


def in_node(*command: str) -> str:
    """Run a program in the cluster's node."""
    return docker("exec", NODE, *command)


def is_restarted(kubectl: Kubectl, process: str) -> bool:
    """Another process than that is the API server, and it is ready."""
    # pgrep ends with status 1 where there is none.
    now = in_node("sh", "-c", f"pgrep {API_SERVER} || true")
    return now not in {"", process} and kubectl.run("get", "--raw", "/readyz") == "ok"
