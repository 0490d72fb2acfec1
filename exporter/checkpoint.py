"""State that must outlive the process: positions and counts, written together or not at all.

One SQLite file (WAL) holds the state of every source as keys and values in scopes, one scope a source. A `commit` is
one transaction, so that the position in a log and the counts of its requests can never disagree, whenever the process
dies. A power cut may undo the last commits (WAL is synced at its own checkpoints), never half of one: the
same bytes are then read and counted again, from the same earlier state. Records that were acknowledged to a sender
cannot be read again: such a commit, and with it all before, is `synced` to the disk.

A file that disappears while in use (damaged, deleted with or without its directory) is created again by the next
commit, which must then contain everything, of every scope.
"""

import asyncio
import contextlib
import logging
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self, TypeAlias

import msgspec

from exporter.layout import DamagedError, check_version, check_whole, code, is_damage, migrate
from exporter.statefile import StateFile, Unavailable
from foundation.clock import Clock
from foundation.errors import StoreError

log = logging.getLogger(__name__)

REASONS = ("damaged", "full", "gone", "locked", "write")
"""Possible faults: damaged and set aside, disk full, deleted while in use, locked by another process, not written."""

_SAY_AGAIN_S = 60.0  # a full disk fails every commit; once a minute is enough to read about it
_MOST_ASIDE = 100_000  # unreadable values kept for people; the oldest are deleted first


_COPY_ASIDE = (
    "INSERT INTO set_aside SELECT scope, key, value, ?, ? FROM state WHERE scope = ? AND key = CAST(? AS TEXT)"
)


Value: TypeAlias = bytes | msgspec.Struct
"""The value of a key. A struct is written as JSON, which is encoded in the writing thread, outside the event loop."""


def encoded(value: Value) -> bytes:
    """The value as it is written."""
    return value if isinstance(value, bytes) else msgspec.json.encode(value)


class Changes(msgspec.Struct, frozen=True):
    """What a commit writes of one scope.

    puts: values by key, not changed from now on. deletes: keys. set_aside: the reason by key, for values that cannot be
    read; they are kept for people to look at. everything: `puts` has all keys, and other keys of the scope are deleted.
    """

    puts: Mapping[str, Value]
    deletes: frozenset[str] = frozenset()
    set_aside: Mapping[str, str] = {}
    everything: bool = False

    def then(self, later: "Changes") -> "Changes":
        """Both as one."""
        if later.everything:
            return msgspec.structs.replace(later, set_aside={**self.set_aside, **later.set_aside})
        return Changes(
            puts={key: value for key, value in self.puts.items() if key not in later.deletes} | dict(later.puts),
            deletes=(self.deletes | later.deletes) - later.puts.keys(),
            set_aside={**self.set_aside, **later.set_aside},
            everything=self.everything,
        )


class Incomplete(StoreError):  # noqa: N818, an event, not an error
    """The file is new, and a commit of changes would lack the earlier state: commit everything."""


class Closed(StoreError):  # noqa: N818, an event, not an error
    """The checkpoint is already closed: a late call from a thread whose caller was cancelled."""


class Checkpoint:
    """The state file of one process. Not for data that grows with traffic: every key is kept until it is deleted.

    Attributes:
        problems: numbers of faults so far, by reason (`REASONS`).
        committed_s: Unix time of the last commit that worked in this process; 0 before the first.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        """Touches nothing yet: the first `load` or `commit` opens the file."""
        self.path = path
        self.problems: Counter[str] = Counter()
        self.committed_s = 0.0
        self._clock = clock
        self._file = StateFile(path)
        self._db: sqlite3.Connection | None = None
        self._checked = self._closed = False
        self._complete: set[str] = set()  # scopes of which the file has all commits
        self._failing = False
        self._said_s: dict[str, float] = {}
        self._guard = threading.Lock()
        self._writer = ThreadPoolExecutor(1, "checkpoint")  # a scrape waits for it, and must not for those who read

    def load(self, scope: str) -> dict[str, bytes]:
        """Everything kept in `scope`, by key.

        Raises StoreError where another process has the file, a newer version wrote it, or it cannot be written;
        Unavailable where that may pass.
        """
        with self._guard, self._connected() as db:
            rows = db.execute(
                "SELECT CAST(key AS BLOB), CAST(value AS BLOB) FROM state WHERE scope = ?", (scope,)
            ).fetchall()
            self._complete.add(scope)
            return {key.decode("utf-8", "surrogateescape"): value or b"" for key, value in rows}

    async def commit(self, scope: str, changes: Changes, *, synced: bool = False) -> None:
        """Write changes of `scope` in one transaction, off the event loop. See `commit_now`.

        A caller that is cancelled meanwhile gets its CancelledError after the write, without its result: it writes the
        same again at its last commit.
        """
        write = partial(self.commit_now, scope, changes, synced=synced)
        writing = asyncio.get_running_loop().run_in_executor(self._writer, write)
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])  # or a later commit could overtake this one, or this one never be written
            writing.exception()  # seen; a cancelled caller can't be told
            raise

    def commit_now(self, scope: str, changes: Changes, *, synced: bool = False) -> None:
        """Write changes of `scope` in one transaction; all of it happens or nothing.

        Args:
            scope: of which source.
            changes: what to write.
            synced: it must also outlive a power cut.

        Raises Incomplete where it must be everything, and StoreError when nothing can be written now; put the same
        again then.
        """
        with self._guard, self._connected() as db:
            if not changes.everything and scope not in self._complete:
                raise Incomplete(f"{self.path}: begun anew")
            db.execute(f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}")
            self._write(db, scope, changes)
            if not self._file.is_ours():  # it was written to a deleted file
                self._disconnect()
                self._checked = False
                self._report("gone", f"{self.path}: it was deleted or replaced while in use")
                raise Incomplete(f"{self.path}: deleted")
            self._complete.add(scope)
            self.committed_s = self._clock.wall()
            if self._failing:
                self._failing = False
                self._say("works", logging.INFO, f"{self.path}: can be written again")

    def close(self) -> None:
        """Release the file for another process. Everything committed stays.

        A `load` or `commit` afterwards raises Closed and opens nothing; whoever needs the file again makes another
        Checkpoint.
        """
        with self._guard:
            self._closed = True
            self._disconnect()
            self._file.give_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _write(self, db: sqlite3.Connection, scope: str, changes: Changes) -> None:
        db.execute("BEGIN IMMEDIATE")
        try:
            self._set_values_aside(db, scope, changes.set_aside)
            if changes.everything:
                db.execute("DELETE FROM state WHERE scope = ?", (scope,))
            db.executemany("DELETE FROM state WHERE scope = ? AND key = ?", ((scope, key) for key in changes.deletes))
            db.executemany(
                "INSERT OR REPLACE INTO state VALUES (?, ?, ?)",
                ((scope, key, encoded(value)) for key, value in changes.puts.items()),
            )
            db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise

    def _set_values_aside(self, db: sqlite3.Connection, scope: str, reasons: Mapping[str, str]) -> None:
        now_s = self._clock.wall()
        for key, reason in reasons.items():
            where = (scope, key.encode("utf-8", "surrogateescape"))  # a damaged key may not be text
            db.execute(_COPY_ASIDE, (now_s, reason, *where))
            db.execute("DELETE FROM state WHERE scope = ? AND key = CAST(? AS TEXT)", where)
        if reasons:
            db.execute("DELETE FROM set_aside WHERE rowid <= (SELECT max(rowid) FROM set_aside) - ?", (_MOST_ASIDE,))

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """The connection, to a file that is still ours. Failures raise StoreError, and are counted and logged."""
        try:
            try:
                yield self._connection()
            except sqlite3.Error as exc:
                self._give_up_on(exc)
        except (Incomplete, Closed):
            raise
        except StoreError as exc:
            self._report(exc.reason if isinstance(exc, Unavailable) else "write", str(exc))
            raise

    def _connection(self) -> sqlite3.Connection:
        if self._closed:
            raise Closed(f"{self.path}: closed")
        if self._db is None:
            self._file.take()
            try:
                self._db = self._open()
            except sqlite3.Error as exc:
                if not is_damage(exc):
                    raise
                self._set_aside(exc)
                self._file.take()
                self._db = self._open()
        return self._db

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, check_same_thread=False, timeout=1.0, isolation_level=None)
        try:
            version: int = db.execute("PRAGMA user_version").fetchone()[0]
            check_version(self.path, version)
            self._check_not_emptied()
            if not self._checked:
                check_whole(db)
            db.execute("PRAGMA journal_mode=WAL")
            migrate(db, version, self._clock.wall())
        except BaseException:
            db.close()
            raise
        self._checked = True  # opened again after an error, it is enough that SQLite finds no fault on the way
        return db

    def _check_not_emptied(self) -> None:
        if self._file.was_emptied():
            raise DamagedError("the file is empty")

    def _give_up_on(self, exc: sqlite3.Error) -> NoReturn:
        """Raise the error for one of SQLite; the connection is closed unless it is known to be good."""
        if is_damage(exc):
            self._set_aside(exc)
            raise Unavailable("damaged", f"{self.path}: {exc}") from exc
        reason = {sqlite3.SQLITE_FULL: "full", sqlite3.SQLITE_BUSY: "locked"}.get(code(exc), "write")
        if reason == "write":
            self._disconnect()
        raise Unavailable(reason, f"{self.path}: {exc}") from exc

    def _set_aside(self, exc: sqlite3.Error) -> None:
        """Rename a damaged file, so that people can look at it; `load` finds nothing from now on."""
        self._disconnect()
        aside = self._file.set_aside(int(self._clock.wall()))
        log.error("%s: damaged (%s); kept as %s, and a new one is created", self.path, exc, aside)
        self.problems["damaged"] += 1

    def _disconnect(self) -> None:
        """Close the file; its content is unknown when it is opened again."""
        self._complete.clear()
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    def _report(self, reason: str, text: str) -> None:
        """Count and log a temporary problem."""
        if reason == "damaged":  # counted and logged with the name under which the file is kept
            return
        self.problems[reason] += 1
        self._failing = True
        self._say(reason, logging.ERROR, f"{text}; nothing is lost while this process runs, it will try again")

    def _say(self, what: str, level: int, text: str) -> None:
        """Log it, unless the same was logged in the last minute."""
        now_s = self._clock.monotonic()
        if now_s - self._said_s.get(what, float("-inf")) >= _SAY_AGAIN_S:
            self._said_s[what] = now_s
            log.log(level, "%s", text)
