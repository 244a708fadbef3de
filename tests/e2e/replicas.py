"""Models of several replicas: waiting for them, and rolling them out anew."""

from tests.e2e import models
from tests.e2e.kubectl import Kubectl
from tests.waiting import eventually


def until_ready(kubectl: Kubectl, name: str, replicas: int) -> None:
    """Wait until as many replicas serve the present specification, and no pod is about to end."""
    kubectl.until(
        "imodel",
        name,
        lambda one: models.reason(one) == "Ready" and one["status"]["readyReplicas"] == replicas,
        f"ready with {replicas} replicas",
        600,
    )
    eventually(lambda: len(pod_uids(kubectl, name)) == replicas, 300, f"{replicas} pods", interval=1)


def pod_uids(kubectl: Kubectl, name: str) -> set[str]:
    """The identities of the model's pods, of those about to end too."""
    return {pod["metadata"]["uid"] for pod in kubectl.list("pods", models.of(name))}


def roll_out(kubectl: Kubectl, name: str, replicas: int) -> None:
    """Replace every pod of a model, and wait for the end of it."""
    before = pod_uids(kubectl, name)
    kubectl.patch("imodel", name, {"spec": {"podAnnotations": {"e2e.sirocco.dev/revision": "2"}}})
    until_ready(kubectl, name, replicas)
    assert before.isdisjoint(pod_uids(kubectl, name))
