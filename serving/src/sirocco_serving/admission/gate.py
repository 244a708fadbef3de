"""A number of places and a bounded queue, fair between the holders of keys.

The next place goes to the waiting holder who has the fewest places, then to the one served longest ago. The
requests of one holder keep their order. When the queue is full, a holder with fewer waiting requests than
others still gets in: the newest request of the holder with the most is turned away instead.
"""

import asyncio
import itertools
import math
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

# The weight of the latest stay in the running mean, which covers some ten requests.
_WEIGHT = 0.2


class GateFullError(Exception):
    """Every place is taken and the queue is full."""


@dataclass(eq=False, slots=True)
class Ticket:
    """The claim of one request. `turn` becomes True with a place, False when the request is turned away."""

    holder: str
    turn: asyncio.Future[bool]
    # When the wait began; with a place, when the stay began.
    began: float

    @property
    def admitted(self) -> bool:
        """Whether the request has a place."""
        return self.turn.done() and not self.turn.cancelled() and self.turn.result()


class Gate:
    """Hands out `places`. `queue` requests may wait for one."""

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
        """How many requests have a place."""
        return self._inside.total()

    @property
    def waiting(self) -> int:
        """How many requests wait for a place."""
        return sum(len(requests) for requests in self._waiting.values())

    @property
    def oldest_seconds(self) -> float:
        """The longest current wait in seconds, 0 when none waits."""
        # The first request of each holder has waited longest.
        first = min((requests[0].began for requests in self._waiting.values()), default=None)
        return 0.0 if first is None else self._clock() - first

    def enter(self, holder: str) -> Ticket:
        """Returns a ticket with a place, or in the queue when none is free. `leave` gives it back.

        Raises GateFullError when the queue is full.
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
        """Gives a ticket back, with a place or in the queue."""
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
        """Estimates from the latest stays when a new request would get a place, in whole seconds from 1."""
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
        requests = self._waiting[ticket.holder]
        requests.remove(ticket)
        if not requests:
            del self._waiting[ticket.holder]

    def _stayed(self, seconds: float) -> None:
        mean = self._mean_seconds
        self._mean_seconds = seconds if mean is None else mean + _WEIGHT * (seconds - mean)
