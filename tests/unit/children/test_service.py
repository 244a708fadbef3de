"""The Service that clients call."""

import pytest

from sirocco_operator.children.labels import selector
from tests.unit.children.rendering import a_model, children, engine

pytestmark = pytest.mark.unit


def test_port_80_leads_to_the_engines_port() -> None:
    spec = children(a_model())["Service"]["spec"]
    assert spec["type"] == "ClusterIP"
    assert spec["ports"] == [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    assert engine()["ports"] == [{"name": "http", "containerPort": 8000, "protocol": "TCP"}]


def test_it_selects_the_models_pods() -> None:
    assert children(a_model())["Service"]["spec"]["selector"] == selector("mistral")
