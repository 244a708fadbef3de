"""The CRD that the types become."""

from pathlib import Path
from typing import Any

import pytest

from sirocco_operator.api.crd.definition import CRD_FILES, build_crd, crd_yaml, resource_schema

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("file", CRD_FILES, ids=str)
def test_the_committed_crd_is_what_the_types_say(file: Path) -> None:
    assert (ROOT / file).read_text() == crd_yaml(), f"{file} is stale: run `make generate`"


def test_defaults_of_fields_become_the_servers() -> None:
    spec = resource_schema()["properties"]["spec"]["properties"]
    assert {name: field["default"] for name, field in spec.items() if "default" in field} == {
        "tensorParallel": 1,
        "device": "gpu",
        "gpuResource": "nvidia.com/gpu",
        "engine": {},
        "limits": {},
        "replicas": 1,
        "startup": {},
        "drain": {},
        "podDisruptionBudget": {},
        "service": {},
        "rollout": {},
        "monitoring": {},
    }


def _descriptions(schema: dict[str, Any], path: str) -> list[str]:
    """Paths of the fields that no sentence explains."""
    missing = [path] if "description" not in schema else []
    for name, child in schema.get("properties", {}).items():
        missing += _descriptions(child, f"{path}.{name}")
    if "properties" in schema.get("items", {}):
        missing += _descriptions(schema["items"], f"{path}[]")
    return missing


def test_every_field_is_described_for_kubectl_explain() -> None:
    properties = resource_schema()["properties"]
    missing = _descriptions(properties["spec"], "spec") + _descriptions(properties["status"], "status")
    # What Kubernetes defines is described in its own documentation.
    passed_on = ("spec.affinity.", "spec.topologySpreadConstraints[]", "spec.volumes[]")
    assert [path for path in missing if not path.startswith(passed_on)] == []


def test_defaults_are_told_to_kubectl_explain() -> None:
    schema = build_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    spec = schema["properties"]["spec"]["properties"]
    assert spec["replicas"]["description"].endswith(" Default: 1.")
    assert spec["engine"]["properties"]["enforceEager"]["description"].endswith(" Default: false.")
    assert "Default" not in spec["engine"]["description"]


def test_the_crd_stays_below_the_size_that_appliers_can_carry() -> None:
    """`kubectl apply` keeps the whole document in an annotation, which holds 256 KiB."""
    assert len(crd_yaml()) < 250 * 1024


def test_only_maps_take_fields_that_the_schema_does_not_know() -> None:
    assert "x-kubernetes-preserve-unknown-fields" not in crd_yaml()


def _defaults(schema: dict[str, Any], path: str) -> list[str]:
    """Paths of the fields that the API server fills in."""
    found = [path] if "default" in schema else []
    for name, child in schema.get("properties", {}).items():
        found += _defaults(child, f"{path}.{name}")
    return found + (_defaults(schema["items"], f"{path}[]") if "items" in schema else [])


def test_no_entry_of_a_list_has_a_default_that_tools_would_see_as_a_change() -> None:
    assert [path for path in _defaults(resource_schema()["properties"]["spec"], "spec") if "[]" in path] == []


def test_a_resource_that_nobody_has_looked_at_tells_so() -> None:
    status = resource_schema()["properties"]["status"]
    assert status["default"] == {"observedGeneration": -1}
    assert status["properties"]["observedGeneration"]["minimum"] == -1
