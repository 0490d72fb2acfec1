"""The same head on every board: what fires of its system, and since when; and the marks of pages on every panel.

Every alert of ours has a label `system`. `ALERTS_FOR_STATE`, which Prometheus keeps for every alert, is when its
condition began to hold.
"""

from collections.abc import Mapping
from typing import NamedTuple

from dashboards.style._sdk import build_dashboard
from dashboards.style.bands import state_timeline
from dashboards.style.colours import BAD, GOOD, SEVERITIES, WARNING
from dashboards.style.fields import PanelBuilder, Text
from dashboards.style.links import Detail, runbooks
from dashboards.style.panels import stat
from dashboards.style.queries import DATASOURCE, query
from dashboards.style.tables import AGE, AGE_PX, ALERT_PX, NARROWEST_PX, PILL, Column, table

HEAD_IDS = (900, 901, 902, 903)  # of the heading and its panels, whatever else a board has
_STEP = "$__interval"
_LEAST_PX = {"store_id": 95, "build": 120, "candidate": 120, "slo": 165}  # of long names, which differ at their ends


class Head(NamedTuple):
    """Whose alerts a board shows.

    system: the label of the alerts.
    what: label of an alert, beside its name, to the heading of its column: site, account, code.
    chosen: more matchers, by the board's variables; `source=~"$site|"` lets alerts without the label pass.
    details: label to where a click on its column leads.
    """

    system: str
    what: Mapping[str, str]
    chosen: str = ""
    details: Mapping[str, Detail] = {}

    @property
    def alerts(self) -> str:
        """The matchers of its alerts; severity none is the watchdog, which always fires."""
        return ", ".join(filter(None, [f'system="{self.system}"', 'severity!="none"', self.chosen]))

    @property
    def firing(self) -> str:
        """PromQL: one series for each row of the table."""
        return f"max by ({self.labels}) ({self.firing_series})"

    @property
    def firing_series(self) -> str:
        """The series of what fires."""
        return f'ALERTS{{alertstate="firing", {self.alerts}}}'

    @property
    def labels(self) -> str:
        """What distinguishes the rows of the table."""
        return ", ".join(("alertname", "severity", *self.what))


def head(of: Head) -> tuple[str, list[PanelBuilder], tuple[int, ...]]:
    """The title, the panels and the ids of the first row."""
    return "What is firing?", [_how_many(of), _which(of), _when(of)], HEAD_IDS


def annotation(system: str) -> build_dashboard.AnnotationQuery:
    """A mark where a page of this system began to fire: one a name and beginning, however many series there are."""
    firing = f'max by (alertname) (ALERTS{{alertstate="firing", severity="page", system="{system}"}}'
    return (
        build_dashboard.AnnotationQuery()
        .name("Pages")
        .datasource(DATASOURCE)
        .enable(enable=True)
        .icon_color(BAD)
        .expr(f"{firing}) unless {firing} offset {_STEP})")
        .title_format("{{alertname}}")
        .text_format("began to fire")
    )


def _how_many(of: Head) -> PanelBuilder:
    return stat(
        Text(
            "Total",  # longer words are cut in a window of 1280 pixels
            "How many alerts of this system want attention now, each of which is a row of the table beside.",
            "the rules of this system are not loaded or not evaluated, so that none can fire.",
        ),
        query(f"count({of.firing}) or {_loaded(of)}", "alerts"),
        unit="none",
        width=3,
        height=7,
        steps=((None, GOOD), (1, BAD)),
    )


def _which(of: Head) -> PanelBuilder:
    by_severity = " or ".join(
        f'{value} * max by ({of.labels}) (ALERTS{{alertstate="firing", {of.alerts}, severity="{name}"}})'
        for value, (name, _) in SEVERITIES.items()
    )
    since = f"ALERTS_FOR_STATE{{{of.alerts}}} and ignoring (alertstate) {of.firing_series}"
    labels = {
        label: Column(title, detail=of.details.get(label), least=_LEAST_PX.get(label, NARROWEST_PX))
        for label, title in of.what.items()
    }
    return table(
        Text(
            "Firing now",
            "Alerts of this system that fire at the end of the range, the loudest first, and how long their condition "
            "has held. A click on a name leads to what to do.",
            "nothing is wrong.",
        ),
        query(by_severity, instant=True, form="table"),
        query(f"time() - min by ({of.labels}) ({since})", instant=True, form="table"),
        columns={
            "Value #A": Column("Severity", states=SEVERITIES, cell=PILL, width=75),
            "alertname": Column("Alert", runbook=True, least=ALERT_PX),
            "Value #B": Column("For", AGE, width=AGE_PX),
            **labels,
        },
        sort=(("Severity", True), ("For", True)),
        width=21,
        height=7,
    ).links([runbooks()])


def _when(of: Head) -> PanelBuilder:
    course = f'{of.firing_series} * 2 or ALERTS{{alertstate="pending", {of.alerts}}}'
    return state_timeline(
        Text(
            "Alerts over time",
            "The worst of this system's alerts, then one band for each that was pending or fired.",
            "the rules of this system are not loaded.",
        ),
        query(f"max({course}) or {_loaded(of)}", "any"),
        query(f"max by (alertname) ({course})", "{{alertname}}"),
        states={0: ("well", GOOD), 1: ("pending", WARNING), 2: ("firing", BAD)},
        width=24,  # names of bands get two fifths of it, and lose their beginning where they are longer
        height=6,
    )


def _loaded(of: Head) -> str:
    """PromQL: 0 where somebody watches, nothing where nobody does."""
    return f'0 * max(system_rules:tidewatch:loaded{{system="{of.system}"}})'
