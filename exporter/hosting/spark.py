"""The report on Spark, for more than one machine: lines are parsed where they are, and the same SQL runs there.

Needs the extra `spark` and Java 17. Under `spark-submit --master ...` the session is that cluster's;
otherwise a local one is made, which listens on 127.0.0.1 only. Lines that are set aside are reported by file without
their number: Spark reads a file in parts, and no part knows how many lines came before it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

try:
    from pyspark.errors import PySparkException
    from pyspark.sql import DataFrame, Row, SparkSession
except ImportError as exc:
    from foundation.errors import ConfigError

    raise ConfigError("--engine spark needs pyspark (pip install '.[spark]' in a clone) and Java") from exc

from exporter.cluster import spark_session
from exporter.hosting.bulk import Log
from exporter.hosting.cycle import FROM_THE_LOG, Wanted, Zone
from exporter.hosting.engine import EXTENT, Rows, statements
from exporter.hosting.extent import Day
from exporter.hosting.folds import settle
from exporter.hosting.order import Doubtful
from exporter.hosting.parse import MAX_LINE_BYTES, REASONS, Created, Deleted, Event, Heartbeat, Route, Times, parse_line
from exporter.hosting.rows import MAX_KEPT_TEXT, TABLES, Columns, SetAside
from exporter.hosting.window import Window
from foundation.errors import BadRecord, SourceError

_KINDS = {Heartbeat: "heartbeats", Route: "routes", Created: "creates", Deleted: "deletes"}
_COLUMNS = "kind STRING, server_id BIGINT, account_id BIGINT, workload DOUBLE, account_name STRING, doubt BIGINT"
_SCHEMA = _COLUMNS + ", time_s BIGINT, reason STRING, detail STRING, file STRING, text STRING"


class SparkEngine:
    """Spark, over files that its workers can read. Use `load` to make one."""

    def __init__(self, session: SparkSession, events: DataFrame) -> None:
        """`events`: a row for each event, with its `kind` (a name of TABLES) and the columns of all kinds."""
        self._session = session
        for name, columns in TABLES.items():
            events.where(f"kind = '{name}'").select(*columns).createOrReplaceTempView(name)

    def extent(self) -> list[Day]:
        """The extent of the events."""
        return [Day(*row) for row in self._session.sql(EXTENT).collect()]

    def run(self, window: Window) -> None:
        """Declare every table of `sql/` for this window; they are computed when they are asked for, and kept."""
        for name, select in statements(window):
            self._session.sql(select).cache().createOrReplaceTempView(name)

    def rows(self, table: str, columns: Iterable[str], order: str) -> Rows:
        """The columns of a table, sorted."""
        return [tuple(row) for row in self._select(table, columns, order)]

    def arrays(self, table: str, columns: Iterable[str], order: str) -> Columns:
        """The columns of a table as arrays, sorted."""
        names = list(columns)
        rows = self._select(table, names, order)
        return {name: np.array([row[name] for row in rows], float if name == "workload" else int) for name in names}

    def _select(self, table: str, columns: Iterable[str], order: str) -> list[Row]:
        query = f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}"  # noqa: S608, our names
        rows: list[Row] = self._session.sql(query).collect()
        return rows


def load(
    paths: Sequence[str],
    zone: Zone,
    keep: Callable[[SetAside], None],
    session: SparkSession | None = None,
    *,
    wanted: Wanted = FROM_THE_LOG,
) -> tuple[SparkEngine, Log]:
    """Read the files, parse every line where it lies, and keep the events in the cluster.

    Lines have no order here, so events of an hour that clocks repeat are counted, in the driver, for they are few.
    Raises SourceError when Spark can't be started or a file not be read.
    """
    session = session or spark_session("hosting")
    try:
        lines = session.read.text(list(paths), lineSep="\n")
        named = lines.selectExpr("CAST(value AS BINARY) AS line", "input_file_name() AS file")
        parsed = named.rdd.mapPartitions(lambda rows: _parse(rows, zone))
        events = session.createDataFrame(parsed, _SCHEMA + ", twin_s BIGINT").cache()
        counts = Counter({row["reason"]: row["n"] for row in _by_reason(events)})
        for row in events.where("reason IS NOT NULL").toLocalIterator() if len(counts) > 1 else ():
            keep(SetAside(row["file"], None, row["reason"], row["detail"], row["text"]))
        events = events.where("twin_s = 0").drop("twin_s").union(_settled(session, events, wanted))
    except PySparkException as exc:
        raise SourceError(f"Spark: {str(exc).splitlines()[0]}") from exc
    total = counts.total()
    counts.pop(None, None)
    return SparkEngine(session, events), Log(total, counts)


def _settled(session: SparkSession, events: DataFrame, wanted: Wanted) -> DataFrame:
    """The doubtful events, decided."""
    rows = events.where("twin_s > 0").collect()
    doubtful = [Doubtful(_event(row), row["time_s"], row["time_s"] + row["twin_s"]) for row in rows]
    beats, routes, creates, deletes = settle(doubtful, wanted.heartbeat_s, wanted.overload)
    found: list[tuple[Any, ...]] = []
    found += [("heartbeats", server, None, load, None, None, time_s) for server, time_s, load in beats]
    found += [("routes", server, account, None, None, doubt, time_s) for account, server, time_s, doubt in routes]
    found += [("creates", None, account, None, name, None, time_s) for account, name, time_s in creates]
    found += [("deletes", None, account, None, None, None, time_s) for account, time_s in deletes]
    return session.createDataFrame([(*row, None, None, None, None) for row in found], _SCHEMA).cache()


def _event(row: Row) -> Event:
    kind: Any = next(kind for kind, name in _KINDS.items() if name == row["kind"])
    event: Event = kind(**{name: row[name] for name in kind.__struct_fields__ if name != "time"}, time="")
    return event


def _by_reason(events: DataFrame) -> list[Row]:
    rows: list[Row] = events.groupBy("reason").count().withColumnRenamed("count", "n").collect()
    return rows


def _parse(rows: Iterable[Row], zone: Zone) -> Iterator[tuple[Any, ...]]:
    """One tuple of _SCHEMA a line. Runs on the workers."""
    times = Times(zone)
    for row in rows:
        line = bytes(row["line"])
        if len(line) > MAX_LINE_BYTES:
            yield _bad(row["file"], line, BadRecord("too_long", REASONS["too_long"]))
            continue
        try:
            event, time_s = parse_line(line, times)
        except BadRecord as exc:
            yield _bad(row["file"], line, exc)
            continue
        found = (
            getattr(event, name, None) for name in ("server_id", "account_id", "workload", "account_name", "doubt")
        )
        yield (_KINDS[type(event)], *found, time_s, None, None, None, None, times.twins.get(event.time, 0))


def _bad(file: str, line: bytes, why: BadRecord) -> tuple[Any, ...]:
    text = line[:MAX_KEPT_TEXT].decode("utf-8", "backslashreplace")
    return (None, None, None, None, None, None, None, why.reason, str(why), file, text, 0)
