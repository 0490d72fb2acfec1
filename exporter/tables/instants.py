"""Text to instants: Unix time in seconds to nanoseconds, and ISO 8601 with a zone or without. Pure."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from foundation.errors import BadRecord

EARLIEST_S, LATEST_S = 315_532_800, 4_102_444_800
"""1980 to 2100. Of the four units of Unix time, a number is in this range in one at most."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = (("s", 1_000_000, 1), ("ms", 1000, 1), ("us", 1, 1), ("ns", 1, 1000))
_NUMBER = re.compile(r"(\d{1,20})(?:[.,](\d+))?", re.ASCII)
_ISO = re.compile(
    r"(\d{4})([-/]?)(\d\d)\2(\d\d)"
    r"(?:[Tt _]\s*(\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?)?"
    r"\s*(?:(?P<utc>Z|UTC|GMT)|(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?)?"
    r"\s*(?:\[?(?P<zone>[A-Za-z][A-Za-z0-9_+\-]*(?:/[A-Za-z0-9_+\-]+)+)\]?)?",
    re.ASCII | re.IGNORECASE,
)
_WORDS = "expected ISO 8601, for example 2026-11-01T06:30:00Z, or Unix time"


class Instant(NamedTuple):
    """An instant.

    us: microseconds of Unix time; what is finer is cut off.
    assumed: the text names no zone: the caller's was taken.
    shift_us: how much later the zone's clocks show this local time once more; below 0: they skip it.
    """

    us: int
    assumed: bool = False
    shift_us: int = 0

    @property
    def doubtful(self) -> bool:
        """Whether the clocks show this local time twice (`us` is the first) or skip it."""
        return self.shift_us != 0


def read_instant(text: str, zone: tzinfo | None = UTC) -> Instant:
    """The instant that `text` means. Raises BadRecord("time").

    Unix time is in seconds, milliseconds, microseconds or nanoseconds, whichever puts it in the years 1980 to 2100.
    ISO 8601 may have a blank for the T, a comma before the fraction, no separators at all, no time (midnight), and as
    its zone Z, UTC, an offset, or the name of a zone.

    Args:
        text: What is read.
        zone: The zone of what names none; None: it must name one.
    """
    text = text.strip()
    if (number := _NUMBER.fullmatch(text)) and len(number[1]) != 8:  # of eight digits: a date, 20261101
        return Instant(unix_us(text))
    match = _ISO.fullmatch(text)
    if match is None:
        raise BadRecord("time", f"invalid time {_shown(text)}: {_WORDS}")
    try:
        return _instant(match, zone)
    except (ValueError, OverflowError) as exc:
        raise BadRecord("time", f"invalid time {_shown(text)}: {exc}; {_WORDS}") from exc


def unix_us(text: str) -> int:
    """Microseconds of Unix time in the unit that makes it plausible. Raises BadRecord("time")."""
    match = _NUMBER.fullmatch(text)
    if match:
        whole, fraction = int(match[1]), match[2] or ""
        for _, times, parts in _UNITS:
            us = whole * times // parts
            if EARLIEST_S * 1_000_000 <= us < LATEST_S * 1_000_000:
                return us + int((fraction + "0" * 6)[:6]) * times // (1_000_000 * parts)
    raise BadRecord(
        "time", f"invalid time {_shown(text)}: expected Unix time in s, ms, us or ns, in the years 1980 to 2100"
    )


def _instant(match: re.Match[str], zone: tzinfo | None) -> Instant:
    year, month, day = int(match[1]), int(match[3]), int(match[4])
    hour, minute, second = (int(part or 0) for part in match.group(5, 6, 7))
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and (minute or second)):
        raise ValueError("no such time of day")
    local = datetime(year, month, day) + timedelta(hours=hour, minutes=minute, seconds=second)  # noqa: DTZ001, below
    local += timedelta(microseconds=int(((match[8] or "") + "0" * 6)[:6]))
    if match["utc"]:
        return Instant(_us(local.replace(tzinfo=UTC)))
    if match["sign"]:
        size = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
        if size >= timedelta(days=1):
            raise ValueError("no such offset")
        return Instant(_us(local.replace(tzinfo=UTC) - (-size if match["sign"] == "-" else size)))
    if match["zone"]:
        return _in_zone(local, _zone(match["zone"]))
    if zone is None:
        raise ValueError("it has no zone")
    return _in_zone(local, zone)._replace(assumed=True)


def _in_zone(local: datetime, zone: tzinfo) -> Instant:
    first, second = (_us(local.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    return Instant(first, shift_us=second - first)


@lru_cache(maxsize=1000)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as exc:
        raise ValueError(f"unknown zone {name}") from exc


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _shown(text: str) -> str:
    return repr(text[:40])
