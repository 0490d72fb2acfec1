"""A table as bytes: CSV, JSON, newline-delimited JSON and Parquet."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeAlias

import duckdb
import msgspec
import numpy as np

from exporter import duck
from exporter.stores.figures import (
    Column,
    Table,
    caveats,
    defaults,
    group_table,
    records,
    store_table,
    summarize,
    windows_table,
)
from exporter.stores.render import stamp
from exporter.stores.report import Report, ReportColumns, to_csv
from foundation.csvtext import csv_text

Format: TypeAlias = Literal["csv", "json", "ndjson", "parquet"]
FORMATS: Mapping[Format, str] = {
    "csv": "text/csv",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
"""Each format's media type."""
_MEMORY_BYTES = 128 << 20


def body(
    report: Report,
    form: Format,
    group_by: str | None = None,
    *,
    columns: ReportColumns = "official",
    official_typo: bool = False,
    raw: bool = False,
) -> bytes:
    """A report in a format: of a range every column, by store or by group; of the windows those that are asked for."""
    if report.within is not None:
        table = store_table(report) if group_by is None else group_table(report, group_by)
        return encode(table, form, about(report), raw=raw)
    if form == "csv":
        return to_csv(report, columns=columns, official_typo=official_typo, raw=raw).encode()
    return encode(windows_table(report, columns=columns, official_typo=official_typo), form, about(report), raw=raw)


def about(report: Report) -> dict[str, Any]:
    """The data of a report beside its rows: its range, all stores together, and the caveats."""
    found = summarize(report)
    share = found.availability
    return {
        "as_of": stamp(report.as_of_us),
        "range": None if report.within is None else report.within.text(),
        "policy": report.policy.text(),
        "stores": found.stores,
        "stores_judged": found.judged,
        "availability_percent": None if share is None else round(share * 100, 3),
        "coverage_percent": round(found.coverage * 100, 3),
        "caveats": [*caveats(report), *defaults(report)],
    }


def encode(table: Table, form: Format, about: Mapping[str, Any], *, raw: bool = False) -> bytes:
    """The table in a format. `about`: what JSON says before the rows; `raw`: CSV with ids as they came."""
    match form:
        case "csv":
            names = [column.name for column in table]
            return csv_text([names, *zip(*map(_texts, table), strict=True)], raw=raw).encode("utf-8", "replace")
        case "json":
            return msgspec.json.encode({**about, "rows": list(records(table))}) + b"\n"
        case "ndjson":
            return msgspec.json.Encoder().encode_lines(list(records(table)))
        case "parquet":
            return _parquet(table)


def _texts(column: Column) -> Iterable[Any]:
    if column.digits is None:
        return column.values
    numbers = np.asarray(column.values, dtype=np.float64).tolist()
    return ["" if number != number else f"{number:.{column.digits}f}" for number in numbers]  # noqa: PLR0124, NaN


def _parquet(table: Table) -> bytes:
    arrays = {f"c{n}": _array(column) for n, column in enumerate(table)}
    names = ", ".join(f"c{n} AS {_quoted(column.name)}" for n, column in enumerate(table))
    with TemporaryDirectory(prefix="tidewatch-") as folder, duck.connect(memory_bytes=_MEMORY_BYTES) as db:
        db.register("columns_in", arrays)
        path = Path(folder) / "table.parquet"
        _copy(db, f"SELECT {names} FROM columns_in", path)  # noqa: S608, names are quoted
        return path.read_bytes()


def _copy(db: duckdb.DuckDBPyConnection, select: str, path: Path) -> None:
    db.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")


def _array(column: Column) -> Any:
    if column.digits is None:
        return np.array(column.values, dtype=object)
    numbers = np.asarray(column.values, dtype=np.float64)
    return numbers if column.digits else numbers.astype(np.int64)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
