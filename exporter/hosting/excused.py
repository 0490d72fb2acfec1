"""Announced maintenance in the standing: the report's function excludes it, from the arrays of the live system."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from exporter.hosting.cycle import Outage, SessionTime
from exporter.hosting.lives import FAR, Pieces
from exporter.hosting.maintenance import Maintenance, downtimes, excluded
from exporter.hosting.rows import Columns
from exporter.hosting.window import Window
from exporter.timeline import Interval, intersect

STATES = ("up", "overload", "silent", "unrouted", "unknown", "maintenance")
SERVER_STATES = ("up", "overload", "silent", "unknown", "maintenance")
Ints = npt.NDArray[np.int64]


class Accounted(NamedTuple):
    """The data from which windows of maintenance are excluded; see `maintenance.Accounted`."""

    window: Window
    sessions: list[SessionTime]
    segments: Columns
    outages: list[Outage]


def accounted(accounts: list[int], flat: Mapping[int, Pieces], outages: list[Outage], window: Window) -> Accounted:
    """The accounts' lives and routes as in a report."""
    return Accounted(window, _sessions(accounts, flat, window), _segments(accounts, flat), outages)


def _sessions(accounts: list[int], flat: Mapping[int, Pieces], window: Window) -> list[SessionTime]:
    """All lives, for the exclusion of maintenance, which needs no states."""
    found = []
    for account in accounts:
        for life in flat[account].lives:
            start_s, end_s = max(life.start_s, window.start_s), min(life.end_s, window.end_s)
            found.append(
                SessionTime(
                    account_id=account,
                    account_name=None,
                    created_s=life.start_s,
                    was_created=int(life.start_s != -FAR),
                    deleted_s=None if life.end_s == FAR else life.end_s,
                    lifetime_s=max(0, end_s - start_s),
                    overload_s=0,
                    silent_s=0,
                    unrouted_s=0,
                    unknown_s=0,
                )
            )
    return found


def _segments(accounts: list[int], flat: Mapping[int, Pieces]) -> Columns:
    """All routes, for the exclusion of maintenance."""
    rows = [
        (account, flat[account].lives[route.life].start_s, route.server_id, route.start_s, route.end_s, route.doubt)
        for account in accounts
        for route in flat[account].routes
    ]
    account_id, created_s, server_id, start_s, end_s, doubt = np.array(rows, np.int64).reshape(-1, 6).T
    return {
        "account_id": account_id,
        "created_s": created_s,
        "server_id": server_id,
        "route_s": start_s,
        "start_s": start_s,
        "end_s": end_s,
        "doubt": doubt,
    }


def exclude_accounts(spent: Ints, accounts: list[int], accounted: Accounted, maintenance: Maintenance) -> None:
    """Move the accounts' time inside windows to maintenance."""
    row = {account: i for i, account in enumerate(accounts)}
    for (account, _), seconds in excluded(accounted, maintenance).items():
        total = seconds.pop("maintenance_s", 0)
        mine = spent[row[account]]
        for name, part in seconds.items():
            mine[STATES.index(name.removesuffix("_s"))] -= part
        mine[STATES.index("up")] -= total - seconds.total()
        mine[STATES.index("maintenance")] += total


def exclude_servers(spent: Ints, servers: list[int], accounted: Accounted, maintenance: Maintenance) -> None:
    """Move the servers' time inside windows to maintenance."""
    window, down = accounted.window, downtimes(accounted.outages)
    for mine, server in zip(spent, servers, strict=True):
        windows = intersect(maintenance.windows(server), [(window.start_s, window.observed_s)])
        total = _length(windows)
        inside = {cause: _length(intersect(windows, when)) for cause, when in down.get(server, {}).items()}
        inside["unknown"] = inside.get("unknown", 0) + _length(intersect(windows, [(window.start_s, window.since_s)]))
        for name, part in inside.items():
            mine[SERVER_STATES.index(name)] -= part
        mine[SERVER_STATES.index("up")] -= total - sum(inside.values())
        mine[SERVER_STATES.index("maintenance")] += total


def _length(intervals: Sequence[Interval]) -> int:
    return sum(end - start for start, end in intervals)
