"""How lines, figures and bars look."""

from collections.abc import Mapping
from typing import Any

from dashboards.style._sdk import (
    bargauge_builder,
    build_common,
    common,
    gauge_builder,
    histogram_builder,
    stat_builder,
    text_builder,
    text_model,
    timeseries_builder,
)
from dashboards.style.colours import AMOUNT, NEUTRAL, States, Steps
from dashboards.style.fields import (
    PanelBuilder,
    Text,
    absent,
    by_threshold,
    dressed,
    last,
    list_legend,
    mappings,
    series_overrides,
    table_legend,
    thresholds,
)
from dashboards.style.links import Detail
from dashboards.style.queries import Query

WIDE = 12  # columns from which a legend is at the right
THICKEST_BAR_PX = 48
TITLE_PX = 11  # of a bar's name: Grafana keeps room for the first of the longest names at 12, and cuts wider ones
SOFT_MAX = {"percentunit": 0.01, "s": 0.001, "bytes": 1024.0, "Bps": 1000.0}
"""What an axis reaches at least, by unit, so that noise around nothing does not fill it; 1 of everything else."""


def timeseries(
    told: Text,
    *queries: Query,
    unit: str,
    width: int = 12,
    height: int = 8,
    stacked: bool = False,
    most: float | None = None,
    limits: Steps = (),
    colours: Mapping[str, str] | None = None,
    looks: Mapping[str, Mapping[str, Any]] | None = None,
    units: Mapping[str, str] | None = None,
    detail: Detail | None = None,
    peaks: bool = False,
) -> PanelBuilder:
    """Lines over time with a legend of last and max: at the right, or in a line below where the panel is narrow.

    Args:
        told: title and description.
        queries: what is drawn.
        unit: Grafana's name of the unit ("reqps", "s", "bytes", "percentunit", "short").
        width: of 24.
        height: in grid rows.
        stacked: areas on top of each other; only where the sum means something.
        most: upper end of the axis, where there is one.
        limits: values and colours of dashed lines, where a rule or a promise has one.
        colours: series name, or /regex/, to colour.
        looks: series name, or /regex/, to `custom` field settings such as {"lineWidth": 3}.
        units: series name, or /regex/, to a unit of its own, which gets an axis of its own.
        detail: where a click on a line leads.
        peaks: whether a line that was high once matters more than one that is high now: the legend begins with it.
    """
    panel = (
        dressed(timeseries_builder.Panel(), told, queries, unit=unit, width=width, height=height, detail=detail)
        .no_value(told.may_be_empty or "no data")
        .line_width(1.5)
        .fill_opacity(60 if stacked else 8)
        .gradient_mode(common.GraphGradientMode.NONE if stacked else common.GraphGradientMode.OPACITY)
        .show_points(common.VisibilityMode.AUTO)  # or the only value of a line is not drawn
        .span_nulls(span_nulls=False)
        .axis_soft_min(0)
        .stacking(
            build_common.StackingConfig().mode(common.StackingMode.NORMAL if stacked else common.StackingMode.NONE)
        )
        .tooltip(
            build_common.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)
        )
        .legend(list_legend(["lastNotNull"]) if width < WIDE else table_legend("Max" if peaks else "Last *"))
    )
    if limits:
        panel = panel.thresholds(thresholds(((None, "transparent"), *limits))).thresholds_style(
            build_common.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        )
    if most is None:
        panel = panel.axis_soft_max(max([SOFT_MAX.get(unit, 1), *(1.1 * limit for limit, _ in limits if limit)]))
    else:
        panel = panel.max(most)  # beside a soft end, it would only be the most that the axis may grow to
    return series_overrides(panel, colours or {}, looks or {}, units or {})


def stat(
    told: Text,
    *queries: Query,
    unit: str,
    width: int = 8,
    height: int = 3,
    steps: Steps = ((None, NEUTRAL),),
    states: States | None = None,
    decimals: int | None = None,
    detail: Detail | None = None,
) -> PanelBuilder:
    """The value at the end of the range, large; its history belongs in a separate panel.

    It is asked for at that moment alone: the last of a range is shown long after nothing is measured any more.
    """
    queries = tuple(one.instant() for one in queries)
    panel = (
        dressed(stat_builder.Panel(), told, queries, unit=unit, width=width, height=height, detail=detail)
        .no_value("no data")
        .reduce_options(last())
        .graph_mode(common.BigValueGraphMode.NONE)
        .color_mode(common.BigValueColorMode.VALUE)
        .text_mode(common.BigValueTextMode.VALUE if len(queries) == 1 else common.BigValueTextMode.AUTO)
        .thresholds(thresholds(steps))
        .color_scheme(by_threshold())
        .mappings([*mappings(states or {}), absent()])
    )
    return panel if decimals is None else panel.decimals(decimals)


def gauge(
    told: Text, *queries: Query, unit: str, least: float, most: float, steps: Steps, width: int = 6, height: int = 6
) -> PanelBuilder:
    """A share of a known whole."""
    return (
        dressed(gauge_builder.Panel(), told, queries, unit=unit, width=width, height=height)
        .no_value("no data")
        .reduce_options(last())
        .min(least)
        .max(most)
        .thresholds(thresholds(steps))
        .color_scheme(by_threshold())
        .mappings([absent()])
    )


def bargauge(
    told: Text,
    *queries: Query,
    unit: str,
    steps: Steps = ((None, AMOUNT),),
    least: float = 0,
    most: float | None = None,
    width: int = 12,
    height: int = 8,
    named_by: str = "",
    detail: Detail | None = None,
) -> PanelBuilder:
    """One horizontal bar a series; use instant queries, and `topk` or `bottomk` where there may be many.

    `named_by` is the label that names a bar where there may be only one, which Grafana leaves without its name.
    """
    panel = (
        dressed(bargauge_builder.Panel(), told, queries, unit=unit, width=width, height=height, detail=detail)
        .no_value(told.may_be_empty or "no data")
        .text(build_common.VizTextDisplayOptions().title_size(TITLE_PX).value_size(18))
        .sizing(common.BarGaugeSizing.MANUAL)  # or one bar fills the panel
        .max_viz_height(THICKEST_BAR_PX)
        .reduce_options(last())
        .orientation(common.VizOrientation.HORIZONTAL)
        .display_mode(common.BarGaugeDisplayMode.BASIC)
        .min(least)
        .thresholds(thresholds(steps))
        .color_scheme(by_threshold())
        .mappings([absent()])
    )
    if named_by:
        panel = panel.display_name(f"${{__field.labels.{named_by}}}")
    return panel if most is None else panel.max(most)


def histogram(told: Text, *queries: Query, unit: str, width: int = 12, height: int = 8) -> PanelBuilder:
    """How the values of all series are spread."""
    return (
        dressed(histogram_builder.Panel(), told, queries, unit=unit, width=width, height=height)
        .fill_opacity(60)
        .line_width(1)
    )


def text(title: str, content: str, *, width: int = 24, height: int = 3) -> PanelBuilder:
    """A note in Markdown, for what no query can say."""
    return (
        text_builder.Panel().title(title).mode(text_model.TextMode.MARKDOWN).content(content).span(width).height(height)
    )
