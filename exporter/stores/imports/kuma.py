"""Uptime Kuma's heartbeats as polls: out of its SQLite database, of version 1 or 2, or out of JSON that has them.

A heartbeat is down (0), up (1), pending (2: it failed and is tried again) or under maintenance (3); its time is UTC. A
store is a monitor, by its name. Kuma's backup as JSON has monitors and no heartbeats, and is refused.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import msgspec

from exporter.stores.imports import Poll
from foundation.errors import ConfigError, SourceError, in_words
from foundation.jsonread import JSON_ERRORS, why_not_json

STATUS: Mapping[Any, str] = {0: "inactive", 1: "active", 2: "pending", 3: "maintenance"}
MAX_JSON_BYTES = 256 << 20
_SQLITE = b"SQLite format 3\x00"
_COLUMNS = {"heartbeat": {"monitor_id", "status", "time", "important"}, "monitor": {"id", "name"}}

StoreName = Literal["name", "id"]


class KumaPolls(NamedTuple):
    """The heartbeats in a file. `store`: what of a monitor is the store's id."""

    path: Path
    store: StoreName = "name"

    @property
    def name(self) -> str:
        """The file."""
        return str(self.path)

    def read(self) -> Iterator[Poll]:
        """Every heartbeat. Raises SourceError for a file that has none, ConfigError where two monitors share a name."""
        return self._of_database() if self._is_database() else self._of_json()

    def caveat(self) -> str | None:
        """Whether the older part is what is left of one: of heartbeats more than a day old version 2 keeps changes."""
        if not self._is_database():
            return None
        with self._opened() as db:
            newest = db.execute("SELECT max(datetime(time)) FROM heartbeat").fetchone()[0]
            older = "datetime(time) < datetime(?, '-25 hours')"
            number, changes, last = db.execute(
                f"SELECT count(*), sum(important), max(datetime(time)) FROM heartbeat WHERE {older}",  # noqa: S608
                [newest],
            ).fetchone()
            (others,) = db.execute("SELECT count(*) FROM heartbeat WHERE NOT important").fetchone()
        if not number or number != changes or not others:
            return None
        return (
            f"{self.path}: heartbeats until {last} UTC are changes of state only, as Uptime Kuma 2 keeps no others "
            "for more than a day: the time from 24 h after each is unknown; load the database at least once a day"
        )

    def _is_database(self) -> bool:
        try:
            with self.path.open("rb") as file:
                found = file.read(len(_SQLITE)) == _SQLITE
                if not found and file.seek(0, 2) > MAX_JSON_BYTES:
                    raise SourceError(f"{self.path}: neither SQLite nor JSON of at most {MAX_JSON_BYTES >> 20} MiB")
        except OSError as exc:
            raise SourceError(f"{self.path}: {in_words(exc)}") from exc
        return found

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        # Read-only, and never `immutable`: Kuma may be writing, and its write-ahead log is part of the database.
        address = f"file:{quote(str(self.path.absolute()))}?mode=ro"
        try:
            with closing(sqlite3.connect(address, uri=True)) as db:
                db.text_factory = lambda text: text.decode("utf-8", "replace")
                self._check(db)
                yield db
        except sqlite3.Error as exc:
            raise SourceError(f"{self.path}: {exc}") from exc

    def _of_database(self) -> Iterator[Poll]:
        with self._opened() as db:
            names = self._stores(dict(db.execute("SELECT id, name FROM monitor")))
            for monitor, status, time in db.execute("SELECT monitor_id, status, time FROM heartbeat"):
                yield _poll(names.get(monitor, str(monitor)), status, time)

    def _check(self, db: sqlite3.Connection) -> None:
        for table, columns in _COLUMNS.items():
            found = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
            if not columns <= found:
                missing = ", ".join(sorted(columns - found))
                raise SourceError(f"{self.path}: not Uptime Kuma's database: table {table} has no column {missing}")

    def _of_json(self) -> Iterator[Poll]:
        """`monitorList` beside `heartbeatList`, as Kuma's own page and status pages get them."""
        try:
            found = msgspec.json.decode(self.path.read_bytes())
        except (*JSON_ERRORS, OSError) as exc:
            raise SourceError(f"{self.path}: neither SQLite nor JSON: {why_not_json(exc)}") from exc
        beats = found.get("heartbeatList") if isinstance(found, dict) else None
        if not isinstance(beats, dict) or not beats:
            raise SourceError(
                f"{self.path}: no heartbeats in it: a backup of Uptime Kuma has only monitors; expected its database, "
                "kuma.db, or JSON with a heartbeatList"
            )
        names = self._stores(dict(_monitors(found)))
        for monitor, told in beats.items():
            for beat in told if isinstance(told, list) else []:
                if isinstance(beat, dict):
                    key = beat.get("monitorID", beat.get("monitor_id", monitor))
                    yield _poll(names.get(_number(key), str(key)), beat.get("status"), beat.get("time"))

    def _stores(self, monitors: Mapping[Any, Any]) -> dict[Any, str]:
        """Each monitor's store. Raises ConfigError."""
        if self.store == "id":
            return {monitor: str(monitor) for monitor in monitors}
        names = {monitor: " ".join(str(name or monitor).split()) for monitor, name in monitors.items()}
        twice = [name for name, number in Counter(names.values()).items() if number > 1]
        if twice:
            raise ConfigError(f"{self.path}: two monitors are named {twice[0]!r}; --kuma-store id takes their numbers")
        return names


def _monitors(found: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """(id, name) of a `monitorList`, a list or by id, or of a status page's `publicGroupList`."""
    lists = [found.get("monitorList")]
    lists += [group.get("monitorList") for group in found.get("publicGroupList") or [] if isinstance(group, dict)]
    for told in lists:
        for monitor in told.values() if isinstance(told, dict) else told or []:
            if isinstance(monitor, dict):
                yield _number(monitor.get("id")), monitor.get("name")


def _number(key: Any) -> Any:
    return int(key) if isinstance(key, str) and key.isdecimal() else key


def _poll(store_id: str, status: Any, time: Any) -> Poll:
    """A heartbeat's time is text; or milliseconds, as its database library stores a date."""
    if isinstance(time, int) and not isinstance(time, bool) and 0 <= time < 1 << 53:
        time = f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%d %H:%M:%S.%f}"
    return Poll(store_id, STATUS.get(status, str(status)), str(time))
