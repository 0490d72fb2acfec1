"""From a log's tables to the results of every customer and server: the window, sessions, outages, choices.

Down is where a server's workload was above 1.0 or its heartbeat is missing; the account's server decides. Time without
a server is `unrouted`; time before the first event and after the last heartbeat of all servers is `unknown`.
"""

from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from exporter.hosting.engine import Engine
from exporter.hosting.extent import DAY_S, Extent
from exporter.hosting.parse import DOWN_ABOVE, MINUTE_S
from exporter.hosting.rows import Columns
from exporter.hosting.window import Window
from foundation.errors import ConfigError, NothingJudgedError

Zone: TypeAlias = ZoneInfo | timezone
MAX_CYCLE_S = 400 * DAY_S
"""The live system's, too: a year and some days."""


class Step(Enum):
    """The step of the calculation; the value is in seconds."""

    SECOND = 1
    MINUTE = 60


class SessionTime(NamedTuple):
    """One account's time by state between a creation and a deletion, inside the cycle; seconds.

    Of a life that began before the log the name is None and `was_created` 0.
    """

    account_id: int
    account_name: str | None
    created_s: int
    was_created: int
    deleted_s: int | None
    lifetime_s: int
    overload_s: int
    silent_s: int
    unrouted_s: int
    unknown_s: int

    @property
    def known_s(self) -> int:
        """The known part."""
        return self.lifetime_s - self.unknown_s

    @property
    def down_s(self) -> int:
        """Both causes."""
        return self.overload_s + self.silent_s


class Outage(NamedTuple):
    """A server was down in `[start_s, end_s)`; `cause` is overload or silent, or unknown: it may have been."""

    server_id: int
    start_s: int
    end_s: int
    cause: str


class Wanted(NamedTuple):
    """The user's settings of the cycle. Bounds are Unix seconds; None: from the log."""

    start_s: int | None = None
    end_s: int | None = None
    heartbeat_s: int = MINUTE_S
    overload: float = DOWN_ABOVE


FROM_THE_LOG = Wanted()

SEGMENT = ("account_id", "created_s", "server_id", "from_server_id", "route_s", "until_s", "start_s", "end_s", "doubt")
"""A server answered for an account in [start_s, end_s), after a route at route_s, which held until until_s.

doubt 1: which server it was is unknown.
"""

CHOICE = ("account_id", "route_s", "server_id", "from_server_id", "is_first", "candidate_id", "workload")
"""One server that the manager could have chosen at a route, and its workload then."""


class CycleResult(NamedTuple):
    """All results of one log in one window."""

    window: Window
    sessions: list[SessionTime]
    outages: list[Outage]
    segments: Columns  # as SEGMENT
    choices: Columns  # as CHOICE
    servers: list[int]
    cadence: list[tuple[int, int, int]]  # server, seconds between two heartbeats, how often
    oddities: dict[str, int]


def choose_window(extent: Extent, step: Step, zone: Zone, wanted: Wanted = FROM_THE_LOG) -> Window:
    """The cycle: as wanted, else from midnight before the first event to the end of the last heartbeat.

    Raises ConfigError if that is not a cycle, NothingJudgedError if the log has none.
    """
    first_s, last_s, every_s = extent.first_s, extent.last_s, wanted.heartbeat_s
    observed_s = None if last_s is None else last_s - last_s % every_s + every_s
    start_s, end_s = wanted.start_s, wanted.end_s
    if start_s is None and first_s is not None:
        first = datetime.fromtimestamp(first_s, zone)
        start_s = int(first.replace(hour=0, minute=0, second=0, fold=0).timestamp())
    if end_s is None:
        end_s = observed_s
    if start_s is None or end_s is None:
        missing = "event" if first_s is None else "heartbeat"
        raise NothingJudgedError(
            f"nothing was judged: the log has no {missing} to take the cycle from; give --cycle-start and --cycle-end"
        )
    if wanted.start_s is None or wanted.end_s is None:
        _ask_if_implausible(extent, start_s, end_s)
    if start_s >= end_s:
        raise ConfigError(f"the cycle would end at {utc(end_s)}, not after its start at {utc(start_s)}")
    if start_s % step.value or end_s % step.value:
        raise ConfigError("a step of a minute needs a cycle that starts and ends on whole minutes")
    known_s = max(start_s, min(end_s, observed_s or start_s))
    since_s = start_s if first_s is None else min(known_s, max(start_s, first_s - first_s % every_s))
    return Window(start_s, end_s, known_s, step.value, since_s=since_s, heartbeat_s=every_s, overload=wanted.overload)


def _ask_if_implausible(extent: Extent, start_s: int, end_s: int) -> None:
    if extent.pieces:
        parts = "; ".join(f"{n:,} from {utc(first_s)} to {utc(last_s)}" for first_s, last_s, n in extent.pieces)
        raise ConfigError(f"the heartbeats are far apart ({parts}): give --cycle-start and --cycle-end")
    if end_s - start_s > MAX_CYCLE_S:
        days = (end_s - start_s) / DAY_S
        too_long = f"the log is {days:,.0f} days long, which is more than a billing cycle"
        raise ConfigError(f"{too_long}: give --cycle-start and --cycle-end")


def account_cycle(engine: Engine, window: Window) -> CycleResult:
    """Run the SQL on the engine's tables and read the results."""
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
        cadence=[
            (row[0], row[1], row[2]) for row in engine.rows("cadence", ["server_id", "gap_s", "n"], "server_id, gap_s")
        ],
        oddities=dict(engine.rows("oddities", ["kind", "n"], "kind")),
    )


def utc(seconds: int) -> str:
    """Unix seconds as text: `2016-02-20T00:00:00Z`."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()[:-6] + "Z"
