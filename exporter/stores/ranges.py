"""The range of a report: a month, a quarter, from one moment to another, or the last days. Pure.

A month is a store's own: its days begin at midnight of the store's zone, as its business hours do, unless one zone is
named for all. So a fleet's October is not one interval of UTC. Edges without a zone are read in the same way.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple

from exporter.stores.calendar import DAY_US, SECOND_US, Windows, from_us, local_moment, to_us
from foundation.errors import ConfigError
from foundation.grammar import duration_s, instant

MAX_DAYS = 3660
"""Of a range: openings of every day of it are tried for every store."""

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_QUARTER = re.compile(r"([0-9]{4})-?[Qq]([1-4])")
_YEARS = range(1970, 9998)


class Range(NamedTuple):
    """An interval `[start, end)`.

    Attributes:
        start: a moment in UTC; or a wall clock's time, which has no zone.
        end: the same.
        name: as people call it.
        zone: whose wall clock; each store's own where that is None.
    """

    start: datetime
    end: datetime
    name: str
    zone: tzinfo | None = None

    def bounds_us(self, own: tzinfo) -> tuple[int, int]:
        """Both edges for a store of that zone, microseconds since 1970. Ranges that meet have one edge in common."""
        zone = self.zone or own
        return _edge_us(self.start, zone), _edge_us(self.end, zone)

    def windows(self, own: tzinfo, as_of_us: int) -> Windows:
        """The range in the place of all three windows of a report, up to its moment."""
        start_us, end_us = (min(edge, as_of_us) for edge in self.bounds_us(own))
        return Windows(*((start_us, end_us),) * 3)

    def text(self) -> str:
        """The range and whose clock it goes by, in a few words."""
        if self.start.tzinfo is not None and self.end.tzinfo is not None:
            return self.name
        return f"{self.name} in {self.zone or 'the zone of each store'}"


class Wanted(NamedTuple):
    """How a user names a range, as text; None for what was not given."""

    start: str | None = None
    end: str | None = None
    month: str | None = None
    quarter: str | None = None
    last: str | None = None
    zone: tzinfo | None = None


def find_range(wanted: Wanted, as_of_us: int, max_days: int = MAX_DAYS) -> Range | None:
    """The range that is meant, None for none. Raises ConfigError.

    Args:
        wanted: one of start (with or without end), month, quarter and last.
        as_of_us: the moment that a range without an end goes up to, microseconds since 1970.
        max_days: how long it may be.
    """
    ways = [wanted.start or wanted.end, wanted.month, wanted.quarter, wanted.last]
    if not any(ways):
        if wanted.zone is not None:
            raise ConfigError("a zone for all stores needs a range: from and to, month, quarter or last")
        return None
    if sum(map(bool, ways)) > 1:
        raise ConfigError("more than one range: expected one of from and to, month, quarter, last")
    try:
        found = _find(wanted, as_of_us)
    except (ValueError, OverflowError) as exc:
        raise ConfigError(f"range: {exc}") from exc
    start_us, end_us = found.bounds_us(UTC)
    if start_us >= end_us:
        raise ConfigError(f"invalid range {found.name}: expected an end after the start")
    if end_us - start_us > max_days * DAY_US:
        raise ConfigError(f"invalid range {found.name}: expected at most {max_days} days")
    return found


def _find(wanted: Wanted, as_of_us: int) -> Range:
    """The one range that is given. Raises ValueError."""
    if wanted.month:
        return _months(wanted.month, _MONTH, "2026-10", 1, wanted.zone)
    if wanted.quarter:
        return _months(wanted.quarter, _QUARTER, "2026-Q3", 3, wanted.zone)
    if wanted.last:
        length = timedelta(seconds=duration_s(wanted.last))
        return Range(from_us(as_of_us) - length, from_us(as_of_us), f"the last {wanted.last}")
    if not wanted.start:
        raise ValueError("an end needs a start")
    start, end = _edge(wanted.start), _edge(wanted.end) if wanted.end else from_us(as_of_us)
    return Range(start, end, f"{wanted.start} to {wanted.end or 'now'}", wanted.zone)


def _months(text: str, pattern: re.Pattern[str], example: str, months: int, zone: tzinfo | None) -> Range:
    """A calendar's month or quarter."""
    match = pattern.fullmatch(text.strip())
    if match is None or int(match[1]) not in _YEARS:
        raise ValueError(f"invalid {'month' if months == 1 else 'quarter'} {text!r}: expected for example {example}")
    first = int(match[1]) * 12 + (int(match[2]) - 1) * months
    start, end = (date(at // 12, at % 12 + 1, 1) for at in (first, first + months))
    return Range(_midnight(start), _midnight(end), text.strip(), zone)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001, a wall clock


def _edge(text: str) -> datetime:
    """A moment in UTC where the text names one, else a wall clock's time. Raises ValueError."""
    found, elsewhere = (instant(text, zone=zone, dates=True) for zone in (UTC, timezone(timedelta(hours=1))))
    if found.year not in _YEARS:
        raise ValueError(f"invalid time {text!r}: expected the years {_YEARS[0]} to {_YEARS[-1]}")
    return found if found == elsewhere else found.replace(tzinfo=None)


def _edge_us(edge: datetime, zone: tzinfo) -> int:
    if edge.tzinfo is not None:
        return to_us(edge)
    rest_us = edge.microsecond
    second = edge.hour * 3600 + edge.minute * 60 + edge.second
    return local_moment(zone, edge.date(), second, last=False) + rest_us % SECOND_US
