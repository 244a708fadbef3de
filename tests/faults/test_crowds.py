"""Hundreds of models, and something goes wrong while they are made."""

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml

from tests.api.client import Client
from tests.api.conftest import CRD_FILE
from tests.api.control_plane import ControlPlane
from tests.api.models import model
from tests.api.operator_process import OperatorProcess, install_rights
from tests.faults.record import Record
from tests.faults.settled import wait_settled
from tests.waiting import eventually

DELETED = 500
UPGRADED = 100
MINUTES = 300.0


@pytest.fixture(scope="module")
def operator(cluster: ControlPlane) -> Iterator[OperatorProcess]:
    """An operator of this module's own, whose restarts and log are this module's."""
    install_rights(cluster.client)
    with OperatorProcess(cluster) as process:
        yield process


def test_five_hundred_models_deleted_while_they_are_made(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str, record: Record
) -> None:
    names = [f"model-{number}" for number in range(DELETED)]
    kept = [f"kept-{number}" for number in range(10)]

    def come_and_go(name: str) -> None:
        client.create(model(namespace, name, replicas=0))
        client.delete("InferenceModel", namespace, name)

    with ThreadPoolExecutor(4) as pool:
        going = [pool.submit(come_and_go, name) for name in names]
        for name in kept:
            client.create(model(namespace, name))
        for each in going:
            each.result()

    def left() -> list[str]:
        kinds = ("ConfigMap", "Service", "ServiceAccount", "Deployment")
        return [
            f"{kind} {each['metadata']['name']}"
            for kind in kinds
            for each in client.objects(kind, namespace, "app.kubernetes.io/managed-by=sirocco-operator")
            if each["metadata"]["name"].startswith("model-")
        ]

    eventually(lambda: not left(), MINUTES, lambda: f"{left()[:5]} to be collected", 0.5)
    seconds = wait_settled(client, cluster, namespace, kept)
    assert operator.restarts == 0
    assert "Traceback" not in operator.log.read_text()
    record(f"nothing of them is left; {len(kept)} models beside them as wanted {seconds:.0f} s later")


def test_the_crd_upgraded_under_load(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str, record: Record
) -> None:
    """The loose schema is that of a release before Kubernetes' own types were in it."""
    new = yaml.safe_load(CRD_FILE.read_text())
    names = [f"model-{number}" for number in range(UPGRADED)]
    with ThreadPoolExecutor(2) as pool:
        creating = pool.submit(
            lambda: [client.create(model(namespace, name, affinity={"nodeAffinity": {}})) for name in names]
        )
        rounds = 0
        while not creating.done():
            client.apply(_loose(new))
            client.apply(new)
            rounds += 1
        creating.result()
    seconds = wait_settled(client, cluster, namespace, names)
    assert operator.restarts == 0
    record(f"{rounds} times down and up while {UPGRADED} models were made; as wanted {seconds:.0f} s later")


def _loose(crd: dict[str, Any]) -> dict[str, Any]:
    older = copy.deepcopy(crd)
    spec = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    spec["affinity"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return older
