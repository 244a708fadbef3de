"""Which differences a write puts right, and when."""

from typing import Any

import pytest

from sirocco_operator.reconcile.diff import Cause, Difference, with_digest
from sirocco_operator.reconcile.settled import Settled

pytestmark = pytest.mark.unit

IMAGE = ".spec.image"


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def manifest(**spec: Any) -> dict[str, Any]:
    labels = {"inference.sirocco.dev/model": "mistral"}
    metadata = {"name": "a", "namespace": "b", "labels": labels}
    return with_digest({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})


def live(uid: str = "1", **spec: Any) -> dict[str, Any]:
    found = manifest(**spec)
    found["metadata"]["uid"] = uid
    return found


WANTED = manifest(image="a")
LIVE = live(image="a")


def differs(value: Any, cause: Cause = Cause.OTHERS, path: str = IMAGE) -> list[Difference]:
    return [Difference(path, value, cause)]


def test_what_still_differs_after_our_own_apply_is_let_be() -> None:
    settled = Settled()
    settled.applied(WANTED, LIVE, differs("mirror/a", Cause.API))
    assert settled.open(WANTED, LIVE, differs("mirror/a", Cause.API)) is None


def test_another_value_of_such_a_path_is_put_right() -> None:
    settled = Settled()
    settled.applied(WANTED, LIVE, differs("mirror/a", Cause.API))
    assert settled.open(WANTED, LIVE, differs("evil")) == differs("evil")[0]


def test_any_other_path_is_put_right() -> None:
    settled = Settled()
    settled.applied(WANTED, LIVE, differs("mirror/a", Cause.API))
    replicas = differs(0, path=".spec.replicas")
    assert settled.open(WANTED, LIVE, [*differs("mirror/a", Cause.API), *replicas]) == replicas[0]


def test_after_a_restart_the_object_tells_what_the_api_server_made_of_our_last_write() -> None:
    assert Settled().open(WANTED, LIVE, differs("mirror/a", Cause.API)) is None


def test_after_a_restart_what_others_wrote_is_put_right() -> None:
    assert Settled().open(WANTED, LIVE, differs("evil")) is not None


def test_after_a_restart_an_object_of_another_manifest_is_put_right() -> None:
    assert Settled().open(WANTED, live(image="old"), differs("old", Cause.API)) is not None


def test_a_field_that_the_api_server_drops_at_a_create_is_tried_once_more() -> None:
    settled = Settled()
    assert settled.created(WANTED, LIVE, differs(None)) is not None
    settled.applied(WANTED, LIVE, differs(None))
    assert settled.open(WANTED, LIVE, differs(None)) is None


def test_a_value_that_a_webhook_sets_at_a_create_is_let_be() -> None:
    assert Settled().created(WANTED, LIVE, differs("mirror/a", Cause.API)) is None


def test_what_others_add_while_we_write_is_not_settled() -> None:
    settled = Settled()
    settled.applied(WANTED, LIVE, differs(None, Cause.FOREIGN))
    assert settled.open(WANTED, LIVE, differs(None, Cause.FOREIGN)) is not None


def test_another_object_of_the_name_is_looked_at_anew() -> None:
    settled = Settled()
    settled.applied(WANTED, LIVE, differs(None))
    assert settled.open(WANTED, live(uid="2", image="a"), differs(None)) is not None


def test_a_model_that_is_gone_leaves_nothing() -> None:
    settled = Settled()
    settled.applied(WANTED, LIVE, [])
    settled.forget(next(iter(settled._children)))
    assert not settled._children


def repaired(settled: Settled, clock: Clock, times: int, seconds: float = 0.0) -> None:
    for _ in range(times):
        settled.applied(WANTED, LIVE, [])
        clock.now += seconds


def test_ten_edits_in_a_row_are_put_right_at_once() -> None:
    clock = Clock()
    settled = Settled(clock)
    repaired(settled, clock, 10)
    assert settled.wait(WANTED, LIVE, differs("x")[0]) == 0


def test_from_then_on_each_repair_waits_longer_up_to_five_minutes() -> None:
    clock = Clock()
    settled = Settled(clock)
    repaired(settled, clock, 11)
    waits = []
    for _ in range(11):
        waits.append(settled.wait(WANTED, LIVE, differs("x")[0]))
        clock.now += waits[-1]
        repaired(settled, clock, 1)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_a_webhook_that_makes_another_value_each_time_waits_from_the_second_time_on() -> None:
    clock = Clock()
    settled = Settled(clock)
    repaired(settled, clock, 1)
    assert settled.wait(WANTED, LIVE, differs("x", Cause.API)[0]) == 0
    repaired(settled, clock, 1)
    assert settled.wait(WANTED, LIVE, differs("y", Cause.API)[0]) == 1


def test_another_manifest_is_written_at_once() -> None:
    clock = Clock()
    settled = Settled(clock)
    repaired(settled, clock, 20)
    assert settled.wait(manifest(image="b"), LIVE, differs("a")[0]) == 0


def test_a_calm_child_is_put_right_at_once_again() -> None:
    clock = Clock()
    settled = Settled(clock)
    repaired(settled, clock, 20)
    clock.now += 601
    repaired(settled, clock, 1)
    assert settled.wait(WANTED, LIVE, differs("x")[0]) == 0


def test_a_child_that_is_deleted_again_and_again_is_made_again_later_each_time() -> None:
    clock = Clock()
    settled = Settled(clock)
    waits = []
    for number in range(14):
        waits.append(settled.wait_to_create(WANTED))
        clock.now += waits[-1]
        settled.created(WANTED, live(uid=str(number), image="a"), [])
    assert waits == [*[0.0] * 11, 1, 2, 4]
    assert settled.wait_to_create(manifest(image="another")) == 0
