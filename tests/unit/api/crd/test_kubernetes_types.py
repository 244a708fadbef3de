"""Kubernetes' own schemas in the CRD."""

from pathlib import Path

import pytest

from sirocco_operator.api.crd.kubernetes_rules import REFINEMENTS
from sirocco_operator.api.crd.kubernetes_types import PASSED_TYPES, TYPES_FILE, kubernetes_type, types_json

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[4]


def test_the_committed_types_are_those_of_kubernetes() -> None:
    assert (ROOT / TYPES_FILE).read_text() == types_json(), f"{TYPES_FILE} is stale: run `make generate`"


@pytest.mark.parametrize("name", REFINEMENTS)
def test_a_refinement_names_fields_that_the_type_has(name: str) -> None:
    known = kubernetes_type(name)["properties"]
    refined = REFINEMENTS[name]
    without_type = [field for field in refined.get("properties", {}) if "type" not in known[field]]
    assert without_type == []
    assert set(refined.get("required", ())) <= set(known)


@pytest.mark.parametrize("name", PASSED_TYPES)
def test_a_passed_type_is_structural(name: str) -> None:
    assert not {"$ref", "oneOf", "allOf", "default"} & _keys(kubernetes_type(name))


def _keys(node: object) -> set[str]:
    if isinstance(node, dict):
        return set(node) | {key for child in node.values() for key in _keys(child)}
    return {key for child in node for key in _keys(child)} if isinstance(node, list) else set()
