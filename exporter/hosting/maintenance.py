"""Announced maintenance: the time inside windows, which is neither up nor down. Pure.

A window is for all, for a server (everybody routed to it then) or for an account. Inside it the state is `maintenance`,
whatever else it would have been: also before the first route, and after the last heartbeat.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np

from exporter.hosting.cover import Cover, Ints
from exporter.hosting.cycle import Outage, SessionTime
from exporter.hosting.rows import Columns
from exporter.hosting.window import Window
from exporter.timeline import Interval, intersect, union

_NONE: Mapping[int, list[Interval]] = MappingProxyType({})
_ALWAYS = -(1 << 60)


class Accounted(Protocol):
    """What windows are excluded from; see CycleResult."""

    @property
    def window(self) -> Window:
        """The cycle."""

    @property
    def sessions(self) -> Sequence[SessionTime]:
        """Every account's lives."""

    @property
    def segments(self) -> Columns:
        """The servers that answered for them."""

    @property
    def outages(self) -> Sequence[Outage]:
        """When servers were down, or in doubt."""


class Maintenance(NamedTuple):
    """All windows, in Unix seconds, end exclusive; of a subject they may overlap."""

    everyone: Sequence[Interval] = ()
    servers: Mapping[int, list[Interval]] = _NONE
    accounts: Mapping[int, list[Interval]] = _NONE

    def all_windows(self) -> list[tuple[str, int | None, Interval]]:
        """Every window with its subject: all, a server or an account, and its id."""
        found: list[tuple[str, int | None, Interval]] = [("all", None, window) for window in self.everyone]
        for kind, by in (("server", self.servers), ("account", self.accounts)):
            found += [(kind, key, window) for key, own in sorted(by.items()) for window in own]
        return found

    def windows(self, server: int | None = None, account: int | None = None) -> list[Interval]:
        """When an account on that server, or without one, is under maintenance; in normal form."""
        mine = [] if server is None else self.servers.get(server, [])
        return union(self.everyone, mine, [] if account is None else self.accounts.get(account, []))

    def at(self, time_s: int) -> "Maintenance":
        """The windows at that time."""

        def holding(windows: Iterable[Interval]) -> list[Interval]:
            """The windows that contain `time_s`."""
            return [window for window in windows if window[0] <= time_s < window[1]]

        servers, accounts = (
            {key: now for key, own in by.items() if (now := holding(own))} for by in (self.servers, self.accounts)
        )
        return Maintenance(holding(self.everyone), servers, accounts)

    def stepped(self, step_s: int) -> "Maintenance":
        """The same in whole steps, each as its first second is."""

        def whole(windows: Iterable[Interval]) -> list[Interval]:
            """The windows with their edges rounded up to whole steps."""
            return [(-(-start // step_s) * step_s, -(-end // step_s) * step_s) for start, end in windows]

        by_subject = [{key: whole(own) for key, own in by.items()} for by in (self.servers, self.accounts)]
        return Maintenance(whole(self.everyone), *by_subject)


def excluded(result: Accounted, maintenance: Maintenance) -> dict[tuple[int, int], Counter[str]]:
    """The seconds inside windows of each session, by account and creation.

    `maintenance_s` has all of them, the others their states without the windows. Those keys are fields of
    `SessionTime`; the rest was up. `maintenance` is in whole steps.
    """
    found: dict[tuple[int, int], Counter[str]] = {(s.account_id, s.created_s): Counter() for s in result.sessions}
    if not maintenance.all_windows():
        return found
    _exclude_lives(found, result, maintenance)
    down = downtimes(result.outages)
    for (account, server), rows in _groups(result, maintenance).items():
        windows, without = maintenance.windows(server, account), Cover(maintenance.windows(None, account))
        cover = Cover(windows)
        keys = [(int(result.segments["account_id"][row]), int(result.segments["created_s"][row])) for row in rows]
        start, end, doubt = (
            np.asarray(result.segments[name][rows], np.int64) for name in ("start_s", "end_s", "doubt")
        )
        doubt = doubt == 1
        for state, (first, last) in _parts(result, start, end):
            covered, unrouted = cover.until(last) - cover.until(first), without.until(last) - without.until(first)
            _add(found, keys, "maintenance_s", covered - unrouted)
            _add(found, keys, state, -unrouted)
            _add(found, keys, "unknown_s", covered if state == "unknown_s" else np.where(doubt, covered, 0))
        for cause, when in down.get(server, {}).items():
            of_cause = Cover(intersect(windows, when))
            _add(found, keys, f"{cause}_s", np.where(doubt, 0, of_cause.until(end) - of_cause.until(start)))
    return found


def _exclude_lives(found: dict[tuple[int, int], Counter[str]], result: Accounted, maintenance: Maintenance) -> None:
    """As if no account had ever had a server."""
    first, window = _first_known(result), result.window
    groups: dict[int | None, list[SessionTime]] = {}
    for session in result.sessions:
        own = session.account_id if session.account_id in maintenance.accounts else None
        groups.setdefault(own, []).append(session)
    for account, sessions in groups.items():
        cover = Cover(maintenance.windows(None, account))
        keys = [(session.account_id, session.created_s) for session in sessions]
        start = np.array([max(_whole(created_s, window), window.start_s) for _, created_s in keys], np.int64)
        end = start + np.array([session.lifetime_s for session in sessions], np.int64)
        known = np.array([first.get(session.account_id, _ALWAYS) for session in sessions], np.int64)
        for state, (since, until) in _parts(result, start, end, known):
            seconds = cover.until(until) - cover.until(since)
            _add(found, keys, "maintenance_s", seconds)
            _add(found, keys, state, seconds)


def _parts(
    result: Accounted, start: Ints, end: Ints, known: Ints | int = _ALWAYS
) -> Iterator[tuple[str, tuple[Ints, Ints]]]:
    """Intervals cut to the parts of the cycle before, while and after it was observed, and what is there by itself."""
    window = result.window
    since = np.minimum(np.maximum(known, max(window.start_s, window.since_s)), window.observed_s)
    for state, first, last in (
        ("unknown_s", window.start_s, since),
        ("unrouted_s", since, window.observed_s),
        ("unknown_s", window.observed_s, window.end_s),
    ):
        yield state, (np.clip(start, first, last), np.clip(end, first, last))


def _whole(time_s: int, window: Window) -> int:
    return -(-time_s // window.step_s) * window.step_s


def _first_known(result: Accounted) -> dict[int, int]:
    """The first known time of accounts that are older than the log: their first route or, without one, deletion."""
    first = {s.account_id: s.deleted_s for s in result.sessions if not s.was_created and s.deleted_s is not None}
    older = {s.account_id for s in result.sessions if not s.was_created}
    for account, route_s in zip(*(result.segments[name].tolist() for name in ("account_id", "route_s")), strict=True):
        if account in older:
            first[account] = min(route_s, first.get(account, route_s))
    return {account: _whole(time_s, result.window) for account, time_s in first.items()}


def _groups(result: Accounted, maintenance: Maintenance) -> dict[tuple[int | None, int], list[int]]:
    """Rows of segments by server and, if it has separate windows, by account."""
    groups: dict[tuple[int | None, int], list[int]] = {}
    accounts, servers = (result.segments[name].tolist() for name in ("account_id", "server_id"))
    for row, (account, server) in enumerate(zip(accounts, servers, strict=True)):
        groups.setdefault((account if account in maintenance.accounts else None, server), []).append(row)
    return groups


def downtimes(outages: Iterable[Outage]) -> dict[int, dict[str, list[Interval]]]:
    """When each server was down or in doubt, by cause."""
    found: dict[int, dict[str, list[Interval]]] = {}
    for outage in outages:
        found.setdefault(outage.server_id, {}).setdefault(outage.cause, []).append((outage.start_s, outage.end_s))
    return found


def _add(found: dict[tuple[int, int], Counter[str]], keys: list[tuple[int, int]], name: str, seconds: Ints) -> None:
    for key, n in zip(keys, seconds.tolist(), strict=True):
        found[key][name] += n
