"""What a resource becomes."""

import pytest

from tests.api.client import Client
from tests.api.models import model, wait_child, wait_status

pytestmark = pytest.mark.usefixtures("operator")


def test_a_resource_becomes_children_and_a_status(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    status = wait_status(client, namespace)
    assert status["endpoint"] == f"http://mistral.{namespace}.svc"
    for kind, name in (
        ("ConfigMap", "mistral-serving"),
        ("ServiceAccount", "mistral"),
        ("Service", "mistral"),
        ("Deployment", "mistral"),
    ):
        child = wait_child(client, kind, namespace, name)
        assert child["metadata"]["labels"]["inference.sirocco.dev/model"] == "mistral"
