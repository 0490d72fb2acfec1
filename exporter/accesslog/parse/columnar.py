"""The engine of catch-up and batch: DuckDB over one bounded chunk at a time.

It uses the same regex as the scalar engine, in RE2, and takes only lines on which the two cannot differ: valid UTF-8
without control characters that its CSV reader minds, whose fields are plain numbers. Every other line is handed to the
scalar engine. If DuckDB cannot account for each line of a chunk, the whole chunk goes there. So both engines make the
same tally of the same bytes; the differential tests hold them to it.
"""

import logging
import os
import re
import weakref
from typing import NamedTuple, TypeAlias

import duckdb
import msgspec

from exporter import duck
from exporter.accesslog.formats import Format
from exporter.accesslog.formats.envelope import OPENERS, Envelope, prefix
from exporter.accesslog.parse import columnar_sql
from exporter.accesslog.parse.first_bad import first_bad
from exporter.accesslog.parse.scalar import tally_normal
from exporter.accesslog.tally import (
    BOM,
    BUCKETS,
    BYTES,
    COUNT,
    DURATION_NS,
    Buckets,
    Tally,
    known_code,
    normal,
)
from foundation.errors import StoreError

log = logging.getLogger(__name__)

_MEMORY_BYTES = 128 << 20

_SHAPES = 8
"""Kinds of lines that one log may have, and be quick: a program's requests, and some other messages."""
_LOOK_LINES, _LOOK_BYTES = 20, 1 << 16  # where a shape is looked for
WORTH_BYTES = 1 << 19
"""What is left of a chunk goes to the columnar engine again from here on, by another shape."""

_Row: TypeAlias = tuple[str, str, int | None, str | None, int, int | None, int | None]

# Bytes that the CSV reader would refuse or change: bare carriage returns, NUL, and the one that serves as a delimiter
# which no line has. Lines with them are cut out before, and where a chunk is not UTF-8, lines that are not ASCII.
_MINDED = (b"\0", b"\x01", b"\r")
_NOT_ASCII_LINE = re.compile(rb"^[^\n\x80-\xff]*+[\x80-\xff][^\n]*\n", re.MULTILINE)  # each line is looked at once
_CODE = re.compile(r"[0-9]{3}")
_BOM_LINE = re.compile(rb"^[^\n]*\xef\xbb\xbf[^\n]*\n", re.MULTILINE)
_MINDED_LINE = re.compile(rb"^[^\n\0\x01\r]*+[\0\x01\r][^\n]*\n", re.MULTILINE)


class Columnar:
    """A DuckDB of its own for one format and its buckets. Not for two threads at once."""

    def __init__(self, format_: Format, buckets: Buckets, envelope: Envelope | None = None) -> None:
        """`format_`: its pattern must have plain numbers, `format_.bulk`; or it learns such patterns from lines."""
        self._format = format_
        self._envelope = envelope
        self._shapes: list[_Shape] = []
        self._buckets = buckets
        self._db: duckdb.DuckDBPyConnection | None = None
        self._has_complained = False
        self._chunk = os.memfd_create("tidewatch-chunk", os.MFD_CLOEXEC)  # a file that is only memory
        self._path = f"/proc/self/fd/{self._chunk}"
        weakref.finalize(self, os.close, self._chunk)

    def tally(self, data: bytes) -> Tally:
        """Count the lines of `data`, which are whole."""
        whole = normal(data)
        data, rest = _without_minded(whole)
        tally = Tally()
        rest.append(self._in_shapes(data, tally))
        odd = b"".join(rest)
        if odd:
            tally.merge(tally_normal(odd, self._format, self._buckets))
            if tally.failed:
                tally.bad = first_bad(whole, odd, tally.failed.keys(), self._format, self._buckets)
        return tally

    def take(self, data: bytes) -> tuple[Tally, bytes]:
        """Count those lines of `data` that are in the envelope, and usual; the others come back, as they are there."""
        if b"\r\r\n" not in data:
            data = normal(data)
        data, rest = _without_minded(data)
        if BOM in data:  # in some envelopes it stands before the line, and is no part of it
            rest += _BOM_LINE.findall(data)
            data = _BOM_LINE.sub(b"", data)
        tally = Tally()
        rest.append(self._in_shapes(data, tally))
        return tally, b"".join(rest)

    def _in_shapes(self, data: bytes, tally: Tally) -> bytes:
        """Count the lines of the usual shapes; the others come back."""
        for _ in range(_SHAPES):
            shape = self._shape_of(data)
            if shape is None:
                break
            rows = self._rows(data, shape)
            if rows is None:
                break
            odd: list[bytes] = []
            tally.lines += _add_rows(rows, tally, odd, len(self._buckets) if self._format.has_duration else 0)
            data = b"".join(odd)
            if self._format.bulk or len(data) < WORTH_BYTES:
                break
        return data

    def _shape_of(self, data: bytes) -> "_Shape | None":
        """The shape of these lines, by the first that has one; new ones are remembered."""
        if self._format.bulk and self._envelope is None:
            return _shape(columnar_sql.decided(self._format, data[: data.find(b"\n")]), "") if data else None
        for line in data[: data.find(b"\n", _LOOK_BYTES) + 1 or None].split(b"\n")[:_LOOK_LINES]:
            if shape := self._shape_of_line(line):
                return shape
        return None

    def _shape_of_line(self, line: bytes) -> "_Shape | None":
        if known := next((shape for shape in self._shapes if shape.lines.fullmatch(line)), None):
            return known
        inner, start = line, None
        if self._envelope:
            opened, start = OPENERS[self._envelope](line), prefix(self._envelope, line)
            if opened is None or opened.more or start is None:
                return None
            inner = opened.text
        found = self._format if self._format.bulk else self._format.learn(inner) if self._format.learn else None
        if found is None:
            return None
        found = columnar_sql.decided(found, inner)
        shape = _shape(msgspec.structs.replace(found, has_duration=self._format.has_duration), start or "")
        if not shape.lines.fullmatch(line):
            return None
        self._shapes = [shape, *self._shapes[: _SHAPES - 1]]
        return shape

    def _rows(self, data: bytes, shape: "_Shape") -> list[_Row] | None:
        """The groups of a chunk; None where DuckDB has too little memory, does not take it or loses a line of it."""
        if not self._is_open():
            return None
        os.ftruncate(self._chunk, len(data))
        if os.pwrite(self._chunk, data, 0) < len(data):
            return None
        lines = data.count(b"\n")
        if shape.format.columns and self._envelope is None:  # in one, there are other lines too, which it would drop
            rows = self._ask(columnar_sql.by_columns(self._path, shape.format, self._buckets), lines)
            if rows and _all_plain(rows):
                return rows
        return self._ask(columnar_sql.by_regex(self._path, shape.format, self._buckets), lines)

    def _is_open(self) -> bool:
        """Whether there is a database and memory for a chunk."""
        try:
            if self._db is not None:
                duck.check_room()
            else:  # DuckDB must not remember a file: it is another one under the same name each time
                self._db = duck.connect(memory_bytes=_MEMORY_BYTES, temp_directory="", enable_external_file_cache=False)
        except StoreError as exc:
            if not self._has_complained:
                log.warning("logs are read more slowly, without DuckDB: %s", exc)
            self._has_complained = True
            return False
        return True

    def _ask(self, sql: str, lines: int) -> list[_Row] | None:
        assert self._db is not None
        try:
            rows: list[_Row] = self._db.execute(sql).fetchall()
        except (duckdb.Error, MemoryError):
            return None
        return rows if sum(row[4] for row in rows) == lines else None


class _Shape(NamedTuple):
    """What lines that are read together have in common. `lines`: the regex of them all, as they stand there."""

    format: Format
    lines: re.Pattern[bytes]


def _shape(format_: Format, start: str) -> _Shape:
    """The shape of lines of the format after what the regex `start` matches."""
    pattern = f"{start}(?:{format_.pattern})" if start else format_.pattern or ""
    return _Shape(msgspec.structs.replace(format_, pattern=pattern), re.compile(pattern.encode()))


def _without_minded(data: bytes) -> tuple[bytes, list[bytes]]:
    """The lines that DuckDB's CSV reader takes as they are, and those that it would refuse or change."""
    minded = []
    if any(byte in data for byte in _MINDED):
        minded += _MINDED_LINE.findall(data)
        data = _MINDED_LINE.sub(b"", data)
    if not data.isascii() and not _is_utf8(data):
        minded += _NOT_ASCII_LINE.findall(data)
        data = _NOT_ASCII_LINE.sub(b"", data)
    return data, minded


def _all_plain(rows: list[_Row]) -> bool:
    """Whether the groups that the CSV reader found are what the format's regex would have found."""
    return all(
        odd is None and request and code and " " in request and _CODE.fullmatch(code)
        for request, code, _, odd, *_ in rows
    )


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
    for request, code, bucket, odd, count, size, duration_ns in rows:
        if odd is not None:
            rest.append(f"{odd}\n".encode() * count)
            continue
        lines += count
        method, _, target = request.encode().partition(b" ")
        key = (method, target, known_code(code.encode()))
        numbers = tally.hits.get(key)
        if numbers is None:
            numbers = tally.hits[key] = [0] * width
        numbers[COUNT] += count
        numbers[BYTES] += size or 0
        numbers[DURATION_NS] += duration_ns or 0
        if bucket is not None:
            numbers[BUCKETS + bucket] += count
    return lines
