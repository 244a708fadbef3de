"""Whose fields are whose, by managedFields."""

from typing import Any

import pytest

from sirocco_operator.reconcile.ownership import (
    Ownership,
    as_applied,
    foreign,
    is_orphan,
    owned_part,
    ownership,
    without_updates,
)

pytestmark = pytest.mark.unit


def entry(manager: str, operation: str, fields: dict[str, Any], subresource: str = "") -> dict[str, Any]:
    found = {
        "manager": manager,
        "operation": operation,
        "apiVersion": "apps/v1",
        "fieldsV1": fields,
        "fieldsType": "FieldsV1",
    }
    return {**found, "subresource": subresource} if subresource else found


def live(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "metadata": {"name": "a", "managedFields": list(entries)}}


CREATED = entry("us", "Update", {"f:spec": {"f:a": {}, "f:default": {}}})
APPLIED = entry("us", "Apply", {"f:spec": {"f:a": {}}})
STATUS = entry("us", "Update", {"f:status": {}}, "status")
THEIRS = entry("them", "Update", {"f:metadata": {"f:labels": {"f:b": {}}}})


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
    held = {**live(APPLIED, CREATED, THEIRS, STATUS), "spec": {"a": 1}}
    assert without_updates(held, "us") == [APPLIED, THEIRS, STATUS]


def test_what_was_applied_and_is_gone_is_left_out() -> None:
    volumes = {
        'k:{"name":"tmp"}': {".": {}, "f:name": {}, "f:emptyDir": {"f:medium": {}}},
        'k:{"name":"gone"}': {".": {}, "f:name": {}},
    }
    held = live(entry("us", "Apply", {"f:spec": {"f:volumes": volumes, "f:args": {}, "f:old": {}}}))
    held["spec"] = {"volumes": [{"name": "tmp", "emptyDir": {}}], "args": ["--a"]}
    (found,) = without_updates(held, "us")
    assert found["fieldsV1"] == {
        "f:spec": {
            "f:volumes": {'k:{"name":"tmp"}': {".": {}, "f:name": {}, "f:emptyDir": {}}},
            "f:args": {},
        }
    }


def in_template(**fields: Any) -> dict[str, Any]:
    return {"f:spec": {"f:template": {f"f:{name}": below for name, below in fields.items()}}}


SIDECAR = in_template(spec={"f:containers": {'k:{"name":"evil"}': {".": {}, "f:name": {}, "f:image": {}}}})
RESTART: dict[str, Any] = {"f:kubectl.kubernetes.io/restartedAt": {}}


def test_what_others_put_into_the_spec_is_taken_over_so_that_an_apply_removes_it() -> None:
    sidecar = entry("kubectl-edit", "Update", SIDECAR | {"f:metadata": {"f:annotations": {"f:note": {}}}})
    assert foreign(live(APPLIED, sidecar), "us") == SIDECAR
    entries = as_applied(live(APPLIED, sidecar, STATUS), "us")
    assert entries is not None
    theirs, status, ours = entries
    assert theirs == {**sidecar, "fieldsV1": {"f:metadata": {"f:annotations": {"f:note": {}}}}}
    assert status == STATUS
    assert ours["operation"] == "Apply"
    assert ours["fieldsV1"] == {"f:spec": {"f:a": {}, **SIDECAR["f:spec"]}}


def test_a_manager_that_has_nothing_left_goes() -> None:
    entries = as_applied(live(APPLIED, entry("kubectl-set", "Update", SIDECAR)), "us")
    assert entries is not None
    assert [each["manager"] for each in entries] == ["us"]


def test_the_mark_of_a_rollout_restart_stays_with_its_writer() -> None:
    annotations = {".": {}, **RESTART, "f:theirs": {}}
    restart = entry("kubectl-rollout", "Update", in_template(metadata={"f:annotations": annotations}))
    assert foreign(live(APPLIED, restart), "us") == in_template(metadata={"f:annotations": {"f:theirs": {}}})
    entries = as_applied(live(APPLIED, restart), "us")
    assert entries is not None
    left = entries[0]["fieldsV1"]["f:spec"]["f:template"]["f:metadata"]["f:annotations"]
    assert left == {".": {}, **RESTART}


def test_a_rollout_restart_alone_takes_no_write() -> None:
    restart = entry("kubectl-rollout", "Update", in_template(metadata={"f:annotations": RESTART}))
    assert foreign(live(APPLIED, restart), "us") == {}
    assert as_applied(live(APPLIED, restart), "us") is None


@pytest.mark.parametrize(
    "fields",
    [
        {"f:spec": {"f:replicas": {}}},
        {"f:metadata": {"f:annotations": {"f:x": {}}, "f:labels": {"f:y": {}}}},
        {"f:secrets": {}, "f:imagePullSecrets": {}},
        {"f:spec": {"f:a": {}}},
        {"f:status": {"f:conditions": {}}},
    ],
    ids=["an autoscaler's count", "metadata", "an account's Secrets", "what we own too", "a status"],
)
def test_what_is_not_ours_alone_is_left_to_others(fields: dict[str, Any]) -> None:
    assert foreign(live(APPLIED, entry("them", "Update", fields)), "us") == {}


def test_fields_of_another_version_of_the_api_are_not_understood() -> None:
    other = {**entry("them", "Update", {"f:spec": {"f:old": {}}}), "apiVersion": "apps/v1beta1"}
    assert foreign(live(APPLIED, other), "us") == {}


def orphan(**metadata: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/managed-by": "sirocco-operator", "inference.sirocco.dev/model": "mistral"}
    found = live(APPLIED)
    found["metadata"] |= {"labels": labels, **metadata}
    return found


def test_an_object_of_ours_that_nobody_controls_is_an_orphan() -> None:
    assert is_orphan(orphan(), "us", "mistral")
    assert is_orphan(orphan(ownerReferences=[{"uid": "1"}]), "us", "mistral")


@pytest.mark.parametrize(
    "metadata",
    [
        {"ownerReferences": [{"uid": "1", "controller": True}]},
        {"managedFields": [THEIRS]},
        {"labels": {}},
        {"labels": {"inference.sirocco.dev/model": "mistral"}},
    ],
    ids=["controlled", "not written by us", "without labels", "without our label"],
)
def test_any_other_object_is_no_orphan(metadata: dict[str, Any]) -> None:
    assert not is_orphan(orphan(**metadata), "us", "mistral")


def test_an_orphan_of_another_model_is_not_this_ones() -> None:
    assert not is_orphan(orphan(), "us", "llama")


def test_the_owned_part_of_an_object_is_what_its_manager_wrote() -> None:
    live = {
        "containers": [
            {"name": "vllm", "image": "a", "ports": [{"containerPort": 8000, "protocol": "TCP"}]},
            {"name": "sidecar", "image": "b"},
        ],
        "tolerations": [{"key": "spot"}],
        "volumes": [{"name": "cache", "emptyDir": {}}],
        "schedulerName": "default-scheduler",
    }
    port = 'k:{"containerPort":8000,"protocol":"TCP"}'
    fields = {
        "f:containers": {
            'k:{"name":"vllm"}': {
                ".": {},
                "f:name": {},
                "f:ports": {".": {}, port: {".": {}, "f:containerPort": {}}},
            }
        },
        "f:tolerations": {},
        "f:volumes": {".": {}, 'k:{"name":"cache"}': {".": {}, "f:name": {}, "f:emptyDir": {}}},
    }
    assert owned_part(live, fields) == {
        "containers": [{"name": "vllm", "ports": [{"containerPort": 8000}]}],
        "tolerations": [{"key": "spot"}],
        "volumes": [{"name": "cache", "emptyDir": {}}],
    }
