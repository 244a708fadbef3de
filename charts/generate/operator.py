"""The dashboard of the operator itself: does it lead, keep up, and get answers from the API server."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders

from charts.generate.colours import RESULTS, STATUSES
from charts.generate.panels import (
    COUNT,
    Query,
    datasource_variable,
    graph,
    label_variable,
    quantile,
    rate,
    stat_panel,
)

UID: Final = "sirocco-operator"
OF: Final = 'namespace="$namespace",job="$job"'
LEADS: Final = f"on (pod) sirocco_operator_leader{{{OF}}} == 1"


def seconds(share: float, what: str) -> str:
    """A quantile of how long something takes the operator."""
    return quantile(share, f"sirocco_operator_{what}_seconds_bucket{{{OF}}}")


def build() -> builders.Dashboard:
    """The dashboard."""
    found = (
        builders.Dashboard("Sirocco / Operator")
        .uid(UID)
        .description("The operator's processes.")
        .tags(["sirocco"])
        .time("now-3h", "now")
        .refresh("1m")
        .with_variable(datasource_variable())
        .with_variable(label_variable("namespace", "Namespace", "sirocco_operator_leader", "namespace"))
        .with_variable(label_variable("job", "Job", 'sirocco_operator_leader{namespace="$namespace"}', "job"))
    )
    _glance(found)
    _work(found)
    _metrics_api(found)
    _processes(found)
    return found


def _glance(found: builders.Dashboard) -> None:
    found.with_row(builders.Row("At a glance"))
    found.with_panel(
        stat_panel(
            "Leader",
            "The pod that holds the Lease. None: the runbook of SiroccoOperatorNoLeader.",
            COUNT,
            Query(f"sirocco_operator_leader{{{OF}}} == 1", "{{pod}}"),
            name=True,
            without="none",
        )
    )
    found.with_panel(
        stat_panel(
            "Processes",
            "Those that Prometheus reaches; one leads, the others wait for their turn.",
            COUNT,
            Query(f"count(sirocco_operator_leader{{{OF}}})"),
        )
    )
    found.with_panel(
        stat_panel(
            "Models",
            "What the leader looks after.",
            COUNT,
            Query(f"sum(sirocco_operator_objects{{{OF}}})"),
        )
    )
    found.with_panel(
        stat_panel(
            "Models that wait",
            "For a worker of the leader's. For minutes: the runbook of SiroccoOperatorNotReconciling.",
            COUNT,
            Query(f"sum(sirocco_operator_queue_depth{{{OF}}} and {LEADS})"),
            steps=((None, "green"), (50, "orange")),
        )
    )
    found.with_panel(
        stat_panel(
            "Failed passes",
            "Within 15 minutes, for a fault of the operator's. Above 0: its log has the exception.",
            COUNT,
            Query(
                f'sum(increase(sirocco_operator_reconciles_total{{{OF},result="error"}}[15m])) or vector(0)'
            ),
            steps=((None, "green"), (1, "red")),
            decimals=0,
        )
    )
    found.with_panel(
        stat_panel(
            "Certificate ends in",
            "Of the metrics API; it is renewed long before. Below a week: SiroccoCertificateExpiresSoon.",
            "s",
            Query(f"min(sirocco_operator_certificate_expiry_timestamp_seconds{{{OF}}}) - time()"),
            steps=((None, "red"), (7 * 86400, "green")),
        )
    )


def _work(found: builders.Dashboard) -> None:
    found.with_row(builders.Row("Work"))
    found.with_panel(
        graph(
            "Passes by result",
            "done, retry: something in the way for now; error: a fault of the operator's.",
            "ops",
            Query(rate(f"sirocco_operator_reconciles_total{{{OF}}}", "result"), "{{result}}"),
            colours=RESULTS,
        )
    )
    found.with_panel(
        graph(
            "A pass over a model takes",
            "Rises with the API server's answers.",
            "s",
            Query(seconds(0.5, "reconcile"), "p50"),
            Query(seconds(0.95, "reconcile"), "p95"),
        )
    )
    found.with_panel(
        graph(
            "Models that wait for a worker",
            "In the leader; other processes collect theirs until they lead.",
            COUNT,
            Query(f"sirocco_operator_queue_depth{{{OF}}} and {LEADS}", "{{pod}}"),
        )
    )
    found.with_panel(
        graph(
            "Calls of the API by code",
            "403: rights are missing. 429, 5xx: the API server is overloaded. 0: it did not answer.",
            "reqps",
            Query(rate(f"sirocco_operator_api_calls_total{{{OF}}}", "code"), "{{code}}"),
            width=12,
            stacked=True,
            colours=STATUSES,
        )
    )
    found.with_panel(
        graph(
            "Calls of the API by verb",
            "Idle, little but the Lease's updates. Many patches: somebody undoes the operator's work.",
            "reqps",
            Query(rate(f"sirocco_operator_api_calls_total{{{OF}}}", "verb"), "{{verb}}"),
            width=12,
            stacked=True,
        )
    )


def _metrics_api(found: builders.Dashboard) -> None:
    found.with_row(builders.Row("Metrics API (provider builtin)"))
    found.with_panel(
        graph(
            "Requests by what was asked",
            "Figures for autoscaling, and discovery. No figures asked for: no model scales by itself.",
            "reqps",
            Query(rate(f"sirocco_operator_metrics_api_requests_total{{{OF}}}", "what"), "{{what}}"),
        )
    )
    found.with_panel(
        graph(
            "Pods asked, by result",
            "Not ok: missing from the figures. unreachable: a NetworkPolicy; unauthorized: the key.",
            "reqps",
            Query(rate(f"sirocco_operator_metrics_api_scrapes_total{{{OF}}}", "result"), "{{result}}"),
            stacked=True,
            colours=RESULTS,
        )
    )
    found.with_panel(
        graph(
            "Asking all pods of a model takes",
            "After 3 s the rest are missing.",
            "s",
            Query(seconds(0.5, "metrics_api_scrape"), "p50"),
            Query(seconds(0.95, "metrics_api_scrape"), "p95"),
            limit=3,
        )
    )


def _processes(found: builders.Dashboard) -> None:
    found.with_row(builders.Row("Processes"))
    found.with_panel(
        graph(
            "Memory",
            "By pod. Near the limit (`resources.limits.memory`): raise it.",
            "bytes",
            Query(
                f"process_resident_memory_bytes{{{OF}}} and on (pod) sirocco_operator_leader{{{OF}}}",
                "{{pod}}",
            ),
            width=12,
        )
    )
    found.with_panel(
        graph(
            "CPU",
            "Cores, by pod.",
            "short",
            Query(rate(f"process_cpu_seconds_total{{{OF}}}", "pod"), "{{pod}}"),
            width=12,
        )
    )
