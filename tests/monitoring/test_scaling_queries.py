"""What KEDA and prometheus-adapter ask Prometheus for is the load that a model's replicas have."""

from pathlib import Path
from typing import Final

import pytest
import yaml

from sirocco_operator.children.metrics import Metric
from tests.monitoring.documented import prometheus_adapter_rules
from tests.monitoring.rules import promtool
from tests.unit.children.rendering import a_model, children
from tests.unit.children.test_scaling import KEDA

MODEL: Final = 'namespace="models",model="mistral"'
OTHER: Final = 'namespace="models",model="another"'
# Of two pods, and of another model's, a minute apart.
SERIES: Final = {
    f'sirocco_serving_requests_in_flight{{{MODEL},pod="a"}}': "30 30 30",
    f'sirocco_serving_requests_in_flight{{{MODEL},pod="b"}}': "11 11 11",
    f'sirocco_serving_requests_in_flight{{{OTHER},pod="c"}}': "500 500 500",
    # Ten requests a minute and pod, that wait 2 s in the pod's queue and 3 s in the engine's.
    f'sirocco_serving_queue_seconds_sum{{{MODEL},pod="a"}}': "0+20x2",
    f'sirocco_serving_queue_seconds_count{{{MODEL},pod="a"}}': "0+10x2",
    f'vllm:request_queue_time_seconds_sum{{{MODEL},pod="a"}}': "0+30x2",
    f'vllm:request_queue_time_seconds_count{{{MODEL},pod="a"}}': "0+10x2",
    f'sirocco_serving_oldest_queued_seconds{{{MODEL},pod="a"}}': "0 0 9",
    f'vllm:kv_cache_usage_perc{{{MODEL},pod="a"}}': "0.9 0.9 0.9",
    f'vllm:kv_cache_usage_perc{{{MODEL},pod="b"}}': "0.5 0.5 0.5",
    f'vllm:kv_cache_usage_perc{{{OTHER},pod="c"}}': "0.1 0.1 0.1",
}
TARGETS: Final = {"inFlightRequests": 8, "queueWaitSeconds": 2, "kvCacheUtilization": 0.8}


def answers(query: str, at: str, value: float, tmp_path: Path, labels: str = "") -> str:
    """What promtool complains of when the query's answer is not this; empty when it is."""
    sample = {"value": value, **({"labels": labels} if labels else {})}
    test = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in SERIES.items()],
                "promql_expr_test": [{"expr": query, "eval_time": at, "exp_samples": [sample]}],
            }
        ],
    }
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(test, width=1000))
    return promtool("test", "rules", path)


@pytest.mark.parametrize(
    ("target", "at", "value"),
    [
        ("inFlightRequests", "1m", 41),
        ("queueWaitSeconds", "1m", 5),
        ("queueWaitSeconds", "2m", 9),
        ("kvCacheUtilization", "1m", 0.7),
    ],
    ids=["in flight", "mean wait", "longest wait of a queue that stands", "KV cache"],
)
def test_keda_is_answered_with_the_load_of_all_pods(
    target: str, at: str, value: float, tmp_path: Path
) -> None:
    autoscaling = {"maxReplicas": 8, "target": {target: TARGETS[target]}}
    (trigger,) = children(a_model(autoscaling=autoscaling), KEDA)["ScaledObject"]["spec"]["triggers"]
    assert answers(trigger["metadata"]["query"], at, value, tmp_path) == ""


@pytest.mark.parametrize(
    ("metric", "at", "value"),
    [
        (Metric.IN_FLIGHT, "1m", 30),
        (Metric.QUEUE_WAIT, "1m", 5),
        (Metric.QUEUE_WAIT, "2m", 9),
        (Metric.KV_CACHE, "1m", 0.9),
    ],
    ids=["in flight", "mean wait", "longest wait of a queue that stands", "KV cache"],
)
def test_the_documented_rules_give_prometheus_adapter_the_load_of_a_pod(
    metric: str, at: str, value: float, tmp_path: Path
) -> None:
    (rule,) = (each for each in prometheus_adapter_rules() if each["name"]["as"] == metric)
    series = rule["seriesQuery"].partition("{")[0]
    query = rule["metricsQuery"].replace("<<.Series>>", series).replace("<<.GroupBy>>", "pod")
    query = query.replace("<<.LabelMatchers>>", 'namespace="models",pod="a"')
    assert answers(query, at, value, tmp_path, labels='{pod="a"}') == ""
