"""The documents of the API, as client-go and the aggregator read them."""

from datetime import UTC, datetime

import pytest

from sirocco_operator.children.metrics import Metric
from sirocco_operator.metrics_api.documents import (
    HttpError,
    PodFigure,
    aggregated_discovery,
    group,
    group_list,
    metric_value_list,
    quantity,
    resource_list,
    status,
    wants_aggregated,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (3, "3"), (0.25, "250m"), (1.5, "1500m"), (1 / 3, "333m"), (0.0004, "0"), (1e6, "1000000")],
)
def test_figures_are_quantities_to_a_thousandth(value: float, text: str) -> None:
    assert quantity(value) == text


def test_the_aggregated_form_is_given_to_those_who_ask_for_it() -> None:
    v2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    beta = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
    assert wants_aggregated(f"{v2},{beta},application/json")
    assert wants_aggregated(f"{beta}, {v2}")
    assert wants_aggregated("application/json; as=APIGroupDiscoveryList; v=v2; g=apidiscovery.k8s.io")
    assert not wants_aggregated("application/json")
    assert not wants_aggregated(beta)
    assert not wants_aggregated("")


def test_both_forms_of_discovery_list_the_same_metrics() -> None:
    (item,) = aggregated_discovery()["items"]
    (version,) = item["versions"]
    (pods,) = version["resources"]
    assert (item["metadata"]["name"], version["version"]) == ("custom.metrics.k8s.io", "v1beta2")
    aggregated = {f"pods/{each['subresource']}" for each in pods["subresources"]}
    legacy = {each["name"] for each in resource_list()["resources"]}
    assert aggregated == legacy == {f"pods/{metric}" for metric in Metric}


def test_the_group_is_in_the_list_of_groups() -> None:
    (found,) = group_list()["groups"]
    assert found["preferredVersion"]["groupVersion"] == "custom.metrics.k8s.io/v1beta2"
    assert group()["versions"] == found["versions"]


def test_a_list_has_an_item_for_each_pod() -> None:
    read_at = datetime(2026, 1, 2, 3, 4, 5, 678, UTC)
    found = metric_value_list(Metric.QUEUE_WAIT, "models", [PodFigure("mistral-1", 1.25, read_at, 14.6)])
    assert found["kind"] == "MetricValueList"
    assert found["items"] == [
        {
            "describedObject": {
                "kind": "Pod",
                "namespace": "models",
                "name": "mistral-1",
                "apiVersion": "/v1",
            },
            "metric": {"name": "sirocco_queue_wait_seconds", "selector": None},
            "timestamp": "2026-01-02T03:04:05Z",
            "value": "1250m",
            "windowSeconds": 15,
        }
    ]


def test_an_error_is_a_status_of_the_api_server() -> None:
    found = status(HttpError(403, "no"))
    assert (found["kind"], found["status"], found["reason"], found["code"]) == (
        "Status",
        "Failure",
        "Forbidden",
        403,
    )
    assert found["message"] == "no"
