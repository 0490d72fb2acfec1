"""What must outlive the process: offsets and aggregates, written together or not at all.

One SQLite file (WAL) holds the state of every source as keys and values in scopes, one scope a source. A `commit` is
one transaction, so that "read to byte 812,044" and "so many requests counted" can never disagree, whenever the
process dies. A power cut may undo the last commits (WAL is synced at its own checkpoints), never half of one: the
same bytes are then read and counted again, from the same earlier state.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from foundation.clock import Clock
from foundation.errors import StoreError

log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (scope TEXT, key TEXT, value BLOB, PRIMARY KEY (scope, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value REAL) WITHOUT ROWID;
"""
_SAY_AGAIN_S = 60.0  # a full disk fails every commit; once a minute is enough to read about it


class Checkpoint:
    """The state file of one process. Not for data that grows with traffic: every key is kept until it is deleted.

    Attributes:
        problems: what went wrong so far, by reason: `damaged`, `full`, `write`.
        created_s: Unix time at which the file was begun.
        committed_s: Unix time of the last commit that worked in this process; 0 before the first.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        """Opens or begins the file. Raises StoreError if another process has it, or if it cannot be written."""
        self.path = path
        self.problems: Counter[str] = Counter()
        self.created_s = 0.0
        self.committed_s = 0.0
        self._clock = clock
        self._said_s = -_SAY_AGAIN_S
        self._guard = threading.Lock()
        self._lock_fd = _take(path)
        try:
            self._db: sqlite3.Connection | None = self._open_or_renew()
        except BaseException:
            os.close(self._lock_fd)
            raise

    def load(self, scope: str) -> dict[str, bytes]:
        """Everything kept in `scope`, by key. Raises StoreError."""
        with self._guard, self._connected() as db:
            return dict(db.execute("SELECT key, value FROM state WHERE scope = ?", (scope,)).fetchall())

    async def commit(self, scope: str, puts: Mapping[str, bytes], deletes: Iterable[str] = ()) -> None:
        """Write and delete keys of `scope` in one transaction, off the event loop. See `commit_now`.

        A caller that is cancelled meanwhile gets its CancelledError once the write has ended, and does not learn how:
        it puts everything at its last commit.
        """
        writing = asyncio.ensure_future(asyncio.to_thread(self.commit_now, scope, puts, deletes))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])  # or a later commit could overtake this one, or this one never be written
            writing.exception()  # seen; a cancelled caller can't be told
            raise

    def commit_now(self, scope: str, puts: Mapping[str, bytes], deletes: Iterable[str] = ()) -> None:
        """Write and delete keys of `scope` in one transaction; all of it happens or nothing.

        Raises StoreError when the disk is full, or the file is damaged and had to be begun anew. After any
        StoreError go on counting, and put *everything* at the next commit: what was there before may be gone.
        """
        with self._guard, self._connected() as db:
            with db:
                db.executemany("DELETE FROM state WHERE scope = ? AND key = ?", ((scope, k) for k in deletes))
                db.executemany(
                    "INSERT OR REPLACE INTO state VALUES (?, ?, ?)", ((scope, k, v) for k, v in puts.items())
                )
            self.committed_s = self._clock.wall()

    def close(self) -> None:
        """Give the file free for another process. Everything committed stays."""
        with self._guard:
            self._disconnect()
            os.close(self._lock_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _open_or_renew(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.Error as exc:
            if not _is_damage(exc):
                raise StoreError(f"{self.path}: {exc}; the state cannot be kept there") from exc
            self._set_aside(str(exc))
        try:
            return self._open()
        except sqlite3.Error as exc:
            raise StoreError(f"{self.path}: {exc}; the state cannot be kept there") from exc

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, check_same_thread=False, timeout=1.0)
        try:
            _see_that_it_is_whole(db)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.executescript(_SCHEMA)
            with db:
                db.execute("INSERT OR IGNORE INTO about VALUES ('created', ?)", (self._clock.wall(),))
            self.created_s = db.execute("SELECT value FROM about WHERE key = 'created'").fetchone()[0]
            self.path.chmod(0o600)
        except BaseException:
            db.close()
            raise
        return db

    def _set_aside(self, why: str) -> None:
        """Move a damaged file out of the way, to be looked at; `load` finds nothing from now on."""
        aside = self.path.with_name(f"{self.path.name}.damaged-{int(self._clock.wall())}")
        self.path.rename(aside)
        for tail in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                self.path.with_name(self.path.name + tail).rename(aside.with_name(aside.name + tail))
        self.problems["damaged"] += 1
        log.error("%s: damaged (%s); kept as %s, counting starts afresh", self.path, why, aside)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """The connection; SQLite's errors as StoreError, counted. After damage, the next use begins a new file."""
        try:
            if self._db is None:
                self._db = self._open()
            yield self._db
        except sqlite3.Error as exc:
            if _is_damage(exc):
                self._disconnect()
                self._set_aside(str(exc))
            else:
                self.problems["full" if _code(exc) == sqlite3.SQLITE_FULL else "write"] += 1
                self._say(f"{self.path}: {exc}; nothing is lost while this process runs, it will try again")
            raise StoreError(f"{self.path}: {exc}") from exc

    def _disconnect(self) -> None:
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    def _say(self, text: str) -> None:
        now = self._clock.monotonic()
        if now - self._said_s >= _SAY_AGAIN_S:
            self._said_s = now
            log.error("%s", text)


class _DamagedError(sqlite3.DatabaseError):
    """What `quick_check` found."""


def _see_that_it_is_whole(db: sqlite3.Connection) -> None:
    verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise _DamagedError(verdict)


def _code(exc: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 where the module raised by itself."""
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF


def _is_damage(exc: sqlite3.Error) -> bool:
    """Whether the file itself is broken, and not the disk, the rights or a neighbour in the way."""
    return isinstance(exc, _DamagedError) or _code(exc) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _take(path: Path) -> int:
    """Lock `path` for this process; the kernel lets go of the lock however the process ends.

    The lock is on a file of its own: SQLite's would not survive the replacement of a damaged file.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise StoreError(f"{path}: {exc.strerror}; set state_dir to a directory this user can write") from exc
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
        os.close(fd)
        raise StoreError(
            f"{path.parent}: in use by process {holder or 'unknown'}; give each exporter its own state_dir"
        ) from exc
    with contextlib.suppress(OSError):  # the number is for people; on a full disk the lock is still good
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd
