"""The layout of the state file, its versions, and what is damage: over one connection of SQLite."""

import sqlite3
from pathlib import Path

from foundation.errors import StoreError

_MIGRATIONS = (
    (
        "CREATE TABLE IF NOT EXISTS state (scope TEXT, key TEXT, value BLOB, PRIMARY KEY (scope, key)) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value REAL) WITHOUT ROWID",
        "CREATE TABLE set_aside (scope TEXT, key TEXT, value BLOB, time_s REAL, reason TEXT)",
    ),
    (),  # the positions of followed logs have a value per file; a version with one for all would read them again
)
"""Statements that lead from one version of the file's layout (`PRAGMA user_version`) to the next; 0: empty, or the
first layout, which had no number."""

_LAYOUT = (
    "SELECT scope, key, value FROM state LIMIT 0",
    "SELECT scope, key, value, time_s, reason FROM set_aside LIMIT 0",
)


class DamagedError(sqlite3.DatabaseError):
    """A file that SQLite opens, but that is damaged, or not a state file of Tidewatch."""


def check_version(path: Path, version: int) -> None:
    """Raises StoreError for a file that a newer version wrote."""
    if version > len(_MIGRATIONS):
        raise StoreError(
            f"{path}: a newer version of Tidewatch wrote it (layout {version}, this one knows "
            f"{len(_MIGRATIONS)}); start the newer one, or give this one a state_dir of its own"
        )


def migrate(db: sqlite3.Connection, version: int, now_s: float) -> None:
    """Bring a file of an older version to this one. Raises DamagedError for files of others, and sqlite3.Error."""
    try:
        if version < len(_MIGRATIONS):
            db.execute("BEGIN IMMEDIATE")
            for statements in _MIGRATIONS[version:]:
                for statement in statements:
                    db.execute(statement)
            db.execute("INSERT OR IGNORE INTO about VALUES ('created', ?)", (now_s,))
            db.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
            db.execute("COMMIT")
        for query in _LAYOUT:
            db.execute(query)
    except sqlite3.OperationalError as exc:
        if code(exc) == sqlite3.SQLITE_ERROR:  # the tables are not those of any layout
            raise DamagedError(f"not a state file of Tidewatch: {exc}") from exc
        raise


def check_whole(db: sqlite3.Connection) -> None:
    """Raises DamagedError where SQLite finds that pages do not fit together."""
    verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise DamagedError(verdict)


def code(exc: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 where the module raised by itself."""
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF


def is_damage(exc: sqlite3.Error) -> bool:
    """Whether the file itself is broken, and not the disk, its permissions or another process the cause."""
    return isinstance(exc, DamagedError) or code(exc) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
