"""When an object is applied again, and when not."""

import copy
from typing import Any

import pytest

from sirocco_operator.reconcile.diff import Cause, differences

pytestmark = pytest.mark.unit

MANAGER = "us"


def difference(wanted: dict[str, Any], live: dict[str, Any], manager: str) -> str | None:
    """The path of the first difference."""
    return next((each.path for each in differences(wanted, live, manager)), None)


def causes(live: dict[str, Any]) -> dict[str, Cause]:
    return {each.path: each.cause for each in differences(WANTED, live, MANAGER)}


WANTED: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "a", "namespace": "b", "labels": {"app": "a"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "a"}},
        "template": {
            "spec": {
                "hostNetwork": False,
                "nodeSelector": {"zone": "x"},
                "tolerations": [{"key": "gpu", "operator": "Exists"}],
                "containers": [
                    {
                        "name": "engine",
                        "args": ["--one", "1"],
                        "env": [{"name": "EMPTY", "value": ""}],
                        "ports": [{"containerPort": 80, "name": "http"}],
                        "resources": {"limits": {"memory": "1024Mi", "gpu": 1}},
                    }
                ],
                "volumes": [{"name": "tmp", "emptyDir": {}}],
            }
        },
    },
}

# As the API server writes it: maps and lists that it replaces as a whole are leaves.
FIELDS: dict[str, Any] = {
    "f:metadata": {"f:labels": {"f:app": {}}},
    "f:spec": {
        "f:replicas": {},
        "f:selector": {},
        "f:template": {
            "f:spec": {
                "f:hostNetwork": {},
                "f:nodeSelector": {},
                "f:tolerations": {},
                "f:containers": {
                    'k:{"name":"engine"}': {
                        ".": {},
                        "f:name": {},
                        "f:args": {},
                        "f:env": {'k:{"name":"EMPTY"}': {".": {}, "f:name": {}, "f:value": {}}},
                        "f:ports": {
                            'k:{"containerPort":80,"protocol":"TCP"}': {
                                ".": {},
                                "f:containerPort": {},
                                "f:name": {},
                            }
                        },
                        "f:resources": {"f:limits": {"f:memory": {}, "f:gpu": {}}},
                    }
                },
                "f:volumes": {'k:{"name":"tmp"}': {".": {}, "f:name": {}, "f:emptyDir": {}}},
            }
        },
    },
}


def live() -> dict[str, Any]:
    """The object as the API server has it after our apply."""
    manifest = copy.deepcopy(WANTED)
    manifest["metadata"] |= {
        "uid": "1",
        "managedFields": [
            {"manager": "them", "operation": "Update", "fieldsV1": {"f:status": {}}},
            {"manager": MANAGER, "operation": "Apply", "fieldsV1": copy.deepcopy(FIELDS)},
        ],
    }
    manifest["spec"]["progressDeadlineSeconds"] = 600
    pod = manifest["spec"]["template"]["spec"]
    del pod["hostNetwork"]
    pod["restartPolicy"] = "Always"
    engine = pod["containers"][0]
    engine["env"] = [{"name": "EMPTY"}]
    engine["ports"] = [{"containerPort": 80, "name": "http", "protocol": "TCP"}]
    engine["resources"] = {"limits": {"memory": "1Gi", "gpu": "1"}}
    return manifest


def fields(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["metadata"]["managedFields"][1]["fieldsV1"]
    return found


def pod(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return found


def test_an_object_as_wanted_is_left_alone() -> None:
    assert difference(WANTED, live(), MANAGER) is None


def test_what_others_added_is_left_alone() -> None:
    changed = live()
    changed["metadata"]["labels"]["theirs"] = "x"
    pod(changed)["containers"].append({"name": "sidecar"})
    assert difference(WANTED, changed, MANAGER) is None


def test_an_object_that_we_never_applied_is_applied() -> None:
    changed = live()
    changed["metadata"]["managedFields"].pop()
    assert difference(WANTED, changed, MANAGER) == "managedFields"


def test_an_entry_of_a_subresource_is_not_ours() -> None:
    changed = live()
    changed["metadata"]["managedFields"][1]["subresource"] = "status"
    assert difference(WANTED, changed, MANAGER) == "managedFields"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "replicas"), 3),
        (("metadata", "labels", "app"), "b"),
        (("spec", "selector", "matchLabels", "extra"), "y"),
        (("spec", "template", "spec", "nodeSelector", "theirs"), "y"),
        (("spec", "template", "spec", "hostNetwork"), True),
        (("spec", "template", "spec", "tolerations", 0, "effect"), "NoSchedule"),
        (("spec", "template", "spec", "containers", 0, "args"), ["--one", "2"]),
        (("spec", "template", "spec", "containers", 0, "args"), ["--one", "1", "--more"]),
        (("spec", "template", "spec", "containers", 0, "env", 0, "value"), "full"),
        (("spec", "template", "spec", "containers", 0, "ports", 0, "name"), "https"),
        (("spec", "template", "spec", "containers", 0, "resources", "limits", "memory"), "2Gi"),
        (("spec", "template", "spec", "containers", 0, "name"), "renamed"),
    ],
)
def test_a_changed_value_is_applied(path: tuple[str | int, ...], value: Any) -> None:
    changed: Any = live()
    at = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    assert difference(WANTED, changed, MANAGER) is not None


@pytest.mark.parametrize(
    "path",
    [
        ("spec", "replicas"),
        ("metadata", "labels"),
        ("spec", "template", "spec", "nodeSelector"),
        ("spec", "template", "spec", "tolerations"),
        ("spec", "template", "spec", "containers", 0, "resources"),
        ("spec", "template", "spec", "containers", 0, "env"),
        ("spec", "template", "spec", "volumes"),
    ],
)
def test_a_field_that_is_no_longer_wanted_is_removed(path: tuple[str | int, ...]) -> None:
    wanted: Any = copy.deepcopy(WANTED)
    at = wanted
    for step in path[:-1]:
        at = at[step]
    del at[path[-1]]
    assert difference(wanted, live(), MANAGER) is not None


def test_an_element_that_is_no_longer_wanted_is_removed() -> None:
    changed = live()
    pod(changed)["volumes"].append({"name": "old", "emptyDir": {}})
    fields(changed)["f:spec"]["f:template"]["f:spec"]["f:volumes"]['k:{"name":"old"}'] = {
        ".": {},
        "f:name": {},
        "f:emptyDir": {},
    }
    assert difference(WANTED, changed, MANAGER) is not None


def test_an_element_that_is_new_is_applied() -> None:
    wanted = copy.deepcopy(WANTED)
    pod(wanted)["volumes"].append({"name": "new", "emptyDir": {}})
    assert difference(wanted, live(), MANAGER) is not None


def test_an_element_within_a_list_that_is_replaced_as_a_whole_may_lose_a_field() -> None:
    wanted = copy.deepcopy(WANTED)
    del pod(wanted)["tolerations"][0]["operator"]
    assert difference(wanted, live(), MANAGER) is not None


def test_a_field_that_somebody_else_took_is_taken_back() -> None:
    changed = live()
    del fields(changed)["f:spec"]["f:replicas"]
    assert difference(WANTED, changed, MANAGER) == ".spec.replicas"


@pytest.mark.parametrize("spelled", ["1024Mi", "1Gi", "1073741824", "1048576Ki"])
def test_a_quantity_in_another_spelling_is_the_same(spelled: str) -> None:
    wanted = copy.deepcopy(WANTED)
    pod(wanted)["containers"][0]["resources"]["limits"]["memory"] = spelled
    assert difference(wanted, live(), MANAGER) is None


def test_a_label_that_looks_like_a_quantity_is_text() -> None:
    wanted, changed = copy.deepcopy(WANTED), live()
    wanted["metadata"]["labels"]["app"] = "1000"
    changed["metadata"]["labels"]["app"] = "1k"
    assert difference(wanted, changed, MANAGER) == ".metadata.labels.app"


def test_a_set_is_compared_without_order() -> None:
    wanted: dict[str, Any] = {"metadata": {"name": "a", "finalizers": ["x", "y"]}}
    entry = {
        "manager": MANAGER,
        "operation": "Apply",
        "fieldsV1": {"f:metadata": {"f:finalizers": {'v:"x"': {}, 'v:"y"': {}}}},
    }
    held = {"metadata": {"name": "a", "finalizers": ["y", "z", "x"], "managedFields": [entry]}}
    assert difference(wanted, held, MANAGER) is None
    held["metadata"]["finalizers"] = ["y", "z"]
    assert difference(wanted, held, MANAGER) is not None


ENGINE = '.spec.template.spec.containers[{"name":"engine"}]'


def theirs(manifest: dict[str, Any], fields: dict[str, Any]) -> None:
    entry = {"manager": "kubectl", "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": fields}
    manifest["apiVersion"] = "apps/v1"
    manifest["metadata"]["managedFields"].append(entry)


def test_all_differences_are_told() -> None:
    changed = live()
    changed["spec"]["replicas"] = 0
    del fields(changed)["f:spec"]["f:replicas"]
    pod(changed)["containers"][0]["args"] = ["--two"]
    assert causes(changed) == {".spec.replicas": Cause.OTHERS, f"{ENGINE}.args": Cause.API}


def test_a_value_that_differs_where_we_still_own_the_path_was_made_by_the_api_server() -> None:
    changed = live()
    pod(changed)["volumes"] = []
    assert causes(changed) == {'.spec.template.spec.volumes[{"name":"tmp"}]': Cause.API}


def test_what_others_own_in_the_pod_template_is_foreign() -> None:
    changed = live()
    evil: dict[str, Any] = {".": {}, "f:name": {}, "f:value": {}}
    inside = {'k:{"name":"engine"}': {"f:env": {'k:{"name":"EVIL"}': evil}}}
    theirs(changed, {"f:spec": {"f:template": {"f:spec": {"f:containers": inside}}}})
    assert causes(changed) == {f'{ENGINE}.env[{{"name":"EVIL"}}]': Cause.FOREIGN}


def test_a_new_element_is_named_without_its_content() -> None:
    wanted = copy.deepcopy(WANTED)
    pod(wanted)["containers"][0]["env"].append({"name": "TOKEN", "value": "hf_secret"})
    assert difference(wanted, live(), MANAGER) == f"{ENGINE}.env[TOKEN]"
