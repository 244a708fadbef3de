"""Hundreds of models, and something goes wrong while they are made."""

import copy
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import yaml

from tests.api.client import Client, Object
from tests.api.conftest import CRD_FILE
from tests.api.control_plane import ControlPlane
from tests.api.models import model
from tests.api.operator_process import OperatorProcess
from tests.api.webhooks import webhook
from tests.faults.record import Record
from tests.faults.settled import follow_changes, wait_settled, wait_wanted
from tests.waiting import eventually

DELETED = 500
AT_A_TIME = 25
REFUSED = 300
HEALTHY = 10
UPGRADED = 100
MINUTE = 60.0
MINUTES = 420.0


def test_five_hundred_models_deleted_while_they_are_made(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str, record: Record
) -> None:
    kept = [f"kept-{number}" for number in range(HEALTHY)]
    restarts, offset = operator.restarts, operator.log.stat().st_size

    def come_and_go(first: int) -> None:
        names = [f"model-{number}" for number in range(first, first + AT_A_TIME)]
        for name in names:
            client.create(model(namespace, name))
        for name in names:
            client.delete("InferenceModel", namespace, name)

    with ThreadPoolExecutor(2) as pool:
        going = [pool.submit(come_and_go, first) for first in range(0, DELETED, AT_A_TIME)]
        for name in kept:
            client.create(model(namespace, name))
        for each in going:
            each.result()
    seconds = wait_settled(client, cluster, namespace, kept, MINUTES)
    assert operator.restarts == restarts
    assert b"Traceback" not in operator.log.read_bytes()[offset:]
    record(f"nothing of them is left {seconds:.0f} s later, and {HEALTHY} models beside them are as wanted")


def test_three_hundred_refused_models_beside_healthy_ones(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str, record: Record
) -> None:
    healthy = [f"healthy-{number}" for number in range(HEALTHY)]
    refused = [f"refused-{number}" for number in range(REFUSED)]
    for name in healthy:
        client.create(model(namespace, name))
    wait_settled(client, cluster, namespace, healthy)
    with webhook(client, namespace, ["configmaps"], seconds=5) as hook:
        hook.refuse("no more of them")
        # The webhook is known to the API server once it is asked.
        client.create(model(namespace, refused[0]))
        eventually(lambda: hook.asked, MINUTE, "the webhook to be asked", 0.05)
        for name in refused[1:]:
            client.create(model(namespace, name))
        began = time.monotonic()
        changes = 0
        while time.monotonic() < began + MINUTE:
            follow_changes(client, namespace, healthy)
            changes += 1
        asked, began = hook.asked, time.monotonic()
        eventually(lambda: time.monotonic() > began + MINUTE, 2 * MINUTE, "another minute to end", 0.2)
        asked = hook.asked - asked
        told = [each.get("status") or {} for each in client.objects("InferenceModel", namespace)]
        assert sum("no more of them" in each.get("message", "") for each in told) == REFUSED
    # Each is tried again within five minutes.
    seconds = wait_settled(client, cluster, namespace, [*healthy, *refused], MINUTES)
    record(
        f"{HEALTHY} healthy models followed {changes} changes in a minute; a refused one is tried "
        f"{asked / REFUSED:.1f} times in the second minute; all as wanted {seconds:.0f} s after the webhook"
    )


def test_the_crd_upgraded_under_load(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str, record: Record
) -> None:
    new = yaml.safe_load(CRD_FILE.read_text())
    old = older(new)
    names = [f"model-{number}" for number in range(UPGRADED)]
    restarts = operator.restarts
    with ThreadPoolExecutor(1) as pool:
        creating = pool.submit(create_all, client, namespace, names)
        rounds = 0
        while rounds < 5 or not creating.done():
            client.apply(old)
            client.apply(new)
            rounds += 1
        creating.result()
    wait_served(client, namespace)
    up = wait_settled(client, cluster, namespace, names)
    # An older one stays where somebody forgets it.
    client.apply(old)
    wait_served(client, namespace)
    down = wait_wanted(client, cluster, namespace, names)
    client.apply(new)
    wait_served(client, namespace)
    wait_settled(client, cluster, namespace, names)
    assert operator.restarts == restarts
    record(
        f"{rounds} times down and up while {UPGRADED} models were made; as wanted {up:.0f} s later, and "
        f"{down:.0f} s after the older one was left there"
    )


def create_all(client: Client, namespace: str, names: Sequence[str]) -> None:
    """Create models, each again while the API server answers 429, as it does for a moment at each change."""
    path = client.path("InferenceModel", namespace)
    for name in names:
        manifest = model(namespace, name, affinity={"nodeAffinity": {}})

        def created(manifest: Object = manifest) -> bool:
            return client.raw("POST", path, manifest).status_code in (201, 409)

        eventually(created, MINUTE, f"{name} to be created", 0.05)


def wait_served(client: Client, namespace: str) -> None:
    """Wait until the API server serves the models by the CRD that was applied last."""
    path = client.path("InferenceModel", namespace)
    eventually(lambda: client.raw("GET", path).is_success, MINUTE, "the models to be served", 0.1)


def older(crd: dict[str, Any]) -> dict[str, Any]:
    """The CRD as release 0.1.0 had it, as far as resources notice."""
    found = copy.deepcopy(crd)
    schema = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    spec, status = schema["spec"]["properties"], schema["status"]
    loose = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    spec["affinity"] = loose
    spec["topologySpreadConstraints"] = {"type": "array", "items": loose}
    for field in ("drain", "podDisruptionBudget", "service", "startup"):
        del spec[field]
    del spec["rollout"]["properties"]["onFailure"]
    spec["rollout"]["properties"]["strategy"]["default"] = "Surge"
    del status["default"]
    del status["properties"]["lastProgressTime"]
    status["properties"]["observedGeneration"]["minimum"] = 0
    return found
