"""Where a click leads: from a series, a bar or a row to its detail, from a board to its siblings and to runbooks.

Links name boards by uid and no host, so that they work in anybody's Grafana. They keep the time, the data source and
the variables that mean the same on both boards: a name of a variable means one thing everywhere (`style.queries`).
"""

from collections.abc import Iterable
from typing import NamedTuple

from dashboards.style._sdk import build_dashboard, dashboard
from dashboards.style.queries import KEPT, Variable

TAG = "tidewatch"  # the dropdown of each board lists the boards that carry it
RUNBOOKS = "http://127.0.0.1:8094/runbooks"  # the demo's; `alerts export` sets somebody else's
_ALL = "%24__all"


class Detail(NamedTuple):
    """A choice that a click makes.

    title: what the link says.
    uid: the board it leads to.
    variable: what is chosen there.
    by: the label of the series whose value is chosen, or the heading of a table's column.
    keep: variables of this board that the other one has too.
    """

    title: str
    uid: str
    variable: str
    by: str
    keep: tuple[str, ...] = ()


def of_series(detail: Detail) -> build_dashboard.DashboardLink:
    """The link of a line, a band or a bar."""
    return _link(detail, f"${{__field.labels.{detail.by}:percentencode}}")


def of_row(detail: Detail) -> build_dashboard.DashboardLink:
    """The link of a table's cells."""
    return _link(detail, f'${{__data.fields["{detail.by}"]:percentencode}}')


def runbook(column: str) -> build_dashboard.DashboardLink:
    """The link of a cell with an alert's name to what to do about it."""
    return opening("What to do", f'${{runbooks}}#${{__data.fields["{column}"]}}')


def of_board(uid: str, variables: Iterable[Variable]) -> list[build_dashboard.DashboardLink]:
    """The controls of every board: its siblings, and all of its own controls after a click."""
    chosen = [one.build() for one in variables]
    everything = "&".join(f"var-{one.name}={_ALL}" for one in chosen if one.include_all)
    siblings = (
        build_dashboard.DashboardLink("Tidewatch")
        .type(dashboard.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(as_dropdown=True)
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
    )
    back = _to("Show all", f"/d/{uid}?{everything}&${{datasource:queryparam}}").keep_time(keep_time=True)
    return [siblings, *([back] if everything else [])]


def runbooks() -> build_dashboard.DashboardLink:
    """The link to all runbooks, of a panel that shows what fires: among the controls it would start a second line."""
    return _to("Runbooks", "${runbooks}")


def _to(title: str, url: str) -> build_dashboard.DashboardLink:
    return build_dashboard.DashboardLink(title).type(dashboard.DashboardLinkType.LINK).url(url)


def _link(detail: Detail, value: str) -> build_dashboard.DashboardLink:
    kept = "".join(f"${{{name}:queryparam}}&" for name in detail.keep)
    return opening(detail.title, f"/d/{detail.uid}?var-{detail.variable}={value}&{kept}{KEPT}")


def opening(title: str, url: str) -> build_dashboard.DashboardLink:
    """A link of a series or a cell."""
    return build_dashboard.DashboardLink(title).url(url)
