"""What the live system exposes of a host, beside the report of the same logs: equal to the second."""

from collections import Counter

import numpy as np

from exporter.hosting.excused import SERVER_STATES, STATES


def exposed(follower):
    """The live figures: name of a metric, and its labels but for the source -> value."""
    return {
        (family.metric.name.removeprefix("tidewatch_hosting_"), *key[1:]): value
        for family in follower.accounted_families()
        for key, value in family.series
    }


def assert_agree(live, findings, *, is_whole=True):
    """Customers and servers have the report's seconds.

    is_whole: also those states of customers that a report accounts up to the cycle's end, and live does not.
    """
    report = findings.report
    names = ("overload", "silent", *(("unrouted", "unknown", "maintenance") if is_whole else ()))
    for row in report.accounts:
        key = str(row.account_id)
        spent = {state: live["account_state_seconds", key, state] for state in STATES}
        assert [spent[name] for name in names] == [round(60 * getattr(row, f"{name}_minutes")) for name in names]
        assert sum(spent.values()) == round(60 * row.lifetime_minutes) or not is_whole
        assert live["account_downtime_seconds", key] == round(60 * row.downtime_minutes)
    assert live["sla_accounts", "kept"] + live["sla_accounts", "violated"] == report.judged
    for server in report.servers:
        states = server_seconds(findings, server.server_id)
        assert [states["overload"], states["silent"], states["maintenance"]] == [
            round(60 * minutes)
            for minutes in (server.overload_minutes, server.silent_minutes, server.maintenance_minutes)
        ]
        of_server = {state: live["server_state_seconds", str(server.server_id), state] for state in SERVER_STATES}
        assert of_server == {state: states[state] for state in SERVER_STATES}


def server_seconds(findings, server_id):
    """A server's states, counted second by second: later paint covers what is under it."""
    window = findings.result.window
    seconds = np.full(max(0, window.observed_s - window.start_s), "up", dtype="<U11")

    def paint(state, start_s, end_s):
        seconds[max(0, start_s - window.start_s) : max(0, end_s - window.start_s)] = state

    for outage in findings.result.outages:
        if outage.server_id == server_id:
            paint(outage.cause, outage.start_s, outage.end_s)
    paint("unknown", window.start_s, window.since_s)
    for start_s, end_s in findings.contract.maintenance.windows(server_id):
        paint("maintenance", start_s, end_s)
    return Counter(seconds.tolist())
