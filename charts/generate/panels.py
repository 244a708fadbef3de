"""The few kinds of panels that the dashboards are made of, on Grafana's own builders."""

from collections.abc import Iterable
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Final

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE: Final = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
# The grid is 24 wide.
STAT_WIDTH: Final = 4
STAT_HEIGHT: Final = 4
GRAPH_HEIGHT: Final = 8
TABLE_HEIGHT: Final = 10

# From a value on, its colour; the first is for everything below.
Steps = Iterable[tuple[float | None, str]]
PLAIN: Final = ((None, "blue"),)


@dataclass(frozen=True)
class Query:
    """A PromQL expression and what its series are called."""

    expr: str
    legend: str = ""


def rate(series: str, by: str = "") -> str:
    """The sum of a counter's rates, by labels where given."""
    return f"sum{f' by ({by})' if by else ''} (rate({series}[$__rate_interval]))"


def quantile(share: float, buckets: str, by: str = "le") -> str:
    """A quantile of a histogram's latest observations, from its series of buckets."""
    return f"histogram_quantile({share:g}, {rate(buckets, by)})"


def stat_panel(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    steps: Steps = PLAIN,
    decimals: int | None = None,
    name: bool = False,
) -> stat.Panel:
    """The latest value as a number; with `name` the series' name in its place."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .span(STAT_WIDTH)
        .height(STAT_HEIGHT)
        .datasource(DATASOURCE)
        .thresholds(_thresholds(steps))
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(common.BigValueGraphMode.NONE)
        .color_mode(common.BigValueColorMode.VALUE)
        .text_mode(_text_mode(name, len(queries)))
    )
    if decimals is not None:
        panel.decimals(decimals)
    for reference, query in zip(ascii_uppercase, queries, strict=False):
        panel.with_target(_target(reference, query))
    return panel


def graph(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 8,
    stacked: bool = False,
    limit: float | None = None,
    top: float | None = None,
) -> timeseries.Panel:
    """Lines over time from zero on; `limit` draws a red line, `top` ends the axis."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .min(0)
        .span(width)
        .height(GRAPH_HEIGHT)
        .datasource(DATASOURCE)
        .line_width(1)
        .fill_opacity(30 if stacked else 5)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(
            common_builders.VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.DESCENDING)
        )
    )
    if stacked:
        panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    if top is not None:
        panel.max(top)
    if limit is not None:
        panel.thresholds(_thresholds([(None, "green"), (limit, "red")]))
        panel.thresholds_style(
            common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.LINE)
        )
    for reference, query in zip(ascii_uppercase, queries, strict=False):
        panel.with_target(_target(reference, query))
    return panel


@dataclass(frozen=True)
class Column:
    """A number of each row: its name, unit, and expression; without a name only its series' labels show."""

    name: str
    unit: str
    expr: str


def table_panel(
    title: str, description: str, keys: Iterable[str], columns: Iterable[Column], link: str
) -> table.Panel:
    """A row for each set of `keys`, labels that every column's series have; `link` leads on from a row."""
    columns = list(columns)
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .span(24)
        .height(TABLE_HEIGHT)
        .datasource(DATASOURCE)
    )
    names, excluded = {}, {"Time": True}
    for reference, column in zip(ascii_uppercase, columns, strict=False):
        target = _target(reference, Query(column.expr)).instant().format(PromQueryFormat.TABLE)
        panel.with_target(target)
        if column.name:
            names[f"Value #{reference}"] = column.name
            panel.override_by_name(column.name, [dashboard.DynamicConfigValue("unit", column.unit)])
        else:
            excluded[f"Value #{reference}"] = True
    for key in keys:
        leading = [{"title": "Open", "url": link}]
        panel.override_by_name(key, [dashboard.DynamicConfigValue("links", leading)])
    panel.with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
    shown = {"excludeByName": excluded, "renameByName": names}
    panel.with_transformation(dashboard.DataTransformerConfig(id_val="organize", options=shown))
    return panel


def datasource_variable() -> builders.DatasourceVariable:
    """Which Prometheus to ask."""
    return builders.DatasourceVariable("datasource").label("Data source").type("prometheus")


def label_variable(
    name: str, label: str, metric: str, source: str, several: bool = False
) -> builders.QueryVariable:
    """The values of a label of a metric; with `several` any number of them, all at first."""
    query = f"label_values({metric}, {source})"
    variable = (
        builders.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query({"query": query, "refId": name})
        .definition(query)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    )
    if several:
        variable.multi(True).include_all(True).all_value(".+")
        variable.current(dashboard.VariableOption(selected=True, text=["All"], value=["$__all"]))
    return variable


def _target(reference: str, query: Query) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(reference).datasource(DATASOURCE)
    return target.legend_format(query.legend) if query.legend else target


def _thresholds(steps: Steps) -> builders.ThresholdsConfig:
    marks = [dashboard.Threshold(value=value, color=color) for value, color in steps]
    return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(marks)


def _text_mode(name: bool, values: int) -> common.BigValueTextMode:
    if name:
        return common.BigValueTextMode.NAME
    return common.BigValueTextMode.VALUE_AND_NAME if values > 1 else common.BigValueTextMode.VALUE
