"""From checked rows to the database: one load is one transaction, and loading the same again changes nothing."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

import duckdb
import msgspec

from exporter.stores import labels, schedules
from exporter.stores.parse import MAX_KEPT_CHARS, STATUS_WORDS, Header, Kind, latest_us, read_header, stage, trouble
from exporter.stores.readings import read_staged
from exporter.stores.state import Database, one
from foundation.errors import NothingJudgedError, SourceError
from foundation.terminal import printable

SHOWN_PROBLEMS = 5
SHOWN_CHARS = 100


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one file's rows: read = new + duplicate + conflict + invalid; late ones are among the new.

    A row of hours, exceptions, timezones or labels is new when its store's settings are no longer what they were. A
    conflict is a row that says something else than another of the same key: of polls at one instant inactive wins, then
    unknown; of timezones of a store the last in the file. Late is a poll older than the `as_of` of a report that is
    made already.
    `problems`: the first bad rows with their reasons, and the consequences, as text.
    """

    kind: Kind
    name: str
    rows: int
    new: int = 0
    late: int = 0
    duplicate: int = 0
    conflict: int = 0
    invalid: int = 0
    problems: tuple[str, ...] = ()

    def text(self) -> str:
        """One line of text."""
        told = [f"{self.rows} rows, {self.new} new"]
        told += [f"{n} {what}" for what in ("late", "duplicate", "conflict", "invalid") if (n := getattr(self, what))]
        return f"{self.name}: {self.kind}: {', '.join(told)}"


class Input(NamedTuple):
    """A file to load; `name` is what people know it by, `kind` what it has to be, if that is known."""

    path: Path
    name: str
    kind: Kind | None = None


def load(
    database: Database,
    inputs: Sequence[Input],
    now_us: int,
    how: schedules.Reading = schedules.Reading(),  # noqa: B008
) -> list[Loaded]:
    """Load files: all of them or, if one cannot be read, none.

    The hours that a load gives for a store replace those it had from the same date on, whatever number of files they
    stand in.

    Args:
        database: where to.
        inputs: files with the columns of one of `parse.LAYOUTS`.
        now_us: the time, microseconds since 1970.
        how: the user's answers to what the files leave open.

    Raises:
        SourceError: a file cannot be read, or is of another kind.
        StoreError: the disk is full, or no descriptor is left, say.
    """
    with ExitStack() as stack:
        return _load(database, [stack.enter_context(opened(given)) for given in inputs], now_us, how)


def _load(database: Database, inputs: Sequence[Input], now_us: int, how: schedules.Reading) -> list[Loaded]:
    headers = [check_header(given) for given in inputs]
    with database.writing() as cursor:
        ingest = one(cursor, "SELECT COALESCE(max(ingest), 0) + 1 FROM ingests")[0]
        schedules.begin(cursor)
        found: list[Loaded] = []
        changed = False
        for given, header in zip(inputs, headers, strict=True):
            if header.kind == "labels":
                told, of_this = _take_labels(cursor, given)
            else:
                told, of_this = _take_file(cursor, _Load(ingest, now_us, how), given, header)
            changed |= of_this
            found.append(told)
        replaced, notes = schedules.finish(cursor, how.valid_from)
        if notes:
            found[-1] = msgspec.structs.replace(found[-1], problems=(*found[-1].problems, *notes))
        for told in found:
            numbers = [told.rows, told.new, told.late, told.duplicate, told.conflict, told.invalid]
            cursor.execute(
                "INSERT INTO ingests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [ingest, now_us, told.kind, told.name, *numbers],
            )
        if changed or replaced:
            cursor.execute("UPDATE about SET data_version = data_version + 1")
    return found


class _Load(NamedTuple):
    """One load: its number, the time, and what the user says about its files."""

    ingest: int
    now_us: int
    how: schedules.Reading


def _take_file(cursor: duckdb.DuckDBPyConnection, of: _Load, given: Input, header: Header) -> tuple[Loaded, bool]:
    """Load one file. Returns the result of its rows, and whether anything changed."""
    stage(cursor, given.path, given.name, header, of.now_us)
    notes = read_staged(cursor, header.kind, latest_us(of.now_us), of.how.week_starts)
    rows, invalid = _quarantine(cursor, of.ingest, given.name, header.kind)
    changed = _new_stores(cursor)
    taken = _take(cursor, header.kind, given.name, of.ingest)
    told = Loaded(
        kind=header.kind,
        name=given.name,
        rows=rows,
        new=taken.new,
        late=taken.late,
        duplicate=rows - invalid - taken.new - taken.conflict,
        conflict=taken.conflict,
        invalid=invalid,
        problems=(*_problems(cursor, given.name, invalid), *(f"{given.name}: {note}" for note in notes)),
    )
    return told, changed or bool(taken.new or taken.restated)


def _take_labels(cursor: duckdb.DuckDBPyConnection, given: Input) -> tuple[Loaded, bool]:
    """As `_take_file`, of a file of labels."""
    rows, found = labels.read_labels(given.path, given.name)
    cursor.execute("CREATE OR REPLACE TEMP TABLE staged (store_id VARCHAR, named BOOLEAN)")
    cursor.executemany("INSERT INTO staged VALUES (?, true)", [[store_id] for store_id in next(iter(found.values()))])
    changed = _new_stores(cursor)
    new = labels.take_labels(cursor, found)
    return Loaded(kind="labels", name=given.name, rows=rows, new=new, duplicate=rows - new), changed or bool(new)


def nothing_read(found: Sequence[Loaded]) -> None:
    """Raises NothingJudgedError where files have rows, and none of one can be read."""
    empty = [told.name for told in found if told.rows and told.invalid == told.rows]
    if empty:
        raise NothingJudgedError(
            f"{', '.join(empty)}: no row could be read; what it names is unknown until it is loaded"
        )


@contextmanager
def opened(given: Input) -> Iterator[Input]:
    """The same file through a descriptor, and its name as UTF-8. Raises SourceError and StoreError.

    DuckDB takes `*` and `[` in a name for a pattern and no bytes that are not UTF-8. What can be read only once (a
    pipe) is copied: the header is read before the rows.
    """
    name = printable(given.name)
    try:
        with given.path.open("rb") as file, TemporaryFile() as copy:
            if not file.seekable():
                shutil.copyfileobj(file, copy)
                copy.flush()
            fd = file.fileno() if file.seekable() else copy.fileno()
            yield given._replace(name=name, path=Path(f"/dev/fd/{fd}"))
    except OSError as exc:
        raise trouble(name, exc) from exc


class _Taken(NamedTuple):
    new: int
    late: int = 0
    conflict: int = 0
    restated: int = 0  # what was there and says something else now


def check_header(given: Input) -> Header:
    """What a file's first line says. Raises SourceError: it cannot be read, or is of another kind than is known.

    What is known to be labels may have columns of any names.
    """
    if given.kind == "labels":
        return Header("labels", {}, 0)
    header = read_header(given.path, given.name)
    if given.kind not in (None, header.kind):
        raise SourceError(f"{given.name}: line 1: a file of {header.kind}, given as one of {given.kind}")
    return header


def _quarantine(cursor: duckdb.DuckDBPyConnection, ingest: int, name: str, kind: Kind) -> tuple[int, int]:
    """Keep the bad rows of `staged` with their reasons, each text once; (rows, bad rows)."""
    rows, invalid = one(cursor, "SELECT count(*), count(reason) FROM staged")
    rejected = one(cursor, "SELECT count(*) FROM rejected")[0]
    cursor.execute(
        """
        INSERT INTO quarantine
        SELECT $ingest, $kind, $name, min(row), reason, content FROM (
            SELECT row, reason, content FROM staged WHERE reason IS NOT NULL
            UNION ALL
            SELECT line, lower(CAST(error_type AS VARCHAR)), left(csv_line, $chars) FROM rejected
        ) AS bad
        WHERE NOT EXISTS (
            SELECT * FROM quarantine AS kept
            WHERE kept.kind = $kind AND kept.reason = bad.reason AND kept.content = bad.content
        ) GROUP BY reason, content
        """,
        {"ingest": ingest, "kind": kind, "name": name, "chars": MAX_KEPT_CHARS},
    )
    return rows + rejected, invalid + rejected


_EXPECTED = {
    "fields": "expected as many fields as the header has",
    "store_id": "invalid store_id: expected 1 to 200 characters",
    "timestamp": "invalid time: expected, for example, 2026-01-25 10:00:00 UTC, or Unix time",
    "past": "a time before the year 2000: the clock of the poller was not set",
    "future": "a time more than a day ahead of the clock",
    "status": f"unknown status, its store's state is unknown: expected {', '.join(sum(STATUS_WORDS.values(), ()))}",
}


def _problems(cursor: duckdb.DuckDBPyConnection, name: str, invalid: int) -> Iterator[str]:
    """The first bad rows, and how many more there are."""
    if not invalid:
        return
    has_why = one(cursor, "SELECT count(*) FROM duckdb_columns() WHERE table_name = 'staged' AND column_name = 'why'")[
        0
    ]
    bad = cursor.execute(
        f"""
        SELECT row, reason, store_id, named, content, {"why" if has_why else "NULL"} FROM staged
        WHERE reason IS NOT NULL
        UNION ALL SELECT line, lower(CAST(error_type AS VARCHAR)), '', false, csv_line, NULL FROM rejected
        ORDER BY row LIMIT {SHOWN_PROBLEMS}
        """  # noqa: S608, our own names
    ).fetchall()
    for row, reason, store_id, named, content, why in bad:
        store = f"store {printable(store_id)}: " if named else ""
        what = why or f"{_EXPECTED.get(reason, reason)}: {printable(content[:SHOWN_CHARS])!r}"
        yield f"{name}:{row}: {store}{what}"
    if invalid > len(bad):
        yield f"{name}: {invalid - len(bad)} more rows like these; the table quarantine has each of them"


def _new_stores(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Number the stores that are named for the first time, also by rows that are bad otherwise."""
    cursor.execute(
        """
        INSERT INTO stores
        SELECT (SELECT COALESCE(max(store), 0) FROM stores) + row_number() OVER (ORDER BY store_id), store_id, NULL
        FROM (SELECT DISTINCT store_id FROM staged ANTI JOIN stores USING (store_id) WHERE named)
        """
    )
    return bool(_affected(cursor))


def _take_polls(cursor: duckdb.DuckDBPyConnection, ingest: int) -> _Taken:
    # Only the time that the file spans is looked at: the hourly file against a year of polls is then a small join.
    # Each row beside the one that is kept contradicts it or repeats it. A row of unknown status says that
    # the state is not known, and is counted as a bad one alone.
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE arrived AS
        SELECT store, at_us,
            min({_RANK.format("up")}) AS rank, min({_RANK.format("up")}) FILTER (reason IS NULL) AS said,
            count(*) FILTER (reason IS NULL AND up = 1) AS active,
            count(*) FILTER (reason IS NULL AND up = 0) AS inactive,
            count(*) FILTER (reason IS NULL AND up = 2) AS unknown
        FROM staged JOIN stores USING (store_id) WHERE reason IS NULL OR reason = 'status' GROUP BY store, at_us;
        CREATE OR REPLACE TEMP TABLE incoming AS
        SELECT arrived.*, known.rank AS was,
            active + inactive + unknown
                - CASE COALESCE(known.rank, said) WHEN 0 THEN inactive WHEN 1 THEN unknown ELSE active END AS conflicts
        FROM arrived LEFT JOIN (
            SELECT store, at_us, {_RANK.format("up")} AS rank FROM polls
            WHERE at_us BETWEEN (SELECT min(at_us) FROM arrived) AND (SELECT max(at_us) FROM arrived)
        ) AS known USING (store, at_us)
        """  # noqa: S608, our own names
    )
    new, late, conflict, restated = one(
        cursor,
        """
        SELECT count(*) FILTER (was IS NULL AND said IS NOT NULL), count(*) FILTER (
                was IS NULL AND said IS NOT NULL
                AND at_us < (SELECT max(as_of_us) FROM reports WHERE status = 'complete')
            ), COALESCE(sum(conflicts), 0), count(*) FILTER (rank < was OR (was IS NULL AND said IS NULL))
        FROM incoming
        """,
    )
    state = "CASE incoming.rank WHEN 0 THEN 0 WHEN 1 THEN 2 ELSE 1 END"
    cursor.execute(
        f"UPDATE polls SET up = {state}, ingest = ? FROM incoming "  # noqa: S608, our own names
        "WHERE polls.store = incoming.store AND polls.at_us = incoming.at_us AND incoming.rank < was",
        [ingest],
    )
    cursor.execute(
        f"INSERT INTO polls SELECT store, at_us, {state}, ? FROM incoming WHERE was IS NULL ORDER BY at_us",  # noqa: S608
        [ingest],
    )
    return _Taken(new, late, int(conflict), restated)


_RANK = "CASE {0} WHEN 0 THEN 0 WHEN 1 THEN 2 ELSE 1 END"
"""Which of several polls at one instant is kept, as SQL: the lowest."""


def _take(cursor: duckdb.DuckDBPyConnection, kind: Kind, name: str, ingest: int) -> _Taken:
    match kind:
        case "status":
            return _take_polls(cursor, ingest)
        case "hours":
            return _Taken(schedules.take_hours(cursor, name))
        case "exceptions":
            return _Taken(schedules.take_exceptions(cursor, name))
        case "timezones":
            new, conflict, changed = schedules.take_zones(cursor)
            return _Taken(new, conflict=conflict, restated=int(changed))
        case "labels":
            raise AssertionError("labels are taken by themselves")


def _affected(cursor: duckdb.DuckDBPyConnection) -> int:
    row = cursor.fetchone()
    return int(row[0]) if row else 0
