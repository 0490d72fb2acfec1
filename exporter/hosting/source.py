"""The configuration of one web host (one item of `hosting:` in the file)."""

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from exporter.hosting.parse import DOWN_ABOVE, MINUTE_S
from exporter.hosting.standing import Cycle
from foundation.grammar import time_zone
from foundation.keys import Name, duration, moment


class CycleSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The billing cycle, end exclusive; UTC where a time names no zone."""

    start: Annotated[datetime, moment()]
    end: Annotated[datetime, moment()]

    def __post_init__(self) -> None:
        cycle = self.seconds()
        if cycle.start_s >= cycle.end_s:
            raise ValueError("the cycle must end after it starts")
        if cycle.start_s % MINUTE_S or cycle.end_s % MINUTE_S:
            raise ValueError("the cycle must start and end on whole minutes")
        if cycle.start_s < 0 or cycle.end_s - cycle.start_s > 400 * 86_400:
            raise ValueError("the cycle must be after 1970, and no longer than 400 days")

    def seconds(self) -> Cycle:
        """The cycle in Unix seconds."""
        return Cycle(int(self.start.timestamp()), int(self.end.timestamp()))


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One web host: where its manager and its servers log, and what was promised for when.

    logs: files and globs; the manager's and the servers' may be one or many.
    from_: where to begin in a file that was there before the first start.
    tz: the zone of the times in the logs.
    heartbeat: how often a server logs, in whole minutes: one heartbeat stands for so long.
    overload: the workload above which a server is down.
    lateness_s: a minute is accounted once a heartbeat this much newer has come, by the log's clock.
    idle_s: or once nothing has come for this long, by the reader's clock.
    max_accounts: accounts with series of their own; of more, those with the most downtime.
    """

    source: Name
    logs: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    cycle: CycleSource
    from_: Literal["start", "end"] = msgspec.field(name="from", default="start")
    tz: str = "UTC"
    heartbeat: Annotated[int, duration(least_s=MINUTE_S, most_s=86_400, whole=True)] = MINUTE_S
    overload: Annotated[float, msgspec.Meta(ge=0)] = DOWN_ABOVE
    lateness_s: Annotated[int, duration(zero=True, most_s=86_400, whole=True)] = 120
    idle_s: Annotated[float, duration()] = 120.0
    max_accounts: Annotated[int, msgspec.Meta(ge=0)] = 1000

    def __post_init__(self) -> None:
        if not all(self.logs):
            raise ValueError("logs must not have an empty path")
        if self.heartbeat % MINUTE_S:
            raise ValueError("the heartbeat must be whole minutes, for example 5m")
        self.zone()

    def zone(self) -> ZoneInfo:
        """The zone of the logs. Raises ValueError."""
        return time_zone(self.tz)
