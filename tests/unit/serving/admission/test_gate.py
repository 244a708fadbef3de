"""Places and the queue for them are shared fairly."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from sirocco_serving.admission.gate import Gate, GateFullError, Ticket


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 30))


def admitted(tickets: list[Ticket]) -> list[str]:
    return [ticket.holder for ticket in tickets if ticket.admitted]


def test_a_free_place_is_given_at_once() -> None:
    async def scenario() -> None:
        gate = Gate(2, 10)
        tickets = [gate.enter("a") for _ in range(3)]
        assert [ticket.admitted for ticket in tickets] == [True, True, False]
        assert (gate.inside, gate.waiting) == (2, 1)

    run(scenario())


def test_one_holders_requests_keep_their_order() -> None:
    async def scenario() -> None:
        gate = Gate(1, 10)
        first, second, third = (gate.enter("a") for _ in range(3))
        gate.leave(first)
        assert (second.admitted, third.admitted) == (True, False)

    run(scenario())


def test_a_holder_with_one_request_is_not_behind_anothers_hundred() -> None:
    async def scenario() -> None:
        gate = Gate(2, 200)
        busy = [gate.enter("busy") for _ in range(102)]
        quiet = gate.enter("quiet")
        gate.leave(busy[0])
        assert quiet.admitted

    run(scenario())


def test_holders_take_turns() -> None:
    async def scenario() -> None:
        gate = Gate(1, 100)
        inside = gate.enter("x")
        waiting = [gate.enter(holder) for holder in "aaabbc"]
        order = ""
        for _ in range(len(waiting)):
            gate.leave(inside)
            (inside,) = (ticket for ticket in waiting if ticket.admitted and ticket is not inside)
            waiting.remove(inside)
            order += inside.holder
        assert order == "abcaba"

    run(scenario())


def test_the_holder_with_the_fewest_places_is_next() -> None:
    async def scenario() -> None:
        gate = Gate(4, 10)
        *_, last = [gate.enter(holder) for holder in "aabx"]
        later = [gate.enter("a"), gate.enter("b")]
        gate.leave(last)
        assert admitted(later) == ["b"]

    run(scenario())


def test_a_full_queue_takes_no_more() -> None:
    async def scenario() -> None:
        gate = Gate(1, 2)
        for _ in range(3):
            gate.enter("a")
        with pytest.raises(GateFullError):
            gate.enter("a")
        assert (gate.inside, gate.waiting) == (1, 2)

    run(scenario())


def test_without_a_queue_nobody_waits() -> None:
    async def scenario() -> None:
        gate = Gate(1, 0)
        gate.enter("a")
        with pytest.raises(GateFullError):
            gate.enter("b")

    run(scenario())


def test_one_holder_cannot_fill_the_queue_against_others() -> None:
    async def scenario() -> None:
        gate = Gate(1, 3)
        busy = [gate.enter("busy") for _ in range(4)]
        quiet = gate.enter("quiet")
        assert busy[-1].turn.result() is False
        assert not quiet.turn.done()
        assert gate.waiting == 3
        gate.leave(busy[0])
        assert quiet.admitted

    run(scenario())


def test_holders_with_equal_shares_do_not_push_each_other_out() -> None:
    async def scenario() -> None:
        gate = Gate(1, 4)
        gate.enter("x")
        for holder in "aabb":
            gate.enter(holder)
        with pytest.raises(GateFullError):
            gate.enter("a")
        with pytest.raises(GateFullError):
            gate.enter("b")

    run(scenario())


def test_a_holder_makes_no_room_for_one_who_would_then_wait_with_more() -> None:
    async def scenario() -> None:
        gate = Gate(1, 3)
        for holder in "xaab":
            gate.enter(holder)
        with pytest.raises(GateFullError):
            gate.enter("b")

    run(scenario())


def test_a_ticket_given_back_in_the_queue_frees_its_room() -> None:
    async def scenario() -> None:
        gate = Gate(1, 1)
        inside = gate.enter("a")
        gate.leave(gate.enter("b"))
        waiting = gate.enter("c")
        gate.leave(inside)
        assert waiting.admitted

    run(scenario())


def test_nothing_is_kept_of_holders_who_left() -> None:
    async def scenario() -> None:
        gate = Gate(1, 2)
        for number in range(100):
            tickets = [gate.enter(f"{number}-{n}") for n in range(3)]
            for ticket in reversed(tickets):
                gate.leave(ticket)
        assert (gate.inside, gate.waiting, gate._served) == (0, 0, {})

    run(scenario())


def test_the_oldest_wait_is_that_of_who_waits_longest() -> None:
    async def scenario() -> None:
        clock = Clock()
        gate = Gate(1, 10, clock)
        inside = gate.enter("a")
        clock.now += 100
        assert gate.oldest_seconds == 0
        waiting = [gate.enter("a")]
        clock.now += 5
        waiting.append(gate.enter("b"))
        clock.now += 2
        assert gate.oldest_seconds == 7
        gate.leave(inside)
        (admitted,) = (ticket for ticket in waiting if ticket.admitted)
        gate.leave(admitted)
        assert gate.oldest_seconds == 0

    run(scenario())


def test_the_wait_is_estimated_from_the_latest_stays() -> None:
    async def scenario() -> None:
        clock = Clock()
        gate = Gate(2, 10, clock)
        assert gate.seconds_until_free() == 1
        for _ in range(3):
            ticket = gate.enter("a")
            clock.now += 8
            gate.leave(ticket)
        for _ in range(2 + 4):
            gate.enter("a")
        assert gate.seconds_until_free() == 20  # Five requests of 8 s each, two at a time.

    run(scenario())
