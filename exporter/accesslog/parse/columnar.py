"""The engine of catch-up and batch: DuckDB over one bounded chunk at a time.

It uses the same regex as the scalar engine, in RE2, and takes only lines on which the two cannot differ: valid UTF-8
without control characters that its CSV reader minds, whose fields are plain numbers. Every other line is handed to the
scalar engine. If DuckDB cannot account for each line of a chunk, the whole chunk goes there. So both engines return the
same tally for the same bytes; differential tests check this.
"""

import logging
import os
import re
import weakref
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

import duckdb
import msgspec

from exporter import duck
from exporter.accesslog.columns import Columns
from exporter.accesslog.formats import Format
from exporter.accesslog.formats.envelope import OPENERS, Envelope, prefix
from exporter.accesslog.parse import columnar_sql
from exporter.accesslog.parse.columnar_split import Split
from exporter.accesslog.parse.columnar_values import Seen
from exporter.accesslog.parse.first_bad import first_bad
from exporter.accesslog.parse.scalar import tally_normal
from exporter.accesslog.routes import Router
from exporter.accesslog.tally import (
    BOM,
    BUCKETS,
    BYTES,
    COUNT,
    DURATION_NS,
    Buckets,
    Key,
    Tally,
    known_code,
    normal,
    pieces,
)
from exporter.sources.lines import each_line
from foundation.errors import StoreError

log = logging.getLogger(__name__)

_MEMORY_BYTES = 128 << 20

_SHAPES = 8
"""Maximum number of kinds of lines for quick reading: a program's requests, and some other messages."""
_LOOK_LINES, _LOOK_BYTES = 20, 1 << 16  # where a shape is looked for
_MOST_DROPPED = 1 / 16
"""Above this share of lines that cannot be split like the format, all lines are read by the regex."""
_CHUNKS_BY_REGEX = 16
"""After which it is tried again."""
_LINES_THAT_SAY = 1000
"""Fewer say nothing about the next chunks."""
WORTH_BYTES = 1 << 19
"""From this size on, the rest of a chunk goes to the columnar engine again, with another shape."""

_Row: TypeAlias = tuple[Any, ...]
"""Method, target, code, bucket, odd, lines, bytes, nanoseconds; then of each column the value, or else its text."""
_ODD, _LINES, _OF_ALL = 4, 5, 8

# Bytes that the CSV reader would refuse or change: bare carriage returns, NUL, and the one that serves as a delimiter
# which no line has. Lines with them are cut out before, and so are lines that are not UTF-8.
_MINDED = (b"\0", b"\x01", b"\r")
_PIECE_BYTES = 1 << 16  # where lines that are not UTF-8 are looked for one by one
_BOM_LINE = re.compile(rb"^[^\n]*\xef\xbb\xbf[^\n]*\n", re.MULTILINE)


class Columnar:
    """A separate DuckDB for one format and its buckets. Not thread-safe."""

    def __init__(
        self,
        format_: Format,
        buckets: Buckets,
        envelope: Envelope | None = None,
        router: Router | None = None,
        columns: Columns | None = None,
    ) -> None:
        """A reader of one format.

        Args:
            format_: its pattern must have plain numbers, `format_.bulk`; or it learns such patterns from lines.
            buckets: of the durations.
            envelope: what the lines are in.
            router: only the routes of targets matter, so another target of the same route may stand for one; None:
                targets are counted as they are.
            columns: what requests are counted by beside method, target and code; `format_` has their fields.
        """
        self._format = format_
        self._envelope = envelope
        self._router = router
        self._columns = columns
        self._seen: Seen | None = None
        self._shapes: list[_Shape] = []
        self._by_regex: dict[str | None, int] = {}  # of patterns whose lines do not fall apart: so many chunks
        self._buckets = buckets
        self._db: duckdb.DuckDBPyConnection | None = None
        self._has_complained = False
        self._chunk = os.memfd_create("tidewatch-chunk", os.MFD_CLOEXEC)  # a file that is only memory
        self._path = f"/proc/self/fd/{self._chunk}"
        weakref.finalize(self, os.close, self._chunk)

    def tally(self, data: bytes) -> Tally:
        """Count the lines of `data`, which are whole."""
        return self.tally_normal(normal(data))

    def tally_normal(self, whole: bytes) -> Tally:
        """Count lines that went through `normal` once; a second time would change some."""
        data, rest = _without_minded(whole)
        tally = Tally()
        rest.append(self._in_shapes(data, tally))
        odd = b"".join(rest)
        if odd:
            alone = tally_normal(odd, self._format, self._buckets)
            tally.merge(self._columns.tally(alone) if self._columns else alone)
            if tally.failed:
                tally.bad = first_bad(whole, odd, tally.failed.keys(), self._format, self._buckets)
        return tally

    def take(self, data: bytes) -> tuple[Tally, bytes]:
        """Count the usual lines of `data` that are in the envelope. Returns the others unchanged."""
        if b"\r\r\n" not in data:
            data = normal(data)
        data, rest = _without_minded(data)
        if BOM in data:  # in some envelopes it is before the line, and is not a part of it
            rest += _BOM_LINE.findall(data)
            data = _BOM_LINE.sub(b"", data)
        tally = Tally()
        rest.append(self._in_shapes(data, tally))
        return tally, b"".join(rest)

    def _in_shapes(self, data: bytes, tally: Tally) -> bytes:
        """Count the lines of the usual shapes. Returns the others."""
        for _ in range(_SHAPES):
            shape = self._shape_of(data)
            if shape is None:
                break
            odd: list[bytes] = []
            if shape.parts and shape.parts.is_spoilt_by_backslash:
                data, odd = _without(data, b"\\")
            rows = self._rows(data, shape)
            if rows is None:
                data += b"".join(odd)
                break
            if (
                self._router is not None
            ):  # the first ones get the places that a limit leaves, and threads are not in order
                rows.sort(key=_most_first)
            keys = _keys(rows, self._columns, self._seen)
            tally.lines += _add_rows(rows, keys, tally, odd, len(self._buckets) if self._format.has_duration else 0)
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
        """The groups of a chunk; None where DuckDB has too little memory, rejects it or loses a line of it."""
        if not self._is_open():
            return None
        os.ftruncate(self._chunk, len(data))
        if os.pwrite(self._chunk, data, 0) < len(data):
            return None
        lines = data.count(b"\n")
        if left := self._by_regex.get(shape.format.pattern, 0):
            self._by_regex[shape.format.pattern] = left - 1
        elif shape.parts:
            rows = self._rows_in_parts(lines, shape.format, shape.parts)
            if rows is not None and _lines(rows) == lines:
                return rows
        rows = self._ask(columnar_sql.by_regex(self._path, shape.format, self._buckets, self._router, self._columns))
        return rows if rows is not None and _lines(rows) == lines else None

    def _rows_in_parts(self, lines: int, format_: Format, parts: Split) -> list[_Row] | None:
        """The groups of lines that can be split like the format, and the other lines as odd ones."""
        rows = self._ask(
            columnar_sql.by_parts(self._path, format_, parts, self._buckets, self._router, columns=self._columns)
        )
        if rows is None or not (dropped := lines - _lines(rows)):
            return rows
        if dropped > lines * _MOST_DROPPED:
            if lines >= _LINES_THAT_SAY:
                self._by_regex[format_.pattern] = _CHUNKS_BY_REGEX
            return None
        odd = self._ask(columnar_sql.dropped(self._path, parts, self._columns))
        return rows + odd if odd is not None else None

    def _is_open(self) -> bool:
        """Whether there is a database and memory for a chunk."""
        try:
            if self._db is not None:
                duck.check_room()
            else:  # DuckDB must not remember a file: it is another one under the same name each time
                db = duck.connect(memory_bytes=_MEMORY_BYTES, temp_directory="", enable_external_file_cache=False)
                self._seen = Seen(db, self._columns) if self._columns else None
                self._db = db
        except StoreError as exc:
            if not self._has_complained:
                log.warning("without DuckDB, logs are read more slowly: %s", exc)
            self._has_complained = True
            return False
        return True

    def _ask(self, sql: str) -> list[_Row] | None:
        assert self._db is not None
        try:
            rows: list[_Row] = self._db.execute(sql).fetchall()
        except (duckdb.Error, MemoryError):
            return None
        return rows


def _most_first(row: _Row) -> tuple[int, str]:
    return -row[_LINES], repr(row)


def _lines(rows: list[_Row]) -> int:
    return sum(row[_LINES] for row in rows)


class _Shape(NamedTuple):
    """What lines that are read together have in common.

    lines: the regex of whole lines.
    parts: how to split them, if possible.
    """

    format: Format
    lines: re.Pattern[bytes]
    parts: Split | None


def _shape(format_: Format, start: str) -> _Shape:
    """The shape of lines of the format after what the regex `start` matches."""
    pattern = f"{start}(?:{format_.pattern})" if start else format_.pattern or ""
    found = msgspec.structs.replace(format_, pattern=pattern)
    return _Shape(found, re.compile(pattern.encode()), columnar_sql.part(found))


def _without_minded(data: bytes) -> tuple[bytes, list[bytes]]:
    """The lines that DuckDB's CSV reader accepts unchanged, and those that it would refuse or change."""
    minded: list[bytes] = []
    for byte in _MINDED:
        data, lines = _without(data, byte)
        minded += lines
    if data.isascii() or _is_utf8(data):
        return data, minded
    kept = []
    for piece in pieces(data, _PIECE_BYTES):
        if _is_utf8(piece):
            kept.append(piece)
            continue
        for line in each_line(piece):
            (kept if _is_utf8(line) else minded).append(line)
    return b"".join(kept), minded


def _without(data: bytes, byte: bytes) -> tuple[bytes, list[bytes]]:
    """The lines without the byte, and those with it, which are rare."""
    kept, lines = [], []
    start = 0
    while (at := data.find(byte, start)) >= 0:
        begin, end = data.rfind(b"\n", start, at) + 1 or start, data.find(b"\n", at) + 1
        kept.append(data[start:begin])
        lines.append(data[begin:end])
        start = end
    return (b"".join((*kept, data[start:])), lines) if lines else (data, [])


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _keys(rows: list[_Row], columns: Columns | None, seen: Seen | None) -> Iterator[Key]:
    """The keys of groups, one for one; those of odd lines have no meaning."""
    if columns is None or seen is None:
        yield from map(_key, rows)
        return
    values = [_values(rows, seen, at) for at in range(len(columns.columns))]
    for row, more in zip(rows, zip(*values, strict=True), strict=True):
        yield *_key(row), *more


def _key(row: _Row) -> Key:
    method, target, code, _, odd, *_ = row
    return (method.encode(), target.encode(), known_code(code.encode())) if odd is None else ()


def _values(rows: list[_Row], seen: Seen, at: int) -> list[bytes]:
    """The values of one column."""
    value, text = _OF_ALL + 2 * at, _OF_ALL + 2 * at + 1
    unseen = [(row[text], row[_LINES]) for row in rows if row[text] is not None and row[_ODD] is None]
    found = seen.values(at, *zip(*unseen, strict=True)) if unseen else {}
    return [
        b"" if row[_ODD] is not None else found[row[text]] if row[value] is None else row[value].encode()
        for row in rows
    ]


def _add_rows(rows: list[_Row], keys: Iterable[Key], tally: Tally, rest: list[bytes], buckets: int) -> int:
    """Put groups into the tally, odd lines into `rest`; the number of lines that were not odd."""
    lines = 0
    width = BUCKETS + buckets
    for row, key in zip(rows, keys, strict=True):
        _, _, _, bucket, odd, count, size, duration_ns = row[:_OF_ALL]
        if odd is not None:
            rest.append(f"{odd}\n".encode() * count)
            continue
        lines += count
        numbers = tally.hits.get(key)
        if numbers is None:
            numbers = tally.hits[key] = [0] * width
        numbers[COUNT] += count
        numbers[BYTES] += size or 0
        numbers[DURATION_NS] += duration_ns or 0
        if bucket is not None:
            numbers[BUCKETS + bucket] += count
    return lines
