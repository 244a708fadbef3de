"""Prometheus takes what the project's ServiceMonitors say."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sirocco_operator.api.parse import parse
from sirocco_operator.children.service_monitor import build_service_monitor
from sirocco_operator.kube.kinds import CHILD_KINDS
from sirocco_operator.settings import Settings
from tests.chart.helm import SERVICE_MONITOR_API, find, render
from tests.monitoring.discovery import targets
from tests.monitoring.rules import promtool
from tests.monitoring.scraping import scrape_configs

# A model's Service and pod, as the API server has them.
FOUND = targets(
    [
        {
            "metadata": {
                "name": "mistral",
                "namespace": "team",
                "labels": {"inference.sirocco.dev/model": "mistral"},
            }
        }
    ],
    [
        {
            "metadata": {"labels": {"kubernetes.io/service-name": "mistral"}},
            "endpoints": [{"addresses": ["10.0.0.7"], "targetRef": {"name": "mistral-0"}}],
            "ports": [{"name": "http", "port": 8000}],
        }
    ],
    [
        {
            "metadata": {"name": "mistral-0"},
            "status": {"phase": "Running"},
            "spec": {"containers": [{"name": "vllm", "ports": [{"containerPort": 8000}]}]},
        }
    ],
)


@pytest.fixture
def of_a_model() -> dict[str, Any]:
    """The ServiceMonitor of a model with keys."""
    resource = {
        "apiVersion": "inference.sirocco.dev/v1alpha1",
        "kind": "InferenceModel",
        "metadata": {"name": "mistral", "namespace": "team", "uid": "u", "generation": 1},
        "spec": {"model": {"uri": "hf://mistralai/Mistral-7B"}, "access": {"keysSecretName": "keys"}},
    }
    monitor = build_service_monitor(parse(resource), Settings(), CHILD_KINDS)
    assert monitor
    return monitor


def test_prometheus_reads_the_configuration(of_a_model: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "mistral-internal-key").write_text("secret")
    monitors = [of_a_model, find(render(apis=[SERVICE_MONITOR_API]), "ServiceMonitor")]
    found = [
        config
        for monitor in monitors
        for config in scrape_configs(monitor, FOUND, lambda name, key: str(tmp_path / f"{name}-{key}"))
    ]
    path = tmp_path / "prometheus.yaml"
    path.write_text(yaml.safe_dump({"scrape_configs": found}))
    assert promtool("check", "config", path) == ""


def test_a_model_with_keys_is_asked_with_the_internal_one(of_a_model: dict[str, Any]) -> None:
    (config,) = scrape_configs(of_a_model, FOUND, lambda name, key: f"/keys/{name}/{key}")
    assert config["authorization"] == {
        "type": "Bearer",
        "credentials_file": "/keys/mistral-internal/key",
    }
    assert config["relabel_configs"][-1] == {
        "source_labels": ["__meta_kubernetes_service_label_inference_sirocco_dev_model"],
        "target_label": "model",
    }


def test_targets_have_the_labels_that_prometheus_would_find() -> None:
    assert FOUND == [
        {
            "targets": ["10.0.0.7:8000"],
            "labels": {
                "__meta_kubernetes_namespace": "team",
                "__meta_kubernetes_service_name": "mistral",
                "__meta_kubernetes_service_label_inference_sirocco_dev_model": "mistral",
                "__meta_kubernetes_service_labelpresent_inference_sirocco_dev_model": "true",
                "__meta_kubernetes_pod_name": "mistral-0",
                "__meta_kubernetes_pod_phase": "Running",
                "__meta_kubernetes_pod_container_name": "vllm",
                "__meta_kubernetes_endpoint_port_name": "http",
            },
        }
    ]


def test_what_cannot_be_translated_is_told(of_a_model: dict[str, Any]) -> None:
    of_a_model["spec"]["endpoints"][0]["scheme"] = "https"
    with pytest.raises(ValueError, match="not translated yet: scheme"):
        scrape_configs(of_a_model, FOUND, lambda name, key: key)
