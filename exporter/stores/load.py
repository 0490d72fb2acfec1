"""From checked rows to the database: one load is one transaction, and loading the same again changes nothing."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

import duckdb
import msgspec

from exporter.stores.parse import MAX_KEPT_CHARS, Header, Kind, read_header, stage, trouble
from exporter.stores.state import Database, one
from foundation.errors import SourceError
from foundation.terminal import printable


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one file's rows: read = new + duplicate + conflict + invalid; late ones are among the new.

    A row of hours or of timezones is new when its store's settings are no longer what they were. A conflict is a row
    that says something else than another of the same key: of two polls at one instant inactive wins, of two timezones
    of a store the last in the file. Late is a poll older than the `as_of` of a report that is made already.
    """

    kind: Kind
    name: str
    rows: int
    new: int = 0
    late: int = 0
    duplicate: int = 0
    conflict: int = 0
    invalid: int = 0

    def text(self) -> str:
        """One line for people."""
        told = [f"{self.rows} rows, {self.new} new"]
        told += [f"{n} {what}" for what in ("late", "duplicate", "conflict", "invalid") if (n := getattr(self, what))]
        return f"{self.name}: {self.kind}: {', '.join(told)}"


class Input(NamedTuple):
    """A file to load; `name` is what people know it by, `kind` what it has to be, if that is known."""

    path: Path
    name: str
    kind: Kind | None = None


def load(database: Database, inputs: Sequence[Input], now_us: int) -> list[Loaded]:
    """Take files in, all of them or, when one cannot be read, none.

    The hours that a load gives for a store replace those it had, whatever number of files they stand in.

    Args:
        database: where to.
        inputs: CSV files, gzip or not, with one of the headers that `reading` knows.
        now_us: the time, microseconds since 1970.

    Raises:
        SourceError: a file cannot be read, or is of another kind.
        StoreError: the disk is full, or no descriptor is left, say.
    """
    with ExitStack() as stack:
        return _load(database, [stack.enter_context(opened(given)) for given in inputs], now_us)


def _load(database: Database, inputs: Sequence[Input], now_us: int) -> list[Loaded]:
    headers = [check_header(given) for given in inputs]
    with database.writing() as cursor:
        ingest = one(cursor, "SELECT COALESCE(max(ingest), 0) + 1 FROM ingests")[0]
        cursor.execute(_MAKE_NEW_HOURS)
        found: list[Loaded] = []
        changed = False
        for given, header in zip(inputs, headers, strict=True):
            stage(cursor, given.path, given.name, header, now_us)
            rows, invalid = _quarantine(cursor, ingest, given.name, header.kind)
            changed |= _new_stores(cursor)
            taken = _TAKE[header.kind](cursor, ingest)
            changed |= bool(taken.new or taken.restated)
            told = Loaded(
                kind=header.kind,
                name=given.name,
                rows=rows,
                new=taken.new,
                late=taken.late,
                duplicate=rows - invalid - taken.new - taken.conflict,
                conflict=taken.conflict,
                invalid=invalid,
            )
            found.append(told)
        changed |= _replace_hours(cursor)
        for told in found:
            numbers = [told.rows, told.new, told.late, told.duplicate, told.conflict, told.invalid]
            cursor.execute(
                "INSERT INTO ingests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [ingest, now_us, told.kind, told.name, *numbers],
            )
        if changed:
            cursor.execute("UPDATE about SET data_version = data_version + 1")
    return found


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
    restated: int = 0  # polls that were there and are inactive now


def check_header(given: Input) -> Header:
    """What a file's first line says. Raises SourceError: it cannot be read, or is of another kind than is known."""
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
    cursor.execute("DROP TABLE rejected; DROP TABLE rejected_scans")
    return rows + rejected, invalid + rejected


def _new_stores(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Number the stores that are named for the first time."""
    cursor.execute(
        """
        INSERT INTO stores
        SELECT (SELECT COALESCE(max(store), 0) FROM stores) + row_number() OVER (ORDER BY store_id), store_id, NULL
        FROM (SELECT DISTINCT store_id FROM staged ANTI JOIN stores USING (store_id) WHERE reason IS NULL)
        """
    )
    return bool(_affected(cursor))


def _take_polls(cursor: duckdb.DuckDBPyConnection, ingest: int) -> _Taken:
    # Only the time that the file spans is looked at: the hourly file against a year of polls is then a small join.
    # Each row beside the one that is kept contradicts it or repeats it.
    cursor.execute(
        """
        CREATE OR REPLACE TEMP TABLE arrived AS
        SELECT store, at_us, min(CAST(status = 'active' AS BIGINT)) AS up,
            count(*) FILTER (status = 'active') AS active, count(*) FILTER (status <> 'active') AS inactive
        FROM staged JOIN stores USING (store_id) WHERE reason IS NULL GROUP BY store, at_us;
        CREATE OR REPLACE TEMP TABLE incoming AS
        SELECT arrived.*, known.up AS was,
            CASE COALESCE(known.up, arrived.up) WHEN 1 THEN inactive ELSE active END AS conflicts
        FROM arrived LEFT JOIN (
            SELECT store, at_us, up FROM polls
            WHERE at_us BETWEEN (SELECT min(at_us) FROM arrived) AND (SELECT max(at_us) FROM arrived)
        ) AS known USING (store, at_us)
        """
    )
    new, late, conflict, restated = one(
        cursor,
        """
        SELECT count(*) FILTER (was IS NULL), count(*) FILTER (was IS NULL AND at_us < (
                SELECT max(as_of_us) FROM reports WHERE status = 'complete'
            )), COALESCE(sum(conflicts), 0), count(*) FILTER (was = 1 AND up = 0)
        FROM incoming
        """,
    )
    cursor.execute(
        """
        UPDATE polls SET up = 0, ingest = ? FROM incoming
        WHERE polls.store = incoming.store AND polls.at_us = incoming.at_us AND was = 1 AND incoming.up = 0
        """,
        [ingest],
    )
    cursor.execute(
        "INSERT INTO polls SELECT store, at_us, up, ? FROM incoming WHERE was IS NULL ORDER BY at_us", [ingest]
    )
    return _Taken(new, late, int(conflict), restated)


_MAKE_NEW_HOURS = (
    "CREATE OR REPLACE TEMP TABLE new_hours (store BIGINT, weekday BIGINT, start_s BIGINT, end_s BIGINT, fresh BOOLEAN)"
)


def _take_hours(cursor: duckdb.DuckDBPyConnection, ingest: int) -> _Taken:  # noqa: ARG001, the same call as for polls
    """Put the hours aside until every file is read. An end at or before the start is one on the next day."""
    fresh = "SELECT count(*) FROM new_hours WHERE fresh"
    before = one(cursor, fresh)[0]
    cursor.execute(
        """
        INSERT INTO new_hours
        SELECT DISTINCT store, weekday, start_s, end_s, h.store IS NULL
        FROM (
            SELECT store, weekday, start_s, CASE WHEN end_s <= start_s THEN end_s + 86400 ELSE end_s END AS end_s
            FROM staged JOIN stores USING (store_id) WHERE reason IS NULL
        ) ANTI JOIN new_hours USING (store, weekday, start_s, end_s)
        LEFT JOIN hours AS h USING (store, weekday, start_s, end_s)
        """
    )
    return _Taken(one(cursor, fresh)[0] - before)


def _replace_hours(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Give the stores of `new_hours` these hours instead of what they had; whether that changed anything."""
    of_them = "store IN (SELECT store FROM new_hours)"
    gone = one(
        cursor,
        f"SELECT count(*) FROM hours ANTI JOIN new_hours USING (store, weekday, start_s, end_s) WHERE {of_them}",  # noqa: S608
    )[0]
    fresh = one(cursor, "SELECT count(*) FROM new_hours WHERE fresh")[0]
    if not (gone or fresh):
        return False
    cursor.execute(f"DELETE FROM hours WHERE {of_them}")  # noqa: S608, our own names
    cursor.execute("INSERT INTO hours SELECT DISTINCT store, weekday, start_s, end_s FROM new_hours")
    return True


def _take_timezones(cursor: duckdb.DuckDBPyConnection, ingest: int) -> _Taken:  # noqa: ARG001, the same call as for polls
    cursor.execute(
        """
        CREATE OR REPLACE TEMP TABLE incoming AS
        SELECT store_id, arg_max(timezone, row) AS timezone, count(DISTINCT timezone) - 1 AS conflicts
        FROM staged WHERE reason IS NULL GROUP BY store_id
        """
    )
    conflict = one(cursor, "SELECT COALESCE(sum(conflicts), 0) FROM incoming")[0]
    cursor.execute(
        "UPDATE stores SET timezone = incoming.timezone FROM incoming "
        "WHERE stores.store_id = incoming.store_id AND stores.timezone IS DISTINCT FROM incoming.timezone"
    )
    return _Taken(_affected(cursor), conflict=conflict)


_TAKE = {"status": _take_polls, "hours": _take_hours, "timezones": _take_timezones}


def _affected(cursor: duckdb.DuckDBPyConnection) -> int:
    row = cursor.fetchone()
    return int(row[0]) if row else 0
