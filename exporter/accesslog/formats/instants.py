"""The times of log lines, as Unix seconds. Pure."""

import re
from datetime import UTC, datetime
from functools import lru_cache

_CLF = re.compile(r"(\d{2})/([A-Z][a-z]{2})/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=16)  # lines of the same second are together
def clf(text: bytes) -> float:
    """`10/Oct/2000:13:55:36 -0700`, English whatever the locale. Raises ValueError."""
    match = _CLF.fullmatch(text.decode("ascii", "replace"))
    if match is None or match[2] not in _MONTHS:
        raise ValueError(f"{text!r} is not a time like 10/Oct/2000:13:55:36 -0700")
    day, year, hour, minute, second = (int(digits) for digits in match.group(1, 3, 4, 5, 6))
    leap_s = 1 if second == 60 else 0
    moment = datetime(year, _MONTHS.index(match[2]) + 1, day, hour, minute, second - leap_s, tzinfo=UTC)
    offset_s = (int(match[8]) * 60 + int(match[9])) * 60
    return moment.timestamp() + leap_s - (offset_s if match[7] == "+" else -offset_s)


@lru_cache(maxsize=16)
def iso(text: bytes) -> float:
    """ISO 8601, `2000-10-10T13:55:36.123Z`; UTC where no zone is given. Raises ValueError."""
    moment = datetime.fromisoformat(text.decode("ascii", "replace").replace("\t", " "))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def epoch(text: bytes) -> float:
    """Unix time in seconds; in milli-, micro- or nanoseconds where it would else lie past the year 5138."""
    value = float(text)
    for scale in (1.0, 1e3, 1e6, 1e9):
        if 0 <= value / scale < 1e11:  # false for NaN
            return value / scale
    raise ValueError(f"{text!r} is not a Unix time")


def any_form(text: bytes) -> float:
    """Whichever of the three it is. Raises ValueError."""
    for read in (iso, clf, epoch):
        try:
            return read(text)
        except ValueError:
            continue
    raise ValueError(f"{text!r} is not a time in ISO 8601, in the common log format, or in Unix seconds")
