"""The report's SQL, and the default engine: DuckDB, over the database itself.

The statements in `sql/` use what DuckDB and Spark read alike (whole microseconds, CASE, LAG, LEAD, MAX and SUM OVER,
GREATEST, LEAST, UNION ALL), and each makes the table of its name from those before it. They are one sweep over the
polls and the openings of a store in order of time: no join on ranges, no time zones, no loop over stores.

DuckDB takes the stores in portions that it can sort in memory, so that memory is bounded whatever the number of stores.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, tzinfo
from importlib import resources
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt

from exporter.stores.calendar import (
    DAY_US,
    HOUR_US,
    WindowKind,
    Windows,
    dates_around,
    local_moment,
    span,
    windows,
)
from exporter.stores.openings import DAY_S, openings_of
from exporter.stores.ranges import Range
from exporter.stores.state import one
from exporter.stores.zones import find_zone

PORTION = 2_000_000
"""So many polls and openings at a time sort within the database's memory; more would go over the disk."""

Interpolation: TypeAlias = Literal["nearest", "previous", "next"]
Columns: TypeAlias = Mapping[str, npt.NDArray[Any]]


class Policy(msgspec.Struct, frozen=True):
    """How polls become uptime; part of every report.

    Attributes:
        interpolation: which poll of a segment of business hours decides a moment between two.
        windows: whether the last hour, day and week end at the report's moment, or are the last complete local ones.
        carry_us: how far from its poll a state counts as known.
        reach_us: how far from its poll it counts as observed;
        beyond, it is assumed.
        use_outside_polls: whether polls outside of business hours are evidence too.
    """

    interpolation: Interpolation = "nearest"
    windows: WindowKind = "rolling"
    carry_us: int = DAY_US
    reach_us: int = HOUR_US * 3 // 2
    use_outside_polls: bool = False

    def text(self) -> str:
        """The policy in a few words, as text and as a key."""
        carry, reach = self.carry_us // 60_000_000, self.reach_us // 60_000_000
        outside = ", polls outside hours count" if self.use_outside_polls else ""
        return f"{self.interpolation}, {self.windows}, carry {carry} min, reach {reach} min{outside}"


class Prepared(NamedTuple):
    """The data that SQL lacks: the calendar in UTC, and the parameters. Each a table, by column."""

    tables: Mapping[str, Columns]
    fallbacks: Counter[str]


class Engine(Protocol):
    """Runs the statements over TABLES."""

    def timezones(self) -> list[tuple[str, int]]:
        """The names that stores have for their zone, `` for none, and how many stores each."""

    def times_of_day(self) -> list[tuple[str, int]]:
        """The distinct (timezone, second) at which stores open and close; a next day's seconds are above 86,400."""

    def specs(self) -> list[str]:
        """The distinct `opening_hours` texts."""

    def run(self, prepared: Prepared) -> None:
        """Make every table of `sql/`."""

    def rows(self, table: str, columns: Iterable[str], order: str) -> Columns:
        """Columns of a table, sorted by the columns that `order` names."""


TIMEZONES = "SELECT COALESCE(timezone, '') AS timezone, COUNT(*) AS stores FROM stores GROUP BY COALESCE(timezone, '')"
TIMES_OF_DAY = """
SELECT COALESCE(s.timezone, '') AS timezone, h.start_s AS second FROM hours h JOIN stores s ON s.store = h.store
UNION
SELECT COALESCE(s.timezone, '') AS timezone, h.end_s AS second FROM hours h JOIN stores s ON s.store = h.store
UNION
SELECT COALESCE(s.timezone, '') AS timezone, e.start_s AS second FROM exceptions e JOIN stores s ON s.store = e.store
UNION
SELECT COALESCE(s.timezone, '') AS timezone, e.end_s AS second FROM exceptions e JOIN stores s ON s.store = e.store
"""
SPECS = "SELECT DISTINCT spec FROM hours WHERE spec IS NOT NULL"
TABLES = ("stores", "hours", "exceptions", "polls")
"""What the statements are asked over."""


def _read_statements() -> list[tuple[str, str]]:
    files = sorted(resources.files("exporter.stores").joinpath("sql").iterdir(), key=lambda file: file.name)
    return [(file.name.removesuffix(".sql").split("_", 1)[1], file.read_text("utf-8")) for file in files]


STATEMENTS = _read_statements()
"""Table name and SELECT of every step, in order. They are read at once: later there may be no descriptor left."""


def select(table: str) -> str:
    """A table of `sql/` as one statement, with those that it is made from before it."""
    names, selects = zip(*STATEMENTS, strict=True)
    end = names.index(table)
    before = [f"{name} AS ({text})" for name, text in zip(names[:end], selects[:end], strict=True)]
    return f"WITH {', '.join(before)} {selects[end]}" if before else selects[end]


def prepare(engine: Engine, policy: Policy, as_of_us: int, within: Range | None = None) -> Prepared:
    """Make the calendar for one moment: zones by name, openings as moments, windows by zone.

    A range takes the place of the three windows. Polls up to `carry_us` after its end count, and no later ones.
    """
    names = engine.timezones()
    found = {name: find_zone(name) for name, _ in names}
    zones = list(dict.fromkeys(zone for zone, _ in found.values()))
    number = {name: zones.index(zone) for name, (zone, _) in found.items()}
    by_zone = [windows_of(policy, zone, as_of_us, within) for zone in zones]
    asked = _find_asked(policy, as_of_us, within, by_zone)
    days = dates_around(asked.horizon_us, asked.until_us)
    calendars = [(spec, *row) for spec in engine.specs() for row in openings_of(spec, days)]
    of_all = {0, DAY_S, *(second for row in calendars for second in row[2:4])}
    walls = {(number[name], second) for name, second in engine.times_of_day() if second is not None}
    walls |= {(n, second) for n in range(len(zones)) for second in of_all}
    tables = {
        "zone_of": {
            "timezone": np.array([name for name, _ in names], dtype=object),
            "zone": _whole([number[name] for name, _ in names]),
            "known": _whole([found[name][1] != "timezone_unknown" for name, _ in names]),
        },
        "days": _table(("weekday", "day"), [(day.weekday(), day.toordinal()) for day in days]),
        "calendars": {
            "spec": np.array(["", *(row[0] for row in calendars)], dtype=object),  # a table of no texts has no type
            **_table(("day", "start_s", "end_s", "doubt"), [(0, 0, 0, 0), *(row[1:] for row in calendars)]),
        },
        "moments": _table(("zone", "day", "second", "first_us", "last_us"), _moments(zones, days, walls)),
        "windows": _table(_WINDOW_COLUMNS, [(n, *w.hour, *w.day, *w.week) for n, w in enumerate(by_zone)]),
        "given": _given(policy, asked),
    }
    return Prepared(tables, _fallbacks(names, found))


class _Asked(NamedTuple):
    """The report's moment, the first poll that may speak, the first window's start, and the end of the calendar."""

    as_of_us: int
    horizon_us: int
    first_us: int
    until_us: int


def _find_asked(policy: Policy, as_of_us: int, within: Range | None, by_zone: Sequence[Windows]) -> _Asked:
    first_us, last_us = span(by_zone or [Windows((as_of_us,) * 2, (as_of_us,) * 2, (as_of_us,) * 2)])
    if within is not None:
        as_of_us = min(as_of_us, last_us + policy.carry_us)
    return _Asked(as_of_us, first_us - policy.carry_us, first_us, max(last_us, as_of_us) + DAY_US)


def _moments(zones: Sequence[tzinfo], days: Sequence[date], walls: Iterable[tuple[int, int]]) -> list[tuple[int, ...]]:
    """When the clocks of zones show times of day, by their (zone, second), on each date: first and last."""
    return [
        (n, day.toordinal(), second, *(local_moment(zones[n], day, second, last=last) for last in (False, True)))
        for n, second in sorted(walls)
        for day in days
    ]


def _given(policy: Policy, asked: _Asked) -> Columns:
    """The one row of parameters."""
    row = (*asked, policy.carry_us, policy.reach_us, policy.use_outside_polls)
    columns = (*_Asked._fields, "carry_us", "reach_us", "use_outside_polls")
    return {**_table(columns, [row]), "interpolation": np.array([policy.interpolation], dtype=object)}


def _fallbacks(names: Iterable[tuple[str, int]], found: Mapping[str, tuple[tzinfo, str | None]]) -> Counter[str]:
    """For how many stores another zone is used, by reason."""
    counted = Counter({"timezone_missing": 0, "timezone_unknown": 0})
    for name, stores in names:
        if (why := found[name][1]) is not None:
            counted[why] += stores
    return counted


def windows_of(policy: Policy, zone: tzinfo, as_of_us: int, within: Range | None) -> Windows:
    """The three windows of a report for a zone, or the range in the place of each."""
    return windows(policy.windows, zone, as_of_us) if within is None else within.windows(zone, as_of_us)


_WINDOW_COLUMNS = (
    "zone",
    *(f"{window}_{edge}_us" for window in ("hour", "day", "week") for edge in ("start", "end")),
)


def _whole(values: Sequence[int]) -> npt.NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def _table(columns: Sequence[str], rows: Sequence[tuple[int, ...]]) -> dict[str, npt.NDArray[Any]]:
    values = np.array(rows, dtype=np.int64).reshape(len(rows), len(columns))
    return {column: values[:, n] for n, column in enumerate(columns)}


class DuckEngine:
    """DuckDB, on a cursor of the database that sees one snapshot; `store` looks at that one alone."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, portion: int = PORTION, store: int | None = None) -> None:
        """`portion`: polls that are sorted in memory at a time. `store`: its number; None for all."""
        self._db = cursor
        self._portion = portion
        self._main = f'"{one(cursor, "SELECT current_database()")[0].replace(chr(34), chr(34) * 2)}".main'
        self._store = store
        if store is not None:
            self._look_at(store - 1, store)

    def timezones(self) -> list[tuple[str, int]]:
        """The names of zones, and how many stores each."""
        return self._db.execute(TIMEZONES).fetchall()

    def times_of_day(self) -> list[tuple[str, int]]:
        """The distinct starts and ends."""
        return self._db.execute(TIMES_OF_DAY).fetchall()

    def specs(self) -> list[str]:
        """The distinct `opening_hours` texts."""
        return [row[0] for row in self._db.execute(SPECS).fetchall()]

    def run(self, prepared: Prepared) -> None:
        """Make the table `report`, portion by portion."""
        for name, columns in prepared.tables.items():
            self._db.register("columns_in", dict(columns))
            self._db.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM columns_in")  # noqa: S608, our names
            self._db.unregister("columns_in")
        statement = select("report")
        self._db.execute(f"CREATE OR REPLACE TEMP TABLE report AS {statement} LIMIT 0")
        for after, last in self._portions() if self._store is None else [(self._store - 1, self._store)]:
            self._look_at(after, last)
            self._db.execute(f"INSERT INTO report {statement}")

    def rows(self, table: str, columns: Iterable[str], order: str) -> Columns:
        """Columns of a table, sorted."""
        found = self._db.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}")  # noqa: S608, our names
        return dict(found.fetchnumpy())

    def _look_at(self, after: int, last: int) -> None:
        """Hide the tables behind views of their names, with the stores `(after, last]` alone."""
        for name in TABLES:
            chosen = f"SELECT * FROM {self._main}.{name} WHERE store > {after} AND store <= {last}"  # noqa: S608, numbers
            self._db.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {chosen}")

    def _portions(self) -> Iterator[tuple[int, int]]:
        """Ranges of stores `(after, last]` with about as many polls and openings each as sort in memory."""
        found = self._db.execute(
            f"""
            SELECT store, count(*) AS size FROM (
                SELECT store FROM {self._main}.stores UNION ALL
                SELECT store FROM {self._main}.hours UNION ALL
                SELECT store FROM {self._main}.polls
                WHERE at_us BETWEEN (SELECT horizon_us FROM given) AND (SELECT as_of_us FROM given)
            ) GROUP BY store ORDER BY store
            """  # noqa: S608, our names
        ).fetchnumpy()
        stores, sizes = found["store"], found["size"]
        number = (np.cumsum(sizes) - sizes) // self._portion  # of the portion that each store falls in
        ends = stores[np.flatnonzero(np.diff(number, append=number[-1:] + 1))].tolist()
        yield from zip([0, *ends], ends, strict=False)
