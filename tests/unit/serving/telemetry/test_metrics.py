"""The names of our metrics."""

from prometheus_client.metrics import MetricWrapperBase

from sirocco_serving.telemetry import metrics


def test_no_metric_of_ours_is_named_like_vllms() -> None:
    ours = [metric._name for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)]
    assert ours
    assert [name for name in ours if not name.startswith("sirocco_serving_")] == []
