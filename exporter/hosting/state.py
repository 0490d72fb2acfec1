"""What the live system remembers of the logs: every account's events, every server's minutes. Pure: no I/O, no clock.

Events are a set, as in the report: they may come in any order, and late. Nothing is folded away while the cycle lasts,
so that a late line changes exactly what it should. Memory: 1.4 KB a server and day, some 100 bytes an event of an
account.
"""

from array import array
from collections.abc import Iterator, Mapping
from itertools import islice
from math import nan
from typing import NamedTuple

import msgspec

from exporter.hosting.extent import DAY_S, Day, Extent, find_extent
from exporter.hosting.parse import DOWN_ABOVE, MINUTE_S, Created, Deleted, Event, Heartbeat, Route

MINUTES_A_DAY = 1440
MISSING, UP, OVERLOAD = 0, 1, 2
"""What a byte says of a server's minute."""

MAX_RANK = 8  # a label has to end somewhere
MAX_WAITING = 100_000  # decisions whose minute is not settled; of more, the rank is not told
_UNHEARD = array("f", [nan]) * MINUTES_A_DAY


ABOUT = "about"
"""The key of the small part of the state."""


class Segment(NamedTuple):
    """A server answers for an account in `[start_s, end_s)`; `end_s` None: still."""

    server_id: int
    start_s: int
    end_s: int | None
    is_first: bool
    from_server_id: int


class Session(NamedTuple):
    """An account's life from creation to deletion; `ended_s` None: still.

    Of an account that was never created, which is older than the log, `created_s` is the first that is known of it.
    """

    created_s: int
    ended_s: int | None
    name: str
    segments: list[Segment]
    was_created: bool = True


class AccountLog(msgspec.Struct):
    """Every event of one account, each second once."""

    created: dict[int, str] = msgspec.field(default_factory=dict)
    deleted: set[int] = msgspec.field(default_factory=set)
    routed: dict[int, int] = msgspec.field(default_factory=dict)

    def sessions(self) -> list[Session]:
        """The account's lives, in order. The rules are those of `sql/3_sessions.sql` and `sql/4_segments.sql`."""
        lives: list[tuple[int, int | None]] = []
        opened: int | None = None
        for second in sorted(self.created.keys() | self.deleted):
            made, gone = second in self.created, second in self.deleted
            if made and gone and opened is None:
                lives.append((second, second))
            elif gone:
                if opened is not None:
                    lives.append((opened, second))
                opened = second if made else None
            elif opened is None:
                opened = second
        if opened is not None:
            lives.append((opened, None))
        routes = sorted(self.routed.items())
        if not self.created and (seen := [*self.routed, *self.deleted]):
            start_s, end_s = min(seen), min(self.deleted, default=None)
            return [Session(start_s, end_s, "", list(_segments(routes, start_s, end_s)), was_created=False)]
        return [Session(start, end, self.created[start], list(_segments(routes, start, end))) for start, end in lives]


def _segments(routes: list[tuple[int, int]], start_s: int, end_s: int | None) -> Iterator[Segment]:
    mine = [route for route in routes if start_s <= route[0] and (end_s is None or route[0] < end_s)]
    untils: list[int | None] = [*(route[0] for route in mine[1:]), end_s]
    before: int | None = None
    for (time_s, server), until_s in zip(mine, untils, strict=False):  # without routes there is one end too many
        yield Segment(server, time_s, until_s, before is None, server if before is None else before)
        before = server


def _kind(decision: Segment) -> str:
    if decision.is_first:
        return "creation"
    return "stay" if decision.server_id == decision.from_server_id else "reroute"


class Span(msgspec.Struct, array_like=True):
    """So many events, from the first to the last."""

    events: int
    first_s: int
    last_s: int

    def take(self, events: int, first_s: int, last_s: int) -> None:
        """Hold more of them."""
        self.events += events
        self.first_s, self.last_s = min(self.first_s, first_s), max(self.last_s, last_s)


class About(msgspec.Struct, kw_only=True):
    """The small part of the state, saved as a whole."""

    newest_heartbeat_s: int | None = None  # the start of the last minute of which a server was heard
    newest_event_s: int = 0
    settled_s: int = 0  # told as accounted; later heartbeats before it restate
    restating: int = 0
    events: dict[str, int] = msgspec.field(default_factory=dict)
    failed: dict[str, int] = msgspec.field(default_factory=dict)
    decisions: dict[str, int] = msgspec.field(default_factory=dict)  # "kind rank"
    waiting: list[tuple[int, int]] = msgspec.field(default_factory=list)  # decisions to be ranked: time, account
    last: dict[int, tuple[int, float]] = msgspec.field(default_factory=dict)  # server -> time and workload
    manager_s: int = 0  # the newest event of the manager
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
    """Everything the logs said that still matters."""

    def __init__(self, heartbeat_s: int = MINUTE_S, overload: float = DOWN_ABOVE) -> None:
        """How often servers log, in whole minutes, and the workload above which they are down."""
        self.about = About(heartbeat_s=heartbeat_s, overload=overload)
        self.accounts: dict[int, AccountLog] = {}
        self.minutes: dict[int, dict[int, bytearray]] = {}  # server -> day -> a byte a minute
        self.workloads: dict[int, dict[int, array[float]]] = {}  # server -> day -> one a minute; only of days to settle
        self.changed_accounts: set[int] = set()  # since the last time all was computed
        self._unsaved_accounts: set[int] = set()
        self._unsaved_days: set[tuple[int, int]] = set()
        self._unsaved_loads: set[int] = set()

    def add(self, event: Event, time_s: int) -> None:
        """Take one event."""
        about = self.about
        kind = event.__struct_config__.tag
        assert isinstance(kind, str)
        about.events[kind] = about.events.get(kind, 0) + 1
        about.newest_event_s = max(about.newest_event_s, time_s)
        if time_s < about.settled_s:
            about.restating += 1
        _take(about.heard if kind == "heartbeat" else about.managed, time_s)
        if isinstance(event, Heartbeat):
            self._heartbeat(event.server_id, event.workload, time_s)
            return
        about.manager_s = max(about.manager_s, time_s)
        log = self.accounts.setdefault(event.account_id, AccountLog())
        if isinstance(event, Created):
            log.created[time_s] = min(event.account_name, log.created.get(time_s, event.account_name))
        elif isinstance(event, Deleted):
            log.deleted.add(time_s)
        elif isinstance(event, Route):
            if time_s not in log.routed and len(about.waiting) < MAX_WAITING:
                about.waiting.append((time_s, event.account_id))
            log.routed[time_s] = max(event.server_id, log.routed.get(time_s, event.server_id))
            self.minutes.setdefault(event.server_id, {})
        self.changed_accounts.add(event.account_id)
        self._unsaved_accounts.add(event.account_id)

    def fail(self, reason: str, lines: int = 1) -> None:
        """Count lines that are no event."""
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
        """Everything before `settled_s` is accounted from now on; the decisions before it get their rank."""
        about = self.about
        about.settled_s = max(about.settled_s, settled_s)
        due: dict[int, list[int]] = {}
        for time_s, account_id in about.waiting:
            if time_s < about.settled_s:
                due.setdefault(account_id, []).append(time_s)
        about.waiting = [decision for decision in about.waiting if decision[0] >= about.settled_s]
        for account_id, times_s in due.items():
            sessions = self.accounts[account_id].sessions()
            found = ((session, one) for session in sessions for one in session.segments)
            segments = {one.start_s: one for session, one in found if session.was_created or not one.is_first}
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
        if decision.server_id not in seen:
            return "unseen"
        rank = 1 + sum(load < seen[decision.server_id] for load in seen.values())
        return str(rank) if rank <= MAX_RANK else "more"

    def changes(self, *, everything: bool = False) -> dict[str, bytes]:
        """What is to be saved since the last call, or everything, by key."""
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
        """Begin all counts at 0 and keep the events. from_start: the logs are read again, from their start.

        Decisions are counted once, when they are new: those known already count again, as the lines about them do.
        """
        self.about = About(heartbeat_s=self.about.heartbeat_s, overload=self.about.overload)
        self._span_what_is_kept()
        if from_start:
            decisions = ((time_s, account) for account, log in self.accounts.items() for time_s in log.routed)
            self.about.waiting = list(islice(decisions, MAX_WAITING))
        else:
            self.about.newest_heartbeat_s = self.newest_minute_s()

    def forget_heartbeats(self, heartbeat_s: int, overload: float) -> set[str]:
        """Begin anew with servers that are judged by another rule; returns the keys of what is gone."""
        gone = {f"minutes/{server}/{day}" for server, days in self.minutes.items() for day in days}
        gone |= {f"loads/{server}" for server in self.workloads}
        self.about.heartbeat_s, self.about.overload = heartbeat_s, overload
        self.minutes = {server: {} for server in self.minutes}
        self.workloads.clear()
        return gone

    def extent(self, start_s: int, end_s: int) -> Extent:
        """How far the log reaches, as a report of the cycle `[start_s, end_s)` has it."""
        by_kind = ((1, self.about.heard), (0, self.about.managed))
        days = [Day(kind, span.events, span.first_s, span.last_s) for kind, by in by_kind for span in by.values()]
        return find_extent(days, start_s, end_s)

    def _span_what_is_kept(self) -> None:
        """Know of the kept events when they were, where the lines themselves are gone."""
        for server in self.minutes.values():
            for day, minutes in server.items():
                if events := MINUTES_A_DAY - minutes.count(MISSING):
                    first, last = len(minutes) - len(minutes.lstrip(b"\0")), len(minutes.rstrip(b"\0")) - 1
                    _take(self.about.heard, day * DAY_S + first * MINUTE_S, day * DAY_S + last * MINUTE_S, events)
        for log in self.accounts.values():
            for time_s in (*log.created, *log.deleted, *log.routed):
                _take(self.about.managed, time_s)

    def newest_minute_s(self) -> int | None:
        """Start of the last minute of which some server was heard."""
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
                unreadable[key] = str(exc)
        if ABOUT in unreadable:
            ledger.about.newest_heartbeat_s = ledger.newest_minute_s()
        if not ledger.about.heard:  # of a state that did not have it
            ledger._span_what_is_kept()
        for log in ledger.accounts.values():
            for server in log.routed.values():
                ledger.minutes.setdefault(server, {})
        ledger.changed_accounts = set(ledger.accounts)
        return Restored(ledger, stale, unreadable)

    def _restore_one(self, key: str, value: bytes, since_s: int) -> bool:
        """Take in one value, if it is still needed. Raises ValueError, MsgspecError."""
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
            log = msgspec.msgpack.decode(value, type=AccountLog)
            if all(life.ended_s is not None and life.ended_s <= since_s for life in log.sessions()):
                return False
            self.accounts[account_id] = log
        elif kind == "loads":
            (server,) = map(int, names)
            for day, first, packed in msgspec.msgpack.decode(value, type=list[tuple[int, int, bytes]]):
                loads = array("f", packed)
                if not 0 <= first <= MINUTES_A_DAY - len(loads):
                    raise ValueError("minutes that no day has")
                day_loads = self.workloads.setdefault(server, {}).setdefault(day, _UNHEARD[:])
                day_loads[first : first + len(loads)] = loads
        else:
            raise ValueError("unknown")
        return True


class Restored(NamedTuple):
    """A ledger out of what was saved.

    stale: keys of what ended before the cycle and is not needed any more. unreadable: the reason by key.
    """

    ledger: Ledger
    stale: list[str]
    unreadable: dict[str, str]
