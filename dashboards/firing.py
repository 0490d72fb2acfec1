"""The table of what fires in several systems: for boards that are not of one system."""

from dashboards import style, systems
from dashboards.about import about
from dashboards.style import Text, query

MOST = 50  # alerts of one severity in the table
SEVERITIES = {str(rank): named for rank, named in enumerate(style.SEVERITIES.values(), start=1)}
TITLES = {system.name: (system.title, style.NEUTRAL) for system in systems.SYSTEMS}
SYSTEM_PX = 135  # of the longest of the titles
TO_BOARD = {"Open its board": f"/d/tidewatch-${{__value.raw}}?{style.KEPT}"}


def firing_now(chosen: str, *, width: int, height: int) -> style.PanelBuilder:
    """What fires of any system, of what, for how long. chosen: matchers of the alerts."""
    firing = f'ALERTS{{alertstate="firing", severity!="none", {chosen}}}'
    age = f"time() - ALERTS_FOR_STATE{{{chosen}}} and ignoring (alertstate) {firing}"
    return style.table(
        Text(
            "Firing now",
            f"Alerts with what they are about, and for how long; the {MOST} newest of each severity.",
            "no alert fires.",
        ),
        query(loudest_first(about(f"bottomk by (severity) ({MOST}, {age})")), instant=True, form="table"),
        columns={
            "severity": style.Column("Severity", states=SEVERITIES, cell=style.PILL, width=75),
            "system": style.Column("System", states=TITLES, opens=TO_BOARD, width=SYSTEM_PX),
            "alertname": style.Column("Alert", runbook=True, width=style.ALERT_PX),
            "Value": style.Column("For", style.AGE, width=style.AGE_PX),
            "about": style.Column("About"),
        },
        sort=(("Severity", False), ("For", False)),
        width=width,
        height=height,
    ).links([style.runbooks()])


def loudest_first(alerts: str) -> str:
    """The alerts with a number as their severity: names would put info before page."""
    for rank, (name, _) in SEVERITIES.items():
        alerts = f'label_replace({alerts}, "severity", "{rank}", "severity", "{name}")'
    return alerts
