"""Whose fields are whose, by managedFields."""

from typing import Any

import pytest

from sirocco_operator.reconcile.ownership import Ownership, as_applied, ownership, without_updates

pytestmark = pytest.mark.unit


def entry(manager: str, operation: str, fields: dict[str, Any], subresource: str = "") -> dict[str, Any]:
    found = {"manager": manager, "operation": operation, "fieldsV1": fields, "fieldsType": "FieldsV1"}
    return {**found, "subresource": subresource} if subresource else found


def live(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "a", "managedFields": list(entries)}}


CREATED = entry("us", "Update", {"f:spec": {"f:a": {}, "f:default": {}}})
APPLIED = entry("us", "Apply", {"f:spec": {"f:a": {}}})
STATUS = entry("us", "Update", {"f:status": {}}, "status")
THEIRS = entry("them", "Update", {"f:spec": {"f:b": {}}})


def test_what_was_applied_counts_before_what_was_created() -> None:
    assert ownership(live(CREATED, APPLIED), "us") == Ownership({"f:spec": {"f:a": {}}}, applied=True)


def test_a_created_object_is_owned_with_its_defaults() -> None:
    found = ownership(live(THEIRS, CREATED), "us")
    assert found == Ownership({"f:spec": {"f:a": {}, "f:default": {}}}, applied=False)


@pytest.mark.parametrize("entries", [(), (THEIRS,), (STATUS,)])
def test_an_object_that_others_wrote_is_not_ours(entries: tuple[dict[str, Any], ...]) -> None:
    assert ownership(live(*entries), "us") is None


def test_a_created_object_becomes_an_applied_one_and_others_entries_stay() -> None:
    wanted = {**CREATED, "operation": "Apply"}
    assert as_applied(live(THEIRS, CREATED, STATUS), "us") == [THEIRS, STATUS, wanted]


def test_what_was_applied_and_what_was_updated_become_one_entry() -> None:
    more = entry("us", "Update", {"f:spec": {"f:c": {}}, "f:metadata": {"f:labels": {".": {}}}})
    entries = as_applied(live(APPLIED, more), "us")
    assert entries is not None
    (found,) = entries
    assert found["operation"] == "Apply"
    assert found["fieldsV1"] == {"f:spec": {"f:a": {}, "f:c": {}}, "f:metadata": {"f:labels": {".": {}}}}


def test_an_applied_object_stays_as_it_is() -> None:
    assert as_applied(live(APPLIED, THEIRS, STATUS), "us") is None


def test_only_our_own_updates_are_left_out() -> None:
    assert without_updates(live(APPLIED, CREATED, THEIRS, STATUS), "us") == [APPLIED, THEIRS, STATUS]
