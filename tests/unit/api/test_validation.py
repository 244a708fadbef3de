"""The offline check applies the rules of the API server and gives its messages."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sirocco_operator.api.crd.definition import resource_schema
from sirocco_operator.api.parse import parse
from sirocco_operator.api.validation import problems
from tests.unit.api.documents import ACCEPTED, MISFITS, REFUSED, Document, Refused, document, with_args

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED.keys())
def test_a_broken_rule_is_answered_with_what_to_change(refused: Refused) -> None:
    found = problems(refused.document)
    assert any(refused.sentence in problem for problem in found), found


@pytest.mark.parametrize("misfit", MISFITS.values(), ids=MISFITS.keys())
def test_a_document_that_does_not_fit_is_refused(misfit: Document) -> None:
    assert problems(misfit)


@pytest.mark.parametrize("accepted", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_document_that_fits_is_accepted_and_typed(accepted: Document) -> None:
    assert problems(accepted) == []
    accepted = accepted | {"metadata": {"name": "model", "namespace": "default"}}
    assert parse(accepted).metadata.name == "model"


def _rules(schema: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    yield from schema.get("x-kubernetes-validations", ())
    for child in schema.get("properties", {}).values():
        yield from _rules(child)
    if "items" in schema:
        yield from _rules(schema["items"])


def _fixed_part(rule: Mapping[str, str]) -> str:
    """What of a rule's sentence does not depend on the document."""
    message = rule["message"]
    if "messageExpression" not in rule:
        return message
    return message[message.index("(") :] if "(" in message else message.partition(":")[0]


def test_every_rule_has_a_document_that_breaks_it() -> None:
    found = "\n".join(problem for refused in REFUSED.values() for problem in problems(refused.document))
    unbroken = [rule["message"] for rule in _rules(resource_schema()) if _fixed_part(rule) not in found]
    assert unbroken == []


def test_an_unknown_field_is_named_with_the_nearest_known_one() -> None:
    assert problems(document(replica=2)) == ["spec.replica: unknown field; did you mean replicas?"]


@pytest.mark.parametrize(
    ("misfit", "problem"),
    [
        (
            document(affinity={"nodeAfinity": {}}),
            "spec.affinity.nodeAfinity: unknown field; did you mean nodeAffinity?",
        ),
        (
            document(volumes=[{"name": "a", "configMap": {"name": "b", "item": []}}]),
            "spec.volumes[0].configMap.item: unknown field; did you mean items?",
        ),
        (
            document(
                topologySpreadConstraints=[
                    {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "Sometimes"}
                ]
            ),
            "spec.topologySpreadConstraints[0].whenUnsatisfiable: is 'Sometimes': choose one of "
            "DoNotSchedule, ScheduleAnyway",
        ),
        (
            document(affinity={"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}),
            "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution: is an object: "
            "write a list",
        ),
    ],
)
def test_a_mistake_in_what_is_passed_on_is_told_with_its_path(misfit: Document, problem: str) -> None:
    assert problems(misfit) == [problem]


def test_a_broken_rule_points_at_the_field_to_change() -> None:
    found = problems(document(device="cpu", engine={"gpuMemoryUtilization": 0.5}))
    assert [problem.partition(":")[0] for problem in found] == ["spec.engine.gpuMemoryUtilization"]


def test_another_kind_is_refused_by_name() -> None:
    found = problems(document() | {"kind": "Deployment"})
    assert found == ["kind: is 'Deployment': write InferenceModel"]


def test_all_problems_are_reported_at_once() -> None:
    found = problems(document(replicas=-1, device="tpu", engine={"dtype": "int8"}))
    assert [problem.partition(":")[0] for problem in found] == [
        "spec.device",
        "spec.engine.dtype",
        "spec.replicas",
    ]


def test_a_refused_flag_is_named_as_it_was_written() -> None:
    (found,) = problems(with_args("--served=other"))
    assert "may not set --served (--served-model-name, in any spelling)" in found


def test_a_secret_behind_a_refused_flag_is_not_repeated() -> None:
    (found,) = problems(with_args("--api-key=sesame"))
    assert "sesame" not in found
