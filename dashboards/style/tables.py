"""How tables look."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from dashboards.style._sdk import JSONEncoder, build_common, dashboard, table_builder
from dashboards.style.colours import States, Steps
from dashboards.style.fields import PanelBuilder, Text, absent, dressed, mappings, thresholds
from dashboards.style.links import Detail, of_row, opening, runbook
from dashboards.style.queries import Query

Cell: TypeAlias = Literal["color-text", "color-background", "gauge"]
PILL: Cell = "color-background"
AGE, AGE_PX = "dtdhms", 100  # as short as it is exact: "1 d 02:03:04"
ALERT_PX = 256  # of the longest names of alerts
NARROWEST_PX = 70  # of a column; Grafana's own 150 push the last ones out of the panel
FIGURES = "Value"  # how columns of figures begin; every other column is a label


class Column(NamedTuple):
    """One column.

    heading: the text above it.
    unit: of its figures; what is not a figure is text, whatever it looks like.
    states: names and colours of its values, which are figures or texts.
    steps: colours of its figures.
    cell: how it is coloured, where it has states or steps.
    most: the full length of a gauge.
    decimals: of its figures.
    width: in pixels, where Grafana's share is too much or too little.
    least: pixels that it has at least, where it has no width: a cut name is taken for another one.
    detail: where a click leads; `by` is the heading of the column that names it.
    runbook: whether a click leads to what to do about the alert that it names.
    opens: titles and addresses of more links.
    """

    heading: str
    unit: str = ""
    states: States | None = None
    steps: Steps = ()
    cell: Cell = "color-text"
    most: float | None = None
    decimals: int | None = None
    width: int | None = None
    least: int = NARROWEST_PX
    detail: Detail | None = None
    runbook: bool = False
    opens: Mapping[str, str] = {}


def table(
    told: Text,
    *queries: Query,
    columns: Mapping[str, Column],
    sort: Sequence[tuple[str, bool]],
    width: int = 24,
    height: int = 8,
) -> PanelBuilder:
    """Rows by label set, from instant queries with form="table".

    Args:
        told: title and description.
        queries: the values; rows with equal labels are merged.
        columns: label, or "Value" ("Value #A", "Value #B" of several queries), to its column, in the order shown.
            The rest is hidden.
        sort: (heading, whether the largest comes first): what matters stands first.
        width: of 24.
        height: in grid rows.
    """
    panel = dressed(table_builder.Panel(), told, queries, unit="", width=width, height=height)
    panel = panel.no_value(told.may_be_empty or "no data")  # shown where there is no row
    if len(queries) > 1:
        panel = panel.with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
    for step in _arranged({name: column.heading for name, column in columns.items()}):
        panel = panel.with_transformation(step)
    for name, column in columns.items():
        settings = _settings(column, figures=name.startswith(FIGURES))
        panel = panel.override_by_name(column.heading, settings)
    return panel.sort_by(
        [build_common.TableSortByFieldState().display_name(heading).desc(desc=desc) for heading, desc in sort]
    )


def _arranged(headings: Mapping[str, str]) -> list[dashboard.DataTransformerConfig]:
    """Keep these fields alone, in this order, under these headings."""
    order = {name: place for place, name in enumerate(headings)}
    arranged = {"excludeByName": {}, "indexByName": order, "renameByName": dict(headings)}
    return [
        dashboard.DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": list(headings)}}),
        dashboard.DataTransformerConfig(id_val="organize", options=arranged),
    ]


def _settings(column: Column, *, figures: bool) -> list[dashboard.DynamicConfigValue]:
    """The overrides of one column."""
    # without its own text a cell would have that of a table without rows, such as "nothing is wrong."
    found: dict[str, Any] = {"unit": column.unit if figures else "string", "noValue": "-"}
    named = mappings(column.states or {})
    if named or column.steps:
        found["mappings"] = _plain([*named, *([absent()] if figures else [])])
        found["custom.cellOptions"] = {
            "type": column.cell,
            **({} if column.cell == "color-text" else {"mode": "basic"}),
        }
    if column.steps:
        found["thresholds"] = _plain(thresholds(column.steps).build())
        found["color"] = {"mode": "thresholds"}
    least = column.least if column.width is None else None
    more = {"max": column.most, "decimals": column.decimals, "custom.width": column.width, "custom.minWidth": least}
    found |= {key: value for key, value in more.items() if value is not None}
    links = [of_row(column.detail)] if column.detail else []
    links += [runbook(column.heading)] if column.runbook else []
    links += [opening(title, url) for title, url in column.opens.items()]
    if links:
        found["links"] = _plain([link.build() for link in links])
    return [dashboard.DynamicConfigValue(key, value) for key, value in found.items() if value != ""]


def _plain(made: object) -> Any:
    """As JSON has it: overrides are not typed."""
    return json.loads(json.dumps(made, cls=JSONEncoder))
