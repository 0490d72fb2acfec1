"""The finished board: rows of panels to Grafana's JSON model."""

import itertools
import json
import string
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from dashboards.style._sdk import JSONEncoder, build_dashboard, dashboard
from dashboards.style.fields import PanelBuilder
from dashboards.style.head import Head, annotation, head
from dashboards.style.links import RUNBOOKS, TAG, of_board
from dashboards.style.queries import Variable, datasource_variable, runbooks_constant


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
    head: Head | None = None  # whose alerts it shows first, and marks
    since: str = "now-30m"
    refresh: str = "10s"
    unused: Sequence[int] = ()  # ids that no panel gets, so that those after them, which links name, stay


def to_json(board: Board) -> dict[str, Any]:
    """The board as Grafana's JSON model; queries, and panels without an id, are numbered in their order."""
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
        .variables([datasource_variable(), *board.variables, runbooks_constant(RUNBOOKS)])
    )
    for link in of_board(board.uid, board.variables):
        built = built.link(link)
    if board.head:
        built = built.annotation(annotation(board.head.system))
    for row in [*([Row(*head(board.head))] if board.head else []), *board.rows]:
        heading, panels = build_dashboard.Row(row.title), list(row.panels)
        if row.ids:
            heading = heading.id(row.ids[0])
            panels = [panel.id(number) for panel, number in zip(panels, row.ids[1:], strict=True)]
        built = built.with_row(heading)
        for panel in panels:
            built = built.with_panel(panel)
    model = built.build()
    _number(model.panels or [], board.unused)
    return _for_every_version(json.loads(json.dumps(model, cls=JSONEncoder)))


def _for_every_version(model: dict[str, Any]) -> dict[str, Any]:
    """`model` less what the SDK sets of itself and the types of 11, 12 or 13 do not have.

    Between 12.3 and 13 links with a placement show nowhere; 12.4 and 13 have no footer of tables.
    """
    links = [*model["links"], *(model.get("annotations", {}).get("list") or [])]
    for panel in model["panels"]:
        settings = panel.get("fieldConfig", {})
        links += [*panel.get("links", []), *settings.get("defaults", {}).get("links", [])]
        properties = (one for override in settings.get("overrides", []) for one in override["properties"])
        links += [link for one in properties if one["id"] == "links" for link in one["value"]]
        if panel["type"] == "table":
            panel["options"].pop("footer", None)
    for link in links:
        link.pop("placement", None)
    for variable in model["templating"]["list"]:
        for name in ("auto", "auto_count", "auto_min"):  # of intervals, which no board has
            variable.pop(name, None)
    return model


def rendered(board: Board) -> str:
    """The board as the text of its file: sorted keys, so that a change of a board is a small diff."""
    return json.dumps(to_json(board), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _number(panels: Sequence[dashboard.Panel | dashboard.RowPanel], unused: Iterable[int]) -> None:
    """Give ids from 1 to panels without one, and A, B, C to queries, as links need them; and no pages to bands."""
    taken = {*unused, *(panel.id_val for panel in panels)}
    free = (number for number in itertools.count(1) if number not in taken)
    for panel in panels:
        panel.id_val = panel.id_val or next(free)
        options: Any = getattr(panel, "options", None)
        if hasattr(options, "per_page"):
            options.per_page = 0  # all rows: numbers of pages would take the room of two (the SDK's builder takes no 0)
        for letter, target in zip(string.ascii_uppercase, getattr(panel, "targets", None) or [], strict=False):
            target.ref_id = letter


def round_trip(model: dict[str, Any]) -> dict[str, Any]:
    """The JSON after Grafana's own model has read it: a key that it does not know is lost on the way."""
    return _for_every_version(json.loads(json.dumps(dashboard.Dashboard.from_json(model), cls=JSONEncoder)))
