"""The live system's state from the logs: every account's events, every server's minutes. Pure: no I/O, no clock.

Events are a set, as in the report: they may come in any order, and late. Nothing is summed up during the cycle, so that
a late line changes exactly what it should. Events in doubt in an hour that clocks repeat (`nights`) are added to it.
Memory: 1.4 KB a server and day, some 100 bytes an event of an account, 300 one in doubt.
"""

from array import array
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from itertools import islice
from math import nan
from typing import NamedTuple

import msgspec

from exporter.hosting.extent import DAY_S, Day, Extent, find_extent
from exporter.hosting.nights import MINUTES_A_DAY, MISSING, NOTHING, OVERLOAD, UP, Nights, over, take_for
from exporter.hosting.parse import DOWN_ABOVE, MINUTE_S, Created, Deleted, Event, Heartbeat, Route, Time
from exporter.hosting.sessions import AccountLog, Segment, Session
from foundation.jsonread import why_not_json

MAX_RANK = 8  # a label has to end somewhere
MAX_WAITING = 100_000  # decisions whose minute is not settled; of more, the rank is not exposed
_UNHEARD = array("f", [nan]) * MINUTES_A_DAY


ABOUT = "about"
"""The key of the small part of the state."""


def _kind(decision: Segment) -> str:
    if decision.is_first:
        return "creation"
    return "stay" if decision.server_id == decision.from_server_id else "reroute"


class Span(msgspec.Struct, array_like=True):
    """A number of events, from the first to the last."""

    events: int
    first_s: int
    last_s: int

    def take(self, events: int, first_s: int, last_s: int) -> None:
        """Hold more of them."""
        self.events += events
        self.first_s, self.last_s = min(self.first_s, first_s), max(self.last_s, last_s)


class About(msgspec.Struct, kw_only=True):
    """The small part of the state, saved as a whole."""

    newest_heartbeat_s: int | None = None  # the start of the last minute with a heartbeat
    newest_event_s: int = 0
    settled_s: int = 0  # told as accounted; later heartbeats before it restate
    restating: int = 0
    events: dict[str, int] = msgspec.field(default_factory=dict)
    failed: dict[str, int] = msgspec.field(default_factory=dict)
    decisions: dict[str, int] = msgspec.field(default_factory=dict)  # "kind rank"
    waiting: list[tuple[int, int]] = msgspec.field(default_factory=list)  # decisions to be ranked: time, account
    last: dict[int, tuple[int, float]] = msgspec.field(default_factory=dict)  # server -> time and workload
    doubted: list[tuple[int, int, int]] = msgspec.field(default_factory=list)  # of waiting: second time, first, account
    heard: dict[int, Span] = msgspec.field(default_factory=dict)  # by day of UTC: the heartbeats
    managed: dict[int, Span] = msgspec.field(default_factory=dict)  # and the other events
    heartbeat_s: int = MINUTE_S  # by which the minutes
    overload: float = DOWN_ABOVE  # were judged


def _take(spans: dict[int, Span], first_s: int, last_s: int | None = None, events: int = 1) -> None:
    """Events of one day."""
    last_s = first_s if last_s is None else last_s
    span = spans.setdefault(first_s // DAY_S, Span(0, first_s, last_s))
    span.take(events, first_s, last_s)


class Ledger:
    """Everything from the logs that still matters."""

    def __init__(self, heartbeat_s: int = MINUTE_S, overload: float = DOWN_ABOVE) -> None:
        """How often servers log, in whole minutes, and the workload above which they are down."""
        self.about = About(heartbeat_s=heartbeat_s, overload=overload)
        self.accounts: dict[int, AccountLog] = {}
        self.minutes: dict[int, dict[int, bytearray]] = {}  # server -> day -> a byte a minute
        self.workloads: dict[int, dict[int, array[float]]] = {}  # server -> day -> one a minute; only of days to settle
        self.changed_accounts: set[int] = set()  # since the last time all was computed
        self.nights = Nights()
        self._taken = NOTHING  # for what is in doubt
        self._gone: set[str] = set()
        self._unsaved_accounts: set[int] = set()
        self._unsaved_days: set[tuple[int, int]] = set()
        self._unsaved_loads: set[int] = set()

    def take(
        self, file: int, data: bytes, events: Sequence[Event], times_s: Sequence[int], twins: Mapping[Time, int]
    ) -> None:
        """Add the events of `data`, the next part of the file with that number; see `Times` for the twins."""
        doubtful = frozenset(self.nights.take(file, data, events, times_s, twins))
        for place, (event, time_s) in enumerate(zip(events, times_s, strict=True)):
            if place in doubtful:
                self._doubt(event, time_s, time_s + twins[event.time])
            else:
                self.add(event, time_s)

    def add(self, event: Event, time_s: int) -> None:
        """Add one event without doubt."""
        about = self.about
        self._count(event, time_s, time_s)
        _take(about.heard if isinstance(event, Heartbeat) else about.managed, time_s)
        if isinstance(event, Heartbeat):
            self._heartbeat(event.server_id, event.workload, time_s)
            return
        log = self.accounts.setdefault(event.account_id, AccountLog())
        if isinstance(event, Created):
            log.create(time_s, event.account_name)
        elif isinstance(event, Deleted):
            log.deleted.add(time_s)
        elif isinstance(event, Route):
            if time_s not in log.routed and len(about.waiting) < MAX_WAITING:
                about.waiting.append((time_s, event.account_id))
            log.route(time_s, event.server_id)
            self.minutes.setdefault(event.server_id, {})
        self.changed_accounts.add(event.account_id)
        self._unsaved_accounts.add(event.account_id)

    def _count(self, event: Event, first_s: int, last_s: int) -> None:
        about, kind = self.about, event.__struct_config__.tag
        assert isinstance(kind, str)
        about.events[kind] = about.events.get(kind, 0) + 1
        about.newest_event_s = max(about.newest_event_s, first_s)
        if last_s < about.settled_s:
            about.restating += 1

    def _doubt(self, event: Event, first_s: int, second_s: int) -> None:
        """An event is at one of these times."""
        self._count(event, first_s, second_s)
        is_known = isinstance(event, Route) and self.nights.knows(event, first_s)
        if isinstance(event, Route) and not is_known and len(self.about.doubted) < MAX_WAITING:
            self.about.doubted.append((second_s, first_s, event.account_id))

    def resolve(self) -> None:
        """Decide the events in doubt with what is known now; call it before any query that depends on them."""
        if not self.nights.changed:
            return
        self.nights.changed = False
        before, about = self._taken, self.about
        self._taken = take_for(self.nights.doubtful(), about.heartbeat_s, about.overload)
        self.changed_accounts |= before.accounts.keys() | self._taken.accounts.keys()

    @property
    def newest_heartbeat_s(self) -> int | None:
        """The start of the last minute with a heartbeat."""
        newest = [one for one in (self.about.newest_heartbeat_s, self._taken.newest_s) if one is not None]
        return max(newest, default=None)

    def heard(self) -> dict[int, tuple[int, float]]:
        """The last heartbeat of each server: when, and its workload."""
        both = dict(self.about.last)
        for server, one in self._taken.heard.items():
            both[server] = max(one, both.get(server, one))
        return both

    def sessions(self, account_id: int) -> list[Session]:
        """An account's lives, in order."""
        return self.accounts.get(account_id, AccountLog()).merged(self._taken.accounts.get(account_id)).sessions()

    def judged_minutes(self) -> Mapping[int, Mapping[int, bytes | bytearray]]:
        """By server and day, a byte a minute."""
        taken = self._taken
        if not (taken.minutes or taken.servers):
            return self.minutes
        found: dict[int, dict[int, bytes | bytearray]] = {server: dict(days) for server, days in self.minutes.items()}
        for server in taken.servers:
            found.setdefault(server, {})
        for (server, day), codes in taken.minutes.items():
            days = found.setdefault(server, {})
            days[day] = over(days.get(day, bytes(MINUTES_A_DAY)), codes)
        return found

    def fail(self, reason: str, lines: int = 1) -> None:
        """Count lines that are not events."""
        self.about.failed[reason] = self.about.failed.get(reason, 0) + lines

    def _heartbeat(self, server: int, workload: float, time_s: int) -> None:
        about = self.about
        start_s = time_s - time_s % about.heartbeat_s
        code = OVERLOAD if workload > about.overload else UP
        days, loads_by_day = self.minutes.setdefault(server, {}), self.workloads.setdefault(server, {})
        for minute_s in range(start_s, start_s + about.heartbeat_s, MINUTE_S):
            day, second = divmod(minute_s, DAY_S)
            at = second // MINUTE_S
            if day not in days:
                days[day] = bytearray(MINUTES_A_DAY)
            days[day][at] = max(days[day][at], code)
            self._unsaved_days.add((server, day))
            if (day + 1) * DAY_S > about.settled_s:
                loads = loads_by_day.setdefault(day, _UNHEARD[:])
                loads[at] = workload if loads[at] != loads[at] else max(workload, loads[at])
                self._unsaved_loads.add(server)
        about.newest_heartbeat_s = max(minute_s, about.newest_heartbeat_s or 0)
        if server not in about.last or about.last[server][0] <= time_s:
            about.last[server] = time_s, workload

    def settle(self, settled_s: int) -> None:
        """Everything before `settled_s` is calculated from now on; the decisions before it get their rank."""
        about = self.about
        about.settled_s = max(about.settled_s, settled_s)
        due: dict[int, set[int]] = {}
        for last_s, *times in (*((time_s, time_s, account) for time_s, account in about.waiting), *about.doubted):
            if last_s < about.settled_s:
                due.setdefault(times[1], set()).update((last_s, times[0]))
        about.waiting = [decision for decision in about.waiting if decision[0] >= about.settled_s]
        about.doubted = [decision for decision in about.doubted if decision[0] >= about.settled_s]
        for account_id, times_s in due.items():
            found = ((session, one) for session in self.sessions(account_id) for one in session.segments)
            segments = {
                one.start_s: one
                for session, one in found
                if not one.doubt and (session.was_created or not one.is_first)
            }
            for segment in (segments[time_s] for time_s in times_s if time_s in segments):
                key = f"{_kind(segment)} {self._rank(segment)}"
                about.decisions[key] = about.decisions.get(key, 0) + 1
        last_day = (about.settled_s - MINUTE_S) // DAY_S  # a decision looks back one minute
        for days in self.workloads.values():
            for day in [day for day in days if day < last_day]:
                del days[day]

    def _rank(self, decision: Segment) -> str:
        """The chosen server's place by workload among those that logged the minute before; 1 is the least loaded."""
        day, second = divmod(decision.start_s - 1, DAY_S)
        seen = {
            server: days[day][second // MINUTE_S]
            for server, days in self.workloads.items()
            if day in days and days[day][second // MINUTE_S] >= 0  # not NaN
        }
        minute_s = decision.start_s - 1 - (decision.start_s - 1) % MINUTE_S
        for (server, at_s), load in self._taken.loads.items():
            if at_s == minute_s:
                seen[server] = max(load, seen.get(server, load))
        if decision.server_id not in seen:
            return "unseen"
        rank = 1 + sum(load < seen[decision.server_id] for load in seen.values())
        return str(rank) if rank <= MAX_RANK else "more"

    def gone(self) -> set[str]:
        """The keys that are not needed any more, since the last call."""
        gone, self._gone = self._gone, set()
        return gone

    def changes(self, *, everything: bool = False) -> dict[str, bytes]:
        """The changes to save since the last call, or everything, by key."""
        if everything:
            self._unsaved_days = {(server, day) for server, days in self.minutes.items() for day in days}
            self._unsaved_accounts = set(self.accounts)
            self._unsaved_loads = set(self.workloads)
        puts = {ABOUT: msgspec.msgpack.encode(self.about)}
        for server, day in self._unsaved_days:
            puts[f"minutes/{server}/{day}"] = bytes(self.minutes[server][day])
        for account_id in self._unsaved_accounts:
            puts[f"account/{account_id}"] = msgspec.msgpack.encode(self.accounts[account_id])
        for server in self._unsaved_loads:
            puts[f"loads/{server}"] = msgspec.msgpack.encode(self._loads_to_settle(server))
        nights, gone = self.nights.changes(everything=everything)
        puts |= nights
        self._gone = self._gone - puts.keys() | gone
        self._unsaved_loads.clear()
        self._unsaved_days.clear()
        self._unsaved_accounts.clear()
        return puts

    def _loads_to_settle(self, server: int) -> list[tuple[int, int, bytes]]:
        """The workloads that decisions may still be ranked by: pieces of days, each from a minute on."""
        since_s, until_s = self.about.settled_s - MINUTE_S, (self.about.newest_heartbeat_s or 0) + MINUTE_S
        found = []
        for day, loads in self.workloads.get(server, {}).items():
            first, last = ((time_s - day * DAY_S) // MINUTE_S for time_s in (since_s, until_s))
            found.append((day, max(0, first), loads[max(0, first) : max(0, last)].tobytes()))
        return found

    def count_anew(self, *, from_start: bool) -> None:
        """Reset all counts to 0 and keep the events. from_start: the logs are read again, from their start.

        Decisions are counted once, when they are new: those known already count again, as the lines about them do.
        """
        self.about = About(heartbeat_s=self.about.heartbeat_s, overload=self.about.overload)
        self._span_what_is_kept()
        self.nights.begin_anew(again=from_start)
        if from_start:
            decisions = ((time_s, account) for account, log in self.accounts.items() for time_s in log.routed)
            self.about.waiting = list(islice(decisions, MAX_WAITING))
            routes = ((one.second_s, one.first_s, one.event) for one in self.nights.doubtful())
            doubted = ((last, first, event.account_id) for last, first, event in routes if isinstance(event, Route))
            self.about.doubted = list(islice(doubted, MAX_WAITING))
        else:
            self.about.newest_heartbeat_s = self.newest_minute_s()

    def forget_heartbeats(self, heartbeat_s: int, overload: float) -> set[str]:
        """Start again with servers that are judged by another rule; returns the deleted keys."""
        gone = {f"minutes/{server}/{day}" for server, days in self.minutes.items() for day in days}
        gone |= {f"loads/{server}" for server in self.workloads}
        self.about.heartbeat_s, self.about.overload = heartbeat_s, overload
        self.minutes = {server: {} for server in self.minutes}
        self.workloads.clear()
        self.nights.changed = True
        return gone

    def extent(self, start_s: int, end_s: int) -> Extent:
        """The extent of the log, as in a report of the cycle `[start_s, end_s)`."""
        by_kind = {1: self.about.heard, 0: self.about.managed}
        if self._taken.times:
            by_kind = {kind: {day: copy(span) for day, span in spans.items()} for kind, spans in by_kind.items()}
            for kind, time_s in self._taken.times:
                _take(by_kind[kind], time_s)
        found = ((kind, span) for kind, spans in by_kind.items() for span in spans.values())
        days = [Day(kind, span.events, span.first_s, span.last_s) for kind, span in found]
        return find_extent(days, start_s, end_s)

    def _span_what_is_kept(self) -> None:
        """Record the times of kept events whose lines do not exist any more."""
        for server in self.minutes.values():
            for day, minutes in server.items():
                if events := MINUTES_A_DAY - minutes.count(MISSING):
                    first, last = len(minutes) - len(minutes.lstrip(b"\0")), len(minutes.rstrip(b"\0")) - 1
                    _take(self.about.heard, day * DAY_S + first * MINUTE_S, day * DAY_S + last * MINUTE_S, events)
        for log in self.accounts.values():
            for time_s in (*log.created, *log.deleted, *log.routed):
                _take(self.about.managed, time_s)

    def newest_minute_s(self) -> int | None:
        """Start of the last minute with a heartbeat."""
        days = [(day, minutes) for server in self.minutes.values() for day, minutes in server.items()]
        lasts = [day * DAY_S + (len(minutes.rstrip(b"\0")) - 1) * MINUTE_S for day, minutes in days if any(minutes)]
        return max(lasts, default=None)

    @staticmethod
    def restore(saved: Mapping[str, bytes], since_s: int) -> "Restored":
        """The ledger that `changes` wrote."""
        ledger, stale, unreadable = Ledger(), list[str](), dict[str, str]()
        for key, value in saved.items():
            try:
                if not ledger._restore_one(key, value, since_s):
                    stale.append(key)
            except (msgspec.MsgspecError, ValueError) as exc:
                unreadable[key] = why_not_json(exc)
        if ABOUT in unreadable:
            ledger.about.newest_heartbeat_s = ledger.newest_minute_s()
        if not ledger.about.heard:  # of a state that did not have it
            ledger._span_what_is_kept()
        for log in ledger.accounts.values():
            for server in log.routed.values():
                ledger.minutes.setdefault(server, {})
        ledger.nights.forget_torn()
        ledger.resolve()
        ledger.changed_accounts |= ledger.accounts.keys()
        stale += ledger.drop_before(since_s)
        return Restored(ledger, stale, unreadable)

    def roll(self, since_s: int) -> set[int]:
        """Drop what ended before `since_s`, while lines still come; returns the dropped accounts."""
        before, last_day = set(self.accounts), since_s // DAY_S
        self._gone |= self.drop_before(since_s)
        for server, days in self.minutes.items():
            for day in [day for day in days if day < last_day]:
                del days[day]
                self._gone.add(f"minutes/{server}/{day}")
                self._unsaved_days.discard((server, day))
        return before - self.accounts.keys()

    def drop_before(self, since_s: int) -> set[str]:
        """Drop what ended before `since_s`; returns its keys."""
        known = self.accounts.keys() | self._taken.accounts.keys()
        over = {account for account in known if _is_over(self.sessions(account), since_s)}
        self.nights.drop(since_s, over)
        for account in over:
            self.accounts.pop(account, None)
        self.changed_accounts -= over
        self._unsaved_accounts -= over
        return {f"account/{account}" for account in over}

    def _restore_one(self, key: str, value: bytes, since_s: int) -> bool:
        """Restore one value, if it is still needed. Raises ValueError, MsgspecError."""
        kind, *names = key.split("/")
        if key == ABOUT:
            self.about = msgspec.msgpack.decode(value, type=About)
        elif kind == "minutes":
            server, day = map(int, names)
            if len(value) != MINUTES_A_DAY:
                raise ValueError(f"{len(value)} bytes")
            if (day + 1) * DAY_S <= since_s:
                return False
            self.minutes.setdefault(server, {})[day] = bytearray(value)
        elif kind == "account":
            (account_id,) = map(int, names)
            self.accounts[account_id] = msgspec.msgpack.decode(value, type=AccountLog)
        elif kind == "loads":
            (server,) = map(int, names)
            for day, first, packed in msgspec.msgpack.decode(value, type=list[tuple[int, int, bytes]]):
                loads = array("f", packed)
                if not 0 <= first <= MINUTES_A_DAY - len(loads):
                    raise ValueError("minutes that no day has")
                day_loads = self.workloads.setdefault(server, {}).setdefault(day, _UNHEARD[:])
                day_loads[first : first + len(loads)] = loads
        elif kind in {"order", "doubtful"}:
            self.nights.restore(kind, names, value)
        else:
            raise ValueError("unknown")
        return True


def _is_over(lives: Sequence[Session], since_s: int) -> bool:
    return all(life.ended_s is not None and life.ended_s <= since_s for life in lives)


class Restored(NamedTuple):
    """A ledger out of what was saved.

    stale: keys of what ended before the cycle and is not needed any more. unreadable: the reason by key.
    """

    ledger: Ledger
    stale: list[str]
    unreadable: dict[str, str]


def settled_of(saved: Mapping[str, bytes]) -> int:
    """The end of the calculated time in the saved state; 0: there is none, or it cannot be read."""
    with suppress(msgspec.MsgspecError):
        return msgspec.msgpack.decode(saved.get(ABOUT, b""), type=About).settled_s
    return 0
