"""Which revision the Deployment gets, and which are remembered."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from sirocco_operator.children.revision import Revision, Rollout, Update, build_revision
from sirocco_operator.reconcile.rollout import HISTORY_LIMIT, Pods, choose, find_running
from tests.unit.children.rendering import SETTINGS, a_model

pytestmark = pytest.mark.unit

NEWER = SETTINGS.model_copy(update={"serving_image": "registry.example/serving:2"})


def built(length: int = 1024, *, newer: bool = False) -> Revision:
    """What an operator, or a newer one, makes of a spec."""
    return build_revision(a_model(engine={"maxModelLen": length}), NEWER if newer else SETTINGS)


def adopted(**changes: Any) -> Revision:
    """What release 0.1.0 rolled out of the same spec: without the label."""
    template = {**built().template, "metadata": {"labels": {}}}
    return replace(built(), hash="0123456789", template=template, **changes)


def step(
    wanted: Revision,
    running: Revision | None,
    remembered: Sequence[Revision] = (),
    serving: Sequence[str] = (),
    existing: Sequence[str] = (),
    failed: dict[str, str] | None = None,
    retry: str = "",
    *,
    may_update: bool = False,
) -> Rollout:
    """The next rollout."""
    found = Pods(existing, serving, failed or {})
    return choose(wanted, running, remembered, found, retry, may_update=may_update)


def order(rollout: Rollout) -> list[tuple[str, int]]:
    """Hashes and numbers, the newest first."""
    return [(each.hash, each.number) for each in rollout.remembered]


def test_the_first_revision_of_a_new_model_is_number_one() -> None:
    assert order(step(built(), None)) == [(built().hash, 1)]


def test_a_change_of_the_spec_is_rolled_out_as_the_next_revision() -> None:
    first = step(built(1), None)
    second = step(built(2), first.current, first.remembered)
    assert order(second) == [(built(2).hash, 2), (built(1).hash, 1)]
    assert second.current.template == built(2).template


def test_nothing_changes_while_the_spec_stays() -> None:
    first = step(built(), None)
    assert step(built(), first.current, first.remembered) == first


def test_a_spec_of_before_becomes_the_newest_revision_again() -> None:
    first = step(built(1), None)
    second = step(built(2), first.current, first.remembered)
    third = step(built(1), second.current, second.remembered)
    assert order(third) == [(built(1).hash, 3), (built(2).hash, 2)]


def test_an_interrupted_rollout_ends_as_it_was_begun() -> None:
    first = step(built(1), None)
    second = step(built(2), first.current, first.remembered)
    # The revision was remembered, the Deployment not yet written.
    assert step(built(2), first.current, second.remembered) == second


def test_what_differs_by_the_operators_doing_waits() -> None:
    first = step(built(), None)
    later = step(built(newer=True), first.current, first.remembered)
    assert (later.current, later.update) == (first.current, Update.PENDING)


def test_what_waits_comes_with_the_next_change_of_the_spec() -> None:
    first = step(built(1), None)
    later = step(built(2, newer=True), first.current, first.remembered)
    assert later.current.template == built(2, newer=True).template


def test_pods_of_today_are_adopted_as_they_are() -> None:
    rollout = step(built(), adopted())
    assert rollout.current == replace(adopted(), number=1)
    assert step(built(), find_running(adopted().template, rollout.remembered), rollout.remembered) == rollout


def test_pods_of_a_spec_that_was_not_handled_are_replaced() -> None:
    rollout = step(built(), adopted(spec_digest=""))
    assert order(rollout) == [(built().hash, 2), (adopted().hash, 1)]


def test_pods_of_an_older_operator_are_adopted_again_after_a_downgrade() -> None:
    before = step(built(), None)
    after = step(built(), adopted(), before.remembered)
    assert order(after) == [(adopted().hash, 2), (built().hash, 1)]


def test_a_deployment_that_is_gone_is_made_as_the_operator_makes_it_now() -> None:
    first = step(built(), None)
    assert step(built(newer=True), None, first.remembered).current.template == built(newer=True).template


def test_a_deleted_memory_of_what_runs_is_made_again_without_a_rollout() -> None:
    first = step(built(), None)
    running = find_running(first.current.template, ())
    assert step(built(), running, ()) == first


def test_a_revision_that_has_served_is_remembered_as_such() -> None:
    first = step(built(), None)
    assert not first.current.served
    served = step(built(), first.current, first.remembered, serving=[built().hash])
    assert served.current.served
    assert step(built(), served.current, served.remembered).current.served


def test_pods_without_the_label_serve_for_the_adopted_revision() -> None:
    assert step(built(), adopted(), serving=[""]).current.served


def test_only_the_newest_revisions_are_remembered_and_those_that_pods_use() -> None:
    rollout = step(built(1), None)
    for length in range(2, 10):
        rollout = step(built(length), rollout.current, rollout.remembered, existing=[built(1).hash])
    lengths = [*range(9, 9 - HISTORY_LIMIT, -1), 1]
    assert [each.hash for each in rollout.remembered] == [built(length).hash for length in lengths]


def test_what_runs_is_told_by_the_label_of_the_template() -> None:
    first, second = replace(built(1), number=1), replace(built(2), number=2)
    assert find_running(built(1).template, [second, first]) == first
    assert find_running(built(3).template, [second, first]) is None


CRASHED = "EngineCrashed: exit code 1"


def taken_back(retry: str = "") -> Rollout:
    """A first revision that served, and a second that could not start."""
    first = step(built(1), None, serving=[built(1).hash])
    first = step(built(1), first.current, first.remembered, serving=[built(1).hash])
    second = step(built(2), first.current, first.remembered, serving=[built(1).hash], retry=retry)
    failed = {built(2).hash: CRASHED}
    return step(built(2), second.current, second.remembered, [built(1).hash], failed=failed, retry=retry)


def test_a_revision_that_cannot_start_gives_way_to_the_last_that_served() -> None:
    rollout = taken_back()
    assert order(rollout) == [(built(1).hash, 3), (built(2).hash, 2)]
    assert rollout.taken_back == CRASHED


def test_what_failed_is_not_tried_again_by_itself() -> None:
    before = taken_back()
    assert step(built(2), before.current, before.remembered) == before


def test_an_interrupted_way_back_ends_as_it_was_begun() -> None:
    before = taken_back()
    failed = next(each for each in before.remembered if each.failure)
    assert step(built(2), failed, before.remembered, failed={built(2).hash: CRASHED}) == before


def test_another_change_is_tried() -> None:
    before = taken_back()
    rollout = step(built(3), before.current, before.remembered)
    assert (rollout.current.hash, rollout.taken_back) == (built(3).hash, "")


def test_the_spec_of_before_is_as_the_restored_pods_are() -> None:
    before = taken_back()
    rollout = step(built(1), before.current, before.remembered)
    assert (rollout.current, rollout.taken_back) == (before.current, "")


def test_a_new_mark_of_the_model_tries_again_what_failed() -> None:
    before = taken_back("a")
    assert step(built(2), before.current, before.remembered, retry="a") == before
    rollout = step(built(2), before.current, before.remembered, retry="b")
    assert (rollout.current.hash, rollout.current.failure, rollout.taken_back) == (built(2).hash, None, "")
    again = step(built(2), rollout.current, rollout.remembered, failed={built(2).hash: CRASHED}, retry="b")
    assert (again.current.hash, again.taken_back) == (built(1).hash, CRASHED)


def test_a_newer_operator_does_not_try_again_what_failed() -> None:
    before = taken_back()
    rollout = step(built(2, newer=True), before.current, before.remembered)
    assert (rollout.current, rollout.taken_back) == (before.current, CRASHED)


def test_a_first_revision_is_not_taken_back() -> None:
    first = step(built(), None)
    assert step(built(), first.current, first.remembered, failed={built().hash: CRASHED}) == first


def test_a_revision_that_served_is_not_taken_back() -> None:
    first = step(built(1), None, serving=[built(1).hash])
    first = step(built(1), first.current, first.remembered, serving=[built(1).hash])
    second = step(built(2), first.current, first.remembered, serving=[built(2).hash])
    second = step(built(2), second.current, second.remembered, serving=[built(2).hash])
    rollout = step(built(2), second.current, second.remembered, failed={built(2).hash: CRASHED})
    assert (rollout.current.hash, rollout.taken_back) == (built(2).hash, "")


def test_adopted_pods_that_served_are_gone_back_to() -> None:
    adoption = step(built(1), adopted(spec_digest=built(1).spec_digest), serving=[""])
    second = step(built(2), adoption.current, adoption.remembered)
    rollout = step(built(2), second.current, second.remembered, failed={built(2).hash: CRASHED})
    assert (rollout.current.hash, rollout.taken_back) == (adopted().hash, CRASHED)


def served(wanted: Revision) -> Rollout:
    """A revision that serves."""
    first = step(wanted, None)
    return step(wanted, first.current, first.remembered, [wanted.hash], [wanted.hash])


def test_a_model_whose_turn_has_come_is_updated() -> None:
    before, newer = served(built()), built(newer=True)
    moving = step(newer, before.current, before.remembered, [built().hash], [built().hash], may_update=True)
    assert (moving.current.hash, moving.update) == (newer.hash, Update.UNDER_WAY)
    # The first new pod serves, old ones are left; then all are new.
    both = [built().hash, newer.hash]
    halfway = step(newer, moving.current, moving.remembered, both, both)
    assert halfway.update is Update.UNDER_WAY
    after = step(newer, halfway.current, halfway.remembered, [newer.hash], [newer.hash])
    assert (after.current.hash, after.update) == (newer.hash, Update.NONE)


def test_an_update_that_cannot_start_is_taken_back_and_waits_for_no_turn() -> None:
    before, newer = served(built()), built(newer=True)
    moving = step(newer, before.current, before.remembered, [built().hash], may_update=True)
    failed = step(newer, moving.current, moving.remembered, failed={newer.hash: CRASHED}, may_update=True)
    assert (failed.current.hash, failed.taken_back, failed.update) == (built().hash, CRASHED, Update.FAILED)
    later = step(newer, failed.current, failed.remembered, may_update=True)
    assert (later.current, later.taken_back, later.update) == (failed.current, CRASHED, Update.FAILED)


def test_a_change_of_the_spec_is_no_update() -> None:
    before = served(built(1))
    assert step(built(2), before.current, before.remembered, [built(1).hash]).update is Update.NONE
