"""A number of places and a bounded queue for them, fair between holders of keys.

The next place goes to the waiting holder who has the fewest, then to the one served longest ago; one holder's
requests keep their order. A full queue makes room for a holder who waits with less than others: the newest
request of the one who waits with the most is turned away instead.
"""

import asyncio
import itertools
import math
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

# The weight of the latest stay in the running mean: some ten requests back count.
_WEIGHT = 0.2


class GateFullError(Exception):
    """Every place is taken and the queue is full."""


@dataclass(eq=False, slots=True)
class Ticket:
    """One request's claim: `turn` becomes True with a place, False when it is turned away."""

    holder: str
    turn: asyncio.Future[bool]
    # When it began to wait; once it has a place, when it got that.
    began: float

    @property
    def admitted(self) -> bool:
        """Whether it has a place."""
        return self.turn.done() and not self.turn.cancelled() and self.turn.result()


class Gate:
    """Hands out `places`; `queue` requests may wait for one."""

    def __init__(self, places: int, queue: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = places
        self._queue = queue
        self._clock = clock
        self._inside: Counter[str] = Counter()
        self._waiting: dict[str, deque[Ticket]] = {}
        self._served: dict[str, int] = {}
        self._turns = itertools.count(1)
        self._mean_seconds: float | None = None

    @property
    def inside(self) -> int:
        """Requests that have a place."""
        return self._inside.total()

    @property
    def waiting(self) -> int:
        """Requests that wait for one."""
        return sum(len(line) for line in self._waiting.values())

    @property
    def oldest_seconds(self) -> float:
        """How long the request has waited that waits longest, 0 when none waits."""
        # The first of a holder's line has waited longest in it.
        first = min((line[0].began for line in self._waiting.values()), default=None)
        return 0.0 if first is None else self._clock() - first

    def enter(self, holder: str) -> Ticket:
        """A ticket with a place, if one is free, or in the queue; to be given back with `leave`.

        Raises GateFullError when there is no room for it.
        """
        ticket = Ticket(holder, asyncio.get_running_loop().create_future(), self._clock())
        if self.inside < self._places:
            self._admit(ticket)
            return ticket
        if self.waiting >= self._queue:
            self._make_room(holder)
        self._waiting.setdefault(holder, deque()).append(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Gives a ticket's place back, in the queue or inside."""
        if ticket.admitted:
            self._stayed(self._clock() - ticket.began)
            self._inside[ticket.holder] -= 1
            if not self._inside[ticket.holder]:
                del self._inside[ticket.holder]
            self._admit_next()
        elif not ticket.turn.done():
            ticket.turn.cancel()
            self._forget(ticket)
        if ticket.holder not in self._inside and ticket.holder not in self._waiting:
            self._served.pop(ticket.holder, None)

    def seconds_until_free(self) -> int:
        """When a request that comes now would find a place, going by the latest stays; at least 1."""
        mean = self._mean_seconds or 0
        return max(1, math.ceil(mean * (self.waiting + 1) / self._places))

    def _admit(self, ticket: Ticket) -> None:
        self._inside[ticket.holder] += 1
        self._served[ticket.holder] = next(self._turns)
        ticket.began = self._clock()
        ticket.turn.set_result(True)

    def _admit_next(self) -> None:
        if not self._waiting:
            return
        holder = min(self._waiting, key=lambda name: (self._inside[name], self._served.get(name, 0)))
        ticket = self._waiting[holder][0]
        self._forget(ticket)
        self._admit(ticket)

    def _make_room(self, holder: str) -> None:
        own = len(self._waiting.get(holder, ()))
        longest = max(self._waiting.values(), key=len, default=deque())
        if len(longest) <= own + 1:
            raise GateFullError
        turned_away = longest[-1]
        self._forget(turned_away)
        turned_away.turn.set_result(False)

    def _forget(self, ticket: Ticket) -> None:
        line = self._waiting[ticket.holder]
        line.remove(ticket)
        if not line:
            del self._waiting[ticket.holder]

    def _stayed(self, seconds: float) -> None:
        mean = self._mean_seconds
        self._mean_seconds = seconds if mean is None else mean + _WEIGHT * (seconds - mean)
