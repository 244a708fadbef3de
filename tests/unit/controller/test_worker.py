"""How passes share the workers."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from sirocco_operator.controller import worker
from sirocco_operator.controller.queue import WorkQueue
from sirocco_operator.controller.store import Key
from sirocco_operator.controller.worker import Done, Workers
from tests.waiting import eventually_beside

pytestmark = pytest.mark.unit


def work(
    keys: list[Key], reconcile: Callable[[Key], Awaitable[Done]], count: int, until: Callable[[], bool]
) -> None:
    """Let `count` workers work on the keys until something holds; raises TimeoutError after ten seconds."""

    async def run() -> None:
        queue: WorkQueue[Key] = WorkQueue(group=lambda key: key.namespace, most=max(1, count // 2))
        for key in keys:
            queue.add(key)
        task = asyncio.create_task(Workers(queue, reconcile, lambda *_: None, count).run())
        try:
            await eventually_beside(until, 10)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    asyncio.run(run())


def keys_of(namespace: str, count: int) -> list[Key]:
    return [Key(namespace, f"model-{number}") for number in range(count)]


def test_models_whose_passes_hang_in_one_namespace_hold_up_none_in_another() -> None:
    done: list[Key] = []

    async def reconcile(key: Key) -> Done:
        if key.namespace == "slow":
            await asyncio.Event().wait()
        done.append(key)
        return Done()

    work([*keys_of("slow", 300), *keys_of("fast", 5)], reconcile, 4, lambda: len(done) == 5)


def test_a_pass_that_takes_long_gives_its_place_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_LONG_SECONDS", 0.01)
    done: list[Key] = []

    async def reconcile(key: Key) -> Done:
        if key.namespace != "fast":
            await asyncio.Event().wait()
        done.append(key)
        return Done()

    slow = [Key(f"slow-{number}", "model") for number in range(10)]
    work([*slow, *keys_of("fast", 5)], reconcile, 4, lambda: len(done) == 5)


def test_passes_that_hang_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_LONG_SECONDS", 0.001)
    running: set[Key] = set()
    most = 0

    async def reconcile(key: Key) -> Done:
        nonlocal most
        running.add(key)
        most = max(most, len(running))
        await asyncio.sleep(0.05)
        running.discard(key)
        return Done()

    finished = 0

    async def counted(key: Key) -> Done:
        nonlocal finished
        result = await reconcile(key)
        finished += 1
        return result

    work([Key(f"slow-{number}", "model") for number in range(60)], counted, 4, lambda: finished == 60)
    assert most == 16
