"""Our metrics, in the registry behind vLLM's `/metrics`. No name may start with `vllm`."""

from prometheus_client import Counter, Gauge, Histogram

# The label `key` is the name of a key, empty for requests without a valid key.
REQUESTS = Counter("sirocco_serving_requests_total", "Requests answered.", ["route", "status", "key"])
REJECTED = Counter(
    "sirocco_serving_rejected_total", "Requests that this layer refused, by its error's code.", ["reason"]
)
PROMPT_TOKENS = Counter(
    "sirocco_serving_prompt_tokens_total", "Tokens in prompts of answered requests.", ["key"]
)
GENERATED_TOKENS = Counter(
    "sirocco_serving_generated_tokens_total", "Tokens generated for requests.", ["key"]
)
IN_FLIGHT = Gauge(
    "sirocco_serving_requests_in_flight",
    "Requests whose answer has not been sent whole.",
    multiprocess_mode="livesum",
)
# From answers without the engine to the longest generation that a drain waits for.
SECONDS = Histogram(
    "sirocco_serving_request_seconds",
    "From a request's arrival to the last byte of its answer.",
    ["route"],
    buckets=(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
)
QUEUED = Gauge(
    "sirocco_serving_requests_queued", "Requests that wait for a place.", multiprocess_mode="livesum"
)
# The histogram has only waits that have ended, so a queue that stands still does not show in it.
OLDEST_QUEUED = Gauge(
    "sirocco_serving_oldest_queued_seconds",
    "How long the request has waited that waits longest for a place, 0 when none waits.",
)
QUEUE_SECONDS = Histogram(
    "sirocco_serving_queue_seconds",
    "How long requests waited for a place, also those that got none.",
    buckets=(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
DENIED = Counter("sirocco_serving_prompts_denied_total", "Prompts that broke a rule of the filter.", ["rule"])
CACHED = Counter(
    "sirocco_serving_answer_cache_total", "Requests that the answer cache may answer.", ["result"]
)
CACHE_BYTES = Gauge(
    "sirocco_serving_answer_cache_bytes", "Bytes of kept answers.", multiprocess_mode="livesum"
)
