"""The operator's settings, from its environment."""

import pytest
from pydantic import ValidationError

from sirocco_operator.settings import Settings

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SIROCCO_{name.upper()}", raising=False)


def test_without_environment_the_whole_cluster_is_watched() -> None:
    assert Settings().namespaces == ()


def test_namespaces_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIROCCO_WATCH_NAMESPACES", "a, b,,c ")
    assert Settings().namespaces == ("a", "b", "c")


def test_labels_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIROCCO_SERVICE_MONITOR_LABELS", '{"release": "prometheus"}')
    assert Settings().service_monitor_labels == {"release": "prometheus"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKERS", "0"),
        ("HTTP_PORT", "70000"),
        ("LOG_LEVEL", "loud"),
        ("SERVICE_MONITOR_INTERVAL", "soon"),
        ("SERVING_IMAGE", ""),
        ("AUTOSCALING_PROVIDER", "prometheus"),
        ("KEDA_PROMETHEUS_URL", "prometheus:9090"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SIROCCO_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_scaling_through_keda_needs_prometheus_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIROCCO_AUTOSCALING_PROVIDER", "keda")
    with pytest.raises(ValidationError, match=r"keda_prometheus_url\n.*give its URL, e\.g\. http://"):
        Settings()
    monkeypatch.setenv("SIROCCO_KEDA_PROMETHEUS_URL", "http://prometheus.monitoring.svc:9090")
    assert Settings().autoscaling_provider == "keda"
