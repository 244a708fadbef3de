"""Which models may take what another operator makes of an unchanged spec, a few at a time."""

from collections.abc import Callable, Iterable
from enum import Enum, auto

from sirocco_operator.children.revision import Update
from sirocco_operator.controller.store import Key
from sirocco_operator.status.messages import enumerated


class Standing(Enum):
    """How a model stands to the update."""

    SETTLED = auto()  # has nothing to take
    WAITING = auto()
    MOVING = auto()  # takes it, and does not yet serve as asked
    FAILED = auto()  # has taken it, and could not start


def standing_of(update: Update, *, ready: bool) -> Standing:
    """How a model stands to the update; `ready`: it serves as its spec asks."""
    match update:
        case Update.PENDING:
            return Standing.WAITING
        case Update.FAILED:
            return Standing.FAILED
        case Update.UNDER_WAY if not ready:
            return Standing.MOVING
        case _:
            return Standing.SETTLED


class UpdateQueue:
    """Lets models move in the order of their names, each after the one before serves, none after a failure.

    Nothing of it is kept: after a restart each model tells anew how it stands, and none moves before all
    have. `keys` are all models, `enqueue` asks for a pass, `at_once` is how many move at a time, 0 for none.
    """

    def __init__(
        self, at_once: int, keys: Callable[[], Iterable[Key]], enqueue: Callable[[Key], object]
    ) -> None:
        self._at_once = at_once
        self._keys = keys
        self._enqueue = enqueue
        self._standings: dict[Key, Standing] = {}
        self._allowed: set[Key] = set()

    def allows(self, key: Key) -> bool:
        """Whether the model may move now."""
        return key in self._allowed

    def tell(self, key: Key, standing: Standing) -> None:
        """Take in how a model stands, and let the next ones move."""
        if standing is Standing.SETTLED or standing is Standing.FAILED:
            self._allowed.discard(key)
        elif standing is Standing.WAITING and key in self._allowed:
            # Allowed since its pass began.
            return
        if self._standings.get(key) is not standing:
            self._standings[key] = standing
            self._advance()

    def tell_unknown(self, key: Key) -> None:
        """Take in that nobody can say how a model stands: the others do not wait for it to begin."""
        if key not in self._standings:
            self.tell(key, Standing.SETTLED)

    def pass_turn(self, key: Key) -> None:
        """Take in that a model cannot move for now: it is the next one's turn, if it was this one's."""
        if key in self._allowed:
            self.tell(key, Standing.SETTLED)

    def forget(self, key: Key) -> None:
        """Take in that a model is gone."""
        self._allowed.discard(key)
        if self._standings.pop(key, None) is not None:
            self._advance()

    def place(self, key: Key) -> str:
        """What a waiting model waits for, as a phrase."""
        if not self._at_once:
            return "it comes with the next change of the spec"
        if Standing.FAILED in self._standings.values():
            return "it waits until the model that failed with it (reason RolledBack) is repaired"
        waiting = self._waiting()
        place = waiting.index(key) + 1 if key in waiting else 1
        moving = sorted(map(str, self._moving()))
        after = f", after {enumerated(moving, 2)}" if moving else ""
        return f"it is number {place} of {max(len(waiting), 1)} in the queue{after}"

    def _waiting(self) -> list[Key]:
        waiting = [key for key, standing in self._standings.items() if standing is Standing.WAITING]
        return sorted((key for key in waiting if key not in self._allowed), key=str)

    def _moving(self) -> set[Key]:
        moving = {key for key, standing in self._standings.items() if standing is Standing.MOVING}
        return moving | self._allowed

    def _advance(self) -> None:
        waiting = self._waiting()
        if not waiting or Standing.FAILED in self._standings.values():
            return
        free = self._at_once - len(self._moving())
        if free <= 0 or any(key not in self._standings for key in self._keys()):
            return
        for key in waiting[:free]:
            self._allowed.add(key)
            self._enqueue(key)
