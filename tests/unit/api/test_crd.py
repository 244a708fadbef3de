"""The CRD that the types become."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from sirocco_operator.api.crd.definition import CRD_FILES, crd_yaml, resource_schema
from sirocco_operator.api.crd.reference import REFERENCE_FILE, reference
from sirocco_operator.api.crd.schema import structural_schema
from sirocco_operator.api.engine import Engine
from sirocco_operator.api.engine_flags import OWNED_FLAGS
from sirocco_operator.api.v1alpha1 import InferenceModelSpec

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("file", CRD_FILES, ids=str)
def test_the_committed_crd_is_what_the_types_say(file: Path) -> None:
    assert (ROOT / file).read_text() == crd_yaml(), f"{file} is stale: run `make generate`"


def test_the_committed_reference_is_what_the_types_say() -> None:
    stale = f"{REFERENCE_FILE} is stale: run `make generate`"
    assert (ROOT / REFERENCE_FILE).read_text() == reference(), stale


def test_defaults_of_fields_become_the_servers() -> None:
    spec = resource_schema()["properties"]["spec"]["properties"]
    assert {name: field["default"] for name, field in spec.items() if "default" in field} == {
        "tensorParallel": 1,
        "device": "gpu",
        "gpuResource": "nvidia.com/gpu",
        "engine": {},
        "limits": {},
        "replicas": 1,
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
    # An embedded Kubernetes object is described where it stands.
    assert [path for path in missing if not path.startswith("spec.volumes[]")] == []


def test_a_string_without_a_bound_is_refused() -> None:
    class Unbounded(BaseModel):
        names: tuple[str, ...] = Field(default=(), max_length=2)

    with pytest.raises(ValueError, match=r"Unbounded\.names\[\]: give the string a max_length"):
        structural_schema(Unbounded)


def test_every_flag_that_a_field_sets_is_owned() -> None:
    fields = [*Engine.model_fields.values(), *InferenceModelSpec.model_fields.values()]
    set_by_fields = {
        flag for field in fields for flag in re.findall(r"\((--[a-z-]+)\)", field.description or "")
    }
    owned = {name for flags in OWNED_FLAGS for name in flags.names}
    assert len(set_by_fields) >= 9
    assert set_by_fields <= owned
