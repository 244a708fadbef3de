"""What hangs or fails for one model is told of there, and holds up no other."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sirocco_operator.children.labels import MANAGED_BY, MANAGED_BY_LABEL
from tests.api.client import Client
from tests.api.control_plane import ControlPlane
from tests.api.models import DEADLINE, model, wait_child, wait_reason, wait_status
from tests.api.operator_process import OperatorProcess
from tests.api.webhooks import webhook
from tests.waiting import eventually

REFUSED = 300
# Objects of a MB each.
LARGE = 150
# Of a healthy model, from its creation to its Deployment.
SOON_SECONDS = 5.0


@pytest.fixture
def usual_lease(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """An operator with the lease of an installation: with a shorter one, writes must end sooner."""
    operator.stop()
    with OperatorProcess(cluster, "operator-usual", lease_seconds="15") as process:
        yield process
        process.stop()
    operator.start()


def test_models_whose_webhook_hangs_hold_up_none_in_another_namespace(
    client: Client, usual_lease: OperatorProcess, namespace: str, elsewhere: str
) -> None:
    with webhook(client, namespace, ["configmaps"], seconds=10) as hook:
        # The webhook is known to the API server once it holds a write.
        client.create(model(namespace, "model-0"))
        eventually(lambda: hook.asked, DEADLINE, "the webhook to be asked", 0.05)
        with ThreadPoolExecutor(8) as pool:
            names = [f"model-{number}" for number in range(1, REFUSED)]
            list(pool.map(lambda name: client.create(model(namespace, name)), names))
        eventually(
            lambda: usual_lease.metric("sirocco_operator_queue_depth") > REFUSED / 2,
            DEADLINE,
            "the models to wait",
            0.05,
        )
        started = time.monotonic()
        client.create(model(elsewhere, "healthy"))
        wait_child(client, "Deployment", elsewhere, "healthy")
        assert time.monotonic() - started < SOON_SECONDS
        assert hook.asked < 100


def test_a_refusal_ends_at_once_when_the_model_changes(
    client: Client, operator: OperatorProcess, namespace: str
) -> None:
    with webhook(client, namespace, ["configmaps"], seconds=10) as hook:
        hook.refuse("not on a Monday")
        client.create(model(namespace))
        status = wait_reason(client, namespace, "ChildRejected")
        assert "not on a Monday" in status["message"]
        eventually(lambda: hook.asked >= 3, DEADLINE, "two more tries", 0.1)
        asked = hook.asked
    started = time.monotonic()
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"replicas": 2}})
    wait_child(client, "Deployment", namespace)
    assert time.monotonic() - started < SOON_SECONDS
    assert asked < 8


def test_a_pass_that_cannot_end_says_why_and_ends_once_it_can(
    client: Client, operator: OperatorProcess, namespace: str
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    wait_child(client, "Service", namespace)
    client.patch("Service", namespace, "mistral", {"metadata": {"finalizers": ["example.com/held"]}})
    started = time.monotonic()
    client.delete("Service", namespace, "mistral")
    status = wait_reason(client, namespace, "ReconcileFailed")
    assert time.monotonic() - started < 10
    assert "Service mistral is being deleted" in status["message"]
    labels = {"namespace": namespace, "model": "mistral", "state": "ReconcileFailed"}
    assert operator.metric("sirocco_operator_model_state", **labels) == 1
    old = client.get("Service", namespace, "mistral")["metadata"]["uid"]
    client.patch("Service", namespace, "mistral", {"metadata": {"finalizers": None}})

    def made_again() -> bool:
        found = client.find("Service", namespace, "mistral")
        return found is not None and found["metadata"]["uid"] != old

    eventually(made_again, DEADLINE, "another Service", 0.05)
    wait_reason(client, namespace, "Starting")


def test_a_model_whose_status_cannot_be_written_is_in_the_metrics(
    client: Client, operator: OperatorProcess, namespace: str
) -> None:
    with webhook(client, namespace, ["inferencemodels/status"], seconds=10) as hook:
        hook.refuse("no status today")
        client.create(model(namespace, "probe"))
        path = client.path("InferenceModel", namespace, "probe", "status")
        change = {"status": {"message": "probed"}}

        def known() -> bool:
            return not client.raw("PATCH", path, change, "application/merge-patch+json").is_success

        eventually(known, DEADLINE, "the webhook to be known", 0.05)
        client.create(model(namespace))
        labels = {"namespace": namespace, "model": "mistral", "state": "ReconcileFailed"}
        eventually(
            lambda: operator.metric("sirocco_operator_model_state", **labels) == 1, 10, "its metric", 0.1
        )
        wait_child(client, "Deployment", namespace)
    wait_status(client, namespace)


def test_an_outage_of_the_api_server_leaves_the_status_as_it_is(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str
) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    cluster.wait_quiet(namespace)
    before = client.get("InferenceModel", namespace, "mistral")["status"]
    restarts = operator.restarts
    cluster.stop_api_server()
    operator.wait_restarted(restarts)
    cluster.start_api_server()
    client.delete("Service", namespace, "mistral")
    wait_child(client, "Service", namespace)
    after = client.get("InferenceModel", namespace, "mistral")["status"]
    assert {**after, "conditions": []} == {**before, "conditions": []}


def test_large_objects_with_our_label_fill_no_memory(
    client: Client, operator: OperatorProcess, namespace: str, elsewhere: str
) -> None:
    def peak() -> int:
        """Most memory that the operator had, in MiB."""
        lines = Path(f"/proc/{operator.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024

    def create(number: int) -> None:
        metadata = {
            "name": f"large-{number}",
            "namespace": namespace,
            "labels": {MANAGED_BY_LABEL: MANAGED_BY},
        }
        data = {"data": "x" * 1_000_000}
        client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    operator.stop()
    operator.start()
    client.create(model(elsewhere, "before"))
    wait_status(client, elsewhere, "before")
    usual = peak()
    operator.stop()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(create, range(LARGE)))
    operator.start()
    client.create(model(elsewhere, "after"))
    wait_child(client, "Deployment", elsewhere, "after")
    assert peak() - usual < LARGE / 2
