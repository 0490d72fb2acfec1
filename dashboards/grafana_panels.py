"""What Grafana makes of a board's JSON at a width: resolution, limits, units, the head of the board. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from dashboards import resolution
from dashboards.grafana_api import DataSource, Result
from dashboards.model import Board, Panel
from foundation.grammar import duration_s

_BESIDE_PX = 2 * 16  # of the page, beside the grid
_WITH_AXIS = frozenset(("timeseries", "stat", "gauge", "bargauge", "histogram", "heatmap"))
"""These say nothing without a unit."""
_SECONDS_OF_A_MONTH = 30 * 86_400


class Counted(NamedTuple):
    """What a panel's queries gave. points: instants on the time axis, or rows of a table."""

    series: int
    samples: int
    points: int


def range_s(since: str) -> int:
    """How many seconds "now-30m" looks back. Raises ValueError for a time that is not of that form."""
    text = since.removeprefix("now-").partition("/")[0]
    if text.endswith("M") and text[:-1].isdigit():
        return int(text[:-1]) * _SECONDS_OF_A_MONTH
    if not since.startswith("now-"):
        raise ValueError(f"the time range from {since[:40]!r} is not read: expected one such as now-30m")
    return round(duration_s(text, least_s=1))


def panel_px(columns: int, window_px: int) -> int:
    """How wide a panel is, in a window of that width without the menu."""
    return round(resolution.panel_px(columns, window_px - _BESIDE_PX))


def limit(panel: Panel, window_px: int) -> int | None:
    """The points above which the panel shows an error instead; None where there is no such limit."""
    if panel.type != "status-history":
        return None
    return (panel_px(panel.grid_pos.w, window_px) - resolution.FRAME_PX) // 2


def unit(panel: Panel) -> str:
    """The units that the panel sets, joined; empty where it sets none."""
    options = panel.options
    found = [
        panel.field_config.get("defaults", {}).get("unit"),
        *(options.get(part, {}).get("unit") for part in ("yAxis", "cellValues") if panel.type == "heatmap"),
        *(
            one.get("value")
            for override in panel.field_config.get("overrides", [])
            for one in override.get("properties", [])
            if one.get("id") == "unit"
        ),
    ]
    return ", ".join(dict.fromkeys(str(one) for one in found if one))


def unit_fault(panel: Panel) -> str:
    """What is wrong with the panel's unit; empty when nothing is."""
    defaults = panel.field_config.get("defaults", {})
    if panel.type == "table" and defaults.get("unit") not in {None, "", "none", "string"}:
        return f"the unit {defaults['unit']!r} is the default of all columns: it formats numeric ids, too"
    named = bool(defaults.get("mappings")) or panel.options.get("textMode") == "name"
    if panel.type in _WITH_AXIS and not unit(panel) and not named:
        return "no unit is set"
    return ""


def counted(results: Mapping[str, Result], *, rows: bool = False) -> Counted:
    """What the results hold together. `rows`: count the rows of a table, which frames without time always are."""
    instants: set[Any] = set()
    series = samples = height = 0
    for frame in (frame for result in results.values() for frame in result.frames or []):
        times, numbers = frame.columns("time"), frame.columns("number")
        samples += sum(value is not None for column in numbers for value in column)
        length = max((len(column) for column in frame.data.values or []), default=0)
        if rows or not times or frame.columns("string"):
            height += length
            series += length
        else:
            instants.update(times[0])
            series += len(numbers)
    return Counted(series, samples, max(len(instants), height))


def dropdown_fault(dashboard: Mapping[str, Any]) -> str:
    """Why the board's list of other boards is not there in every Grafana from 11 to 13; empty when it is."""
    links = [link for link in dashboard.get("links") or [] if link.get("type") == "dashboards"]
    if not links:
        return "none: expected a link of the type dashboards, which lists the others by their tag"
    if placed := next((link["placement"] for link in links if link.get("placement")), ""):
        return f"placement {placed!r}: some versions from 12.3 on show the list nowhere; expected none"
    return ""


def chosen_source(dashboard: Mapping[str, Any], name: str, sources: Sequence[DataSource]) -> DataSource | None:
    """The value of a variable for data sources of that name as the board opens: its own choice, else the first."""
    for variable in (dashboard.get("templating") or {}).get("list") or []:
        if variable.get("type") != "datasource" or variable.get("name") != name:
            continue
        offered = [source for source in sources if source.type == variable.get("query")]
        value = (variable.get("current") or {}).get("value")
        if value == "default":
            return next((source for source in offered if source.is_default), None)
        own = next((source for source in offered if value and value in {source.uid, source.name}), None)
        return own or (offered[0] if offered else None)
    return None


def source_of(ref: Any, dashboard: Mapping[str, Any], sources: Sequence[DataSource]) -> DataSource | None:
    """The data source that a panel's or a query's reference leads to; None where there is none."""
    uid = ref.get("uid") if isinstance(ref, dict) else ref
    if uid is None or uid == "default":
        return next((source for source in sources if source.is_default), None)
    if str(uid).startswith("$"):
        return chosen_source(dashboard, str(uid).strip("${}"), sources)
    return next((source for source in sources if uid in {source.uid, source.name}), None)


def readable(dashboard: Mapping[str, Any]) -> Board:
    """The board, with those queries alone that are PromQL. Raises msgspec.ValidationError for one of another form."""
    return msgspec.convert({**dashboard, "panels": [_asking(one) for one in dashboard.get("panels") or []]}, Board)


def _asking(panel: Mapping[str, Any]) -> dict[str, Any]:
    targets = [target for target in panel.get("targets") or [] if target.get("expr") and not target.get("hide")]
    inner = [_asking(one) for one in panel.get("panels") or []]
    kept = {key: value for key, value in panel.items() if value is not None}
    return {**kept, "targets": targets, "panels": inner}
