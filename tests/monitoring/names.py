"""The metrics that rules and dashboards read: what a new version of vLLM must still have.

A name that vLLM renames is to be renamed here, in the rules (charts/sirocco/files/rules) and in the
dashboards (charts/generate).
"""

import re
from collections.abc import Iterable
from typing import Final

VLLM: Final = frozenset(
    {
        "vllm:generation_tokens_total",
        "vllm:kv_cache_usage_perc",
        "vllm:num_preemptions_total",
        "vllm:num_requests_running",
        "vllm:num_requests_waiting",
        "vllm:prefix_cache_hits_total",
        "vllm:prefix_cache_queries_total",
        "vllm:prompt_tokens_total",
        "vllm:request_queue_time_seconds",
        "vllm:request_time_per_output_token_seconds",
        "vllm:time_to_first_token_seconds",
    }
)
SERVING: Final = frozenset(
    {
        "sirocco_serving_generated_tokens_total",
        "sirocco_serving_oldest_queued_seconds",
        "sirocco_serving_queue_seconds",
        "sirocco_serving_rejected_total",
        "sirocco_serving_request_seconds",
        "sirocco_serving_requests_in_flight",
        "sirocco_serving_requests_queued",
        "sirocco_serving_requests_total",
    }
)
OPERATOR: Final = frozenset(
    {
        "sirocco_operator_api_calls_total",
        "sirocco_operator_certificate_expiry_timestamp_seconds",
        "sirocco_operator_leader",
        "sirocco_operator_metrics_api_requests_total",
        "sirocco_operator_metrics_api_scrape_seconds",
        "sirocco_operator_metrics_api_scrapes_total",
        "sirocco_operator_model_available",
        "sirocco_operator_model_container_restarts",
        "sirocco_operator_model_gpus",
        "sirocco_operator_model_ready",
        "sirocco_operator_model_ready_replicas",
        "sirocco_operator_model_replicas",
        "sirocco_operator_model_scaling",
        "sirocco_operator_model_stalled",
        "sirocco_operator_model_state",
        "sirocco_operator_namespace_unserved",
        "sirocco_operator_objects",
        "sirocco_operator_queue_depth",
        "sirocco_operator_reconcile_seconds",
        "sirocco_operator_reconciles_total",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
    }
)
# Bounds of vLLM's histograms that an objective may be set to (values.schema.json).
FIRST_TOKEN_BOUNDS: Final = (0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160)
OUTPUT_TOKEN_BOUNDS: Final = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5)

_SCRAPED: Final = re.compile(r"(?<![\w:])(?:vllm:|sirocco_(?:serving|operator)_|process_)\w+")


def read_by(expressions: Iterable[str]) -> frozenset[str]:
    """The scraped metrics that expressions read; a histogram's by its own name."""
    found = {name for expr in expressions for name in _SCRAPED.findall(expr)}
    return frozenset(re.sub(r"_(bucket|count|sum)$", "", name) for name in found)


def shown(exposition: str) -> frozenset[str]:
    """The metrics of a page in Prometheus' text format; a histogram's by its own name."""
    return frozenset(re.findall(r"^# TYPE (\S+) ", exposition, re.MULTILINE))


def bounds(exposition: str, histogram: str) -> frozenset[float]:
    """The bounds of a histogram's buckets."""
    found = re.findall(rf'^{histogram}_bucket{{.*?le="([0-9.]+)"', exposition, re.MULTILINE)
    return frozenset(map(float, found))
