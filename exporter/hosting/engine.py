"""The report's SQL, and the engine that runs it where nothing else is asked for: DuckDB, in this process.

The statements in `sql/` use what DuckDB and Spark read alike (whole Unix seconds, CASE, LAG, LEAD and SUM OVER,
GREATEST, LEAST, UNION ALL) and run in the order of their file names; each makes the table of its name from those
before it.
"""

from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any, NamedTuple, Protocol, TypeAlias

import duckdb
import numpy as np

from exporter import duck
from exporter.hosting.bulk import TABLES, Columns
from exporter.hosting.extent import Day
from exporter.hosting.parse import DOWN_ABOVE, MINUTE_S
from foundation.errors import StoreError

Rows: TypeAlias = list[tuple[Any, ...]]
_SQL_TYPES = {"account_name": "VARCHAR", "workload": "DOUBLE"}  # every other column is a BIGINT
MAX_CELLS = 500_000  # decisions x servers that routing is tested on; more would cost time and tell nothing new
MEMORY_BYTES = 1 << 30  # beyond it DuckDB works from disk


class Window(NamedTuple):
    """What is accounted: the cycle `[start_s, end_s)` in steps of 1 or 60 s.

    It is observed from since_s, or its start, until observed_s. A server is down above the workload `overload`, and
    where it has not logged for heartbeat_s.
    """

    start_s: int
    end_s: int
    observed_s: int
    step_s: int
    since_s: int = 0
    heartbeat_s: int = MINUTE_S
    overload: float = DOWN_ABOVE


class Engine(Protocol):
    """Runs the statements over the tables of TABLES."""

    def extent(self) -> list[Day]:
        """Where the events lie."""

    def run(self, window: Window) -> None:
        """Make every table of `sql/` for this window."""

    def rows(self, table: str, columns: Iterable[str], order: str) -> Rows:
        """The columns of a table, sorted by the columns named in `order`."""

    def arrays(self, table: str, columns: Iterable[str], order: str) -> Columns:
        """The same as one array a column; for tables without NULL."""


EXTENT = """
SELECT is_heartbeat, COUNT(*) AS events, MIN(time_s) AS first_s, MAX(time_s) AS last_s
FROM (
    SELECT 1 AS is_heartbeat, time_s FROM heartbeats
    UNION ALL
    SELECT 0 AS is_heartbeat, time_s FROM routes
    UNION ALL
    SELECT 0 AS is_heartbeat, time_s FROM creates
    UNION ALL
    SELECT 0 AS is_heartbeat, time_s FROM deletes
) events
GROUP BY is_heartbeat, time_s - MOD(time_s, 86400)
"""
"""A Day a row."""


def statements(window: Window) -> list[tuple[str, str]]:
    """Table name and SELECT of every step, in order; the first gives the others what they need to know."""
    given = {**window._asdict(), "since_s": max(window.start_s, window.since_s), "max_cells": MAX_CELLS}
    overload = given.pop("overload")
    cycle = "SELECT " + ", ".join(f"CAST({value} AS BIGINT) AS {name}" for name, value in given.items())
    cycle += f", CAST({overload!r} AS DOUBLE) AS overload"
    files = sorted(resources.files("exporter.hosting").joinpath("sql").iterdir(), key=lambda file: file.name)
    steps = [(file.name.removesuffix(".sql").split("_", 1)[1], file.read_text("utf-8")) for file in files]
    return [("cycle", cycle), *steps]


class DuckEngine:
    """DuckDB in this process, over columns in memory."""

    def __init__(self, tables: Mapping[str, Columns]) -> None:
        self._db = duck.connect(memory_bytes=MEMORY_BYTES, preserve_insertion_order=False)
        for name, columns in TABLES.items():
            typed = ", ".join(f"{column} {_SQL_TYPES.get(column, 'BIGINT')}" for column in columns)
            self._db.execute(f"CREATE TABLE {name} ({typed})")
            self._db.register("columns_in", tables[name])
            self._db.execute(f"INSERT INTO {name} SELECT {', '.join(columns)} FROM columns_in")  # noqa: S608, our names
            self._db.unregister("columns_in")

    def extent(self) -> list[Day]:
        """Where the events lie."""
        return [Day(*row) for row in self._db.execute(EXTENT).fetchall()]

    def run(self, window: Window) -> None:
        """Make every table of `sql/` for this window. Raises StoreError when disk or memory run out."""
        try:
            for name, select in statements(window):
                self._db.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")
        except duckdb.Error as exc:
            raise StoreError(f"the report's tables can't be made: {exc}") from exc

    def rows(self, table: str, columns: Iterable[str], order: str) -> Rows:
        """The columns of a table, sorted."""
        return self._db.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}").fetchall()  # noqa: S608, our names

    def arrays(self, table: str, columns: Iterable[str], order: str) -> Columns:
        """The columns of a table as arrays, sorted."""
        select = f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}"  # noqa: S608, our names
        return {name: np.asarray(values) for name, values in self._db.execute(select).fetchnumpy().items()}
