"""A real vLLM has the metrics that the chart's rules and dashboards read: a renamed one is found here."""

import pytest

from tests.monitoring import names
from tests.serving.container import Container


@pytest.fixture(scope="module")
def metrics(server: Container) -> str:
    """What Prometheus would scrape."""
    return server.ask("GET", "/metrics").text


def test_every_metric_that_is_read_is_vllms(metrics: str) -> None:
    assert names.VLLM - names.shown(metrics) == set()


def test_every_metric_that_is_read_is_ours(metrics: str) -> None:
    assert names.SERVING - names.shown(metrics) == set()


def test_objectives_are_bounds_of_vllms_histograms(metrics: str) -> None:
    first = names.bounds(metrics, "vllm:time_to_first_token_seconds")
    further = names.bounds(metrics, "vllm:request_time_per_output_token_seconds")
    assert set(names.FIRST_TOKEN_BOUNDS) - first == set()
    assert set(names.OUTPUT_TOKEN_BOUNDS) - further == set()
