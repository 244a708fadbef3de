"""Nobody who asks for many slots keeps the others from theirs."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest

from sirocco_operator.controller.fair_slots import FairSlots
from sirocco_operator.controller.store import Key
from tests.waiting import eventually_beside

pytestmark = pytest.mark.unit

DEADLINE = 10.0
GREEDY, MODEST = Key("tenant-a", "greedy"), Key("tenant-b", "modest")


def in_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run an async test in an event loop of its own."""

    @wraps(test)
    def run() -> None:
        asyncio.run(asyncio.wait_for(test(), DEADLINE))

    return run


class Holders:
    """Tasks that hold slots until they are told to let one go; `held` are their keys, in order."""

    def __init__(self, slots: FairSlots) -> None:
        self._slots = slots
        self._tasks: list[asyncio.Task[None]] = []
        self._ends: dict[Key, list[asyncio.Event]] = {}
        self.held: list[Key] = []

    def ask(self, key: Key, number: int = 1) -> list[asyncio.Task[None]]:
        """Begin to wait for so many slots."""
        tasks = [asyncio.create_task(self._hold(key)) for _ in range(number)]
        self._tasks += tasks
        return tasks

    async def wait(self, number: int) -> None:
        """Wait until so many slots were given."""
        await eventually_beside(lambda: len(self.held) == number, DEADLINE)

    def let_go(self, key: Key) -> None:
        """End one that holds a slot of this key."""
        self._ends[key].pop(0).set()

    async def _hold(self, key: Key) -> None:
        async with self._slots.slot(key, DEADLINE):
            self.held.append(key)
            end = asyncio.Event()
            self._ends.setdefault(key, []).append(end)
            await end.wait()


@in_loop
async def test_one_key_leaves_slots_to_others() -> None:
    holders = Holders(FairSlots(total=4, of_key=2))
    holders.ask(GREEDY, 100)
    await holders.wait(2)
    holders.ask(MODEST, 2)
    await eventually_beside(lambda: holders.held[2:] == [MODEST, MODEST], DEADLINE)


@in_loop
async def test_a_slot_that_becomes_free_goes_to_the_key_with_the_fewest() -> None:
    holders = Holders(FairSlots(total=4, of_key=4))
    holders.ask(GREEDY, 100)
    await holders.wait(4)
    holders.ask(MODEST, 2)
    for _ in range(2):
        holders.let_go(GREEDY)
    await eventually_beside(lambda: holders.held[4:] == [MODEST, MODEST], DEADLINE)


@in_loop
async def test_many_keys_of_one_namespace_count_together() -> None:
    holders = Holders(FairSlots(total=4, of_key=4))
    crowd = [Key("tenant-a", f"model-{number}") for number in range(100)]
    for key in crowd:
        holders.ask(key)
    await holders.wait(4)
    holders.ask(MODEST, 2)
    for key in holders.held[:2]:
        holders.let_go(key)
    await eventually_beside(lambda: holders.held[4:] == [MODEST, MODEST], DEADLINE)


@in_loop
async def test_equals_take_turns() -> None:
    holders = Holders(FairSlots(total=1, of_key=1))
    holders.ask(MODEST)
    equals = [Key("tenant-a", name) for name in ("one", "two")]
    for key in equals:
        holders.ask(key, 2)
    for number in range(1, 5):
        await holders.wait(number)
        holders.let_go(holders.held[-1])
    await eventually_beside(lambda: holders.held == [MODEST, *equals, *equals], DEADLINE)


@in_loop
async def test_a_wait_ends_in_time() -> None:
    slots = FairSlots(total=1, of_key=1)
    holders = Holders(slots)
    holders.ask(GREEDY)
    await holders.wait(1)
    with pytest.raises(TimeoutError):
        async with slots.slot(MODEST, 0.01):
            pass


@in_loop
async def test_waits_and_slots_that_are_given_up_are_free_for_others() -> None:
    holders = Holders(FairSlots(total=1, of_key=1))
    (holding,) = holders.ask(GREEDY)
    await holders.wait(1)
    (waiting,) = holders.ask(GREEDY)
    await asyncio.sleep(0)
    holders.ask(MODEST)
    waiting.cancel()
    holding.cancel()
    await eventually_beside(lambda: holders.held == [GREEDY, MODEST], DEADLINE)
