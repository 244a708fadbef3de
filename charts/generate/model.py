"""The dashboard of one model: is it well, and if not, where does the time go."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders

from charts.generate import panels
from charts.generate.colours import FAILING, LATE, STATES, STATUSES, patterns
from charts.generate.panels import (
    COUNT,
    Query,
    datasource_variable,
    graph,
    label_variable,
    rate,
    stat_panel,
)

UID: Final = "sirocco-model"
OF: Final = 'namespace="$namespace",model="$model"'
REQUESTS: Final = f"sirocco_serving_requests_total{{{OF}}}"
FAILED: Final = f'sirocco_serving_requests_total{{{OF},status=~"5.."}}'


def quantile(share: float, histogram: str, by: str = "le") -> str:
    """A quantile of one of the model's histograms."""
    return panels.quantile(share, f"{histogram}_bucket{{{OF}}}", by)


def quantiles(histogram: str) -> list[Query]:
    """Half of the requests, nineteen of twenty, and all but one of a hundred."""
    return [Query(quantile(share, histogram), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)]


def by_key(series: str) -> str:
    """A counter's rates by key; what came without a valid one, whose label is empty, gets a name."""
    return f'label_replace({rate(series, "key")}, "key", "(no key)", "key", "")'


def error_share() -> str:
    """The share of requests answered with 500 or above; zero while there is no such series."""
    return f"({rate(FAILED)} or vector(0)) / {rate(REQUESTS)}"


def build() -> builders.Dashboard:
    """The dashboard."""
    found = (
        builders.Dashboard("Sirocco / Model")
        .uid(UID)
        .description("One model: requests, latency, engine, replicas.")
        .tags(["sirocco"])
        .time("now-1h", "now")
        .refresh("30s")
        .with_variable(datasource_variable())
        .with_variable(label_variable("namespace", "Namespace", "sirocco_operator_model_state", "namespace"))
        .with_variable(
            label_variable("model", "Model", 'sirocco_operator_model_state{namespace="$namespace"}', "model")
        )
    )
    _glance(found)
    _traffic(found)
    _latency(found)
    _engine(found)
    _replicas(found)
    return found


def _glance(found: builders.Dashboard) -> None:
    found.with_row(builders.Row("At a glance"))
    found.with_panel(
        stat_panel(
            "State",
            "The reason in the resource's status. `kubectl describe imodel` says what to do about it.",
            COUNT,
            Query(f"max by (state) (sirocco_operator_model_state{{{OF}}})", "{{state}}"),
            name=True,
            colours=patterns(STATES),
        )
    )
    found.with_panel(
        stat_panel(
            "Pods",
            "Pods that answer, and pods that are wanted. Fewer answer: see State.",
            COUNT,
            Query(f"max(sirocco_operator_model_ready_replicas{{{OF}}})", "answer"),
            Query(f"max(sirocco_operator_model_replicas{{{OF}}})", "wanted"),
        )
    )
    found.with_panel(
        stat_panel(
            "Requests",
            "Requests answered a second, of every route and status.",
            "reqps",
            Query(rate(REQUESTS)),
        )
    )
    found.with_panel(
        stat_panel(
            "Errors",
            "The share answered with 500 or above. The runbook of SiroccoErrors says how to find the cause.",
            "percentunit",
            Query(error_share()),
            steps=FAILING,
            decimals=2,
        )
    )
    found.with_panel(
        stat_panel(
            "First token, p95",
            "19 of 20 requests have their first token by then. High: compare queue wait and prompts.",
            "s",
            Query(quantile(0.95, "vllm:time_to_first_token_seconds")),
            steps=LATE,
        )
    )
    found.with_panel(
        stat_panel(
            "Time per token, p95",
            "19 of 20 requests get a token at least this often. Higher than usual: batches are too large.",
            "s",
            Query(quantile(0.95, "vllm:request_time_per_output_token_seconds")),
            steps=((None, "green"), (0.1, "orange"), (0.2, "red")),
        )
    )


def _traffic(found: builders.Dashboard) -> None:
    found.with_row(builders.Row("Traffic"))
    found.with_panel(
        graph(
            "Requests by status",
            "4xx are the clients', 429 are limits, 5xx are ours.",
            "reqps",
            Query(rate(REQUESTS, "status"), "{{status}}"),
            stacked=True,
            colours=STATUSES,
        )
    )
    found.with_panel(
        graph(
            "Requests by key",
            "Who asks. One takes all: lower its rate in the keys' Secret.",
            "reqps",
            Query(by_key(REQUESTS), "{{key}}"),
            stacked=True,
        )
    )
    found.with_panel(
        graph(
            "Refused",
            "By the cause that the client was told. queue_full and queue_timeout: too few replicas.",
            "reqps",
            Query(f"{rate(f'sirocco_serving_rejected_total{{{OF}}}')} or vector(0)", "all"),
            Query(rate(f"sirocco_serving_rejected_total{{{OF}}}", "reason"), "{{reason}}"),
        )
    )
    found.with_panel(
        graph(
            "Requests in flight",
            "Not answered whole yet, and of these waiting: for a place of ours, or for the engine's batch.",
            COUNT,
            Query(f"sum(sirocco_serving_requests_in_flight{{{OF}}})", "in flight"),
            Query(f"sum(sirocco_serving_requests_queued{{{OF}}})", "wait for a place"),
            Query(f"sum(vllm:num_requests_waiting{{{OF}}})", "wait for the engine"),
        )
    )
    found.with_panel(
        graph(
            "Tokens/s",
            "What the engine reads and writes a second, over all pods.",
            "short",
            Query(rate(f"vllm:prompt_tokens_total{{{OF}}}"), "prompt"),
            Query(rate(f"vllm:generation_tokens_total{{{OF}}}"), "generated"),
        )
    )
    found.with_panel(
        graph(
            "Tokens/s generated, by key",
            "Who uses the model's capacity.",
            "short",
            Query(by_key(f"sirocco_serving_generated_tokens_total{{{OF}}}"), "{{key}}"),
            stacked=True,
        )
    )


def _latency(found: builders.Dashboard) -> None:
    found.with_row(builders.Row("Latency"))
    found.with_panel(
        graph(
            "First token",
            "From arrival in the engine on. Rises with queue wait, long prompts, fewer cache hits.",
            "s",
            *quantiles("vllm:time_to_first_token_seconds"),
            width=6,
        )
    )
    found.with_panel(
        graph(
            "Time per output token",
            "Each further token, on average over a request. Rises with the batch and with preemptions.",
            "s",
            *quantiles("vllm:request_time_per_output_token_seconds"),
            width=6,
        )
    )
    found.with_panel(
        graph(
            "Queue wait, p95",
            "For a place (limits.inFlight), then for the engine's batch. High: add replicas. "
            "vLLM's smallest bucket ends at 0.3 s, so that no wait in the engine shows as 0.285 s.",
            "s",
            Query(quantile(0.95, "sirocco_serving_queue_seconds"), "for a place"),
            Query(f"max(sirocco_serving_oldest_queued_seconds{{{OF}}})", "waits longest for one"),
            Query(quantile(0.95, "vllm:request_queue_time_seconds"), "in the engine"),
            width=6,
        )
    )
    found.with_panel(
        graph(
            "Whole answer, p95",
            "From a request's arrival to the last byte, by route.",
            "s",
            Query(quantile(0.95, "sirocco_serving_request_seconds", "le, route"), "{{route}}"),
            width=6,
        )
    )


def _engine(found: builders.Dashboard) -> None:
    found.with_row(builders.Row("Engine"))
    found.with_panel(
        graph(
            "KV cache in use",
            "By pod. Above the line, requests wait or are preempted: more replicas, shorter prompts.",
            "percentunit",
            Query(f"vllm:kv_cache_usage_perc{{{OF}}}", "{{pod}}"),
            width=12,
            limit=0.95,
            top=1,
        )
    )
    found.with_panel(
        graph(
            "Requests in the batch",
            "By pod. One pod far above the others: clients keep their connections to it.",
            COUNT,
            Query(f"vllm:num_requests_running{{{OF}}}", "{{pod}}"),
            width=12,
        )
    )
    hits, queries = (rate(f"vllm:prefix_cache_{name}_total{{{OF}}}") for name in ("hits", "queries"))
    found.with_panel(
        graph(
            "Prefix cache hits",
            "The share of prompt tokens not computed again. It falls when prompts begin differently.",
            "percentunit",
            Query(f"{hits} / ({queries} > 0) or vector(0)", "hits"),
            width=12,
            top=1,
        )
    )
    found.with_panel(
        graph(
            "Preemptions",
            "Requests thrown out of the batch for want of KV cache, and computed anew. Should be zero.",
            "ops",
            Query(rate(f"vllm:num_preemptions_total{{{OF}}}", "pod"), "{{pod}}"),
            width=12,
        )
    )


def _replicas(found: builders.Dashboard) -> None:
    found.with_row(builders.Row("Replicas"))
    found.with_panel(
        graph(
            "Pods",
            "Wanted, and answering. They differ for as long as a model loads.",
            COUNT,
            Query(f"max(sirocco_operator_model_replicas{{{OF}}})", "wanted"),
            Query(f"max(sirocco_operator_model_ready_replicas{{{OF}}})", "answer"),
        )
    )
    found.with_panel(
        graph(
            "GPUs",
            "What the pods hold.",
            COUNT,
            Query(f"max(sirocco_operator_model_gpus{{{OF}}})", "held"),
        )
    )
    found.with_panel(
        graph(
            "Restarts",
            "Of all containers of today's pods. A staircase: the runbook of SiroccoModelCrashLoop.",
            COUNT,
            Query(f"max(sirocco_operator_model_container_restarts{{{OF}}})", "restarts"),
        )
    )
