"""Each key waits once, is worked on by one worker at a time, and comes back when asked for meanwhile."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest

from sirocco_operator.controller.backoff import Backoff
from sirocco_operator.controller.queue import WorkQueue

pytestmark = pytest.mark.unit


def in_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run an async test in an event loop of its own."""

    @wraps(test)
    def run() -> None:
        asyncio.run(asyncio.wait_for(test(), 10))

    return run


async def drained(queue: WorkQueue[str]) -> list[str]:
    """All keys that wait now, as one worker gets them."""
    keys = []
    while len(queue):
        key = await queue.get()
        keys.append(key)
        queue.done(key)
    return keys


@in_loop
async def test_keys_come_in_the_order_they_were_added() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for key in "abc":
        queue.add(key)
    assert await drained(queue) == ["a", "b", "c"]


@in_loop
async def test_a_key_added_twice_waits_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    queue.add("a")
    assert await drained(queue) == ["a"]


@in_loop
async def test_a_key_in_work_is_not_given_to_another_worker() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    key = await queue.get()
    queue.add("a")
    assert len(queue) == 0
    queue.done(key)
    assert await drained(queue) == ["a"]


@in_loop
async def test_a_key_that_nobody_asked_for_again_does_not_come_back() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    queue.done(await queue.get())
    assert len(queue) == 0


@in_loop
async def test_a_delayed_key_waits_for_its_time() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 0.02)
    assert len(queue) == 0
    assert await queue.get() == "a"


@in_loop
async def test_of_two_delays_the_earlier_counts() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 1000)
    queue.add_after("a", 0.01)
    queue.add_after("a", 1000)
    assert await queue.get() == "a"


@in_loop
async def test_a_key_that_came_early_does_not_come_again_at_its_later_time() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 0.03)
    queue.add_after("a", 0.01)
    queue.done(await queue.get())
    await asyncio.sleep(0.05)
    assert len(queue) == 0


@in_loop
async def test_work_that_begins_serves_what_was_asked_for_later_too() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 0.02)
    queue.add("a")
    queue.done(await queue.get())
    await asyncio.sleep(0.05)
    assert len(queue) == 0


@in_loop
async def test_failures_delay_more_and_more_until_they_are_forgotten() -> None:
    queue: WorkQueue[str] = WorkQueue(Backoff(first=100, longest=1000, chance=lambda: 1.0))
    assert [queue.add_failed("a") for _ in range(3)] == [100, 200, 400]
    queue.forget("a")
    assert queue.add_failed("a") == 100


@in_loop
async def test_a_failure_waits_at_least_as_long_as_asked() -> None:
    queue: WorkQueue[str] = WorkQueue(Backoff(first=1, longest=10, chance=lambda: 1.0))
    assert queue.add_failed("a", at_least=60) == 60


@in_loop
async def test_groups_take_turns() -> None:
    queue: WorkQueue[str] = WorkQueue(group=lambda key: key[0])
    for key in ("a1", "a2", "a3", "b1", "c1"):
        queue.add(key)
    assert await drained(queue) == ["a1", "b1", "c1", "a2", "a3"]


@in_loop
async def test_of_a_group_only_so_many_keys_are_worked_on_at_a_time() -> None:
    queue: WorkQueue[str] = WorkQueue(group=lambda key: key[0], most=2)
    for key in ("a1", "a2", "a3", "b1"):
        queue.add(key)
    assert [await queue.get() for _ in range(3)] == ["a1", "b1", "a2"]
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    assert len(queue) == 1
    queue.done("a1")
    assert await waiting == "a3"


@in_loop
async def test_nothing_is_kept_of_keys_that_were_worked_on() -> None:
    queue: WorkQueue[str] = WorkQueue(group=lambda key: key)
    before = {name: len(value) for name, value in vars(queue).items() if hasattr(value, "__len__")}
    for number in range(100):
        queue.add(f"{number}")
        queue.add_after(f"{number}", 1000)
        queue.done(key := await queue.get())
        queue.forget(key)
    after = {name: len(value) for name, value in vars(queue).items() if hasattr(value, "__len__")}
    assert after == before
