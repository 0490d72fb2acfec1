"""How bands and cells over time look: state timelines, status histories, heatmaps."""

from collections.abc import Sequence
from typing import NamedTuple

from dashboards.resolution import most_points
from dashboards.style._sdk import (
    build_common,
    common,
    dashboard,
    heatmap_builder,
    heatmap_model,
    statetimeline_builder,
    statushistory_builder,
)
from dashboards.style.colours import States
from dashboards.style.fields import PanelBuilder, Text, by_name, dressed, list_legend, mappings
from dashboards.style.links import Detail
from dashboards.style.queries import Query

HEATMAP_SCHEME = "Oranges"  # one hue: the least is near the background in the dark theme and in the light one


LOWEST = -1e12  # the first band begins here: Grafana takes an end that is not given for 0


class Band(NamedTuple):
    """Values from `least` (included) up to the next band, and the words and the colour for them."""

    least: float
    words: str
    colour: str


def state_timeline(
    told: Text, *queries: Query, states: States, width: int = 24, height: int = 8, detail: Detail | None = None
) -> PanelBuilder:
    """One band a series, coloured by the state it is in; `states` names the values."""
    return (
        dressed(statetimeline_builder.Panel(), told, queries, unit="short", width=width, height=height, detail=detail)
        .merge_values(merge_values=True)
        .show_value(common.VisibilityMode.AUTO)
        .row_height(0.8)
        .fill_opacity(80)
        .mappings(mappings(states))
        .color_scheme(by_name())
        .legend(list_legend())
        .tooltip(_one())
    )


def status_history(
    told: Text,
    *queries: Query,
    states: States | None = None,
    bands: Sequence[Band] = (),
    width: int = 24,
    height: int = 8,
    detail: Detail | None = None,
) -> PanelBuilder:
    """One row a series, one cell a step: for values sampled rarely, named and coloured by `states` or by `bands`.

    Grafana draws nothing where there are more steps than half the pixels, so that how many are asked for is fixed.
    """
    return (
        dressed(statushistory_builder.Panel(), told, queries, unit="short", width=width, height=height, detail=detail)
        .max_data_points(most_points(width))
        .show_value(common.VisibilityMode.NEVER)
        .row_height(0.9)
        .fill_opacity(80)
        .mappings([*mappings(states or {}), *_ranges(bands)])
        .color_scheme(by_name())
        .legend(list_legend())
        .tooltip(_one())
    )


def heatmap(
    told: Text,
    *queries: Query,
    unit: str,
    cells: str = "short",
    width: int = 12,
    height: int = 8,
    detail: Detail | None = None,
) -> PanelBuilder:
    """Counts by bucket (queries with form="heatmap" and a label le) or by series, at most 20 of them, over time.

    `unit` is that of the rows ("none" for series), `cells` that of what is counted.
    """
    return (
        dressed(heatmap_builder.Panel(), told, queries, unit=cells, width=width, height=height, detail=detail)
        .no_value(told.may_be_empty or "no data")
        .max_data_points(most_points(width))
        .calculate(calculate=False)
        .cell_gap(1)
        .y_axis(heatmap_builder.YAxisConfig().unit(unit))
        .filter_values(heatmap_builder.FilterValueRange().le(1e-9))
        .color(
            heatmap_builder.HeatmapColorOptions()
            .mode(heatmap_model.HeatmapColorMode.SCHEME)
            .scheme(HEATMAP_SCHEME)
            .steps(64)
            .exponent(0.5)
            .fill("dark-orange")
        )
    )


def _ranges(bands: Sequence[Band]) -> list[dashboard.ValueMapping]:
    """Ranges to words and colours, the highest first: Grafana takes the first that holds a value, ends included."""
    highest_first = sorted(bands, key=lambda band: band.least, reverse=True)
    return [
        dashboard.RangeMap(
            options=dashboard.DashboardRangeMapOptions(
                from_val=band.least,
                to=-LOWEST,
                result=dashboard.ValueMappingResult(text=band.words, color=band.colour, index=place),
            )
        )
        for place, band in enumerate(highest_first)
    ]


def _one() -> build_common.VizTooltipOptions:
    return build_common.VizTooltipOptions().mode(common.TooltipDisplayMode.SINGLE).sort(common.SortOrder.NONE)
