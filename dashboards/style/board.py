"""The finished board: rows of panels to Grafana's JSON model."""

import itertools
import json
import string
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from dashboards.style._sdk import JSONEncoder, build_dashboard, dashboard
from dashboards.style.fields import PanelBuilder
from dashboards.style.queries import DATASOURCE, Variable

TAG = "tidewatch"  # the dropdown of each board lists the boards that carry it


class Row(NamedTuple):
    """A question, and the panels that answer it. ids: of the heading and of them, where no order gives them."""

    title: str
    panels: Sequence[PanelBuilder]
    ids: Sequence[int] = ()


class Board(NamedTuple):
    """One dashboard. The uid is in people's bookmarks and in alerts: it never changes."""

    uid: str
    title: str
    description: str
    variables: Sequence[Variable]
    rows: Sequence[Row]
    since: str = "now-30m"
    refresh: str = "10s"
    unused: Sequence[int] = ()  # ids that no panel gets, so that those after them, which links name, stay


def to_json(board: Board) -> dict[str, Any]:
    """The board as Grafana's JSON model; queries, and panels that have no id of their own, numbered in their order."""
    built = (
        build_dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .time(board.since, "now")
        .refresh(board.refresh)
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .annotation(_firing_alerts())
        .link(_board_dropdown())
        .with_variable(build_dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for variable in board.variables:
        built = built.with_variable(variable)
    for row in board.rows:
        heading, panels = build_dashboard.Row(row.title), list(row.panels)
        if row.ids:
            heading = heading.id(row.ids[0])
            panels = [panel.id(number) for panel, number in zip(panels, row.ids[1:], strict=True)]
        built = built.with_row(heading)
        for panel in panels:
            built = built.with_panel(panel)
    model = built.build()
    _number(model.panels or [], board.unused)
    found: dict[str, Any] = json.loads(json.dumps(model, cls=JSONEncoder))
    return found


def rendered(board: Board) -> str:
    """The board as the text of its file: sorted keys, so that a change of a board is a small diff."""
    return json.dumps(to_json(board), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _number(panels: Sequence[dashboard.Panel | dashboard.RowPanel], unused: Iterable[int]) -> None:
    """Give ids from 1 to panels without one, and A, B, C to queries: the SDK leaves both empty, and links need them."""
    taken = {*unused, *(panel.id_val for panel in panels)}
    free = (number for number in itertools.count(1) if number not in taken)
    for panel in panels:
        panel.id_val = panel.id_val or next(free)
        for letter, target in zip(string.ascii_uppercase, getattr(panel, "targets", None) or [], strict=False):
            target.ref_id = letter


def _firing_alerts() -> build_dashboard.AnnotationQuery:
    return (
        build_dashboard.AnnotationQuery()
        .name("Firing alerts")
        .datasource(DATASOURCE)
        .enable(enable=True)
        .icon_color("red")
        .expr('ALERTS{alertstate="firing", severity!="none"}')
        .title_format("{{alertname}}")
        .text_format("{{severity}}")
        .tag_keys("severity")
    )


def _board_dropdown() -> build_dashboard.DashboardLink:
    return (
        build_dashboard.DashboardLink("Tidewatch")
        .type(dashboard.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(as_dropdown=True)
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
    )


def round_trip(model: dict[str, Any]) -> dict[str, Any]:
    """The JSON after Grafana's own model has read it: a key that it does not know is lost on the way."""
    found: dict[str, Any] = json.loads(json.dumps(dashboard.Dashboard.from_json(model), cls=JSONEncoder))
    return found
