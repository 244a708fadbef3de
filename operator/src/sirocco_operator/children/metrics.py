"""The names of the metrics that models are scaled by: those that a pod exposes, and those made of them."""

from enum import StrEnum
from typing import Final


class Metric(StrEnum):
    """What `custom.metrics.k8s.io` calls the metrics, each of one pod."""

    # Requests that the pod serves or keeps waiting.
    IN_FLIGHT = "sirocco_requests_in_flight"
    # How long a request waits before the engine begins with it, in the pod's queue and the engine's.
    QUEUE_WAIT = "sirocco_queue_wait_seconds"
    # The part of the KV cache that is in use, from 0 to 1.
    KV_CACHE = "sirocco_kv_cache_utilization"


# What the serving layer exposes: sirocco_serving.
REQUESTS_IN_FLIGHT: Final = "sirocco_serving_requests_in_flight"
OLDEST_QUEUED_SECONDS: Final = "sirocco_serving_oldest_queued_seconds"
QUEUE_SECONDS: Final = "sirocco_serving_queue_seconds"

# What vLLM exposes: vllm/v1/metrics/loggers.py. It counts a wait when the request ends.
ENGINE_KV_CACHE: Final = "vllm:kv_cache_usage_perc"
ENGINE_WAITING: Final = "vllm:num_requests_waiting"
ENGINE_QUEUE_SECONDS: Final = "vllm:request_queue_time_seconds"
