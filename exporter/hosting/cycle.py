"""From a log's tables to what every customer and server had: the window, the sessions, the outages, the choices.

Down is where a server's workload was above 1.0 or its heartbeat is missing; the account's server decides. Time without
a server is `unrouted`; time after the last heartbeat of anyone is `unknown`, for nothing is known of it.
"""

from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from exporter.hosting.bulk import Columns
from exporter.hosting.engine import Engine, Window
from exporter.hosting.parse import MINUTE_S
from foundation.errors import ConfigError

Zone: TypeAlias = ZoneInfo | timezone


class Step(Enum):
    """How finely time is accounted; the value is in seconds."""

    SECOND = 1
    MINUTE = 60


class SessionTime(NamedTuple):
    """What became of one account's time between a creation and a deletion, inside the cycle; seconds."""

    account_id: int
    account_name: str
    created_s: int
    deleted_s: int | None
    lifetime_s: int
    overload_s: int
    silent_s: int
    unrouted_s: int
    unknown_s: int

    @property
    def down_s(self) -> int:
        """Both causes."""
        return self.overload_s + self.silent_s


class Outage(NamedTuple):
    """A server was down in `[start_s, end_s)`; `cause` is overload or silent."""

    server_id: int
    start_s: int
    end_s: int
    cause: str


SEGMENT = ("account_id", "created_s", "server_id", "from_server_id", "route_s", "until_s", "start_s", "end_s")
"""A server answered for an account in [start_s, end_s), after a route at route_s, which held until until_s."""

CHOICE = ("account_id", "route_s", "server_id", "from_server_id", "is_first", "candidate_id", "workload")
"""One server that the manager could have chosen at a route, and its workload then."""


class CycleResult(NamedTuple):
    """Everything accounted, of one log under one window."""

    window: Window
    sessions: list[SessionTime]
    outages: list[Outage]
    segments: Columns  # as SEGMENT
    choices: Columns  # as CHOICE
    servers: list[int]
    uncreated: list[int]  # account ids that were routed or deleted and never created
    oddities: dict[str, int]


def choose_window(
    engine: Engine, step: Step, zone: Zone, start_s: int | None = None, end_s: int | None = None
) -> Window:
    """The cycle to account: as given, else from midnight before the first event to a minute after the last heartbeat.

    Raises ConfigError when that is no cycle.
    """
    first_s, last_s = engine.extent()
    observed_s = None if last_s is None else last_s - last_s % MINUTE_S + MINUTE_S
    if start_s is None and first_s is not None:
        first = datetime.fromtimestamp(first_s, zone)
        start_s = int(first.replace(hour=0, minute=0, second=0).timestamp())
    if end_s is None:
        end_s = observed_s
    if start_s is None or end_s is None:
        raise ConfigError("the log holds no heartbeat to take the cycle from; give --cycle-start and --cycle-end")
    if start_s >= end_s:
        raise ConfigError(f"the cycle would end at {utc(end_s)}, not after its start at {utc(start_s)}")
    if start_s % step.value or end_s % step.value:
        raise ConfigError("a step of a minute needs a cycle that starts and ends on whole minutes")
    return Window(start_s, end_s, max(start_s, min(end_s, observed_s or start_s)), step.value)


def account_cycle(engine: Engine, window: Window) -> CycleResult:
    """Run the SQL on the engine's tables and read what it made."""
    engine.run(window)
    return CycleResult(
        window=window,
        sessions=[
            SessionTime(*row) for row in engine.rows("session_time", SessionTime._fields, "account_id, created_s")
        ],
        outages=[Outage(*row) for row in engine.rows("outages", Outage._fields, "server_id, start_s")],
        segments=engine.arrays("segments", SEGMENT, "account_id, route_s"),
        choices=engine.arrays("choices", CHOICE, "route_s, account_id, candidate_id"),
        servers=[row[0] for row in engine.rows("servers", ["server_id"], "server_id")],
        uncreated=[row[0] for row in engine.rows("uncreated", ["account_id"], "account_id")],
        oddities=dict(engine.rows("oddities", ["kind", "n"], "kind")),
    )


def utc(seconds: int) -> str:
    """Unix seconds for people: `2016-02-20T00:00:00Z`."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()[:-6] + "Z"
