"""What `kubectl apply` keeps tells of fields that the API server has dropped."""

import json
from typing import Any

import pytest

from sirocco_operator.api.dropped_fields import LAST_APPLIED, dropped_fields
from sirocco_operator.api.parse import parse

URI = "hf://mistralai/Mistral-7B-Instruct-v0.3"


def dropped(annotation: str, **stored: Any) -> tuple[str, ...]:
    """What is told of a resource with this annotation and these fields of the spec."""
    metadata = {"name": "mistral", "namespace": "default", "annotations": {LAST_APPLIED: annotation}}
    return dropped_fields(parse({"metadata": metadata, "spec": {"model": {"uri": URI}, **stored}}))


def applied(**spec: Any) -> str:
    return json.dumps({"spec": {"model": {"uri": URI}, **spec}})


def test_an_unknown_field_is_named_with_the_one_that_was_meant() -> None:
    assert dropped(applied(replica=2)) == ("spec.replica: unknown field; did you mean replicas?",)


def test_an_unknown_field_inside_a_passed_on_field_is_named() -> None:
    wrong = [{"name": "data", "emptyDir": {"sizelimit": "1Gi"}}]
    told = dropped(applied(volumes=wrong), volumes=[{"name": "data", "emptyDir": {}}])
    assert told == ("spec.volumes[0].emptyDir.sizelimit: unknown field; did you mean sizeLimit?",)


def test_what_the_api_server_fills_in_is_no_difference() -> None:
    stored = {"replicas": 1, "device": "gpu", "resources": {"limits": {"cpu": 2}}}
    assert dropped(applied(replica=2, resources={"limits": {"cpu": "2"}}), **stored)


def test_nothing_is_told_of_a_spec_that_was_changed_since() -> None:
    assert dropped(applied(replica=2), replicas=2) == ()


@pytest.mark.parametrize(
    "annotation",
    ["", "{", "[]", "null", "{}", '{"spec": null}', '{"spec": {"replica": 2}}', "[" * 100_000, applied()],
)
def test_nothing_is_told_where_nothing_is_known(annotation: str) -> None:
    assert dropped(annotation) == ()


def test_of_many_dropped_fields_the_first_ten_are_named() -> None:
    unknown = {f"field{number}": 0 for number in range(1000)}
    assert len(dropped(applied(**unknown))) == 10
