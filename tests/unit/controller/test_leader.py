"""Who may write, and until when."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from sirocco_operator.controller.leader import Conflict, Fenced, Leadership, Record
from tests.waiting import eventually_beside

pytestmark = pytest.mark.unit

SECONDS = 0.3
# A duration that a slow machine can keep, and as many renewals as take longer than it.
LONG = 1.5
RENEWALS = 6


@dataclass
class Lease:
    """The record as an API server keeps it: every write makes a version, an old version conflicts."""

    record: Record | None = None
    down: bool = False
    versions: int = 0
    refused: int = 0
    writes: list[str] = field(default_factory=list)

    async def read(self, seconds: float) -> Record | None:
        if self.down:
            raise OSError("down")
        return self.record

    async def write(self, record: Record, seconds: float) -> Record:
        if self.down:
            self.refused += 1
            raise OSError("down")
        if record.version != (self.record.version if self.record else ""):
            self.refused += 1
            raise Conflict("changed")
        self.versions += 1
        self.writes.append(record.holder)
        self.record = replace(record, version=str(self.versions), renewed=str(self.versions))
        return self.record


class Clock:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def limited(seconds: float = 10) -> asyncio.Timeout:
    return asyncio.timeout(seconds)


def test_a_free_lease_is_taken() -> None:
    async def test() -> None:
        lease = Lease()
        leadership = Leadership(lease, "a", SECONDS)
        async with limited():
            await leadership.acquire()
        assert leadership.leads
        assert lease.record is not None
        assert lease.record.holder == "a"

    asyncio.run(test())


def test_without_the_lease_nothing_may_be_written() -> None:
    with pytest.raises(Fenced, match="does not hold the lease"):
        Leadership(Lease(), "a", SECONDS).check()


def test_a_lease_that_is_held_is_waited_for_until_it_was_silent_for_its_time() -> None:
    async def test() -> None:
        lease = Lease(Record("b", SECONDS, version="0"))
        leadership = Leadership(lease, "a", SECONDS)
        started = asyncio.get_running_loop().time()
        async with limited():
            await leadership.acquire()
        assert asyncio.get_running_loop().time() - started >= SECONDS
        assert lease.record is not None
        assert lease.record.transitions == 1

    asyncio.run(test())


def test_a_lease_that_is_renewed_is_not_taken() -> None:
    async def test() -> None:
        lease = Lease()
        holder, candidate = Leadership(lease, "a", SECONDS), Leadership(lease, "b", SECONDS)
        await holder.acquire()
        renewing = asyncio.create_task(holder.hold())
        with pytest.raises(TimeoutError):
            async with limited(4 * SECONDS):
                await candidate.acquire()
        renewing.cancel()
        assert set(lease.writes) == {"a"}

    asyncio.run(test())


def test_a_released_lease_is_taken_at_once() -> None:
    async def test() -> None:
        lease = Lease()
        first, second = Leadership(lease, "a", 1000), Leadership(lease, "b", 1000)
        await first.acquire()
        await first.release()
        assert not first.leads
        async with limited():
            await second.acquire()

    asyncio.run(test())


def test_the_fence_closes_before_the_lease_runs_out() -> None:
    async def test() -> None:
        clock = Clock()
        leadership = Leadership(Lease(), "a", 15, clock)
        await leadership.acquire()
        clock.now += 9.9
        # What begins now ends before another may lead.
        assert leadership.check() == pytest.approx(15 - 9.9)
        clock.now += 0.2
        with pytest.raises(Fenced):
            leadership.check()

    asyncio.run(test())


def test_an_outage_ends_the_leadership() -> None:
    async def test() -> None:
        lease = Lease()
        leadership = Leadership(lease, "a", SECONDS)
        await leadership.acquire()
        lease.down = True
        async with limited():
            await leadership.hold()
        assert not leadership.leads

    asyncio.run(test())


def test_a_short_outage_does_not_end_the_leadership() -> None:
    async def test() -> None:
        lease = Lease()
        leadership = Leadership(lease, "a", LONG)
        await leadership.acquire()
        holding = asyncio.create_task(leadership.hold())
        lease.down = True
        await eventually_beside(lambda: lease.refused > 0, 10)
        lease.down = False
        await eventually_beside(lambda: len(lease.writes) > RENEWALS, 10)
        assert leadership.leads
        assert not holding.done()
        holding.cancel()

    asyncio.run(test())


def test_a_lease_that_another_took_ends_the_leadership_at_once() -> None:
    async def test() -> None:
        lease = Lease()
        leadership = Leadership(lease, "a", SECONDS)
        await leadership.acquire()
        assert lease.record is not None
        lease.record = replace(lease.record, holder="b", version="theirs")
        async with limited():
            await leadership.hold()
        assert not leadership.leads
        assert lease.writes == ["a"]

    asyncio.run(test())


def test_a_renewal_whose_answer_was_lost_does_not_end_the_leadership() -> None:
    async def test() -> None:
        lease = Lease()
        leadership = Leadership(lease, "a", LONG)
        await leadership.acquire()
        assert lease.record is not None
        lease.record = replace(lease.record, version="lost")
        holding = asyncio.create_task(leadership.hold())
        await eventually_beside(lambda: len(lease.writes) > RENEWALS, 10)
        assert lease.refused == 1
        assert leadership.leads
        holding.cancel()

    asyncio.run(test())
