"""The one way in which tests wait: a condition is looked at until it holds or its time is over."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")
LONGEST_INTERVAL = 0.25


def eventually(
    condition: Callable[[], Value],
    deadline: float,
    describe: str | Callable[[], str],
    interval: float = 0.25,
    steady: bool = False,
) -> Value:
    """Look at `condition` until its value is true, and return that value.

    `condition` may raise AssertionError for "not yet". `deadline` and `interval` are seconds. `describe`, or
    what it returns, ends the sentence "waited N s for …". Raises AssertionError with the last thing seen.
    Looks become rarer the longer it waits, down to one in LONGEST_INTERVAL; `steady` ones do not.
    """
    started = time.monotonic()
    while True:
        try:
            seen: object = (value := condition())
            if value:
                return value
        except AssertionError as error:
            seen = error
        waited = time.monotonic() - started
        if waited > deadline:
            wanted = describe if isinstance(describe, str) else describe()
            raise AssertionError(f"waited {deadline:g} s for {wanted}; last seen: {seen}")
        time.sleep(interval if steady else max(interval, min(waited / 20, LONGEST_INTERVAL)))


async def eventually_beside(condition: Callable[[], bool], deadline: float) -> None:
    """Look at `condition` until it is true, while the loop's other tasks go on; raises TimeoutError.

    `deadline` is in seconds.
    """
    async with asyncio.timeout(deadline):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
