"""Business hours in usual notations: names of days, 12-hour clocks, `opening_hours` of OpenStreetMap. Pure.

Ambiguous texts are refused with the right form: a number is not read as a time, nor a time as one of the other half of
the day. Weekdays are 0 (Monday) to 6, times seconds since a date's midnight; an end on the next date is above 86,400.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Literal, NamedTuple, TypeAlias

from opening_hours import OpeningHours, ParserError, State  # type: ignore[attr-defined]  # ParserError is there

from foundation.errors import BadRecord
from foundation.terminal import printable

DAY_S = 86_400
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WeekStart: TypeAlias = Literal["monday", "sunday"]

_SHORT = ("mo", "tu", "we", "th", "fr", "sa", "su")
_ALSO = {"tues": 1, "weds": 2, "thur": 3, "thurs": 3}
_DAYS = {
    **{name[:n]: day for day, name in enumerate(WEEK) for n in (2, 3, len(name))},
    **{f"{name}s": day for day, name in enumerate(WEEK)},
    **_ALSO,
}
_GROUPS = {
    "daily": range(7), "every day": range(7), "everyday": range(7), "all days": range(7), "mon-sun": range(7),
    "weekdays": range(5), "weekday": range(5), "weekends": range(5, 7), "weekend": range(5, 7),
}  # fmt: skip
_OSM_GROUPS = (("daily|every ?day", "Mo-Su"), ("weekdays?", "Mo-Fr"), ("weekends?", "Sa-Su"))
_CLOSED = frozenset({"closed", "off", "close"})
_ALWAYS = frozenset({"24 hours", "24h", "24/7", "24 h", "all day", "always open", "open 24 hours"})
_WORDS = {
    **{f"{twelve}noon": 43_200 for twelve in ("", "12 ", "12:00 ")},
    **{f"{twelve}midnight": 0 for twelve in ("", "12 ", "12:00 ")},
    "midday": 43_200,
}
_24 = re.compile(r"(\d{1,2})[:h](\d{2})(?::(\d{2})(?:\.\d{1,9})?)?|(\d{1,2})h|(\d{2})(\d{2})")
_12 = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?(?::(\d{2}))? ?([ap])(?:\.? ?m)?\.?")
_NOONS = "noon|midday|midnight"
_BEYOND = re.compile(r"\b(sunrise|sunset|dawn|dusk)\b")
_OPEN_END = re.compile(r"\d\+|\|\|")
_HOLIDAYS = re.compile(r"\b[PS]H\b")
_NUMBER = re.compile(r"([0-9]{1,2})(?:\.0+)?")  # whole numbers come with a fraction out of tables that had empty cells
_WANTED_TIME = "expected a time such as 09:00, 9:00 AM or 24:00"
_WANTED_DAY = "expected 0 (Monday) to 6, or a name such as Mon, or Mon-Fri"


class Opening(NamedTuple):
    """One row of hours: the weekdays, and when the store opens and closes; None where it is closed on them."""

    weekdays: tuple[int, ...]
    times: tuple[int, int] | None


def parse_days(text: str, numbers: WeekStart | None = None, *, from_one: bool = False) -> tuple[int, ...]:
    """The weekdays that a text names.

    Args:
        text: a number, a name, or a list or range of names.
        numbers: the day that the lowest number means, Monday unless told.
        from_one: whether that number is 1, as in a file of days 1 to 7.

    Raises:
        BadRecord: none of these; or a number of 1 to 7 where it is not stated what they mean.
    """
    plain = _plain(text)
    if (number := day_number(plain)) is not None:
        return (_numbered(number, numbers, from_one=from_one),)
    if plain in _GROUPS:
        return tuple(_GROUPS[plain])
    found: list[int] = []
    for part in re.split(
        r" ?(?:[,/;&+]|\band\b) ?|(?<![-]) (?![-])", re.sub(r" ?(?:-|\b(?:to|thru|through)\b) ?", "-", plain)
    ):
        first, *last = (_DAYS.get(name.rstrip(".")) for name in part.split("-"))
        if first is None or None in last or len(last) > 1:
            raise BadRecord("day", f"invalid day {printable(text)!r}: {_WANTED_DAY}")
        end = last[0] if last and last[0] is not None else first
        found += [(first + n) % 7 for n in range((end - first) % 7 + 1)]
    return tuple(dict.fromkeys(found))


def day_number(text: str) -> int | None:
    """The number of a day, None where the text is none."""
    found = _NUMBER.fullmatch(text)
    return None if found is None else int(found[1])


def _numbered(number: int, numbers: WeekStart | None, *, from_one: bool) -> int:
    if from_one and numbers is None:
        raise BadRecord("day", "days 1 to 7: name --week-starts monday or sunday, or use names of days")
    lowest = 1 if from_one else 0
    if not lowest <= number <= lowest + 6:
        raise BadRecord("day", f"invalid day {number}: {_WANTED_DAY}")
    return (number - lowest + (6 if numbers == "sunday" else 0)) % 7


@cache
def parse_clock(text: str) -> int:
    """Seconds since midnight of a time of day, 86,400 for 24:00. Raises BadRecord."""
    plain = _plain(text)
    if plain in _WORDS:
        return _WORDS[plain]
    if (half := _12.fullmatch(plain)) is not None:
        hour, minute, second = int(half[1]), int(half[2] or 0), int(half[3] or 0)
        if 1 <= hour <= 12 and minute < 60 and second < 60:
            return (hour % 12 + (12 if half[4] == "p" else 0)) * 3600 + minute * 60 + second
    if (whole := _24.fullmatch(plain)) is not None:
        hour, minute, second = (
            int(one or 0) for one in (whole[1] or whole[4] or whole[5], whole[2] or whole[6], whole[3])
        )
        seconds = hour * 3600 + minute * 60 + second
        if minute < 60 and second < 60 and seconds <= DAY_S:
            return seconds
    raise BadRecord("time", f"invalid time {printable(text)!r}: {_WANTED_TIME}")


def parse_times(start: str, end: str) -> tuple[int, int] | None:
    """When a store opens and closes, None where it is closed: `closed`, or neither time. Raises BadRecord.

    An end at or before the start is on the next day, and the last second of a day is its end.
    """
    words = {_plain(start), _plain(end)} - {""}
    if not words or words <= _CLOSED:
        return None
    if words <= _ALWAYS:
        return 0, DAY_S
    opens, closes = parse_clock(start), parse_clock(end)
    if opens == DAY_S:
        raise BadRecord("time", f"invalid start {printable(start)!r}: expected a time before 24:00")
    closes = DAY_S if closes == DAY_S - 1 else closes
    return opens, closes if closes > opens else closes + DAY_S


def parse_spec(text: str) -> str:
    """An `opening_hours` text that `openings_of` reads. Names of days and 12-hour clocks become OpenStreetMap's.

    Raises BadRecord for what is none, for what needs the place (sunrise) or has no end (`10:00+`), and for `||`.
    """
    spec = _as_osm(text)
    try:
        OpeningHours(spec)
    except ParserError as exc:
        why = str(exc).splitlines()[-1].strip(" =|")
        raise BadRecord("opening_hours", f"invalid opening_hours {printable(text)!r}: {printable(why)}") from exc
    if _BEYOND.search(spec) or _OPEN_END.search(spec):
        wanted = "expected times of the clock, each opening with an end, without alternatives"
        raise BadRecord("opening_hours", f"invalid opening_hours {printable(text)!r}: {wanted}")
    return spec


def names_holidays(spec: str) -> bool:
    """Whether a text names holidays, whose dates are unknown here."""
    return _HOLIDAYS.search(spec) is not None


def openings_of(spec: str, days: Sequence[date]) -> Iterator[tuple[int, int, int, int]]:
    """The openings of consecutive dates: (day since the year 1, start, end, 1 where the text says `unknown`)."""
    first, after = (datetime(d.year, d.month, d.day) for d in (days[0], days[-1] + timedelta(days=1)))  # noqa: DTZ001
    for start, end, state, _ in OpeningHours(spec).intervals(first, after):
        if state == State.CLOSED:
            continue
        at, until = start.replace(tzinfo=None), min((end or after).replace(tzinfo=None), after)
        while at < until:
            midnight = datetime(at.year, at.month, at.day)  # noqa: DTZ001, a wall clock
            next_at = min(until, midnight + timedelta(days=1))
            opens, closes = ((edge - midnight) // timedelta(seconds=1) for edge in (at, next_at))
            yield at.toordinal(), opens, closes, int(state == State.UNKNOWN)
            at = next_at


def _plain(text: str) -> str:
    """Small letters, one blank between words, and one character for each dash."""
    return " ".join(re.sub("[\u2010-\u2015\u2212]", "-", unicodedata.normalize("NFKC", text)).casefold().split())


def _as_osm(text: str) -> str:
    """The same text with OpenStreetMap's names of days and 24-hour clocks."""
    plain = " ".join(re.sub("[\u2010-\u2015\u2212]", "-", unicodedata.normalize("NFKC", text)).split()).rstrip(" ;,")
    if plain.casefold() in _ALWAYS:
        return "00:00-24:00"  # may have days before it, as 24/7 may not
    clocks = re.sub(rf"(?<![\d:.]){_12.pattern}(?!\w)", lambda found: _clock(found[0]), plain, flags=re.IGNORECASE)
    clocks = re.sub(rf"(?:12(?::00)? )?\b({_NOONS})\b", lambda found: _clock(found[1]), clocks, flags=re.IGNORECASE)
    names = "|".join(sorted(_DAYS, key=len, reverse=True))
    days = re.sub(
        rf"\b(?:{names})\b\.?",
        lambda found: _SHORT[_DAYS[found[0].casefold().rstrip(".")]].title(),
        clocks,
        flags=re.IGNORECASE,
    )
    for group, of_group in _OSM_GROUPS:
        days = re.sub(rf"\b(?:{group})\b", of_group, days, flags=re.IGNORECASE)
    days = re.sub(r"(?<=\b[A-Z][a-z]):(?= )", "", days)  # Monday: 9 AM - 5 PM
    return re.sub(r" ?- ?| (?:to|thru|through) ", "-", days)


def _clock(text: str) -> str:
    second = parse_clock(text)
    return f"{second // 3600:02}:{second // 60 % 60:02}"
