"""The report: uptime, downtime and unknown time, by store, for the last hour, day and week.

Every quantity is counted in whole microseconds, and up + down + unknown = business time for every store and window, in
the CSV's own digits too: what is rounded are the sums, not the parts.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias, TypedDict

import duckdb
import numpy as np
import numpy.typing as npt

from exporter.stores.calendar import DAY_US, WINDOWS, AsOf, span
from exporter.stores.engine import Columns, DuckEngine, Engine, Policy, prepare, select, windows_of
from exporter.stores.labels import Texts, labels_of
from exporter.stores.moment import Apart, find_apart
from exporter.stores.ranges import Range
from exporter.stores.state import FOREVER, Database, one
from exporter.stores.zones import find_zone
from foundation.csvtext import csv_text
from foundation.errors import ConfigError
from foundation.terminal import printable

ReportColumns: TypeAlias = Literal["official", "all"]
Ticks: TypeAlias = npt.NDArray[np.int64]

UNITS = {"hour": ("minutes", 600_000, 2), "day": ("hours", 360_000, 4), "week": ("hours", 360_000, 4)}
"""For each window: the unit of its columns, a last digit's worth of microseconds, and how many digits."""
PARTS = ("uptime", "downtime", "unknown", "assumed", "business")
QUANTITIES = tuple(f"{part}_{window}" for part in ("up", "down", "assumed", "business") for window in WINDOWS)
SHOWN_DOUBTS = 3
STATES = ("inactive", "active", "unknown")
"""What a poll says, by its `up`."""
_STATE = ("doubt_week", "opened_us", "up_now", "last_evidence_us", "down_since_us", "down_polls", "timezone")


class Report(NamedTuple):
    """One report. `rows` has the columns of `sql/8_report.sql`, one row a store, sorted by store_id.

    `data_version` grows whenever a load changes anything, so that two reports of one version, moment and policy are
    the same. Where it is of a range, `within`, each of the three windows is that range. `loaded`: by
    kind of file, how many rows were read, and how many of them could not be. `doubts`: of some stores whose hours or
    zone are not known, why. `apart`: polls long after all others, of which its moment may be. `labels`: by name, each
    store's in the order of the rows, empty for none.
    """

    as_of_us: int
    policy: Policy
    data_version: int
    rows: Columns
    fallbacks: Counter[str]
    within: Range | None = None
    loaded: Mapping[str, tuple[int, int]] = MappingProxyType({})
    doubts: tuple[str, ...] = ()
    apart: Apart | None = None
    labels: Mapping[str, Texts] = MappingProxyType({})


def resolve_as_of(database: Database, as_of: AsOf, now_us: int) -> tuple[int, int]:
    """(the moment meant, microseconds; the data's version). Without any poll the newest one's is the clock's."""
    with database.reading() as cursor:
        version, newest = one(cursor, "SELECT data_version, (SELECT max(at_us) FROM polls) FROM about")
    if as_of == "now" or (as_of == "max" and newest is None):
        return now_us, version
    return (newest if as_of == "max" else as_of), version


def make_report(database: Database, policy: Policy, as_of_us: int, within: Range | None = None) -> Report:
    """The report on all stores, of the three windows or of a range. Raises StoreError."""
    with database.reading() as cursor:
        (version,) = one(cursor, "SELECT data_version FROM about")
        rows, fallbacks = ask(DuckEngine(cursor, database.portion), policy, as_of_us, within)
        beside = find_beside(cursor, policy, as_of_us, within, rows)
        rows, fallbacks = mark_without_hours(cursor, rows, fallbacks)
    return Report(as_of_us, policy, version, rows, fallbacks, within=within, **beside)


class Beside(TypedDict):
    """The attributes of a report that are shown beside its figures."""

    loaded: Mapping[str, tuple[int, int]]
    doubts: tuple[str, ...]
    apart: Apart | None
    labels: Mapping[str, Texts]


def mark_without_hours(
    cursor: duckdb.DuckDBPyConnection, rows: Columns, fallbacks: Counter[str]
) -> tuple[Columns, Counter[str]]:
    """The rows with a column `no_hours` for stores that no row of hours names, and how many those are."""
    found = cursor.execute("SELECT store_id FROM stores WHERE store NOT IN (SELECT store FROM hours)").fetchall()
    without = {store_id for (store_id,) in found}
    marks = np.array([store_id in without for store_id in rows["store_id"].tolist()], dtype=bool)
    return {**rows, "no_hours": marks}, fallbacks + Counter(hours_missing=len(without))


def find_beside(
    cursor: duckdb.DuckDBPyConnection, policy: Policy, as_of_us: int, within: Range | None, rows: Columns
) -> Beside:
    """The notes of a report beside its figures, for any engine."""
    since_us, _ = span([windows_of(policy, UTC, as_of_us, within)])
    loaded = count_loaded(cursor, since_us - policy.carry_us - DAY_US)
    return {
        "loaded": loaded,
        "doubts": find_doubts(cursor, rows),
        "apart": find_apart(cursor, as_of_us),
        "labels": labels_of(cursor, rows["store_id"]),
    }


def find_doubts(cursor: duckdb.DuckDBPyConnection, rows: Columns) -> tuple[str, ...]:
    """Of the first stores whose hours or zone are not known: why."""
    told = []
    for n in np.flatnonzero(rows["doubt_week"])[:SHOWN_DOUBTS].tolist():
        store_id, zone = str(rows["store_id"][n]), str(rows["timezone"][n])
        if find_zone(zone)[1] == "timezone_unknown":
            told.append(f"{printable(store_id)}: unknown time zone {printable(zone)!r}")
            continue
        (why,) = one(
            cursor,
            "SELECT min(why) FROM (SELECT store, why FROM hours UNION ALL SELECT store, why FROM exceptions) "
            "JOIN stores USING (store) WHERE store_id = ?",
            [store_id],
        )
        told.append(f"{printable(store_id)}: {why or 'no hours are given for these dates'}")
    return tuple(told)


def count_loaded(cursor: duckdb.DuckDBPyConnection, since_us: int) -> dict[str, tuple[int, int]]:
    """By kind of file, (rows read, rows that could not be) of the loads that a report rests on.

    Of polls these are the loads from the first one on that a poll after `since_us` came with; of hours, exceptions and
    zones the last load of each file, whose rows took the place of those before.
    """
    found = cursor.execute(
        """
        SELECT kind, sum(read_rows), sum(invalid) FROM ingests
        WHERE CASE WHEN kind = 'status'
            THEN ingest >= COALESCE((SELECT min(ingest) FROM polls WHERE at_us >= ?), 0)
            ELSE ingest = (SELECT max(ingest) FROM ingests i WHERE i.kind = ingests.kind AND i.name = ingests.name)
        END GROUP BY kind ORDER BY kind
        """,
        [since_us],
    ).fetchall()
    return {kind: (int(read), int(invalid)) for kind, read, invalid in found}


class Reporter:
    """Makes the reports of a server: one at a time, as two would need twice the memory, and none twice in a row."""

    def __init__(self, database: Database) -> None:
        """`database`: what the reports are of; open for as long as they are made."""
        self._database = database
        self._lock = threading.Lock()
        self._last: Report | None = None

    def make(self, policy: Policy, as_of_us: int, within: Range | None = None) -> Report:
        """Like `make_report`; a request equal to the last one on the same data gets that report. Raises StoreError."""
        with self._lock:
            with self._database.reading() as cursor:
                (version,) = one(cursor, "SELECT data_version FROM about")
            last = self._last
            asked = (policy, as_of_us, version, within)
            if last is None or (last.policy, last.as_of_us, last.data_version, last.within) != asked:
                self._last = None  # two at a time are memory, too
                last = self._last = make_report(self._database, policy, as_of_us, within)
            return last


def ask(engine: Engine, policy: Policy, as_of_us: int, within: Range | None = None) -> tuple[Columns, Counter[str]]:
    """The report's rows from any engine, and for how many stores a default stood in."""
    prepared = prepare(engine, policy, as_of_us, within)
    engine.run(prepared)
    rows = engine.rows("report", ("store_id", *QUANTITIES, *_STATE), "store_id")
    prepared.fallbacks["hours_unknown"] = int((rows["doubt_week"] > 0).sum())
    return rows, prepared.fallbacks


def header(*, columns: ReportColumns = "official", official_typo: bool = False) -> list[str]:
    """The CSV's column names; `official_typo` writes the last week's uptime as the task's text does."""
    parts = PARTS if columns == "all" else PARTS[:2]
    names = ["store_id", *(f"{part}_last_{w}(in {UNITS[w][0]})" for part in parts for w in WINDOWS)]
    return [name.replace("uptime_last_week", "update_last_week") if official_typo else name for name in names]


def to_csv(
    report: Report, *, columns: ReportColumns = "official", official_typo: bool = False, raw: bool = False
) -> str:
    """The report as CSV, lines ended by a newline. `raw`: ids as they came."""
    parts = PARTS if columns == "all" else PARTS[:2]
    by_window = {window: rounded(report.rows, window) for window in WINDOWS}
    digits = [_decimals(by_window[w][part], UNITS[w][2]) for part in parts for w in WINDOWS]
    rows = zip(report.rows["store_id"].tolist(), *digits, strict=True)
    return csv_text([header(columns=columns, official_typo=official_typo), *rows], raw=raw)


def rounded(rows: Columns, window: str) -> dict[str, Ticks]:
    """Each part in last digits. Sums are rounded and parts are their differences, so that they add up, and none is
    more than one digit off."""  # noqa: D205, D209
    tick = UNITS[window][1]

    def digits(time_us: Ticks) -> Ticks:
        """Ticks as whole units of `tick`, rounded half up."""
        return (time_us + tick // 2) // tick

    up, down, assumed, business = (rows[f"{part}_{window}"] for part in ("up", "down", "assumed", "business"))
    known = digits(up + down)
    return {
        "uptime": digits(up),
        "downtime": known - digits(up),
        "unknown": digits(business) - known,
        "assumed": np.minimum(digits(assumed), known),
        "business": digits(business),
    }


def _decimals(values: Ticks, digits: int) -> Iterable[str]:
    whole, rest = np.divmod(values, 10**digits)
    return [f"{w}.{r:0{digits}}" for w, r in zip(whole.tolist(), rest.tolist(), strict=True)]


class Piece(NamedTuple):
    """A stretch of a store's business hours in one state, microseconds since 1970.

    `state` is up, down or unknown; `observed` whether its poll is within reach; `poll_us` when that was.
    """

    start_us: int
    end_us: int
    state: str
    observed: bool
    poll_us: int | None


class Poll(NamedTuple):
    """One poll, active, inactive or unknown; `inside` is whether it was within business hours."""

    at_us: int
    state: str
    inside: bool


class Hours(NamedTuple):
    """The hours of a store: for a weekday, for a date, or as an `opening_hours` text (`spec`).

    Without `start_s` it is closed. `why` is where hours could not be read. Days count from the year 1; the text and the
    weekdays hold from `from_day` to before `until_day`.
    """

    weekday: int | None
    day: int | None
    start_s: int | None
    end_s: int | None
    from_day: int
    until_day: int
    spec: str | None
    why: str | None


_HOURS = f"""
SELECT weekday, NULL AS day, start_s, end_s, from_day, until_day, spec, why FROM hours
UNION ALL SELECT NULL, day, start_s, end_s, 0, {FOREVER}, NULL, why FROM exceptions
ORDER BY day NULLS FIRST, from_day, weekday, start_s, end_s
"""  # noqa: S608, a number


class StoreReport(NamedTuple):
    """One store's row, and how it came about. `fallback` says why `zone` is not what `timezone` names."""

    report: Report
    timezone: str
    zone: str
    fallback: str | None
    hours: list[Hours]
    pieces: list[Piece]
    polls: list[Poll]


def explain_store(
    database: Database, policy: Policy, as_of_us: int, store_id: str, within: Range | None = None
) -> StoreReport | None:
    """One store's report with the polls behind it, over all that it is of; None for a store that nothing names."""
    with database.reading() as cursor:
        found = cursor.execute("SELECT store, timezone FROM stores WHERE store_id = ?", [store_id]).fetchone()
        if found is None:
            return None
        (version,) = one(cursor, "SELECT data_version FROM about")
        rows, fallbacks = ask(DuckEngine(cursor, store=found[0]), policy, as_of_us, within)
        labels = labels_of(cursor, rows["store_id"])
        zone, fallback = find_zone(found[1])
        start_us, end_us = span([windows_of(policy, zone, as_of_us, within)])
        hours = [Hours(*row) for row in cursor.execute(_HOURS).fetchall()]
        segments = cursor.execute(f"{select('segments')} ORDER BY start_us").fetchall()
        known = cursor.execute(
            f"SELECT start_us, end_us, seen_us, unseen_us, is_up, is_down, at_us FROM ({select('known')}) "  # noqa: S608, our names
            "WHERE start_us < end_us ORDER BY ALL"
        ).fetchall()
        polls = cursor.execute(
            "SELECT at_us, up FROM polls WHERE at_us >= ? AND at_us <= ? ORDER BY at_us",
            [start_us, as_of_us if within is None else end_us],
        ).fetchall()
    return StoreReport(
        report=Report(as_of_us, policy, version, rows, fallbacks, within=within, labels=labels),
        timezone=found[1] or "",
        zone=str(zone),
        fallback=fallback,
        hours=hours,
        pieces=_pieces(segments, known, (start_us, end_us)),
        polls=[Poll(at, STATES[up], any(s <= at < e and not doubt for _, s, e, doubt in segments)) for at, up in polls],
    )


def _pieces(segments: list[tuple[int, ...]], known: list[tuple[int, ...]], within: tuple[int, int]) -> list[Piece]:
    """The segments in pieces of one state, cut to `within`."""
    found = []
    for _, opened, closes, _ in segments:
        at = opened
        for start, end, seen, unseen, up, down, poll in (k for k in known if opened <= k[0] < closes):
            if not up and not down:
                found += [Piece(at, start, "unknown", False, None), Piece(start, end, "unknown", False, poll)]
                at = end
                continue
            state = "up" if up else "down"
            near = min(max(seen, start), end), max(min(unseen, end), start)
            found += [
                Piece(at, start, "unknown", False, None),
                Piece(start, near[0], state, False, poll),
                Piece(near[0], near[1], state, True, poll),
                Piece(max(near), end, state, False, poll),
            ]
            at = end
        found.append(Piece(at, closes, "unknown", False, None))
    cut = (p._replace(start_us=max(p.start_us, within[0]), end_us=min(p.end_us, within[1])) for p in found)
    return [piece for piece in cut if piece.start_us < piece.end_us]


def require_known(found: StoreReport | None, store_id: str) -> StoreReport:
    """What was found. Raises ConfigError when the store is not known."""
    if found is None:
        raise ConfigError(f"{store_id!r}: no file that was loaded names this store")
    return found
