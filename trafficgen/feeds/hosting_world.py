"""A web host, simulated minute by minute: its servers, its customers, its manager, and the truth about downtime.

Pure: no I/O, no clock; one seed gives one world. Truth is integrated forward, minute by minute, for each customer, from
the world's own state and never from the log, so that it can check who computes downtime from the log.
"""

import heapq
import json
import math
import random
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import IntEnum
from typing import NamedTuple

import msgspec

MINUTE_S = 60
DAY_S = 86_400
POLICIES = ("round-robin", "least-loaded", "static")
OVERLOAD_EVERY_S = 4 * DAY_S  # a server's bad quarter of an hour, on average
SILENCE_EVERY_S = 9 * DAY_S
REROUTE_EVERY_S = 250.0  # some 10,000 a month, as in the log that the task is about
LONGEST_OVERLOAD_M = 14
LONGEST_SILENCE_M = 20
SKIPPED_HEARTBEATS = 0.0001  # single ones
RECENT_MINUTES = 1200  # for comparisons while the feed runs: two minutes at the usual speed
LEAVING = 0.4  # of the accounts are deleted before the end
LATE_ROUTES = 0.1  # accounts that wait some seconds for their first server

_FIRST = ("Adam", "Bea", "Chen", "Dora", "Emil", "Fatou", "Gus", "Hana", "Ivo", "Jun", "Kai", "Lena", "Milo", "Noor")
_LAST = ("Ahl", "Brandt", "Cruz", "Diaz", "Ekman", "Fox", "Grau", "Holm", "Ito", "Jain", "Kerr", "Lund", "Mora", "Nagy")


class Fault(msgspec.Struct, frozen=True):
    """A server's trouble at set minutes of a run: `kind` is silent or overload, `[start_m, stop_m)`.

    every_m: the minutes after which that begins again; None: once.
    """

    server: int
    kind: str
    start_m: int
    stop_m: int
    every_m: int | None = None

    def has(self, minute: int) -> bool:
        """Whether the trouble is there in this minute of the run."""
        since = minute - self.start_m
        if self.every_m is not None and since >= 0:
            since %= self.every_m
        return 0 <= since < self.stop_m - self.start_m


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What world to make. `start_s` is a Unix time on a whole minute; with `faults`, servers have no other trouble."""

    start_s: int
    minutes: int
    servers: int = 4
    accounts: int = 13
    policy: str = "round-robin"
    seed: int = 1
    faults: tuple[Fault, ...] = ()


class LogLine(NamedTuple):
    """A log line and who writes it: 0 for the manager, else the server."""

    writer: int
    text: str


class _Kind(IntEnum):
    """What the manager does; of one second, in this order."""

    CREATE = 0
    ROUTE = 1
    REROUTE = 2
    DELETE = 3


class _Event(NamedTuple):
    """Something that will happen; a re-route picks its account when it does."""

    time_s: int
    kind: _Kind
    account_id: int


class _Account:
    """A customer as the world knows them. `spent` is the truth: seconds by state."""

    def __init__(self, account_id: int, name: str, created_s: int, demand: float) -> None:
        self.account_id = account_id
        self.name = name
        self.created_s = created_s
        self.demand = demand
        self.server: int | None = None
        self.spent_until_s = created_s
        self.spent: Counter[str] = Counter()

    def spend_until(self, until_s: int, states: dict[int, str]) -> None:
        """Account the time since the last call; nothing about the account or its server changed in it."""
        state = "unrouted" if self.server is None else states[self.server]
        self.spent[state] += until_s - self.spent_until_s
        self.spent_until_s = until_s


class World:
    """Call `minute()` for each minute in turn, also beyond the end; `truth()` covers the minutes so far.

    begins: the minutes at which a run of the feed began, in order; faults are counted from the latest.
    """

    def __init__(self, settings: Settings) -> None:
        """`settings`: with the same ones it is the same world, minute for minute."""
        self.settings = settings
        self.begins = [0]
        self.now_s = settings.start_s
        self.lines = 0
        self.server_spent: dict[int, Counter[str]] = {s: Counter() for s in range(1, settings.servers + 1)}
        self._random = random.Random(settings.seed)
        self._noise = dict.fromkeys(self.server_spent, 0.0)
        self._bad: dict[int, tuple[str, int]] = {}  # server -> what is wrong, minutes left
        self._seen: dict[int, float] = {}  # the last minute's heartbeats
        self._turn = 0
        self._everyone: dict[int, _Account] = {}
        self._due: list[_Event] = [self._next_reroute(settings.start_s)]
        for account, events in self._customers():
            self._everyone[account.account_id] = account
            self._due += events
        heapq.heapify(self._due)
        self._here: dict[int, _Account] = {}
        self._gone: list[_Account] = []
        self._recent: deque[tuple[int, int, int]] = deque(maxlen=RECENT_MINUTES)

    def minute(self) -> list[LogLine]:
        """The lines of the next minute, in order of time."""
        states, loads = self._servers()
        lines = [self._heartbeat(server, load) for server, load in loads.items()]
        while self._due and self._due[0].time_s < self.now_s + MINUTE_S:
            event = heapq.heappop(self._due)
            lines += self._happen(event, states, loads if event.time_s > self.now_s else self._seen)
        for account in self._here.values():
            account.spend_until(self.now_s + MINUTE_S, states)
        for server, state in states.items():
            self.server_spent[server][state] += MINUTE_S
        self._seen = loads
        self.now_s += MINUTE_S
        self.lines += len(lines)
        spent = [account.spent for account in (*self._gone, *self._here.values())]
        down_s = sum(one["overload"] + one["silent"] for one in spent)
        self._recent.append((self.now_s, down_s, sum(one.total() for one in spent)))
        return lines

    def truth(self) -> dict[str, object]:
        """What every customer and server had until now, in seconds."""
        accounts = sorted([*self._gone, *self._here.values()], key=lambda account: account.account_id)
        return {
            "cycle": {"start": _text(self.settings.start_s), "end": _text(self.end_s)},
            "as_of": _text(self.now_s),
            "policy": self.settings.policy,
            "depends_on_workload": self.settings.policy == "least-loaded",
            "seed": self.settings.seed,
            "lines": self.lines,
            "recent": list(self._recent),  # Unix time, downtime and lifetime of all accounts until then, in seconds
            "accounts": [
                {
                    "account_id": account.account_id,
                    "account_name": account.name,
                    "created": _text(account.created_s),
                    "deleted": None if account in self._here.values() else _text(account.spent_until_s),
                    "lifetime_seconds": account.spent.total(),
                    "downtime_seconds": account.spent["overload"] + account.spent["silent"],
                    **{f"{state}_seconds": account.spent[state] for state in ("overload", "silent", "unrouted")},
                }
                for account in accounts
            ],
            "servers": [
                {"server_id": server, **{f"{state}_seconds": spent[state] for state in ("overload", "silent")}}
                for server, spent in self.server_spent.items()
            ],
        }

    @property
    def minutes(self) -> int:
        """How many there were."""
        return (self.now_s - self.settings.start_s) // MINUTE_S

    @property
    def end_s(self) -> int:
        """When the world ends."""
        return self.settings.start_s + self.settings.minutes * MINUTE_S

    def _customers(self) -> Iterator[tuple[_Account, list["_Event"]]]:
        """Everyone who will come, and what they will do. A third come early, so that there is something to see."""
        draw, start_s = self._random, self.settings.start_s
        for account_id in range(self.settings.accounts):
            share = draw.uniform(0, 0.03) if account_id % 3 == 0 else draw.uniform(0, 0.9)
            created_s = start_s + int((self.end_s - start_s) * share)
            routed_s = created_s + (draw.randint(1, 40) if draw.random() < LATE_ROUTES else 0)
            events = [_Event(created_s, _Kind.CREATE, account_id), _Event(routed_s, _Kind.ROUTE, account_id)]
            if draw.random() < LEAVING:
                deleted_s = created_s + int(draw.uniform(0.1, 1.0) * (self.end_s - created_s))
                events.append(_Event(deleted_s, _Kind.DELETE, account_id))
            name = f"{draw.choice(_FIRST)} {draw.choice(_LAST)}"
            yield _Account(account_id, name, created_s, draw.uniform(0.5, 1.5)), events

    def _servers(self) -> tuple[dict[int, str], dict[int, float]]:
        """Each server's state in this minute, and the workloads that are logged."""
        states: dict[int, str] = {}
        loads: dict[int, float] = {}
        hosted = Counter[int]()
        for account in self._here.values():
            if account.server is not None:
                hosted[account.server] += round(1000 * account.demand)
        fair = 1000 * max(self.settings.accounts * 0.6 / self.settings.servers, 1)
        for server in self.server_spent:
            trouble = self._trouble(server)
            self._noise[server] = 0.9 * self._noise[server] + self._random.gauss(0, 0.04)
            load = self._tide() * (0.35 + 0.25 * min(hosted[server] / fair, 2.0)) + self._noise[server]
            load = min(max(load, 0.01), 0.999)
            last_heard = server == self.settings.servers and not loads
            if (trouble == "silent" or self._random.random() < SKIPPED_HEARTBEATS) and not last_heard:
                states[server] = "silent"  # one server is always heard, so that it is known what time it is
                continue
            if trouble == "overload":
                load = 1.001 + load * self._random.random()
            loads[server] = round(load, 4)
            states[server] = "overload" if loads[server] > 1.0 else "up"
        return states, loads

    def _trouble(self, server: int) -> str | None:
        if self.settings.faults:
            minute = self.minutes - self.begins[bisect_right(self.begins, self.minutes) - 1]
            return next((f.kind for f in self.settings.faults if f.server == server and f.has(minute)), None)
        kind, left = self._bad.pop(server, (None, 0))
        if not left:
            draw = self._random.random()
            if draw < MINUTE_S / OVERLOAD_EVERY_S:
                kind, left = "overload", self._random.randint(2, LONGEST_OVERLOAD_M)
            elif draw > 1 - MINUTE_S / SILENCE_EVERY_S:
                kind, left = "silent", self._random.randint(2, LONGEST_SILENCE_M)
        if kind and left:
            self._bad[server] = kind, left - 1
            return kind
        return None

    def _tide(self) -> float:
        """By day more is asked of the servers than by night."""
        return 1 + 0.25 * math.sin(2 * math.pi * (self.now_s % DAY_S) / DAY_S - math.pi / 2)

    def _happen(self, event: "_Event", states: dict[int, str], seen: dict[int, float]) -> list[LogLine]:
        """Let one event of the manager come true; what it logs. `seen`: the heartbeats before the event."""
        account = self._everyone[event.account_id]
        if event.kind is _Kind.CREATE:
            self._here[event.account_id] = account
            fields = {"event": "createAccount", "accountId": account.account_id, "accountName": account.name}
            return [self._manager(fields, event.time_s)]
        if event.kind is _Kind.REROUTE:
            heapq.heappush(self._due, self._next_reroute(event.time_s))
            account = self._pick(seen) or account
        if account.account_id not in self._here:
            return []
        account.spend_until(event.time_s, states)
        if event.kind is _Kind.DELETE:
            self._gone.append(self._here.pop(account.account_id))
            return [self._manager({"event": "deleteAccount", "accountId": account.account_id}, event.time_s)]
        account.server = self._choose(seen)
        fields = {"event": "route", "accountId": account.account_id, "serverId": account.server}
        return [self._manager(fields, event.time_s)]

    def _next_reroute(self, after_s: float) -> "_Event":
        time_s = int(after_s + self._random.expovariate(1 / REROUTE_EVERY_S)) + 1
        if self._random.random() < 0.5:
            time_s += -time_s % MINUTE_S  # half of them by a timer at the full minute
        return _Event(time_s, _Kind.REROUTE, 0)

    def _pick(self, seen: dict[int, float]) -> _Account | None:
        """Whom to re-route: anyone, or someone on the busiest server."""
        candidates = [account for account in self._here.values() if account.server is not None]
        if self.settings.policy == "least-loaded":
            hosting = {account.server for account in candidates}
            busiest = max((s for s in seen if s in hosting), key=lambda s: seen[s], default=None)
            candidates = [account for account in candidates if account.server == busiest] or candidates
        return self._random.choice(candidates) if candidates else None

    def _choose(self, seen: dict[int, float]) -> int:
        """Where to: only the least-loaded policy looks at the workloads."""
        servers = list(self.server_spent)
        if self.settings.policy == "least-loaded" and seen:
            return min(seen, key=lambda s: seen[s])
        if self.settings.policy == "static":
            return self._random.choices(servers, [0.6**s for s in servers])[0]
        self._turn += 1
        return servers[self._turn % len(servers)]

    def _manager(self, fields: dict[str, object], time_s: int) -> LogLine:
        return LogLine(0, json.dumps({**fields, "time": _text(time_s)}))

    def _heartbeat(self, server: int, workload: float) -> LogLine:
        fields = {"event": "heartbeat", "serverId": server, "workload": workload, "time": _text(self.now_s)}
        return LogLine(server, json.dumps(fields))


def _text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
