"""Business hours and windows to UTC: zones are applied only here. Pure.

A wall-clock time of a date becomes a moment by its zone, for each distinct combination of zone, time and date, and all
arithmetic after that is on UTC. Where clocks are set forward over a time, the moment of the change is meant; where
they are set back and a time comes twice, a store opens at the first and closes at the last.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple, TypeAlias

from foundation.grammar import format_instant

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US
WINDOWS = ("hour", "day", "week")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9998, 12, 31, tzinfo=UTC)  # a report looks at dates after its moment, too

WindowKind: TypeAlias = Literal["rolling", "calendar"]
AsOf: TypeAlias = Literal["now", "max"] | int
"""The moment that a report is of: the clock's, the newest poll's, or a given one in microseconds since 1970."""


class Windows(NamedTuple):
    """The three windows of a zone, `[start, end)` each, in the order of WINDOWS."""

    hour: tuple[int, int]
    day: tuple[int, int]
    week: tuple[int, int]


def to_us(moment: datetime) -> int:
    """Whole microseconds since 1970 of a datetime that knows its zone."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def as_of_us(moment: datetime) -> int:
    """The microseconds of a moment that a report can be of. Raises ValueError."""
    if not _EPOCH <= moment < _LATEST:
        raise ValueError(f"invalid time {format_instant(moment)}: expected the years 1970 to 9998")
    return to_us(moment)


def from_us(time_us: int) -> datetime:
    """The datetime, in UTC."""
    return _EPOCH + timedelta(microseconds=time_us)


def local_moment(zone: tzinfo, day: date, second: int, *, last: bool) -> int:
    """When the wall clock of `zone` shows `second` seconds after the midnight that `day` begins with.

    Args:
        zone: whose clock.
        day: the date.
        second: as the clock shows it, so 86,400 is midnight of the next date also when the day has 23 hours.
        last: the later moment, when the clock shows this time twice.

    Returns:
        Microseconds since 1970.
    """
    wall = datetime(day.year, day.month, day.day) + timedelta(seconds=second)  # noqa: DTZ001, a wall clock
    earlier, later = (to_us(wall.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    if earlier <= later:
        return later if last else earlier
    return _change_between(zone, later, earlier)  # a time that the clock leaves out: fold 1 is before fold 0


def _change_between(zone: tzinfo, low_us: int, high_us: int) -> int:
    """The first second in `(low_us, high_us]` at which the zone's offset is no longer that of `low_us`."""
    low, high = low_us // SECOND_US, high_us // SECOND_US
    before = _offset(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return high * SECOND_US


def _offset(zone: tzinfo, second: int) -> timedelta | None:
    return (_EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset()


def dates_around(first_us: int, last_us: int) -> list[date]:
    """Every date whose openings may touch `[first_us, last_us]` in any zone."""
    start = from_us(first_us).date() - timedelta(days=2)  # a zone may be a date behind, an opening begin the day before
    return [start + timedelta(days=n) for n in range((last_us - first_us) // DAY_US + 5)]


def windows(kind: WindowKind, zone: tzinfo, as_of_us: int) -> Windows:
    """The last hour, day and week before `as_of_us`: up to that moment, or the zone's last complete ones."""
    if kind == "rolling":
        hour, day, week = ((as_of_us - length, as_of_us) for length in (HOUR_US, DAY_US, 7 * DAY_US))
        return Windows(hour, day, week)
    local = from_us(as_of_us).astimezone(zone)
    offset_us = (local.utcoffset() or timedelta()) // timedelta(microseconds=1)
    hour_end = as_of_us - (as_of_us + offset_us) % HOUR_US
    today = local.date()
    monday = today - timedelta(days=today.weekday())

    def midnight(day: date) -> int:
        """Unix time at which a local day starts, in microseconds."""
        return local_moment(zone, day, 0, last=False)

    return Windows(
        (hour_end - HOUR_US, hour_end),
        (midnight(today - timedelta(days=1)), midnight(today)),
        (midnight(monday - timedelta(days=7)), midnight(monday)),
    )


def span(all_windows: Sequence[Windows]) -> tuple[int, int]:
    """The time from the first start to the last end of any window."""
    edges = [edge for one in all_windows for window in one for edge in window]
    return min(edges), max(edges)
