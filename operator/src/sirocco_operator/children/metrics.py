"""Names of the metrics for autoscaling: those that a pod exposes, and those computed from them."""

from enum import StrEnum
from typing import Final


class Metric(StrEnum):
    """The names of the pod metrics in `custom.metrics.k8s.io`."""

    # Requests that the pod serves or queues.
    IN_FLIGHT = "sirocco_requests_in_flight"
    # How long a request waits in the pod's queue and the engine's before the engine starts it.
    QUEUE_WAIT = "sirocco_queue_wait_seconds"
    # The used share of the KV cache, from 0 to 1.
    KV_CACHE = "sirocco_kv_cache_utilization"


# Exposed by the serving layer, sirocco_serving.
REQUESTS_IN_FLIGHT: Final = "sirocco_serving_requests_in_flight"
OLDEST_QUEUED_SECONDS: Final = "sirocco_serving_oldest_queued_seconds"
QUEUE_SECONDS: Final = "sirocco_serving_queue_seconds"

# Exposed by vLLM, in vllm/v1/metrics/loggers.py. It counts a wait when the request ends.
ENGINE_KV_CACHE: Final = "vllm:kv_cache_usage_perc"
ENGINE_WAITING: Final = "vllm:num_requests_waiting"
ENGINE_QUEUE_SECONDS: Final = "vllm:request_queue_time_seconds"
