"""The stores' database: one DuckDB file, one process at a time, every change a transaction.

Inside it a store is a small number (`stores.store`), times are whole microseconds since 1970 (UTC), and nothing has an
index: the only writer keeps rows unique, so that loading millions of polls is a scan and not a million
look-ups. Reports read a snapshot without waiting.

Hours hold from `from_day` to before `until_day` (days since the year 1), and of those that hold on a date the ones that
began last. A row is one opening of a weekday, an `opening_hours` text (`spec`), or with `doubt` a day whose hours could
not be read (`why`); without `start_s` the store is closed. A row of `exceptions` is the same for a date, or without one
for a date that could not be read. A poll's `up` is 1, 0, or 2 where the poll itself says that it is not known. A store
has at most one value of a label.
"""

import contextlib
import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from exporter import duck
from foundation.errors import InputError, StoreError
from foundation.exits import Exit

log = logging.getLogger(__name__)

MEMORY_MB = 384  # with the interpreter and the file's buffers below 700 MiB; beyond it DuckDB works from disk
_PORTION_PER_MB = 5000  # polls that are sorted at a time; measured: nothing goes over the disk
SCHEMA_VERSION = 3
FOREVER = 3_652_060  # the day after the last one of the calendar: hours without an end
CLOSE_S = 10.0  # for threads to notice that they are stopped

_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (schema_version BIGINT, data_version BIGINT);
INSERT INTO about SELECT {version}, 0 WHERE NOT EXISTS (SELECT * FROM about);
CREATE TABLE IF NOT EXISTS stores (store BIGINT, store_id VARCHAR, timezone VARCHAR);
CREATE TABLE IF NOT EXISTS hours (
    store BIGINT, weekday BIGINT, start_s BIGINT, end_s BIGINT,
    from_day BIGINT DEFAULT 0, until_day BIGINT DEFAULT {forever}, spec VARCHAR, doubt BIGINT DEFAULT 0, why VARCHAR
);
CREATE TABLE IF NOT EXISTS exceptions (
    store BIGINT, day BIGINT, start_s BIGINT, end_s BIGINT, doubt BIGINT DEFAULT 0, why VARCHAR
);
CREATE TABLE IF NOT EXISTS labels (store BIGINT, label VARCHAR, value VARCHAR);
CREATE TABLE IF NOT EXISTS polls (store BIGINT, at_us BIGINT, up BIGINT, ingest BIGINT);
CREATE TABLE IF NOT EXISTS ingests (
    ingest BIGINT, taken_us BIGINT, kind VARCHAR, name VARCHAR,
    read_rows BIGINT, new BIGINT, late BIGINT, duplicate BIGINT, conflict BIGINT, invalid BIGINT
);
CREATE TABLE IF NOT EXISTS quarantine (
    ingest BIGINT, kind VARCHAR, name VARCHAR, row BIGINT, reason VARCHAR, content VARCHAR
);
CREATE TABLE IF NOT EXISTS reports (
    report_id VARCHAR, question VARCHAR, status VARCHAR, attempts BIGINT, as_of_us BIGINT,
    asked_us BIGINT, done_us BIGINT, reason VARCHAR, csv BLOB
);
"""
_MIGRATIONS = {
    1: """
ALTER TABLE hours ADD COLUMN from_day BIGINT DEFAULT 0;
ALTER TABLE hours ADD COLUMN until_day BIGINT DEFAULT {forever};
ALTER TABLE hours ADD COLUMN spec VARCHAR;
ALTER TABLE hours ADD COLUMN doubt BIGINT DEFAULT 0;
ALTER TABLE hours ADD COLUMN why VARCHAR;
""",
    2: "",  # labels, which the schema makes
}
"""Migrations of a version to the next one."""
_GIVES_UP = (duckdb.FatalException, duckdb.InternalException)
"""After one of these DuckDB answers each question with the same error, until the file is opened again."""
_HELD_BY = re.compile(r"PID (\d+)")
_MAGIC = slice(8, 12), b"DUCK"  # where a DuckDB file says what it is


class UnreadableError(StoreError):
    """The database cannot be opened now: a command ends with this error, the daemon tries again."""

    exit_code = Exit.NOT_READ


class Database:
    """An open database. Threads work on cursors of their own; `writing` lets one of them change polls and hours.

    Attributes:
        path: the file.
        portion: how many polls a report should sort at a time to stay within `memory_mb`.
    """

    def __init__(self, path: Path, *, create: bool = True, memory_mb: int = MEMORY_MB) -> None:
        """Opens or begins the file. Raises StoreError: another process has it, it is none of ours, it is not there."""
        self.path = path
        self.portion = memory_mb * _PORTION_PER_MB
        self._writer = threading.Lock()
        self._cursors: set[duckdb.DuckDBPyConnection] = set()
        self._fewer = threading.Condition()  # cursors are open; guards them
        if not create and not path.exists():
            raise InputError(f"{path}: no such database; `exporter stores load` makes one, --database names another")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise StoreError(f"{path.parent}: {exc.strerror}") from exc
        self._memory_bytes = memory_mb * 1_000_000
        self._opening = threading.Lock()
        self._given_up = False
        self._open()

    def _open(self) -> None:
        path = self.path
        _check_file(path)
        try:
            self._db = duck.connect(str(path.absolute()), memory_bytes=self._memory_bytes, temp_directory=f"{path}.tmp")
        except duckdb.Error as exc:
            raise StoreError(_why_not(path, str(exc))) from exc
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _open_anew(self) -> None:
        """Open the file again, which DuckDB gave up after an error such as a failed sync. Raises StoreError.

        It has what was committed then. DuckDB keeps one instance a file, so all cursors have to be closed before.
        """
        with self._opening:
            if not self._given_up:
                return
            if self._cursors:
                raise StoreError(f"{self.path}: it will be opened again once all other users have closed it")
            with contextlib.suppress(duckdb.Error):
                self._db.close()
            self._open()
            self._given_up = False
            log.warning("%s: opened again after a fatal error", self.path)

    def _prepare(self) -> None:
        with self._errors():
            self._db.execute("SET TimeZone = 'UTC'")
            self._db.execute("BEGIN")
            tables = {row[0] for row in self._db.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
            if tables and "about" not in tables:
                raise StoreError(f"{self.path}: not a database of Tidewatch; name another --database")
            self._db.execute(_SCHEMA.format(version=SCHEMA_VERSION, forever=FOREVER))
            (version,) = one(self._db, "SELECT schema_version FROM about")
            if version not in (*_MIGRATIONS, SCHEMA_VERSION):
                raise StoreError(f"{self.path}: written by another version of Tidewatch (schema {version})")
            for before in range(version, SCHEMA_VERSION):
                self._db.execute(_MIGRATIONS[before].format(forever=FOREVER))
            self._db.execute("UPDATE about SET schema_version = ?", [SCHEMA_VERSION])
            self._db.execute("COMMIT")
            self.path.chmod(0o600)

    @contextlib.contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor that sees the database as it is now, whatever is written meanwhile. What it makes is forgotten."""
        with self._cursor() as cursor:
            cursor.execute("BEGIN")
            try:
                yield cursor
            finally:
                with contextlib.suppress(duckdb.Error):  # a failed statement has ended the transaction already
                    cursor.execute("ROLLBACK")

    @contextlib.contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor whose work is kept whole, or not at all when the block raises. Waits for another writer."""
        with self._writer, self.noting() as cursor:
            yield cursor

    @contextlib.contextmanager
    def noting(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """As `writing`, beside a writer: only for tables that writers leave alone (`reports`)."""
        with self._cursor() as cursor:
            cursor.execute("BEGIN")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(duckdb.Error):
                    cursor.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        duck.check_room()
        if self._given_up:
            self._open_anew()
        with self._errors():
            cursor = self._db.cursor()
            with self._fewer:
                self._cursors.add(cursor)
            try:
                yield cursor
            finally:
                with self._fewer:
                    self._cursors.discard(cursor)
                    self._fewer.notify_all()
                cursor.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as exc:
            self._given_up |= isinstance(exc, _GIVES_UP)
            raise StoreError(f"{self.path}: {_first_line(exc)}") from exc

    def close(self) -> None:
        """Close the file. Work of other threads is stopped: it ends with a StoreError, and changes nothing."""
        deadline_s = time.monotonic() + CLOSE_S
        with self._fewer:
            while self._cursors and time.monotonic() < deadline_s:
                for cursor in self._cursors:
                    with contextlib.suppress(duckdb.Error):
                        cursor.interrupt()
                # An interrupt ends only the statement that runs, and a cursor may begin its next one at any time: it
                # is repeated until none is open.
                self._fewer.wait(0.01)
        with contextlib.suppress(duckdb.Error):
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def one(cursor: duckdb.DuckDBPyConnection, sql: str, given: list[Any] | None = None) -> tuple[Any, ...]:
    """The one row of an answer that has one."""
    row: tuple[Any, ...] | None = cursor.execute(sql, given or []).fetchone()
    assert row is not None
    return row


def _check_file(path: Path) -> None:
    """Raises StoreError unless a file is a DuckDB one, or not there.

    DuckDB itself opens CSV, Parquet and JSON files too, as a database in memory: a load into one would be lost.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_MAGIC[0].stop)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise UnreadableError(_why_not(path, exc.strerror or str(exc))) from exc
    if head[_MAGIC[0]] != _MAGIC[1]:
        raise StoreError(f"{path}: no database; `exporter stores load` makes one where there is no file")


def _first_line(exc: Exception) -> str:
    return (str(exc).splitlines() or [""])[0]


def _why_not(path: Path, text: str) -> str:
    if "lock" in text.lower() and "conflict" in text.lower():
        found = _HELD_BY.search(text)
        holder = f"process {found[1]}" if found else "another process"
        return f"{path}: in use by {holder}; ask its API (`exporter stores serve`), or name another --database"
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        return f"{path}: this user is not allowed to read and write it"
    return f"{path}: cannot be opened as a database: {text.splitlines()[0]}"
