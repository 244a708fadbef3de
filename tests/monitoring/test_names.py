"""Rules and dashboards read metrics that are there, and only those that are written down."""

import json

from prometheus_client.metrics import MetricWrapperBase

from sirocco_operator.controller.store import Key
from sirocco_operator.status.figures import ModelFigures
from sirocco_operator.telemetry import Telemetry
from sirocco_serving.telemetry import metrics
from tests.chart.helm import CHART
from tests.monitoring import names
from tests.monitoring.dashboards import NAMES, queries
from tests.monitoring.rules import rules


def test_names_written_down_are_those_that_are_read() -> None:
    expressions = [query.expr for name in NAMES for query in queries(name)]
    expressions += [rule["expr"] for rule in rules()]
    assert names.read_by(expressions) == names.VLLM | names.SERVING | names.OPERATOR


def test_operator_has_the_metrics_of_its_own() -> None:
    telemetry = Telemetry()
    telemetry.track_certificate_expiry(lambda: 1.0)
    telemetry.track_unserved(lambda: {"team": "forbidden"}, dict)
    telemetry.record_model(
        Key("team", "mistral"), ModelFigures("Ready", True, True, False, 1, 1, 0, 0, "ScalingOnTarget")
    )
    assert names.OPERATOR - names.shown(telemetry.exposition().decode()) == set()


def test_serving_layer_has_the_metrics_of_its_own() -> None:
    ours = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    found = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for metric in ours
        for family in metric.describe()
    }
    assert names.SERVING - found == set()


def test_chart_takes_bounds_of_the_histograms_as_objectives() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    objectives = schema["properties"]["prometheusRule"]["properties"]["objectives"]["properties"]
    assert tuple(objectives["timeToFirstTokenSeconds"]["enum"]) == names.FIRST_TOKEN_BOUNDS
    assert tuple(objectives["timePerOutputTokenSeconds"]["enum"]) == names.OUTPUT_TOKEN_BOUNDS
