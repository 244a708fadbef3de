"""The API server answers bad resources with a sentence that says what to change, as `problems()` does."""

import pytest

from sirocco_operator.api.validation import problems
from tests.api.client import ApiError, Client, Object
from tests.unit.api.documents import ACCEPTED, MISFITS, REFUSED, Document, Refused


def create(client: Client, namespace: str, document: Document) -> Object:
    """Create as kubectl does: unknown fields are refused, nothing is stored."""
    manifest = document | {"metadata": document["metadata"] | {"namespace": namespace}}
    return client.create(manifest, fieldValidation="Strict", dryRun="All")


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED.keys())
def test_a_broken_rule_is_answered_with_what_to_change(client: Client, refused: Refused) -> None:
    with pytest.raises(ApiError) as answer:
        create(client, "default", refused.document)
    assert answer.value.code == 422
    assert refused.sentence in answer.value.message
    # The check without a cluster says the same, word for word, of the same field.
    for problem in problems(refused.document):
        path, _, sentence = problem.partition(": ")
        assert sentence in answer.value.message
        assert f"{path}: Invalid value" in answer.value.message


@pytest.mark.parametrize("misfit", MISFITS.values(), ids=MISFITS.keys())
def test_a_document_that_does_not_fit_is_refused(client: Client, misfit: Document) -> None:
    with pytest.raises(ApiError) as answer:
        create(client, "default", misfit)
    assert answer.value.code in (400, 422)


@pytest.mark.parametrize("accepted", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_document_that_fits_is_accepted(client: Client, accepted: Document) -> None:
    assert create(client, "default", accepted)["spec"]["model"] == accepted["spec"]["model"]


def test_a_rule_holds_for_changes_too(client: Client, namespace: str) -> None:
    client.create(ACCEPTED["the smallest"] | {"metadata": {"name": "model", "namespace": namespace}})
    with pytest.raises(ApiError, match="set tensorParallel to the number of GPUs"):
        client.patch(
            "InferenceModel",
            namespace,
            "model",
            {"spec": {"resources": {"limits": {"nvidia.com/gpu": 1}}}},
        )
