"""The configuration of one web host (one item of `hosting:` in the file)."""

from datetime import UTC
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from exporter.hosting.months import Month, month_of, read_month
from exporter.hosting.parse import DOWN_ABOVE, MINUTE_S
from exporter.hosting.standing import Cycle
from exporter.hosting.terms import read_percent
from exporter.sources.limits import MAX_FILES, MaxFiles
from foundation.grammar import INSTANT_PATTERN, instant, instant_or_word, time_zone
from foundation.keys import WRITTEN, Name, duration


def _as_written(given: str | float) -> str | float:
    """An instant as it was written: another key has the zone of instants without one. Raises ValueError."""
    instant_or_word(given, (), UTC)
    return given


Written = Annotated[
    str | float,
    msgspec.Meta(
        extra={"grammar": "instant", "words": "a time", "read": _as_written},
        extra_json_schema={WRITTEN: {"type": ["string", "number"], "pattern": INSTANT_PATTERN}},
    ),
]


MONTH = "month"
"""A rolling cycle: each calendar month in turn."""


class CycleSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The billing cycle; in the zone of the logs where a time names none.

    start: its start.
    end: its end, exclusive.
    """

    start: Written
    end: Written


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One web host: where its manager and its servers log, and what was promised for when.

    source: the name of the source, a label of all its metrics.
    logs: files and globs; the manager's and the servers' may be one or many.
    cycle: the billing cycle: start and end, or a calendar month in the zone of the logs, `2026-10`, or `month` for the
        current one.
    from_: where to begin in a file that was there before the first start.
    tz: the zone of the times in the logs, and of others that name none.
    heartbeat: how often a server logs, in whole minutes: each heartbeat covers this time.
    overload: the workload above which a server counts as down.
    promise: availability in per cent, for accounts without a plan.
    plans: the file of promises and credits by account or plan; read again when it changes.
    maintenance: the file of announced windows; read again when it changes.
    lateness_s: a minute is accounted once a heartbeat this much newer has come, by the log's clock.
    idle_s: or once nothing has come for this long, by the reader's clock.
    max_files: files that are followed; a warning and a metric report the others.
    max_accounts: accounts with series of their own; of more, those with the least of their budget left.
    """

    source: Name
    logs: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    cycle: CycleSource | str
    from_: Literal["start", "end"] = msgspec.field(name="from", default="start")
    tz: str = "UTC"
    heartbeat: Annotated[int, duration(least_s=MINUTE_S, most_s=86_400, whole=True)] = MINUTE_S
    overload: Annotated[float, msgspec.Meta(ge=0)] = DOWN_ABOVE
    promise: str | float | None = None
    plans: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    maintenance: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    lateness_s: Annotated[int, duration(zero=True, most_s=86_400, whole=True)] = 120
    idle_s: Annotated[float, duration()] = 120.0
    max_files: MaxFiles = MAX_FILES
    max_accounts: Annotated[int, msgspec.Meta(ge=0)] = 1000

    def __post_init__(self) -> None:
        if not all(self.logs):
            raise ValueError("logs must not have an empty path")
        if self.heartbeat % MINUTE_S:
            raise ValueError("the heartbeat must be whole minutes, for example 5m")
        if self.promise is not None:
            read_percent(str(self.promise))
        self.seconds()

    def zone(self) -> ZoneInfo:
        """The zone of the logs. Raises ValueError."""
        return time_zone(self.tz)

    @property
    def rolls(self) -> bool:
        """Whether one cycle follows the other."""
        return self.cycle == MONTH

    def seconds(self, now_s: float = 0) -> Cycle:
        """The cycle in Unix seconds; of one that rolls, the current one at `now_s`. Raises ValueError."""
        zone = self.zone()
        if isinstance(self.cycle, str):
            return Cycle(*(month_of(now_s, zone) if self.rolls else _named_month(self.cycle)).bounds(zone))
        start, end = (instant(given, zone=zone, dates=True) for given in (self.cycle.start, self.cycle.end))
        cycle = Cycle(int(start.timestamp()), int(end.timestamp()))
        if start >= end:
            raise ValueError("the cycle must end after it starts")
        if start.timestamp() % MINUTE_S or end.timestamp() % MINUTE_S:
            raise ValueError("the cycle must start and end on whole minutes")
        if cycle.start_s < 0 or cycle.end_s - cycle.start_s > 400 * 86_400:
            raise ValueError("the cycle must be after 1970, and no longer than 400 days")
        return cycle


def _named_month(text: str) -> Month:
    try:
        return read_month(text)
    except ValueError as exc:
        raise ValueError(f"{exc}, or {MONTH}") from exc
