"""The systems of Tidewatch as the front page sees them: PromQL for whether each is well, since when, and what fires.

It rests on series that Prometheus has itself (ALERTS, ALERTS_FOR_STATE) and needs no Alertmanager. What no rule watches
is never called well, and what has stopped to be measured is not the same as what is not there.
"""

from typing import NamedTuple

from dashboards.style import colours

REMEMBERED = "1d"  # how long a system that is no longer measured is reported as missing


class System(NamedTuple):
    """One system.

    name: the label `system` of its alerts; its board is `tidewatch-` with the name.
    title: for people.
    measured: a selector of series, few at most, that are there for as long as it is measured.
    """

    name: str
    title: str
    measured: str

    @property
    def uid(self) -> str:
        """The uid of its board."""
        return f"tidewatch-{self.name}"


SYSTEMS = (
    System("site", "Site traffic", "tidewatch_log_readable or tidewatch_stats_up"),
    System("generator", "Load generator", "trafficgen_planned_rate"),
    System("logs", "Logs", "tidewatch_logs_readable"),
    System("hosting", "Hosting SLA", "tidewatch_hosting_readable"),
    System("stores", "Stores", "tidewatch_store_as_of_timestamp_seconds"),
    System("releases", "Releases", "tidewatch_release_records_total"),
    System("itself", "Tidewatch itself", "tidewatch_build_info"),
)
OURS = f'system=~"{"|".join(system.name for system in SYSTEMS)}"'
FIRING = f'alertstate="firing", {OURS}'
PAGES, TICKETS = 'severity="page"', 'severity!~"page|info|none"'
ABSENT, WELL, UNWATCHED, SILENT, TICKET, PAGE = range(6)
STATES = {
    PAGE: ("pages", "red"),
    TICKET: ("tickets", "orange"),
    SILENT: ("silent", "purple"),
    UNWATCHED: ("no rules", "purple"),
    WELL: ("well", "green"),
    ABSENT: ("absent", colours.ABSENT),
}
"""The worst first; absent is neither good nor bad."""


def measured() -> str:
    """1 for each system that is measured now."""
    return " or ".join(_named(f"group({one.measured})", one.name) for one in SYSTEMS)


def titled(vector: str) -> str:
    """Its series with a label `title`, the system's readable name."""
    for one in SYSTEMS:
        vector = f'label_replace({vector}, "title", "{one.title}", "system", "{one.name}")'
    return vector


def state() -> str:
    """The state of each of them, whether it is there or not."""
    now, seen = measured(), f"last_over_time(({measured()})[{REMEMBERED}:5m])"
    parts = (
        f"group by (system) (ALERTS{{{FIRING}, {PAGES}}}) * {PAGE}",
        f"group by (system) (ALERTS{{{FIRING}, {TICKETS}}}) * {TICKET}",
        f"({seen} unless ({now})) * {SILENT}",
        f"(({now}) unless {_watched()}) * {UNWATCHED}",
        now,
        _each(ABSENT),
    )
    return " or ".join(parts)


def since() -> str:
    """For how many seconds each has been in its state, to the minute and at most REMEMBERED where no alert says it."""
    now = measured()
    last_bad = f'ALERTS{{{FIRING}, severity!~"info|none"}}'
    parts = (
        _longest(PAGES),
        _longest(TICKETS),
        f"(time() - max_over_time(timestamp({now})[{REMEMBERED}:1m])) unless ({now})",
        f"time() - max by (system) (max_over_time(timestamp({last_bad})[{REMEMBERED}:1m])) and {_watched()}",
        f"time() - min_over_time(timestamp({now})[{REMEMBERED}:1m]) and {_watched()}",
    )
    return " or ".join(parts)


def firing() -> str:
    """How many alerts of each fire."""
    return f'count by (system) (ALERTS{{{FIRING}, severity!="none"}}) or {_each(0)}'


def _longest(severity: str) -> str:
    """For how long the oldest alert of a severity has been there."""
    return (
        f"time() - min by (system) (ALERTS_FOR_STATE{{{OURS}, {severity}}}"
        f" and ignoring (alertstate) ALERTS{{{FIRING}, {severity}}})"
    )


def _watched() -> str:
    """The systems whose rules are loaded."""
    return "group by (system) (system_rules:tidewatch:loaded)"


def _each(number: int) -> str:
    """The same number for each of them."""
    return " or ".join(_named(f"vector({number})", one.name) for one in SYSTEMS)


def _named(vector: str, system: str) -> str:
    return f'label_replace({vector}, "system", "{system}", "", "")'
