"""What KEDA asks Prometheus for is the load that a model's replicas have."""

from pathlib import Path
from typing import Final

import pytest
import yaml

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
def test_prometheus_answers_with_the_models_load(target: str, at: str, value: float, tmp_path: Path) -> None:
    autoscaling = {"maxReplicas": 8, "target": {target: TARGETS[target]}}
    (trigger,) = children(a_model(autoscaling=autoscaling), KEDA)["ScaledObject"]["spec"]["triggers"]
    expected = {"expr": trigger["metadata"]["query"], "eval_time": at, "exp_samples": [{"value": value}]}
    test = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in SERIES.items()],
                "promql_expr_test": [expected],
            }
        ],
    }
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(test, width=1000))
    assert promtool("test", "rules", path) == ""
