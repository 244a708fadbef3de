"""Which path asks for what."""

import pytest

from sirocco_operator.children.metrics import Metric
from sirocco_operator.metrics_api.documents import HttpError
from sirocco_operator.metrics_api.routes import DiscoveryDocument, MetricRequest, is_health, route

ROOT = "/apis/custom.metrics.k8s.io/v1beta2"


def status(method: str, path: str) -> int:
    with pytest.raises(HttpError) as raised:
        route(method, path)
    return raised.value.status


def test_the_figures_of_all_pods_or_of_one() -> None:
    path = f"{ROOT}/namespaces/models/pods/*/sirocco_requests_in_flight"
    assert route("GET", path) == MetricRequest("models", "*", Metric.IN_FLIGHT)
    path = f"{ROOT}/namespaces/models/pods/mistral-1/sirocco_kv_cache_utilization"
    assert route("GET", path) == MetricRequest("models", "mistral-1", Metric.KV_CACHE)


def test_discovery() -> None:
    assert route("GET", "/apis") is DiscoveryDocument.GROUPS
    assert route("GET", "/apis/custom.metrics.k8s.io") is DiscoveryDocument.GROUP
    assert route("GET", f"{ROOT}/") is DiscoveryDocument.RESOURCES


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/openapi/v2",
        "/apis/custom.metrics.k8s.io/v1beta1",
        f"{ROOT}/namespaces/models/pods/*/cpu",
        f"{ROOT}/namespaces/models/pods//sirocco_requests_in_flight",
        f"{ROOT}/namespaces/models/metrics/sirocco_requests_in_flight",
        f"{ROOT}/nodes/*/sirocco_requests_in_flight",
    ],
)
def test_there_is_nothing_else(path: str) -> None:
    assert status("GET", path) == 404


def test_nothing_can_be_written() -> None:
    assert status("POST", f"{ROOT}/namespaces/models/pods/*/sirocco_requests_in_flight") == 405
    assert status("DELETE", "/apis") == 405


def test_only_health_is_open() -> None:
    assert is_health("GET", "/healthz")
    assert not is_health("POST", "/healthz")
    assert not is_health("GET", "/apis")
