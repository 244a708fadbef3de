"""The Service that clients call."""

from typing import Any

import pytest

from sirocco_operator.children.labels import labels, selector
from tests.unit.children.rendering import a_model, children, engine

pytestmark = pytest.mark.unit


def test_port_80_leads_to_the_engines_port() -> None:
    spec = children(a_model())["Service"]["spec"]
    assert spec["type"] == "ClusterIP"
    assert spec["ports"] == [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    assert engine()["ports"] == [{"name": "http", "containerPort": 8000, "protocol": "TCP"}]


def test_it_selects_the_models_pods() -> None:
    assert children(a_model())["Service"]["spec"]["selector"] == selector("mistral")


def test_type_annotations_and_labels_are_the_models() -> None:
    annotations = {"service.beta.kubernetes.io/aws-load-balancer-scheme": "internal"}
    wanted = {"type": "LoadBalancer", "annotations": annotations, "labels": {"team": "search"}}
    service = children(a_model(service=wanted))["Service"]
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["metadata"]["annotations"] == annotations
    assert service["metadata"]["labels"] == {"team": "search", **labels("mistral")}


def test_without_annotations_none_are_the_operators() -> None:
    assert "annotations" not in children(a_model())["Service"]["metadata"]


@pytest.mark.parametrize(
    "fields",
    [
        {"service": {"type": "NodePort", "annotations": {"a": "b"}, "labels": {"c": "d"}}},
        {"podDisruptionBudget": {"enabled": False}},
    ],
    ids=["service", "podDisruptionBudget"],
)
def test_what_is_beside_the_pods_restarts_none(fields: dict[str, Any]) -> None:
    changed, smallest = (children(a_model(replicas=2, **spec)) for spec in (fields, {}))
    assert changed["Deployment"] == smallest["Deployment"]
    assert changed != smallest
