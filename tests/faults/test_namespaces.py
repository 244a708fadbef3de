"""Namespaces go while their models are made, and belong to two releases."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sirocco_operator.settings import Settings
from tests.api.client import ApiError, Client
from tests.api.control_plane import ControlPlane
from tests.api.kubelet import Kubelet
from tests.api.models import model, wait_gone
from tests.api.operator_process import OperatorProcess
from tests.api.test_namespaces import UNSERVED, give_rights, image, namespace_of, second
from tests.faults.record import Record
from tests.faults.settled import follow_changes, wait_settled
from tests.waiting import eventually

MODELS = 30
SHARED = 10
ROUNDS = 4
MINUTE = 60.0


def test_a_namespace_gone_and_made_again_while_its_models_are_made(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str, record: Record
) -> None:
    names = [f"model-{number}" for number in range(MODELS)]
    gone = f"{namespace}-gone"
    restarts, offset = operator.restarts, operator.log.stat().st_size

    def fill() -> None:
        for name in names:
            client.create(model(gone, name))

    for made in range(ROUNDS):
        namespace_of(client, gone)
        with ThreadPoolExecutor(1) as pool:
            filling = pool.submit(fill)
            # Later each time: before the first model is finished, and when some are.
            wanted = made * MODELS // ROUNDS
            eventually(
                lambda: len(client.objects("Deployment", gone)) >= wanted,  # noqa: B023
                MINUTE,
                "some Deployments",
                0.01,
            )
            client.delete("Namespace", None, gone)
            error = filling.exception()
            assert error is None or (isinstance(error, ApiError) and error.code in (403, 404))
        wait_gone(client, "Namespace", None, gone)
    namespace_of(client, gone)
    fill()
    seconds = wait_settled(client, cluster, gone, names)
    assert operator.restarts == restarts
    assert b"Traceback" not in operator.log.read_bytes()[offset:]
    client.delete("Namespace", None, gone)
    record(f"{ROUNDS} times; {MODELS} models as wanted {seconds:.0f} s after it was made again")


def generations(client: Client, namespace: str) -> dict[str, int]:
    """How often the spec of each Deployment has changed."""
    found = client.objects("Deployment", namespace)
    return {each["metadata"]["name"]: each["metadata"]["generation"] for each in found}


def hold_still(client: Client, namespace: str, names: Sequence[str], waiting: OperatorProcess) -> None:
    """Wait until the operator that came later tells, and a minute more: no Deployment is written for it."""
    eventually(
        lambda: waiting.metric(UNSERVED, namespace=namespace, why="other_operator") == 1,
        2 * MINUTE,
        f"{waiting.name} to leave the namespace to the other",
        0.1,
    )
    before, began = generations(client, namespace), time.monotonic()
    eventually(lambda: time.monotonic() > began + MINUTE, 2 * MINUTE, "a minute to end", 0.2)
    assert generations(client, namespace) == before
    follow_changes(client, namespace, names)


def test_two_releases_for_one_namespace(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str, record: Record
) -> None:
    names = [f"model-{number}" for number in range(SHARED)]
    settings = Settings(serving_image="second/serving:1")

    def moved() -> bool:
        return {image(client, namespace, name) for name in names} == {settings.serving_image}

    with Kubelet(client, namespace):
        for name in names:
            client.create(model(namespace, name))
        wait_settled(client, cluster, namespace, names)
        give_rights(client, namespace)
        with second(cluster, namespace) as process:
            hold_still(client, namespace, names, process)
            operator.stop()
            began = time.monotonic()
            eventually(moved, 3 * MINUTE, "the second operator to take over", 0.5)
            seconds = time.monotonic() - began
            wait_settled(client, cluster, namespace, names, settings=settings)
            operator.start()
            hold_still(client, namespace, names, operator)
            wait_settled(client, cluster, namespace, names, settings=settings)
            process.stop()
    record(
        f"no write for a minute; {seconds:.0f} s after the first one ended the second has taken over and has "
        f"moved {SHARED} models to its image one after the other; the first one leaves them to it"
    )
