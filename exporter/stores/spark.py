"""The same statements on Spark, for more polls than one machine can sort. Needs the extra `spark`.

The tables go to Spark as Parquet files, which DuckDB writes without reading them into this process. Where they live on
the cluster's storage already, only `SparkEngine` is needed.
"""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from exporter.cluster import spark_session
from exporter.stores.engine import SPECS, STATEMENTS, TABLES, TIMES_OF_DAY, TIMEZONES, Columns, Policy, Prepared
from exporter.stores.ranges import Range
from exporter.stores.report import Report, ask, find_beside, mark_without_hours
from exporter.stores.state import Database, one
from foundation.errors import StoreError

KEPT = {"segments", "known"}
"""What several statements read: else Spark computes each as often as it is named, ten times the segments."""


class SparkEngine:
    """Spark SQL over a folder or bucket of Parquet files, one for each of TABLES."""

    def __init__(self, session: Any, tables: Mapping[str, str]) -> None:
        """`session`: of Spark. `tables`: by the name in TABLES, where its Parquet files are."""
        self._session = session
        for name, location in tables.items():
            session.read.parquet(location).createOrReplaceTempView(name)

    def timezones(self) -> list[tuple[str, int]]:
        """The names of zones, and how many stores each."""
        return [tuple(row) for row in self._session.sql(TIMEZONES).collect()]

    def times_of_day(self) -> list[tuple[str, int]]:
        """The distinct starts and ends."""
        return [tuple(row) for row in self._session.sql(TIMES_OF_DAY).collect()]

    def specs(self) -> list[str]:
        """The distinct `opening_hours` texts."""
        return [row[0] for row in self._session.sql(SPECS).collect()]

    def run(self, prepared: Prepared) -> None:
        """Name every table of `sql/`; Spark works when rows are asked for."""
        for name, columns in prepared.tables.items():
            rows = list(zip(*(values.tolist() for values in columns.values()), strict=True))
            kinds = ", ".join(f"{c} {'string' if v.dtype == object else 'bigint'}" for c, v in columns.items())
            given = self._session.createDataFrame(rows, kinds).coalesce(1)  # small, and made by Python each time
            given.cache().createOrReplaceTempView(name)
        for name, select in STATEMENTS:
            table = self._session.sql(select)
            (table.cache() if name in KEPT else table).createOrReplaceTempView(name)

    def rows(self, table: str, columns: Iterable[str], order: str) -> Columns:
        """Columns of a table, sorted by bytes, as DuckDB sorts."""
        names = list(columns)
        rows = self._session.sql(f"SELECT {', '.join(names)} FROM {table} ORDER BY {order}").collect()  # noqa: S608, our names
        return {name: _column([row[n] for row in rows]) for n, name in enumerate(names)}


def _column(values: list[Any]) -> Any:
    """An array of whole numbers, masked where a value is missing, or of texts: as DuckDB gives them."""
    if any(isinstance(value, str) for value in values):
        return np.array(values, dtype=object)
    missing = [value is None for value in values]
    whole = np.array([value or 0 for value in values], dtype=np.int64)
    return np.ma.masked_array(whole, missing) if any(missing) else whole


def make_report(
    database: Database, policy: Policy, as_of_us: int, within: Range | None = None, *, session: Any = None
) -> Report:
    """As `report.make_report`, in that session or in one that ends with it. Raises ConfigError without PySpark."""
    own = session or spark_session("stores")
    with tempfile.TemporaryDirectory(prefix="tidewatch-") as folder:
        with database.reading() as cursor:
            (version,) = one(cursor, "SELECT data_version FROM about")
            tables = {name: str(Path(folder) / f"{name}.parquet") for name in TABLES}
            for name, location in tables.items():
                cursor.execute(f"COPY {name} TO '{location}' (FORMAT parquet)")
        try:
            rows, fallbacks = ask(SparkEngine(own, tables), policy, as_of_us, within)
            if session is None:
                own.stop()
        except Exception as exc:  # Spark's own errors come in too many kinds
            raise StoreError(f"Spark: {(str(exc).splitlines() or [type(exc).__name__])[0]}") from exc
    with database.reading() as cursor:
        beside = find_beside(cursor, policy, as_of_us, within, rows)
        rows, fallbacks = mark_without_hours(cursor, rows, fallbacks)
    return Report(as_of_us, policy, version, rows, fallbacks, within=within, **beside)
