"""How each kind of panel looks."""

import json
from collections.abc import Mapping
from typing import Any

from dashboards.style._sdk import (
    JSONEncoder,
    bargauge_builder,
    build_common,
    build_dashboard,
    common,
    dashboard,
    gauge_builder,
    heatmap_builder,
    heatmap_model,
    histogram_builder,
    stat_builder,
    statetimeline_builder,
    statushistory_builder,
    table_builder,
    text_builder,
    text_model,
    timeseries_builder,
)
from dashboards.style.fields import (
    PanelBuilder,
    States,
    Steps,
    Text,
    by_threshold,
    dressed,
    last,
    list_legend,
    mappings,
    series_overrides,
    thresholds,
)
from dashboards.style.queries import Query


def timeseries(
    told: Text,
    *queries: Query,
    unit: str,
    width: int = 12,
    height: int = 8,
    stacked: bool = False,
    most: float | None = None,
    colours: Mapping[str, str] | None = None,
    looks: Mapping[str, Mapping[str, Any]] | None = None,
) -> PanelBuilder:
    """Lines over time with a legend table of last, mean and max.

    Args:
        told: title and description.
        queries: what is drawn.
        unit: Grafana's name of the unit ("reqps", "s", "bytes", "percentunit", "short").
        width: of 24.
        height: in grid rows.
        stacked: areas on top of each other; only where the sum means something.
        most: upper end of the axis, where there is one.
        colours: series name, or /regex/, to colour.
        looks: series name, or /regex/, to `custom` field settings such as {"lineWidth": 3}.
    """
    panel = (
        dressed(timeseries_builder.Panel(), told, queries, unit=unit, width=width, height=height)
        .line_width(1.5)
        .fill_opacity(60 if stacked else 8)
        .gradient_mode(common.GraphGradientMode.NONE if stacked else common.GraphGradientMode.OPACITY)
        .show_points(common.VisibilityMode.NEVER)
        .span_nulls(span_nulls=False)
        .axis_soft_min(0)
        .stacking(
            build_common.StackingConfig().mode(common.StackingMode.NORMAL if stacked else common.StackingMode.NONE)
        )
        .tooltip(
            build_common.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)
        )
        .legend(
            build_common.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
            .calcs(["lastNotNull", "mean", "max"])
        )
    )
    if most is not None:
        panel = panel.max(most)
    return series_overrides(panel, colours or {}, looks or {})


def stat(
    told: Text,
    *queries: Query,
    unit: str,
    width: int = 4,
    height: int = 4,
    steps: Steps = ((None, "text"),),
    states: States | None = None,
    spark: bool = True,
) -> PanelBuilder:
    """The last value, large, with its recent course behind it."""
    panel = (
        dressed(stat_builder.Panel(), told, queries, unit=unit, width=width, height=height)
        .reduce_options(last())
        .graph_mode(common.BigValueGraphMode.AREA if spark else common.BigValueGraphMode.NONE)
        .color_mode(common.BigValueColorMode.VALUE)
        .text_mode(common.BigValueTextMode.AUTO)
        .thresholds(thresholds(steps))
        .color_scheme(by_threshold())
    )
    return panel.mappings(mappings(states)) if states else panel


def gauge(
    told: Text, *queries: Query, unit: str, least: float, most: float, steps: Steps, width: int = 6, height: int = 6
) -> PanelBuilder:
    """A share of a known whole."""
    return (
        dressed(gauge_builder.Panel(), told, queries, unit=unit, width=width, height=height)
        .reduce_options(last())
        .min(least)
        .max(most)
        .thresholds(thresholds(steps))
        .color_scheme(by_threshold())
    )


def bargauge(
    told: Text,
    *queries: Query,
    unit: str,
    steps: Steps = ((None, "blue"),),
    least: float = 0,
    most: float | None = None,
    width: int = 12,
    height: int = 8,
) -> PanelBuilder:
    """One horizontal bar a series; use instant queries, and `topk` or `bottomk` where there may be many."""
    panel = (
        dressed(bargauge_builder.Panel(), told, queries, unit=unit, width=width, height=height)
        .reduce_options(last())
        .orientation(common.VizOrientation.HORIZONTAL)
        .display_mode(common.BarGaugeDisplayMode.BASIC)
        .min(least)
        .thresholds(thresholds(steps))
        .color_scheme(by_threshold())
    )
    return panel if most is None else panel.max(most)


def state_timeline(told: Text, *queries: Query, states: States, width: int = 24, height: int = 8) -> PanelBuilder:
    """One band a series, coloured by the state it is in; `states` names the values."""
    return (
        dressed(statetimeline_builder.Panel(), told, queries, unit="short", width=width, height=height)
        .merge_values(merge_values=True)
        .show_value(common.VisibilityMode.AUTO)
        .row_height(0.8)
        .fill_opacity(80)
        .mappings(mappings(states))
        .color_scheme(build_dashboard.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
        .thresholds(thresholds(((None, "text"),)))
        .legend(list_legend())
    )


def status_history(
    told: Text,
    *queries: Query,
    states: States | None = None,
    steps: Steps = ((None, "text"),),
    unit: str = "short",
    width: int = 24,
    height: int = 8,
) -> PanelBuilder:
    """One row a series, one cell a step: for values sampled rarely, coloured by `states` or `steps`."""
    panel = (
        dressed(statushistory_builder.Panel(), told, queries, unit=unit, width=width, height=height)
        .show_value(common.VisibilityMode.NEVER)
        .row_height(0.9)
        .fill_opacity(80)
        .color_scheme(by_threshold())
        .thresholds(thresholds(steps))
        .legend(list_legend())
    )
    return panel.mappings(mappings(states)) if states else panel


def heatmap(
    told: Text, *queries: Query, unit: str, scheme: str = "Turbo", width: int = 12, height: int = 8
) -> PanelBuilder:
    """Counts by bucket (queries with form="heatmap" and a label le) or by series, over time."""
    return (
        dressed(heatmap_builder.Panel(), told, queries, unit="short", width=width, height=height)
        .calculate(calculate=False)
        .cell_gap(1)
        .y_axis(heatmap_builder.YAxisConfig().unit(unit))
        .filter_values(heatmap_builder.FilterValueRange().le(1e-9))
        .color(
            heatmap_builder.HeatmapColorOptions()
            .mode(heatmap_model.HeatmapColorMode.SCHEME)
            .scheme(scheme)
            .steps(64)
            .exponent(0.5)
            .fill("dark-orange")
        )
    )


def histogram(told: Text, *queries: Query, unit: str, width: int = 12, height: int = 8) -> PanelBuilder:
    """How the values of all series are spread."""
    return (
        dressed(histogram_builder.Panel(), told, queries, unit=unit, width=width, height=height)
        .fill_opacity(60)
        .line_width(1)
    )


def table(
    told: Text,
    *queries: Query,
    columns: Mapping[str, str],
    units: Mapping[str, str] | None = None,
    states: Mapping[str, States] | None = None,
    links: Mapping[str, Mapping[str, str]] | None = None,
    width: int = 24,
    height: int = 8,
) -> PanelBuilder:
    """Rows by label set, from instant queries with form="table".

    Args:
        told: title and description.
        queries: the values; rows with equal labels are merged.
        columns: label, or "Value" ("Value #A", "Value #B" of several queries), to heading, in the order shown.
            The rest is hidden.
        units: heading to unit.
        states: heading to the names and colours of values.
        links: heading to the addresses that its cells open, by what the links say.
        width: of 24.
        height: in grid rows.
    """
    panel = dressed(table_builder.Panel(), told, queries, unit="short", width=width, height=height)
    if len(queries) > 1:
        panel = panel.with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
    for step in _columns(columns):
        panel = panel.with_transformation(step)
    for heading, unit in (units or {}).items():
        panel = panel.override_by_name(heading, [dashboard.DynamicConfigValue("unit", unit)])
    for heading, named in (states or {}).items():
        panel = panel.override_by_name(heading, _named_cells(named))
    for heading, opened in (links or {}).items():
        data_links = [{"title": title, "url": url} for title, url in opened.items()]
        panel = panel.override_by_name(heading, [dashboard.DynamicConfigValue("links", data_links)])
    return panel


def _columns(columns: Mapping[str, str]) -> list[dashboard.DataTransformerConfig]:
    """Keep these fields alone, in this order, under these headings."""
    order = {name: place for place, name in enumerate(columns)}
    arranged = {"excludeByName": {}, "indexByName": order, "renameByName": dict(columns)}
    return [
        dashboard.DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": list(columns)}}),
        dashboard.DataTransformerConfig(id_val="organize", options=arranged),
    ]


def _named_cells(states: States) -> list[dashboard.DynamicConfigValue]:
    mapped = [json.loads(json.dumps(one, cls=JSONEncoder)) for one in mappings(states)]
    return [
        dashboard.DynamicConfigValue("mappings", mapped),
        dashboard.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
    ]


def text(title: str, content: str, *, width: int = 24, height: int = 3) -> PanelBuilder:
    """A note in Markdown, for what no query can say."""
    return (
        text_builder.Panel().title(title).mode(text_model.TextMode.MARKDOWN).content(content).span(width).height(height)
    )
