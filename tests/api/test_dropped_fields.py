"""A field that the API server dropped is told where `kubectl apply` has kept it."""

import json

from sirocco_operator.api.dropped_fields import LAST_APPLIED
from tests.api.client import Client, Object
from tests.api.models import DEADLINE, model, wait_status
from tests.api.operator_process import OperatorProcess
from tests.waiting import eventually


def told(client: Client, namespace: str) -> str:
    """The status' message of the model's newest generation."""
    return str(wait_status(client, namespace)["message"])


def test_a_field_that_was_applied_without_validation_and_dropped_is_told_until_it_is_put_right(
    client: Client, operator: OperatorProcess, namespace: str
) -> None:
    assert operator.running
    wrong: Object = model(namespace, replica=0)
    wrong["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(wrong)}
    client.create(wrong, fieldValidation="Ignore")

    sentence = "the API server has dropped spec.replica: unknown field; did you mean replicas?"
    eventually(lambda: told(client, namespace).endswith(sentence), DEADLINE, lambda: sentence, 0.05)
    assert wait_status(client, namespace)["desiredReplicas"] == 1

    client.patch("InferenceModel", namespace, "mistral", {"spec": {"replicas": 0}})
    eventually(
        lambda: "dropped" not in told(client, namespace), DEADLINE, "a message without the field", 0.05
    )
