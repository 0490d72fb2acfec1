"""What panels share: their text, the datasource, thresholds, names and colours of states."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

from dashboards.model import MAY_BE_EMPTY
from dashboards.style._sdk import (
    bargauge_builder,
    build_common,
    build_dashboard,
    common,
    dashboard,
    gauge_builder,
    heatmap_builder,
    histogram_builder,
    stat_builder,
    statetimeline_builder,
    statushistory_builder,
    table_builder,
    text_builder,
    timeseries_builder,
)
from dashboards.style.colours import ABSENT, States, Steps
from dashboards.style.links import Detail, of_series
from dashboards.style.queries import DATASOURCE, Query

PanelBuilder: TypeAlias = (
    bargauge_builder.Panel
    | gauge_builder.Panel
    | heatmap_builder.Panel
    | histogram_builder.Panel
    | stat_builder.Panel
    | statetimeline_builder.Panel
    | statushistory_builder.Panel
    | table_builder.Panel
    | text_builder.Panel
    | timeseries_builder.Panel
)
DataPanel = TypeVar(
    "DataPanel",
    bargauge_builder.Panel,
    gauge_builder.Panel,
    heatmap_builder.Panel,
    histogram_builder.Panel,
    stat_builder.Panel,
    statetimeline_builder.Panel,
    statushistory_builder.Panel,
    table_builder.Panel,
    timeseries_builder.Panel,
)
DASHED: Mapping[str, Any] = {"lineStyle": {"fill": "dash", "dash": [8, 6]}, "fillOpacity": 0}
"""How a line looks that is a limit."""


class Text(NamedTuple):
    """What a panel is called, what it means and what to do about it, and when it is right that it shows nothing."""

    title: str
    description: str
    may_be_empty: str = ""

    def told(self) -> str:
        """The description with the sentence about emptiness."""
        return f"{self.description}\n\n{MAY_BE_EMPTY}{self.may_be_empty}" if self.may_be_empty else self.description


def dressed(
    panel: DataPanel,
    told: Text,
    queries: Sequence[Query],
    *,
    unit: str,
    width: int,
    height: int,
    detail: Detail | None = None,
) -> DataPanel:
    """What all panels have in common. A table has no unit: it would format identifiers, too."""
    panel = panel.title(told.title).description(told.told()).datasource(DATASOURCE).span(width).height(height)
    if unit:
        panel = panel.unit(unit)
    if detail:
        panel = panel.data_links([of_series(detail)])
    for one in queries:
        panel = panel.with_target(one)
    return panel


def series_overrides(
    panel: timeseries_builder.Panel,
    colours: Mapping[str, str],
    looks: Mapping[str, Mapping[str, Any]],
    units: Mapping[str, str],
) -> timeseries_builder.Panel:
    """Colours, `custom` settings and units (with a separate axis) for series by name or /regex/."""
    for name in {**colours, **looks, **units}:
        settings = [dashboard.DynamicConfigValue(f"custom.{key}", value) for key, value in looks.get(name, {}).items()]
        if name in colours:
            settings.append(dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colours[name]}))
        if name in units:
            settings.append(dashboard.DynamicConfigValue("unit", units[name]))
        regex = name.startswith("/")
        panel = panel.override_by_regexp(name, settings) if regex else panel.override_by_name(name, settings)
    return panel


def last() -> build_common.ReduceDataOptions:
    """Reduce a series to its last value."""
    return build_common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False)


def thresholds(steps: Steps) -> build_dashboard.ThresholdsConfig:
    """Absolute thresholds."""
    return (
        build_dashboard.ThresholdsConfig()
        .mode(dashboard.ThresholdsMode.ABSOLUTE)
        .steps([dashboard.Threshold(value=value, color=colour) for value, colour in steps])
    )


def by_threshold() -> build_dashboard.FieldColor:
    """Colour by the threshold passed."""
    return build_dashboard.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS)


def by_name() -> build_dashboard.FieldColor:
    """Colour by the names of states; by thresholds, a state timeline would merge what differs and forget the names."""
    return build_dashboard.FieldColor().mode(dashboard.FieldColorModeId.PALETTE_CLASSIC)


def mappings(states: States) -> list[dashboard.ValueMapping]:
    """Values to the names and colours of states."""
    if not states:
        return []
    named = {
        str(value): dashboard.ValueMappingResult(text=name, color=colour, index=place)
        for place, (value, (name, colour)) in enumerate(states.items())
    }
    return [dashboard.ValueMap(options=named)]


def absent() -> dashboard.ValueMapping:
    """What is not known is grey, not the colour of the lowest threshold."""
    grey = dashboard.ValueMappingResult(text="no data", color=ABSENT, index=99)
    return dashboard.SpecialValueMap(
        options=dashboard.DashboardSpecialValueMapOptions(match=dashboard.SpecialValueMatch.NULL_AND_NAN, result=grey)
    )


def list_legend(calcs: Sequence[str] = ()) -> build_common.VizLegendOptions:
    """A legend in a line or two."""
    return (
        build_common.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
        .show_legend(show_legend=True)
        .calcs(list(calcs))
    )


def table_legend(first: str) -> build_common.VizLegendOptions:
    """A legend at the right, which shows a row for every few pixels of height; the largest of column `first` first."""
    return (
        build_common.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.TABLE)
        .placement(common.LegendPlacement.RIGHT)
        .show_legend(show_legend=True)
        .calcs(["lastNotNull", "max"])
        .sort_by(first)
        .sort_desc(sort_desc=True)
    )
