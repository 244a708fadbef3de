"""A mutating webhook has a say in every Deployment, and is out of order for a minute."""

import time

from tests.api.client import Client, Object
from tests.api.control_plane import ControlPlane
from tests.api.kubelet import Kubelet
from tests.api.models import model
from tests.api.operator_process import OperatorProcess
from tests.api.test_edits import mirror_images
from tests.api.webhook import mutated
from tests.faults.record import Record
from tests.faults.settled import wait_settled
from tests.waiting import eventually

MODELS = 10
MINUTE = 60.0
# By then a model says what it waits for.
TOLD_SECONDS = 10.0


def mesh(deployment: Object) -> list[Object]:
    """Images come from a mirror, and pods get a label and another time to end."""
    path = "/spec/template"
    return [
        *mirror_images(deployment),
        {"op": "add", "path": f"{path}/metadata/labels/mesh", "value": "yes"},
        {"op": "add", "path": f"{path}/spec/terminationGracePeriodSeconds", "value": 45},
    ]


def test_a_webhook_that_changes_what_is_written(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str, record: Record
) -> None:
    names = [f"model-{number}" for number in range(MODELS)]
    decided = {"image", "terminationGracePeriodSeconds"}
    offset = cluster.audit_offset()
    # Another template comes with pods that become ready.
    with Kubelet(client, namespace):
        with mutated(client, namespace, mesh):
            for name in names:
                client.create(model(namespace, name))
            for _ in range(3):
                wait_settled(client, cluster, namespace, names, decided=decided)
            images = {
                each["spec"]["template"]["spec"]["containers"][0]["image"].partition("/")[0]
                for each in client.objects("Deployment", namespace)
            }
            assert images == {"mirror.example.com"}
            cluster.wait_quiet(namespace)
            deployments = [each for each in cluster.writes(offset, namespace) if "/deployments" in each]
        # What it made of them stays until they are written for another reason.
        for name in names:
            client.patch("InferenceModel", namespace, name, {"spec": {"replicas": 3}})
        seconds = wait_settled(client, cluster, namespace, names)
    record(
        f"{len(deployments)} writes of the Deployments of {MODELS} models that changed three times; without "
        f"it as the specs ask {seconds:.0f} s after the next change"
    )


def test_a_webhook_that_fails_for_a_minute(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str, record: Record
) -> None:
    names = [f"model-{number}" for number in range(MODELS)]
    failing = False

    def mutation(deployment: Object) -> list[Object]:
        if failing:
            raise ConnectionAbortedError
        return []

    with mutated(client, namespace, mutation):
        for name in names:
            client.create(model(namespace, name))
        wait_settled(client, cluster, namespace, names)
        failing = True
        for name in names[: MODELS // 2]:
            client.patch("InferenceModel", namespace, name, {"spec": {"replicas": 3}})
        new = [f"new-{number}" for number in range(MODELS)]
        for name in new:
            client.create(model(namespace, name))
        began = time.monotonic()

        def untold() -> list[str]:
            found = {each["metadata"]["name"]: each for each in client.objects("InferenceModel", namespace)}
            waiting = [*names[: MODELS // 2], *new]
            return [
                name
                for name in waiting
                if "change.example.com" not in (found[name].get("status") or {}).get("message", "")
            ]

        eventually(lambda: not untold(), TOLD_SECONDS, lambda: f"{untold()} to name the webhook", 0.2)
        told = time.monotonic() - began
        eventually(lambda: time.monotonic() > began + MINUTE, 2 * MINUTE, "the minute to end", 0.2)
        failing = False
        seconds = wait_settled(client, cluster, namespace, [*names, *new])
    assert operator.restarts == 0
    record(f"each model names the webhook after {told:.0f} s; as wanted {seconds:.0f} s after its return")
