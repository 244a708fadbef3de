"""The few kinds of panels that the dashboards are made of, on Grafana's own builders."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Final

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from charts.generate.colours import Colours, Steps

DATASOURCE: Final = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
# The grid is 24 wide.
STAT_WIDTH: Final = 4
STAT_HEIGHT: Final = 4
GRAPH_HEIGHT: Final = 8
TABLE_HEIGHT: Final = 10
# In pixels, at least: all columns of the widest table fit a screen of 1280.
COLUMN_WIDTH: Final = 80
# Pods, requests, GPUs: no half of one on an axis.
COUNT: Final = "none"
# How far an axis reaches at least, so that zero is not drawn below a hundred of what never happened.
_SMALLEST_TOP: Final = {COUNT: 1.0, "reqps": 0.1, "ops": 0.1}

PLAIN: Final = ((None, "blue"),)
NONE: Final[Colours] = {}
_COLOURED_TEXT: Final = dashboard.DynamicConfigValue("custom.cellOptions", {"type": "color-text"})


@dataclass(frozen=True)
class Query:
    """A PromQL expression and what its series are called."""

    expr: str
    legend: str = ""


def rate(series: str, by: str = "") -> str:
    """The sum of a counter's rates, by labels where given."""
    return f"sum{f' by ({by})' if by else ''} (rate({series}[$__rate_interval]))"


def quantile(share: float, buckets: str, by: str = "le") -> str:
    """A quantile of a histogram's latest observations, from its series of buckets; without any, no value."""
    # Of no observations it is NaN, which compares with nothing.
    return f"histogram_quantile({share:g}, {rate(buckets, by)}) >= 0"


def stat_panel(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    steps: Steps = PLAIN,
    decimals: int | None = None,
    name: bool = False,
    colours: Colours = NONE,
    without: str | None = None,
) -> stat.Panel:
    """The value at the end of the time range as a number; with `name` the series' name in its place.

    The last value within the range would tell of a model that is gone how well it was. `without` is shown
    where there is no value.
    """
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
    if without is not None:
        panel.no_value(without)
    if decimals is not None:
        panel.decimals(decimals)
    for pattern, colour in colours.items():
        panel.override_by_regexp(f"^({pattern})$", [_coloured(dashboard.FieldColorModeId.FIXED, colour)])
    for reference, query in zip(ascii_uppercase, queries, strict=False):
        panel.with_target(_target(reference, query).instant())
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
    colours: Colours = NONE,
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
        # The line of a layer without height would colour the one below.
        .line_width(0 if stacked else 1)
        .fill_opacity(60 if stacked else 5)
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
    if unit in _SMALLEST_TOP:
        panel.axis_soft_max(_SMALLEST_TOP[unit])
    if unit == COUNT:
        panel.decimals(0)
    for pattern, colour in colours.items():
        panel.override_by_regexp(f"^({pattern})$", [_coloured(dashboard.FieldColorModeId.SHADES, colour)])
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
    """A number of each row: its name, unit, and expression; without a name only its series' labels show.

    `steps` colour the number.
    """

    name: str
    unit: str
    expr: str
    steps: Steps = ()


@dataclass(frozen=True)
class Key:
    """A label that every row has: what stands above its column, and the colours of some values."""

    label: str
    name: str
    # In pixels; without it, as wide as others.
    width: int | None = None
    colours: Colours = field(default_factory=dict)
    link: str = ""


def table_panel(
    title: str,
    description: str,
    keys: Iterable[Key],
    columns: Iterable[Column],
    first: tuple[str, bool],
    height: int = TABLE_HEIGHT,
) -> table.Panel:
    """A row for each set of `keys`, labels of the columns' series.

    Rows stand in the order of the column `first`, from its highest value down where that is true of it.
    """
    leading, down = first
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .span(24)
        .height(height)
        .datasource(DATASOURCE)
        .sort_by([common_builders.TableSortByFieldState().display_name(leading).desc(down)])
        .min_width(COLUMN_WIDTH)
    )
    names, excluded = {}, {"Time": True}
    for key in keys:
        names[key.label] = key.name
        panel.override_by_name(key.name, _of_words(key))
    for reference, column in zip(ascii_uppercase, columns, strict=False):
        target = _target(reference, Query(column.expr)).instant().format(PromQueryFormat.TABLE)
        panel.with_target(target)
        if column.name:
            names[f"Value #{reference}"] = column.name
            panel.override_by_name(column.name, _of_numbers(column))
        else:
            excluded[f"Value #{reference}"] = True
    order = {name: place for place, name in enumerate(names)}
    panel.with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
    shown = {"excludeByName": excluded, "renameByName": names, "indexByName": order}
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


def _coloured(mode: dashboard.FieldColorModeId, colour: str) -> dashboard.DynamicConfigValue:
    return dashboard.DynamicConfigValue("color", dashboard.FieldColor(mode=mode, fixed_color=colour))


def _of_numbers(column: Column) -> list[dashboard.DynamicConfigValue]:
    found = [dashboard.DynamicConfigValue("unit", column.unit)]
    if column.steps:
        found.append(dashboard.DynamicConfigValue("thresholds", _thresholds(column.steps).build()))
        found.append(_COLOURED_TEXT)
    return found


def _of_words(key: Key) -> list[dashboard.DynamicConfigValue]:
    found = []
    if key.width is not None:
        found.append(dashboard.DynamicConfigValue("custom.width", key.width))
    if key.link:
        found.append(dashboard.DynamicConfigValue("links", [{"title": "Open", "url": key.link}]))
    if key.colours:
        words = {word: dashboard.ValueMappingResult(color=colour) for word, colour in key.colours.items()}
        found.append(dashboard.DynamicConfigValue("mappings", [dashboard.ValueMap(options=words)]))
        found.append(_COLOURED_TEXT)
    return found


def _thresholds(steps: Steps) -> builders.ThresholdsConfig:
    marks = [dashboard.Threshold(value=value, color=color) for value, color in steps]
    return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(marks)


def _text_mode(name: bool, values: int) -> common.BigValueTextMode:
    if name:
        return common.BigValueTextMode.NAME
    return common.BigValueTextMode.VALUE_AND_NAME if values > 1 else common.BigValueTextMode.VALUE
