"""Which models may move, and when."""

import pytest

from sirocco_operator.children.revision import Update
from sirocco_operator.controller.store import Key
from sirocco_operator.reconcile.update_queue import Standing, UpdateQueue, standing_of

pytestmark = pytest.mark.unit

A, B, C = (Key("models", name) for name in "abc")


class Fleet:
    """A queue over three models, and the passes that it asks for."""

    def __init__(self, at_once: int = 1) -> None:
        self.asked: list[Key] = []
        self.queue = UpdateQueue(at_once, lambda: (A, B, C), self.asked.append)

    def tell(self, *standings: Standing) -> None:
        """How A, B and C stand."""
        for key, standing in zip((A, B, C), standings, strict=False):
            self.queue.tell(key, standing)

    def allowed(self) -> list[Key]:
        """The models that may move."""
        return [key for key in (A, B, C) if self.queue.allows(key)]


def test_none_moves_before_all_have_told_how_they_stand() -> None:
    fleet = Fleet()
    fleet.tell(Standing.WAITING, Standing.WAITING)
    assert not fleet.allowed()
    fleet.queue.tell_unknown(C)
    assert fleet.allowed() == fleet.asked == [A]


def test_each_moves_after_the_one_before_serves() -> None:
    fleet = Fleet()
    fleet.tell(Standing.WAITING, Standing.WAITING, Standing.WAITING)
    fleet.queue.tell(A, Standing.MOVING)
    assert fleet.allowed() == [A]
    fleet.queue.tell(A, Standing.SETTLED)
    assert fleet.allowed() == [B]
    assert fleet.asked == [A, B]


def test_as_many_move_at_once_as_the_chart_says() -> None:
    fleet = Fleet(at_once=2)
    fleet.tell(Standing.WAITING, Standing.WAITING, Standing.WAITING)
    assert fleet.allowed() == [A, B]


def test_none_moves_after_one_has_failed_until_it_is_repaired() -> None:
    fleet = Fleet()
    fleet.tell(Standing.WAITING, Standing.WAITING, Standing.SETTLED)
    fleet.queue.tell(A, Standing.MOVING)
    fleet.queue.tell(A, Standing.FAILED)
    assert not fleet.allowed()
    assert "RolledBack" in fleet.queue.place(B)
    fleet.queue.tell(A, Standing.SETTLED)
    assert fleet.allowed() == [B]


def test_one_that_moves_holds_up_the_others_after_a_restart_too() -> None:
    fleet = Fleet()
    fleet.tell(Standing.WAITING, Standing.MOVING, Standing.WAITING)
    assert not fleet.allowed()


def test_one_that_goes_holds_up_nobody() -> None:
    fleet = Fleet()
    fleet.tell(Standing.WAITING, Standing.MOVING, Standing.WAITING)
    fleet.queue.forget(B)
    fleet.queue.tell_unknown(B)
    assert fleet.allowed() == [A]


def test_a_model_is_told_its_place() -> None:
    fleet = Fleet()
    fleet.tell(Standing.WAITING, Standing.WAITING, Standing.WAITING)
    assert fleet.queue.place(C) == "it is number 2 of 2 in the queue, after models/a"


def test_without_a_queue_each_moves_with_its_spec() -> None:
    fleet = Fleet(at_once=0)
    fleet.tell(Standing.WAITING, Standing.WAITING, Standing.WAITING)
    assert not fleet.allowed()
    assert fleet.queue.place(A) == "it comes with the next change of the spec"


@pytest.mark.parametrize(
    ("update", "ready", "standing"),
    [
        (Update.NONE, False, Standing.SETTLED),
        (Update.PENDING, True, Standing.WAITING),
        (Update.UNDER_WAY, False, Standing.MOVING),
        (Update.UNDER_WAY, True, Standing.SETTLED),
        (Update.FAILED, True, Standing.FAILED),
    ],
)
def test_a_model_moves_until_it_serves_as_asked(update: Update, ready: bool, standing: Standing) -> None:
    assert standing_of(update, ready=ready) is standing


def test_a_model_that_cannot_move_does_not_keep_the_others_waiting() -> None:
    fleet = Fleet()
    fleet.tell(Standing.WAITING, Standing.WAITING, Standing.SETTLED)
    fleet.queue.pass_turn(A)
    assert fleet.allowed() == [B]
    fleet.queue.tell(A, Standing.WAITING)
    fleet.queue.tell(B, Standing.SETTLED)
    assert fleet.allowed() == [A]


def test_a_failed_model_of_which_nothing_is_known_for_now_still_holds_the_others() -> None:
    fleet = Fleet()
    fleet.tell(Standing.FAILED, Standing.WAITING, Standing.WAITING)
    fleet.queue.tell_unknown(A)
    fleet.queue.pass_turn(A)
    assert not fleet.allowed()
