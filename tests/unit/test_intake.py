"""When what was watched becomes work."""

import asyncio
from typing import Any

import pytest

from sirocco_operator.controller.queue import WorkQueue
from sirocco_operator.controller.store import Identity, Key, Store
from sirocco_operator.intake import (
    MOST_FINISHED_PODS,
    MOST_PODS,
    MOST_PODS_OF_NAMESPACE,
    StoreSink,
    owner_of,
)
from sirocco_operator.kube.kinds import DEPLOYMENT, MODEL, POD, SERVICE, Kind

pytestmark = pytest.mark.unit

KEY = Key("models", "mistral")


def an_object(kind: Kind, name: str, version: int, **metadata: Any) -> dict[str, Any]:
    """An object of the model, if it is not the model itself."""
    owner = {"apiVersion": MODEL.api_version, "kind": MODEL.kind, "name": KEY.name, "uid": "1"}
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {
            "namespace": KEY.namespace,
            "name": name,
            "uid": f"{kind.kind}-{name}",
            "resourceVersion": str(version),
            "labels": {"inference.sirocco.dev/model": KEY.name},
            **({} if kind == MODEL else {"ownerReferences": [{**owner, "controller": True}]}),
            **metadata,
        },
    }


def waiting_after(*events: tuple[Kind, str, int]) -> tuple[int, Store]:
    """How many keys wait for a worker right after these events: kind, type and version."""
    store = Store(MODEL.full_name, POD.full_name, owner_of, observed=[DEPLOYMENT.full_name])

    async def run() -> int:
        queue: WorkQueue[Key] = WorkQueue()
        for kind, event, version in events:
            StoreSink(store, queue, kind, None).take(event, an_object(kind, KEY.name, version))
        return len(queue)

    return asyncio.run(run()), store


@pytest.mark.parametrize("kind", [SERVICE, DEPLOYMENT], ids=lambda kind: kind.kind)
def test_a_child_that_others_edit_is_work_at_once(kind: Kind) -> None:
    store = Store(MODEL.full_name, POD.full_name, owner_of, observed=[DEPLOYMENT.full_name])

    async def run() -> int:
        queue: WorkQueue[Key] = WorkQueue()
        sink = StoreSink(store, queue, kind, None)
        sink.put(an_object(kind, KEY.name, 1) | {"spec": {"a": 1}})
        sink.put(an_object(kind, KEY.name, 2) | {"spec": {"a": 2}})
        return len(queue)

    assert asyncio.run(run()) == 1


def test_a_model_is_work_at_once() -> None:
    assert waiting_after((MODEL, "ADDED", 1))[0] == 1


@pytest.mark.parametrize("kind", [SERVICE, DEPLOYMENT, POD], ids=lambda kind: kind.kind)
def test_a_child_that_changes_waits_for_more_events(kind: Kind) -> None:
    assert waiting_after((kind, "ADDED", 1), (kind, "MODIFIED", 2))[0] == 0


@pytest.mark.parametrize("kind", [SERVICE, DEPLOYMENT, POD], ids=lambda kind: kind.kind)
def test_a_child_that_is_deleted_is_work_at_once(kind: Kind) -> None:
    assert waiting_after((kind, "ADDED", 1), (kind, "DELETED", 2))[0] == 1


def test_a_gathered_event_becomes_work_within_a_tenth_of_a_second() -> None:
    store = Store(MODEL.full_name, POD.full_name, owner_of)

    async def run() -> Key:
        queue: WorkQueue[Key] = WorkQueue()
        StoreSink(store, queue, SERVICE, None).put(an_object(SERVICE, KEY.name, 1))
        return await asyncio.wait_for(queue.get(), 0.1)

    assert asyncio.run(run()) == KEY


def test_a_pod_is_kept_without_what_can_be_long_and_nobody_reads() -> None:
    store = Store(MODEL.full_name, POD.full_name, owner_of)
    container = {"name": "engine", "image": "one"}
    long = {"env": [{"name": "A", "value": "x"}], "envFrom": [], "args": ["x"], "command": ["x"]}

    async def run() -> None:
        pod = an_object(POD, "mistral-1", 1, managedFields=[{"manager": "x"}], annotations={"x": "y"})
        pod["spec"] = {"initContainers": [container | long], "containers": [container | long]}
        StoreSink(store, WorkQueue(), POD, None).put(pod, b"not looked at")

    asyncio.run(run())
    found = store.read(Identity(POD.full_name, KEY.namespace, "mistral-1"))
    spec = {"initContainers": [container], "containers": [container]}
    assert found == {**an_object(POD, "mistral-1", 1), "spec": spec}


def pods_after(phases: list[str]) -> tuple[int, int]:
    """How many of these pods of one model the store keeps, and how many keys wait right after the last."""
    store = Store(MODEL.full_name, POD.full_name, owner_of)

    async def run() -> int:
        queue: WorkQueue[Key] = WorkQueue()
        sink = StoreSink(store, queue, POD, None)
        for number, phase in enumerate(phases, start=1):
            sink.put({**an_object(POD, f"mistral-{number}", number), "status": {"phase": phase}})
        return len(queue)

    waiting = asyncio.run(run())
    return len(store.pods(KEY)), waiting


def test_of_a_model_only_so_many_pods_are_kept() -> None:
    assert pods_after(["Running"] * 10_000)[0] == MOST_PODS


def test_finished_pods_leave_room_for_others() -> None:
    kept, _ = pods_after(["Failed"] * 3000 + ["Running"] * 100)
    assert kept == MOST_FINISHED_PODS + 100


def test_of_a_namespace_only_so_many_pods_are_kept_whatever_models_they_name() -> None:
    store = Store(MODEL.full_name, POD.full_name, owner_of)

    def pod(number: int, namespace: str, model: str) -> dict[str, Any]:
        labels = {"inference.sirocco.dev/model": model}
        return an_object(POD, f"pod-{number}", number, uid=str(number), namespace=namespace, labels=labels)

    async def run() -> None:
        sink = StoreSink(store, WorkQueue(), POD, None)
        for number in range(1, MOST_PODS_OF_NAMESPACE + 101):
            sink.put(pod(number, "full", f"m{number}"))
        sink.put(pod(200_000, "other", "m"))
        # One that is known is followed still, and one that goes makes room.
        sink.put({**pod(1, "full", "another"), "metadata": pod(300_000, "full", "another")["metadata"]})
        sink.remove(pod(2, "full", "m2"))
        sink.put(pod(400_000, "full", "m"))

    asyncio.run(run())
    assert store.pods_of_namespace("full") == MOST_PODS_OF_NAMESPACE
    assert len(store.pods(Key("other", "m"))) == len(store.pods(Key("full", "m"))) == 1


@pytest.mark.parametrize("models", [1, MOST_PODS_OF_NAMESPACE], ids=["of a model", "of a namespace"])
def test_a_pod_that_gets_its_label_late_is_one_too_many_all_the_same(models: int) -> None:
    store = Store(MODEL.full_name, POD.full_name, owner_of)
    label = "inference.sirocco.dev/model"

    async def run() -> None:
        sink = StoreSink(store, WorkQueue(), POD, None)
        sink.put(an_object(POD, "late", 1, labels={}))
        for number in range(1, (MOST_PODS if models == 1 else models) + 1):
            owner = {label: KEY.name if models == 1 else f"m{number}"}
            sink.put(an_object(POD, f"pod-{number}", number, labels=owner))
        sink.put(an_object(POD, "late", 200_000, labels={label: KEY.name}))

    asyncio.run(run())
    assert "late" not in [each["metadata"]["name"] for each in store.pods(KEY)]


def test_deletions_of_many_pods_are_gathered() -> None:
    store = Store(MODEL.full_name, POD.full_name, owner_of)

    async def run() -> int:
        queue: WorkQueue[Key] = WorkQueue()
        sink = StoreSink(store, queue, POD, None)
        for number in range(1, 201):
            sink.put(an_object(POD, f"mistral-{number}", number))
        for number in range(1, 51):
            sink.remove(an_object(POD, f"mistral-{number}", 1000 + number))
        return len(queue)

    assert asyncio.run(run()) == 0


def test_a_pod_that_gets_another_models_label_is_work_for_both() -> None:
    store = Store(MODEL.full_name, POD.full_name, owner_of)

    async def run() -> set[Key]:
        queue: WorkQueue[Key] = WorkQueue()
        sink = StoreSink(store, queue, POD, None)
        sink.put(an_object(POD, "mistral-1", 1))
        queue.done(await queue.get())
        sink.put(an_object(POD, "mistral-1", 2, labels={"inference.sirocco.dev/model": "another"}))
        return {await queue.get(), await queue.get()}

    assert asyncio.run(run()) == {KEY, Key(KEY.namespace, "another")}
