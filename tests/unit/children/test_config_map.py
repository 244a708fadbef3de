"""The serving layer's settings."""

import json

import pytest

from sirocco_operator.children import serving_config
from sirocco_serving.config import Settings as ServingSettings
from tests.unit.children.rendering import a_model, children, template

pytestmark = pytest.mark.unit


def test_the_settings_say_how_to_drain() -> None:
    data = children(a_model())["ConfigMap"]["data"]
    assert list(data) == ["serving.json"]
    assert json.loads(data["serving.json"]) == {"drain": {"settle_seconds": 6, "timeout_seconds": 600}}


def test_the_serving_layer_takes_the_settings() -> None:
    text = children(a_model())["ConfigMap"]["data"]["serving.json"]
    settings = ServingSettings.model_validate_json(text)
    assert (settings.drain.settle_seconds, settings.drain.timeout_seconds) == (6, 600)


def test_changed_settings_roll_the_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "inference.sirocco.dev/serving-config"
    before = template()["metadata"]["annotations"][key]
    monkeypatch.setattr(serving_config, "DRAIN", 60)
    assert template()["metadata"]["annotations"][key] != before
