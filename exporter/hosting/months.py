"""Calendar months in a zone, as billing cycles. Pure."""

import re
from datetime import datetime, tzinfo
from typing import NamedTuple

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


class Month(NamedTuple):
    """A month of a year, both from 1."""

    year: int
    number: int

    def bounds(self, zone: tzinfo) -> tuple[int, int]:
        """Unix seconds of its start and of its end, which is the next one's start, in the zone."""
        after = Month(self.year + self.number // 12, self.number % 12 + 1)
        start, end = (datetime(year, number, 1, tzinfo=zone).timestamp() for year, number in (self, after))
        return int(start), int(end)


def month_of(time_s: float, zone: tzinfo) -> Month:
    """The current month in the zone."""
    local = datetime.fromtimestamp(time_s, zone)
    return Month(local.year, local.month)


def read_month(text: str) -> Month:
    """`2026-10`. Raises ValueError."""
    match = _MONTH.fullmatch(text)
    if match is None or not 1970 <= int(match[1]) < 9998:
        raise ValueError(f"invalid month {text[:40]!r}: expected YYYY-MM, for example 2026-10")
    return Month(int(match[1]), int(match[2]))
