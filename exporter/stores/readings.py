"""Texts in `staged` to values: dates, hours, zones, and instants that SQL did not read.

Each distinct text is read once, by Python, into the table `readings`; a row whose text cannot be read gets its reason
and why. It still names its store, whose hours or zone are then not known.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt

from exporter.stores.openings import (
    DAY_S,
    WeekStart,
    day_number,
    names_holidays,
    openings_of,
    parse_days,
    parse_spec,
    parse_times,
)
from exporter.stores.parse import POLL_REASON, ROWS_AT_ONCE, TEXTS, Kind
from exporter.stores.state import one
from exporter.stores.zones import find_zone
from exporter.tables import read_instant
from foundation.errors import BadRecord
from foundation.terminal import printable

_DATE = re.compile(r"(\d{4})([-/]?)(\d{2})\2(\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?(?:Z|\+00:00)?", re.ASCII)
_EVERY_DAY = tuple(range(7))
_OSM_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")


class Reading(NamedTuple):
    """One row of `hours` or `exceptions` that texts say; None where they say nothing. Days count from the year 1."""

    weekday: int | None = None
    on_day: int | None = None
    start_s: int | None = None
    end_s: int | None = None
    from_day: int | None = None
    until_day: int | None = None
    spec: str | None = None
    doubt: int = 0
    reason: str | None = None
    why: str | None = None


_INTS = ("weekday", "on_day", "start_s", "end_s", "from_day", "until_day", "doubt")
_WORDS = ("spec", "reason", "why")


def read_staged(cursor: duckdb.DuckDBPyConnection, kind: Kind, latest_us: int, numbers: WeekStart | None) -> list[str]:
    """Finish `staged`, and make `readings` for hours and exceptions. What people should know about the whole file."""
    if kind == "status":
        _read_stamps(cursor, latest_us)
        return []
    if kind == "timezones":
        return _read_zones(cursor)
    texts = TEXTS[kind][1:]
    found = cursor.execute(f"SELECT DISTINCT {', '.join(texts)} FROM staged WHERE named AND reason IS NULL").fetchall()  # noqa: S608
    notes: list[str] = []
    if kind == "hours":
        scheme = _Numbers.of((row[0] for row in found), numbers)
        notes += scheme.notes()
        read = [(row, reading) for row in found for reading in _read_hours(row, scheme)]
        if any(reading.spec and names_holidays(reading.spec) for _, reading in read):
            notes.append("opening_hours name holidays (PH, SH), whose dates are not known: give them with --exceptions")
    else:
        read = [(row, reading) for row in found for reading in _read_exception(*row)]
    _put_readings(cursor, texts, read)
    return notes


class _Numbers(NamedTuple):
    """What the numbers of days in a file mean."""

    week: WeekStart | None
    from_one: bool
    no_monday: bool = False

    @classmethod
    def of(cls, days: Iterable[str], week: WeekStart | None) -> "_Numbers":
        """How days of the week are numbered; `week` is what the user said."""
        found = {number for text in days if (number := day_number(text)) is not None}
        from_one = 7 in found or (week is not None and 0 not in found)
        return cls(
            week, from_one, no_monday=week is None and not from_one and {1, 2, 3, 4, 5} <= found and 0 not in found
        )

    def notes(self) -> Iterator[str]:
        """A note where the numbering is not certain."""
        if self.no_monday:
            yield "no row names day 0, which is Monday; if days count from 1 here, name --week-starts monday or sunday"


def _read_hours(texts: tuple[str, ...], numbers: _Numbers) -> list[Reading]:
    day, start, end, spec, valid_from, valid_until = texts
    held, days = Reading(), _EVERY_DAY
    try:
        held = _period(valid_from, valid_until)
        if day or not spec:
            days = parse_days(day, numbers.week, from_one=numbers.from_one)
        if spec:
            return [held._replace(spec=parse_spec(f"{','.join(_OSM_DAYS[n] for n in days)} {spec}" if day else spec))]
        opens, closes = parse_times(start, end) or (None, None)
    except BadRecord as exc:
        return [_doubtful(held._replace(weekday=weekday), exc) for weekday in days]
    return [held._replace(weekday=weekday, start_s=opens, end_s=closes) for weekday in days]


def _period(valid_from: str, valid_until: str) -> Reading:
    first = parse_date(valid_from).toordinal() if valid_from else None
    after = parse_date(valid_until).toordinal() + 1 if valid_until else None
    if after is not None and after <= (first or 0):
        raise BadRecord("date", f"invalid valid_until {valid_until!r}: expected a date not before valid_from")
    return Reading(from_day=first, until_day=after)


def _read_exception(date_text: str, start: str, end: str, spec: str) -> list[Reading]:
    on = Reading()
    try:
        day = parse_date(date_text)
        on = Reading(on_day=day.toordinal())
        if spec:
            return [
                on._replace(start_s=row[1], end_s=row[2], doubt=row[3]) for row in openings_of(parse_spec(spec), [day])
            ] or [on]
        opens, closes = parse_times(start, end) or (None, None)
    except BadRecord as exc:
        return [_doubtful(on, exc)]
    return [on._replace(start_s=opens, end_s=closes)]


def _doubtful(of: Reading, exc: BadRecord) -> Reading:
    return of._replace(start_s=0, end_s=DAY_S, doubt=1, reason=exc.reason, why=str(exc))


def parse_date(text: str) -> date:
    """A date as ISO 8601 writes it, also with slashes, or with its midnight. Raises BadRecord."""
    found = _DATE.fullmatch(text.strip())
    with contextlib.suppress(ValueError):
        if found is not None:
            return date(int(found[1]), int(found[3]), int(found[4]))
    raise BadRecord("date", f"invalid date {printable(text)!r}: expected a date such as 2026-12-25")


def _put_readings(
    cursor: duckdb.DuckDBPyConnection, texts: Sequence[str], read: Sequence[tuple[tuple[str, ...], Reading]]
) -> None:
    """Make `readings`: for each text what it says, and put what is wrong with it into `staged`."""
    columns = [f"{name} VARCHAR" for name in (*texts, *_WORDS)] + [f"{name} BIGINT" for name in _INTS]
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE readings ({', '.join(columns)})")
    if read:
        given: dict[str, npt.NDArray[Any]] = {text: _words(row[n] for row, _ in read) for n, text in enumerate(texts)}
        given |= {name: _words(getattr(reading, name) or "" for _, reading in read) for name in _WORDS}
        given |= {name: _whole(getattr(reading, name) for _, reading in read) for name in _INTS}
        empty = [f"NULLIF({name}, '') AS {name}" for name in _WORDS] + [
            f"NULLIF({name}, -1) AS {name}" for name in _INTS
        ]
        cursor.register("readings_in", given)
        cursor.execute(f"INSERT INTO readings SELECT * REPLACE ({', '.join(empty)}) FROM readings_in")  # noqa: S608
        cursor.unregister("readings_in")
    same = " AND ".join(f"staged.{text} = wrong.{text}" for text in texts)
    wrong = f"SELECT DISTINCT {', '.join(texts)}, reason, why FROM readings WHERE reason IS NOT NULL"  # noqa: S608
    _blame(cursor, wrong, same)


def _read_zones(cursor: duckdb.DuckDBPyConnection) -> list[str]:
    names = [
        row[0]
        for row in cursor.execute("SELECT DISTINCT timezone_str FROM staged WHERE named AND reason IS NULL").fetchall()
    ]
    unknown = [name for name in names if not name or find_zone(name)[1]]
    why = [
        f"unknown time zone {printable(name)!r}: expected a name such as Asia/Kolkata, or +05:30" for name in unknown
    ]
    cursor.execute("CREATE OR REPLACE TEMP TABLE readings (timezone_str VARCHAR, reason VARCHAR, why VARCHAR)")
    if unknown:
        reasons = ["timezone"] * len(unknown)
        cursor.register("readings_in", {"name": _words(unknown), "reason": _words(reasons), "why": _words(why)})
        cursor.execute("INSERT INTO readings SELECT * FROM readings_in")
        cursor.unregister("readings_in")
    _blame(cursor, "SELECT * FROM readings", "staged.timezone_str = wrong.timezone_str")
    return []


def _blame(cursor: duckdb.DuckDBPyConnection, wrong: str, same: str) -> None:
    cursor.execute("ALTER TABLE staged ADD COLUMN why VARCHAR")
    cursor.execute(
        f"UPDATE staged SET reason = wrong.reason, why = wrong.why FROM ({wrong}) AS wrong "  # noqa: S608, our names
        f"WHERE named AND staged.reason IS NULL AND {same}"
    )


def _read_stamps(cursor: duckdb.DuckDBPyConnection, latest_us: int) -> None:
    """Read the times that SQL did not, in portions: there may be as many as rows."""
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE unread AS SELECT timestamp_utc, row_number() OVER () - 1 AS number "
        "FROM (SELECT DISTINCT timestamp_utc FROM staged WHERE named AND at_us IS NULL)"
    )
    (count,) = one(cursor, "SELECT count(*) FROM unread")
    for first in range(0, count, ROWS_AT_ONCE):
        bounds = [first, first + ROWS_AT_ONCE]
        texts = cursor.execute("SELECT timestamp_utc FROM unread WHERE number >= ? AND number < ?", bounds).fetchall()
        found = [(text, at_us) for (text,) in texts if (at_us := _instant_us(text)) is not None]
        if found:
            cursor.register("stamps_in", {"text": _words(t for t, _ in found), "at_us": _whole(at for _, at in found)})
            cursor.execute(
                "UPDATE staged SET at_us = s.at_us FROM stamps_in AS s WHERE named AND timestamp_utc = s.text"
            )
            cursor.unregister("stamps_in")
    if count:
        cursor.execute(
            f"UPDATE staged SET reason = {POLL_REASON} WHERE named AND reason = 'timestamp'",  # noqa: S608, our own text
            {"latest_us": latest_us},
        )
    cursor.execute("DROP TABLE unread")


def _instant_us(text: str) -> int | None:
    try:
        return read_instant(text).us
    except BadRecord:
        return None


def _words(values: Iterable[str]) -> npt.NDArray[np.object_]:
    return np.array(list(values), dtype=object)


def _whole(values: Iterable[int | None]) -> npt.NDArray[np.int64]:
    return np.array([-1 if value is None else value for value in values], dtype=np.int64)
