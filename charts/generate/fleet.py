"""The dashboard of all models: which of them needs somebody."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders

from charts.generate import panels
from charts.generate.colours import FAILING, LATE, SEVERITIES, STATES, patterns
from charts.generate.model import UID as MODEL_UID
from charts.generate.panels import (
    COUNT,
    Column,
    Key,
    Query,
    datasource_variable,
    graph,
    label_variable,
    stat_panel,
    table_panel,
)

UID: Final = "sirocco-fleet"
IN: Final = 'namespace=~"$namespace"'
# Of scraped pods; other vLLM servers than ours have no label `model`.
SCRAPED: Final = f'{IN},model!=""'
EACH: Final = "namespace, model"
MODEL_LINK: Final = (
    f"/d/{MODEL_UID}?var-datasource=${{datasource}}"
    "&var-namespace=${__data.fields.Namespace}&var-model=${__data.fields.Model}&${__url_time_range}"
)
FIRING: Final = 'alertname=~"Sirocco.+"'


def each(name: str) -> str:
    """A figure of the operator, one a model."""
    return f"max by ({EACH}) (sirocco_operator_model_{name}{{{IN}}})"


def rate(metric: str, by: str = EACH) -> str:
    """The sum of a counter's rates by labels; over all where `by` is empty."""
    return panels.rate(f"{metric}{{{SCRAPED}}}", by)


def p95(histogram: str) -> str:
    """Of each model, what 19 of 20 requests stay below."""
    return panels.quantile(0.95, f"{histogram}_bucket{{{SCRAPED}}}", f"{EACH}, le")


def build() -> builders.Dashboard:
    """The dashboard."""
    found = (
        builders.Dashboard("Sirocco / Fleet")
        .uid(UID)
        .description("All models of some namespaces.")
        .tags(["sirocco"])
        .time("now-3h", "now")
        .refresh("1m")
        .with_variable(datasource_variable())
        .with_variable(
            label_variable("namespace", "Namespace", "sirocco_operator_model_state", "namespace", True)
        )
    )
    _glance(found)
    _alerts(found)
    _models(found)
    _over_time(found)
    return found


def _glance(found: builders.Dashboard) -> None:
    found.with_row(builders.Row("At a glance"))
    found.with_panel(
        stat_panel("Models", "InferenceModels that there are.", COUNT, Query(f"count({each('ready')})"))
    )
    found.with_panel(
        stat_panel(
            "Not answering",
            "Models that want pods of which none answers. Above 0: the table shows which, and why.",
            COUNT,
            Query(f"count({each('available')} == 0 and {each('replicas')} > 0) or vector(0)"),
            steps=((None, "green"), (1, "red")),
        )
    )
    found.with_panel(
        stat_panel(
            "Alerts",
            "Of this chart, firing now, in all namespaces: the table says which.",
            COUNT,
            Query(f'count(ALERTS{{{FIRING},alertstate="firing"}}) or vector(0)'),
            steps=((None, "green"), (1, "orange")),
        )
    )
    found.with_panel(stat_panel("GPUs", "What all pods hold.", COUNT, Query(f"sum({each('gpus')})")))
    found.with_panel(
        stat_panel(
            "Requests",
            "Answered a second, by all models.",
            "reqps",
            Query(rate("sirocco_serving_requests_total", "")),
        )
    )
    found.with_panel(
        stat_panel(
            "Tokens/s",
            "Generated a second, by all models.",
            "short",
            Query(rate("vllm:generation_tokens_total", "")),
        )
    )


def _alerts(found: builders.Dashboard) -> None:
    since = f'ALERTS_FOR_STATE{{{FIRING}}} and ignoring (alertstate) ALERTS{{{FIRING},alertstate="firing"}}'
    none = 'label_replace(vector(0), "alertname", "none", "", "")'
    found.with_panel(
        table_panel(
            "Firing alerts",
            "In all namespaces, and for how long their cause has lasted. A model's name leads to its "
            "dashboard; the runbooks say what to do about each alert.",
            (
                Key("severity", "Severity", colours=SEVERITIES),
                Key("alertname", "Alert"),
                Key("namespace", "Namespace"),
                Key("model", "Model", link=MODEL_LINK),
            ),
            (
                Column(
                    "For",
                    "s",
                    f"max by (severity, alertname, {EACH}) (time() - ({since})) or on () {none}",
                ),
            ),
            first=("Severity", False),
            height=7,
        )
    )


def _models(found: builders.Dashboard) -> None:
    found.with_row(builders.Row("Models"))
    missing = f"clamp_min({each('replicas')} - {each('ready_replicas')}, 0)"
    found.with_panel(
        table_panel(
            "Models",
            "A row a model; its name leads to its dashboard. State is the reason in the resource's status. "
            "Stalled: 1 where somebody must change something. No number: no pod, or no request.",
            (
                Key("namespace", "Namespace", 130),
                Key("model", "Model", 200, link=MODEL_LINK),
                Key("state", "State", 170, STATES),
            ),
            (
                Column("", "", f"max by ({EACH}, state) (sirocco_operator_model_state{{{IN}}})"),
                Column("Wanted", COUNT, each("replicas")),
                Column("Missing", COUNT, missing, ((None, "text"), (1, "orange"))),
                Column("Stalled", COUNT, each("stalled"), ((None, "text"), (1, "orange"))),
                Column("GPUs", COUNT, each("gpus")),
                Column("Requests", "reqps", rate("sirocco_serving_requests_total")),
                Column("Errors", "percentunit", _errors(), FAILING),
                Column("Tokens/s", "short", rate("vllm:generation_tokens_total")),
                Column("First token p95", "s", p95("vllm:time_to_first_token_seconds"), LATE),
                Column(
                    "KV cache",
                    "percentunit",
                    f"avg by ({EACH}) (vllm:kv_cache_usage_perc{{{SCRAPED}}})",
                    ((None, "text"), (0.95, "orange")),
                ),
            ),
            first=("Missing", True),
        )
    )


def _errors() -> str:
    """The share of each model's requests answered with 500 or above; nothing without requests."""
    answered = rate("sirocco_serving_requests_total")
    failed = panels.rate(f'sirocco_serving_requests_total{{{SCRAPED},status=~"5.."}}', EACH)
    return f"({failed} or 0 * {answered}) / ({answered} > 0)"


def _over_time(found: builders.Dashboard) -> None:
    found.with_row(builders.Row("Over time"))
    found.with_panel(
        graph(
            "Requests by model",
            "Where the traffic goes.",
            "reqps",
            Query(rate("sirocco_serving_requests_total"), "{{namespace}}/{{model}}"),
            stacked=True,
        )
    )
    found.with_panel(
        graph(
            "First token p95 by model",
            "Which model is slow; its own dashboard says where.",
            "s",
            Query(p95("vllm:time_to_first_token_seconds"), "{{namespace}}/{{model}}"),
        )
    )
    found.with_panel(
        graph(
            "Pods that answer, by model",
            "How models scale.",
            COUNT,
            Query(each("ready_replicas"), "{{namespace}}/{{model}}"),
            stacked=True,
        )
    )
    found.with_panel(
        graph(
            "GPUs by namespace",
            "Who holds them.",
            COUNT,
            Query(f"sum by (namespace) ({each('gpus')})", "{{namespace}}"),
            width=12,
            stacked=True,
        )
    )
    found.with_panel(
        graph(
            "Models by state",
            "The reasons in their statuses. Anything but Ready for long: look at the table.",
            COUNT,
            Query(
                f"count by (state) (max by ({EACH}, state) (sirocco_operator_model_state{{{IN}}}))",
                "{{state}}",
            ),
            width=12,
            stacked=True,
            colours=patterns(STATES),
        )
    )
