"""The store holds the newest version of each object, and knows what belongs to whom."""

from typing import Any

import pytest

from sirocco_operator.controller.store import MOST_DELETED, Identity, Key, Manifest, Store, identity

pytestmark = pytest.mark.unit

PARENT = Key("space", "parent")


def owner(manifest: Manifest) -> Key | None:
    name = manifest["metadata"].get("labels", {}).get("parent")
    return Key(manifest["metadata"]["namespace"], name) if name else None


def store() -> Store:
    return Store("example.com/v1/Parent", "v1/Pod", owner)


def thing(
    kind: str = "Parent",
    name: str = "parent",
    version: int = 1,
    uid: str = "",
    parent: str = "",
    controller: str = "parent-uid",
    **more: Any,
) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "space",
        "uid": uid or f"{name}-uid",
        "resourceVersion": str(version),
    }
    if parent:
        metadata["labels"] = {"parent": parent}
        metadata["ownerReferences"] = [{"uid": controller, "controller": True}]
    return {
        "apiVersion": "example.com/v1" if kind == "Parent" else "v1",
        "kind": kind,
        "metadata": metadata,
        **more,
    }


def child_names(objects: Store, uid: str = "parent-uid") -> set[str]:
    return {which.name for which in objects.children(PARENT, uid)}


def test_a_new_version_is_news_for_its_key() -> None:
    objects = store()
    assert objects.put(thing(version=1)) == [PARENT]
    assert objects.put(thing(version=2, spec={"a": 1})) == [PARENT]
    assert objects.primary(PARENT) == thing(version=2, spec={"a": 1})


def test_a_version_that_is_known_is_no_news() -> None:
    objects = store()
    objects.put(thing(version=2, spec="new"))
    assert objects.put(thing(version=2, spec="new")) == []


def test_an_older_version_does_not_replace_a_newer_one() -> None:
    objects = store()
    objects.put(thing(version=10))
    assert objects.put(thing(version=9, spec="old")) == []
    assert objects.primary(PARENT) == thing(version=10)


def test_a_change_of_a_child_is_work_for_its_parent() -> None:
    assert store().put(thing("Service", "child", parent="parent")) == [PARENT]


def test_an_object_without_parent_is_no_work() -> None:
    assert store().put(thing("Service", "stranger")) == []


def test_children_are_those_that_the_parent_controls() -> None:
    objects = store()
    objects.put(thing("Service", "ours", parent="parent"))
    objects.put(thing("Service", "of-a-namesake", parent="parent", controller="another-uid"))
    assert child_names(objects) == {"ours"}


def test_an_orphan_is_known_though_it_belongs_to_nobody() -> None:
    objects = store()
    objects.put(thing("Service", "ours", parent="parent"))
    objects.put(thing("Service", "orphan"))
    uncontrolled = [
        name
        for name in ("ours", "orphan", "unknown")
        if objects.is_uncontrolled(identity(thing("Service", name)))
    ]
    assert uncontrolled == ["orphan"]


def test_pods_are_no_children_and_come_by_name() -> None:
    objects = store()
    for name in "hgfedcba":
        objects.put(thing("Pod", name, parent="parent"))
    assert child_names(objects) == set()
    assert [pod["metadata"]["name"] for pod in objects.pods(PARENT)] == list("abcdefgh")


def test_a_child_that_changes_its_parent_leaves_the_old_one() -> None:
    objects = store()
    objects.put(thing("Service", "child", version=1, parent="parent"))
    assert objects.put(thing("Service", "child", version=2)) == [PARENT]
    assert child_names(objects) == set()


def test_a_child_that_changes_its_parent_is_work_for_both() -> None:
    objects = store()
    objects.put(thing("Service", "child", version=1, parent="parent"))
    moved = objects.put(thing("Service", "child", version=2, parent="another"))
    assert set(moved) == {PARENT, Key("space", "another")}


def test_of_what_belongs_to_nobody_no_content_is_kept() -> None:
    objects = store()
    objects.put(thing("Service", "stranger"))
    assert objects.read(Identity("v1/Service", "space", "stranger")) is None


def test_what_is_known_of_deleted_objects_is_bounded() -> None:
    objects = store()
    for number in range(MOST_DELETED + 1):
        objects.remove(thing("Service", "child", version=5, uid=str(number), parent="parent"))
    assert objects.put(thing("Service", "child", version=5, uid=str(MOST_DELETED), parent="parent")) == []
    assert objects.put(thing("Service", "child", version=5, uid="0", parent="parent")) == [PARENT]


def test_a_deleted_object_is_work_and_forgotten() -> None:
    objects = store()
    objects.put(thing("Service", "child", parent="parent"))
    assert objects.remove(thing("Service", "child", parent="parent")) == PARENT
    assert child_names(objects) == set()


def test_a_late_list_does_not_bring_back_what_was_deleted() -> None:
    objects = store()
    objects.put(thing("Service", "child", version=1, parent="parent"))
    objects.remove(thing("Service", "child", version=6, parent="parent"))
    assert objects.put(thing("Service", "child", version=5, parent="parent")) == []
    assert child_names(objects) == set()


def test_an_object_that_left_the_selector_is_back_with_its_next_version() -> None:
    objects = store()
    objects.put(thing("Service", "child", version=1, parent="parent"))
    objects.remove(thing("Service", "child", version=6, parent="parent"))
    assert objects.put(thing("Service", "child", version=7, parent="parent")) == [PARENT]
    assert child_names(objects) == {"child"}


def test_an_object_that_is_back_already_stays_when_a_watch_tells_late_that_it_left() -> None:
    objects = store()
    objects.put(thing("Service", "child", version=1, parent="parent"))
    objects.put(thing("Service", "child", version=7, parent="parent"))
    assert objects.remove(thing("Service", "child", version=6, parent="parent")) is None
    assert child_names(objects) == {"child"}
    assert objects.remove(thing("Service", "child", version=8, parent="parent")) == PARENT


def test_deleting_an_old_object_leaves_the_new_one_of_its_name() -> None:
    objects = store()
    objects.put(thing("Service", "child", version=2, uid="new", parent="parent"))
    assert objects.remove(thing("Service", "child", version=1, uid="old", parent="parent")) is None
    assert child_names(objects) == {"child"}


def test_what_a_list_does_not_show_has_vanished() -> None:
    objects = store()
    for name in ("stays", "goes"):
        objects.put(thing("Service", name, version=3, uid=name, parent="parent"))
    assert objects.vanished("v1/Service", {"stays"}, 5, ()) == [PARENT]
    assert child_names(objects) == {"stays"}


def test_what_a_list_lacked_is_back_with_the_next_list_that_has_it() -> None:
    objects = store()
    child = thing("Service", "child", version=3, parent="parent")
    objects.put(child)
    objects.vanished("v1/Service", set(), 5, ())
    assert objects.put(child) == [PARENT]
    assert child_names(objects) == {"child"}


def test_what_is_newer_than_the_list_has_not_vanished() -> None:
    objects = store()
    objects.put(thing("Service", "new", version=9, parent="parent"))
    assert objects.vanished("v1/Service", set(), 5, ()) == []
    assert child_names(objects) == {"new"}


def test_a_list_of_one_namespace_says_nothing_of_others() -> None:
    objects = store()
    objects.put(thing("Service", "child", parent="parent"))
    assert objects.vanished("v1/Service", set(), 5, ("another",)) == []
    assert child_names(objects) == {"child"}


def test_what_a_reader_changes_stays_out_of_the_store() -> None:
    objects = store()
    objects.put(thing(spec={"a": 1}))
    read = objects.primary(PARENT)
    assert read is not None
    read["spec"]["a"] = 2
    assert objects.primary(PARENT) == thing(spec={"a": 1})


def watched(**more: Any) -> dict[str, Any]:
    """A child of the parent."""
    return thing("Service", "child", parent="parent", **more)


def test_a_status_that_does_not_matter_is_no_news() -> None:
    objects = store()
    objects.put(watched(version=1, status={"a": 1}))
    assert objects.put(watched(version=2, status={"a": 2})) == []
    assert objects.read(Identity("v1/Service", "space", "child")) == watched(version=2, status={"a": 2})


def test_a_status_that_matters_is_news() -> None:
    objects = Store("example.com/v1/Parent", "v1/Pod", owner, observed=["v1/Service"])
    objects.put(watched(version=1, status={"a": 1}))
    assert objects.put(watched(version=2, status={"a": 2})) == [PARENT]


def test_the_content_of_a_child_changes_with_all_but_its_status() -> None:
    objects = store()
    contents: list[int] = []
    for version, change in enumerate(({}, {"status": {"a": 1}}, {"spec": {"a": 1}}), start=1):
        objects.put(watched(version=version, **change))
        contents += objects.children(PARENT, "parent-uid").values()
    assert contents[0] == contents[1] != contents[2]
