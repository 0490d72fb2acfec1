"""The report's SQL, and the default engine: DuckDB, in this process.

The statements in `sql/` use what DuckDB and Spark read alike (whole Unix seconds, CASE, LAG, LEAD and SUM OVER,
GREATEST, LEAST, UNION ALL) and run in the order of their file names; each makes the table of its name from those
before it.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import resources
from shutil import rmtree
from typing import Any, Protocol, TypeAlias
from uuid import uuid4

import duckdb
import numpy as np

from exporter import duck
from exporter.hosting.extent import Day
from exporter.hosting.folds import PERHAPS_LATER
from exporter.hosting.heartbeats import CAUSES, Heartbeats, Ints
from exporter.hosting.routed import ROUTED, routed
from exporter.hosting.rows import TABLES, Columns
from exporter.hosting.scratch import scratch_folder
from exporter.hosting.window import Window
from foundation.errors import StoreError

Rows: TypeAlias = list[tuple[Any, ...]]
_SQL_TYPES = {"account_name": "VARCHAR", "workload": "DOUBLE", "cause": "VARCHAR", "kind": "VARCHAR"}  # others: BIGINT
MAX_CELLS = 500_000  # decisions x servers in the tests of routing; more would cost time without new results
MEMORY_BYTES = 400 << 20  # beyond it DuckDB works from disk
INSERT_ROWS = 1 << 17  # at once
IN_ARRAYS = ("loggers", "minutes", "outages", "cadence", "heartbeat_oddities", "routed")
"""Tables of `sql/` that are made in arrays; Spark makes them by the SQL."""


class Engine(Protocol):
    """Runs the statements over the tables of TABLES."""

    def extent(self) -> list[Day]:
        """The extent of the events."""

    def run(self, window: Window) -> None:
        """Make every table of `sql/` for this window."""

    def rows(self, table: str, columns: Iterable[str], order: str) -> Rows:
        """The columns of a table, sorted by the columns named in `order`."""

    def arrays(self, table: str, columns: Iterable[str], order: str) -> Columns:
        """The same as one array a column; for tables without NULL."""


_EXTENT = """
SELECT is_heartbeat, COUNT(*) AS events, MIN(time_s) AS first_s, MAX(time_s) AS last_s
FROM (
    {heartbeats}
    SELECT 0 AS is_heartbeat, time_s FROM routes
    UNION ALL
    SELECT 0 AS is_heartbeat, time_s FROM creates
    UNION ALL
    SELECT 0 AS is_heartbeat, time_s FROM deletes
) events
GROUP BY is_heartbeat, time_s - MOD(time_s, 86400)
"""
_OF_HEARTBEATS = f"SELECT 1 AS is_heartbeat, time_s FROM heartbeats WHERE workload > {PERHAPS_LATER} UNION ALL"  # noqa: S608, our own number
EXTENT, EXTENT_OF_OTHERS = _EXTENT.format(heartbeats=_OF_HEARTBEATS), _EXTENT.format(heartbeats="")
"""One Day per row. Events possibly after the end of the log do not count in its extent."""


def statements(window: Window) -> list[tuple[str, str]]:
    """Table name and SELECT of every step, in order; the first has the parameters of the others."""
    given = {**window._asdict(), "since_s": max(window.start_s, window.since_s), "max_cells": MAX_CELLS}
    overload = given.pop("overload")
    cycle = "SELECT " + ", ".join(f"CAST({value} AS BIGINT) AS {name}" for name, value in given.items())
    cycle += f", CAST({overload!r} AS DOUBLE) AS overload"
    files = sorted(resources.files("exporter.hosting").joinpath("sql").iterdir(), key=lambda file: file.name)
    steps = [(file.name.removesuffix(".sql").split("_", 1)[1], file.read_text("utf-8")) for file in files]
    return [("cycle", cycle), *steps]


class DuckEngine:
    """DuckDB in this process, for accounts and their times; heartbeats are folded before.

    Data beyond its memory is on disk. `close` releases it.
    """

    def __init__(self, *, memory_bytes: int = MEMORY_BYTES, workers: int = 1) -> None:
        """`memory_bytes`: of DuckDB. `workers`: threads that fold heartbeats."""
        self._workers = workers
        self._heartbeats = Heartbeats()
        self._folder = scratch_folder() / f"tidewatch-{uuid4().hex}"  # DuckDB makes it where it needs it
        self._db = duck.connect(
            memory_bytes=memory_bytes, preserve_insertion_order=False, temp_directory=str(self._folder)
        )
        self._waiting: dict[str, list[Columns]] = {name: [] for name in TABLES if name != "heartbeats"}
        for name in self._waiting:
            self._make(name, TABLES[name])

    def take(self, name: str, columns: Columns) -> None:
        """Add rows to a table of TABLES. Raises StoreError when disk or memory run out."""
        if name == "heartbeats":
            self._heartbeats.add(columns["server_id"], columns["time_s"], columns["workload"])
            return
        waiting = self._waiting[name]
        waiting.append(columns)
        if sum(len(one["time_s"]) for one in waiting) >= INSERT_ROWS:
            self._insert_waiting(name)

    def extent(self) -> list[Day]:
        """The extent of the events."""
        for name in self._waiting:
            self._insert_waiting(name)
        with _as_store_error():
            others = self._db.execute(EXTENT_OF_OTHERS).fetchall()
        return [*self._heartbeats.days(), *(Day(*row) for row in others)]

    def run(self, window: Window) -> None:
        """Make every table of `sql/` for this window; `minutes` only where routing is tested."""
        for name in self._waiting:
            self._insert_waiting(name)
        self._put("loggers", {"server_id": self._heartbeats.servers()})
        later = {name: select for name, select in statements(window) if name not in IN_ARRAYS}
        for name in ("cycle", "sessions", "segments", "latest"):
            self._create(name, later.pop(name))
        wanted = self.arrays("(SELECT DISTINCT minute_s FROM latest)", ["minute_s"], "minute_s")["minute_s"]
        folded = self._fold(window, wanted)
        folded["routed"] = routed(self.arrays("segments", ROUTED, "account_id, route_s"), folded["outages"], window)
        for name, columns in folded.items():
            self._put(name, columns)
        for name, select in later.items():
            self._create(name, select)

    def rows(self, table: str, columns: Iterable[str], order: str) -> Rows:
        """The columns of a table, sorted."""
        with _as_store_error():
            return self._db.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}").fetchall()  # noqa: S608, our names

    def arrays(self, table: str, columns: Iterable[str], order: str) -> Columns:
        """The columns of a table as arrays, sorted."""
        select = f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}"  # noqa: S608, our names
        with _as_store_error():
            return {name: np.asarray(values) for name, values in self._db.execute(select).fetchnumpy().items()}

    def close(self) -> None:
        """Release memory and disk."""
        self._db.close()
        self._heartbeats.close()
        rmtree(self._folder, ignore_errors=True)

    def _fold(self, window: Window, wanted_s: Ints) -> dict[str, Columns]:
        with ThreadPoolExecutor(self._workers) as pool:
            folded = self._heartbeats.fold(window, wanted_s, pool.map)
        silent = self._silent(window)
        causes = np.array(CAUSES, object)
        outages: Columns = {name: np.concatenate([folded.outages[name], silent[name]]) for name in silent}
        outages["cause"] = causes[outages["cause"]]
        return {
            "outages": outages,
            "minutes": dict(folded.minutes),
            "cadence": dict(folded.cadence),
            "heartbeat_oddities": {
                "kind": np.array(list(folded.oddities), object),
                "n": np.array(list(folded.oddities.values()), np.int64),
            },
        }

    def _silent(self, window: Window) -> dict[str, Ints]:
        """The outages of servers that accounts were routed to and that never logged."""
        since_s, observed_s = max(window.start_s, window.since_s), window.observed_s
        routed = self.rows("(SELECT DISTINCT server_id FROM routes WHERE doubt <> 1)", ["server_id"], "server_id")
        logged = set(self._heartbeats.servers().tolist())
        servers = np.array([one for (one,) in routed if one not in logged and since_s < observed_s], np.int64)
        return {
            "server_id": servers,
            "start_s": np.full(len(servers), since_s),
            "end_s": np.full(len(servers), observed_s),
            "cause": np.full(len(servers), CAUSES.index("silent")),
        }

    def _insert_waiting(self, name: str) -> None:
        if waiting := self._waiting[name]:
            self._insert(name, {column: np.concatenate([one[column] for one in waiting]) for column in TABLES[name]})
            waiting.clear()

    def _make(self, name: str, columns: Iterable[str]) -> None:
        typed = ", ".join(f"{column} {_SQL_TYPES.get(column, 'BIGINT')}" for column in columns)
        with _as_store_error():
            self._db.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({typed})")

    def _put(self, name: str, columns: Columns) -> None:
        self._make(name, columns)
        self._insert(name, columns)

    def _insert(self, name: str, columns: Columns) -> None:
        with _as_store_error():
            self._db.register("columns_in", columns)
            self._db.execute(f"INSERT INTO {name} SELECT {', '.join(columns)} FROM columns_in")  # noqa: S608, our names
            self._db.unregister("columns_in")

    def _create(self, name: str, select: str) -> None:
        with _as_store_error():
            self._db.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")


@contextmanager
def _as_store_error() -> Iterator[None]:
    """The error of DuckDB without disk or memory."""
    try:
        yield
    except duckdb.Error as exc:
        raise StoreError(f"the tables of the report cannot be created: {str(exc).splitlines()[0]}") from exc
