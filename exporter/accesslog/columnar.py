"""The engine of catch-up and batch: DuckDB over one bounded chunk at a time.

It uses the same regex as the scalar engine, in RE2, and takes only lines on which the two cannot differ: valid UTF-8
without control characters that its CSV reader minds, whose fields are plain numbers. Every other line is handed to the
scalar engine. If DuckDB cannot account for each line of a chunk, the whole chunk goes there. So both engines make the
same tally of the same bytes; the differential tests hold them to it.
"""

import os
import re
from typing import TypeAlias

import duckdb

from exporter.accesslog.formats import FIELD_NAMES, Format
from exporter.accesslog.scalar import tally_normal
from exporter.accesslog.tally import BUCKETS, MAX_TIME_NS, Buckets, Tally, normal

CHUNK_BYTES = 16 << 20  # of the log at a time; with DuckDB's own buffers about 150 MiB resident
_BUFFER_BYTES = 4 << 20  # DuckDB's unit of work: several to a chunk, so that every core gets some
_LINE_BYTES = 1 << 18  # a longer line sends its chunk to the scalar engine
_MEMORY_LIMIT = "128MiB"

_Row: TypeAlias = tuple[str, str, str, int | None, str | None, int, int | None, int | None]

# Lines that the CSV reader would refuse or change: bare carriage returns, NUL, and the byte that serves as a delimiter
# which no line has. They are cut out before.
_DELIMITER = "\x01"
_MINDED = re.compile(rb"[\0\x01\r]")
_MINDED_LINE = re.compile(rb"[^\n]*[\0\x01\r][^\n]*\n")


class Columnar:
    """A DuckDB of its own for one format and its buckets. Not for two threads at once."""

    def __init__(self, format_: Format, buckets: Buckets) -> None:
        """`format_` must have a pattern, and numbers in it that are plain: `format_.bulk`."""
        self._format = format_
        self._buckets = buckets
        self._db = duckdb.connect(config={"memory_limit": _MEMORY_LIMIT, "temp_directory": ""})

    def tally(self, data: bytes) -> Tally:
        """Count the lines of `data`, which are whole."""
        data = normal(data)
        rest: list[bytes] = []
        if _MINDED.search(data):
            rest = _MINDED_LINE.findall(data)
            data = _MINDED_LINE.sub(b"", data)
        tally = Tally()
        if not data.isascii() and not _is_utf8(data):
            rest.append(data)
        elif data and (rows := self._rows(data)) is not None:
            tally.lines += _add_rows(rows, tally, rest, 0 if not self._format.has_time else len(self._buckets))
        else:
            rest.append(data)
        if rest:
            tally.merge(tally_normal(b"".join(rest), self._format, self._buckets))
        return tally

    def _rows(self, data: bytes) -> list[_Row] | None:
        """The groups of a chunk; None where DuckDB does not take it or loses a line of it."""
        fd = os.memfd_create("tidewatch-chunk", os.MFD_CLOEXEC)
        try:
            with open(fd, "wb", buffering=0, closefd=False) as chunk:
                chunk.write(data)
            rows: list[_Row] = self._db.execute(_sql(f"/proc/self/fd/{fd}", self._format, self._buckets)).fetchall()
        except duckdb.Error:
            return None
        finally:
            os.close(fd)
        return rows if sum(row[5] for row in rows) == data.count(b"\n") else None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _add_rows(rows: list[_Row], tally: Tally, rest: list[bytes], buckets: int) -> int:
    """Put groups into the tally, odd lines into `rest`; the number of lines that were not odd."""
    lines = 0
    width = BUCKETS + buckets
    for method, target, code, bucket, odd, count, size, time_ns in rows:
        if odd is not None:
            rest.append(f"{odd}\n".encode() * count)
            continue
        lines += count
        key = (method.encode(), target.encode(), code.encode())
        numbers = tally.hits.get(key)
        if numbers is None:
            numbers = tally.hits[key] = [0] * width
        numbers[0] += count
        numbers[1] += size or 0
        numbers[2] += time_ns or 0
        if bucket is not None:
            numbers[BUCKETS + bucket] += count
    return lines


def _sql(path: str, format_: Format, buckets: Buckets) -> str:
    """Group a file's lines by key and bucket; lines that are not plain are groups of their own, by their text."""
    assert format_.pattern is not None
    pattern = re.sub(r"\(\?P<stamp>", "(?:", format_.pattern)
    names = re.findall(r"\(\?P<(\w+)>", pattern)  # DuckDB gives groups their names by their order
    field = {name: f"fields.{name}" if name in names else "''" for name in FIELD_NAMES}
    plain = [f"{field['code']} <> ''"]
    time_ns = bucket = "NULL"
    if format_.has_time:
        time_ns = f"CAST(floor(try_cast({field['time']} AS DOUBLE) * {format_.time_unit_ns} + 0.5) AS BIGINT)"
        plain.append(f"coalesce({time_ns} <= {MAX_TIME_NS}, true)")
        steps = "".join(f" WHEN time_ns <= {bound} THEN {i}" for i, bound in enumerate(buckets.bounds_ns))
        bucket = f"CASE WHEN time_ns IS NULL THEN NULL{steps} ELSE {len(buckets) - 1} END"
    return rf"""
        WITH lines AS (
            SELECT line, regexp_extract(line, '^(?:{pattern.replace("'", "''")})$', {names}) AS fields
            FROM read_csv('{path}', columns = {{'line': 'VARCHAR'}}, auto_detect = false, header = false,
                          delim = '{_DELIMITER}', quote = '', escape = '', new_line = '\n',
                          buffer_size = {_BUFFER_BYTES}, max_line_size = {_LINE_BYTES})
        ), plain AS (
            SELECT {field["method"]} AS method, {field["target"]} AS target, {field["code"]} AS code,
                   try_cast({field["bytes"]} AS BIGINT) AS size, {time_ns} AS time_ns,
                   CASE WHEN {" AND ".join(plain)} THEN NULL ELSE coalesce(line, '') END AS odd
            FROM lines
        )
        SELECT method, target, code, {bucket} AS bucket, odd, count(*), sum(size), sum(time_ns)
        FROM plain GROUP BY ALL"""  # noqa: S608, nothing in it comes from a log; the pattern's quotes are doubled
