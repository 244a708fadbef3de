"""The ServiceMonitor of the pods."""

import pytest

from sirocco_operator.children.labels import labels, selector
from tests.unit.children.rendering import SETTINGS, a_model, children

pytestmark = pytest.mark.unit


def test_metrics_of_the_models_pods_are_scraped() -> None:
    spec = children(a_model())["ServiceMonitor"]["spec"]
    assert spec["selector"] == {"matchLabels": selector("mistral")}
    (endpoint,) = spec["endpoints"]
    assert endpoint.items() >= {"port": "http", "path": "/metrics", "interval": "15s"}.items()


def test_every_series_tells_its_model() -> None:
    (endpoint,) = children(a_model())["ServiceMonitor"]["spec"]["endpoints"]
    source = "__meta_kubernetes_service_label_inference_sirocco_dev_model"
    assert endpoint["relabelings"] == [
        {"sourceLabels": [source], "targetLabel": "model", "action": "replace"}
    ]


def test_turned_off_there_is_none() -> None:
    assert "ServiceMonitor" not in children(a_model(monitoring={"enabled": False}))


def test_the_operators_settings_give_interval_and_labels() -> None:
    settings = SETTINGS.model_copy(
        update={"service_monitor_interval": "1m", "service_monitor_labels": {"release": "prometheus"}}
    )
    monitor = children(a_model(), settings)["ServiceMonitor"]
    assert monitor["spec"]["endpoints"][0]["interval"] == "1m"
    assert monitor["metadata"]["labels"] == {"release": "prometheus", **labels("mistral")}


def test_a_model_with_keys_is_scraped_with_the_internal_one() -> None:
    (endpoint,) = children(a_model(access={"keysSecretName": "keys"}))["ServiceMonitor"]["spec"]["endpoints"]
    assert endpoint["authorization"] == {
        "type": "Bearer",
        "credentials": {"name": "mistral-internal", "key": "key"},
    }
