"""Parquet files to rows of text and back, by DuckDB."""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias

import duckdb

from exporter import duck
from exporter.tables.jsonrows import number_text
from exporter.tables.rows import AnyRow, Layout, Limits, Places, Row, best, expected
from foundation.errors import SourceError, StoreError, may_pass
from foundation.output import replacing, writing_temporary

MEMORY_BYTES = 256 << 20
FETCHED_ROWS = 2000
COPIED_BYTES = 1 << 20

Kind: TypeAlias = Literal["text", "integer", "number", "boolean", "instant"]
"""Of a column that is written; an instant is int microseconds of Unix time, and becomes a timestamp in UTC."""

_TYPES: Mapping[Kind, str] = {
    "text": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "instant": "BIGINT",
}  # fmt: skip


class ParquetRows:
    """The rows of one file."""

    form = "parquet"

    def __init__(self, path: Path, layouts: Sequence[Layout], limits: Limits) -> None:
        """`path`: as DuckDB takes it, without a pattern's characters. Raises SourceError."""
        self._database = _connect()
        self._path = str(path)
        try:
            described = self._ask("DESCRIBE SELECT * FROM read_parquet($path)").fetchall()
            self.places = _fitting([row[0] for row in described], layouts, limits)
        except BaseException:
            self.close()
            raise
        wanted = [(name, kind) for name, kind, *_ in described if name not in self.places.ignored]
        self._places = Places(self.places.layout, [name for name, _ in wanted])
        self._wanted = [(_quoted(name), kind) for name, kind in wanted]

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def __iter__(self) -> Iterator[AnyRow]:
        shown = ", ".join(_shown(name, kind) for name, kind in self._wanted)
        numbers = [_is_number(kind) for _, kind in self._wanted]
        found = self._ask(f"SELECT {shown} FROM read_parquet($path)")  # noqa: S608, names of the file, quoted
        number = 0
        while rows := self._fetched(found):
            for values in rows:
                number += 1
                cells = [
                    "" if value is None else number_text(value) if is_number else value
                    for value, is_number in zip(values, numbers, strict=True)
                ]
                yield Row(number, self._places.pick(cells))

    def _ask(self, question: str) -> duckdb.DuckDBPyConnection:
        try:
            return self._database.execute(question, {"path": self._path})
        except duckdb.Error as exc:
            raise _trouble(exc) from exc

    def _fetched(self, found: duckdb.DuckDBPyConnection) -> list[Any]:
        try:
            return found.fetchmany(FETCHED_ROWS)
        except duckdb.Error as exc:
            raise _trouble(exc) from exc


def _fitting(names: list[str], layouts: Sequence[Layout], limits: Limits) -> Places:
    if len(names) > limits.columns:
        raise SourceError(f"{len(names)} columns; at most {limits.columns} are read")
    places = best(layouts, names)
    if places.missing:
        raise SourceError(f"the file lacks the column {', '.join(places.missing)}; expected {expected(layouts)}")
    return places


def _shown(name: str, kind: str) -> str:
    """A column as text, in SQL."""
    zoned = kind.endswith("WITH TIME ZONE")
    if kind == "TIMESTAMP_NS":
        return f"regexp_replace(strftime({name}, '%Y-%m-%dT%H:%M:%S.%n'), '\\.?0+$', '')"
    if kind.startswith("TIMESTAMP"):
        plain = f"make_timestamp(epoch_us({name}))" if zoned else f"{name}::TIMESTAMP"
        text = f"regexp_replace(strftime({plain}, '%Y-%m-%dT%H:%M:%S.%f'), '\\.0+$', '')"
        return f"{text} || 'Z'" if zoned else text
    if kind == "BLOB":
        return f"coalesce(try(decode({name})), {name}::VARCHAR)"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        return f"to_json({name})::VARCHAR"
    return f"{name}::VARCHAR"


def _is_number(kind: str) -> bool:
    return kind in {"FLOAT", "DOUBLE"} or kind.startswith("DECIMAL")


def spooled(plain: Iterable[bytes], folder: Path) -> Path:
    """A stream as a file in a temporary folder: Parquet begins at its end. Raises StoreError where that is full."""
    path = folder / "rows.parquet"
    with writing_temporary(folder.parent), path.open("wb") as stream:
        stream.writelines(plain)
    return path


def write_parquet(path: Path, columns: Mapping[str, Kind], rows: Iterable[Sequence[object]]) -> None:
    """Rows, with a cell for each column and None for null, as a file at `path` (`-`: standard output).

    Raises StoreError where it cannot be written; the old file stays then.
    """
    with tempfile.TemporaryDirectory(prefix="tidewatch-") as folder:
        made = Path(folder) / "rows.parquet"
        with (Path(folder) / "rows.csv").open("w", newline="", encoding="utf-8", errors="backslashreplace") as stream:
            _write_csv(stream, rows)
        names = ", ".join(
            f"make_timestamptz({_quoted(name)}) AS {_quoted(name)}" if kind == "instant" else _quoted(name)
            for name, kind in columns.items()
        )
        database = _connect()
        try:
            database.execute("SET TimeZone = 'UTC'")
            database.execute(
                f"COPY (SELECT {names} FROM read_csv($rows, header = false, auto_detect = false, delim = ',',"  # noqa: S608
                " quote = '\"', escape = '\"', nullstr = '\\N', allow_quoted_nulls = false, new_line = '\\n',"
                f" columns = $columns)) TO '{made}' (FORMAT parquet, COMPRESSION zstd)",
                {
                    "rows": str(Path(folder) / "rows.csv"),
                    "columns": {name: _TYPES[kind] for name, kind in columns.items()},
                },
            )
        except duckdb.Error as exc:
            raise StoreError(f"{path}: {str(exc).splitlines()[0]}") from exc
        finally:
            database.close()
        with made.open("rb") as whole, replacing(path) as out:
            while piece := whole.read(COPIED_BYTES):
                out.write(piece)


def _write_csv(stream: IO[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        text.seek(0)
        text.truncate()
        writer.writerow([_NULL if cell is None else cell for cell in row])
        stream.write(text.getvalue().replace(f'"{_NULL}"', "\\N"))


_NULL = "\udcff\udcfeNULL"  # no text from outside has lone surrogates once it is written


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _connect() -> duckdb.DuckDBPyConnection:
    return duck.connect(memory_bytes=MEMORY_BYTES, autoinstall_known_extensions=False, threads=1)


def _trouble(exc: duckdb.Error) -> SourceError | StoreError:
    return (StoreError if may_pass(exc) else SourceError)(str(exc).splitlines()[0])
