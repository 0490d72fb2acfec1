"""Pieces of a log to tallies: by the engine that suits the piece, in the format that the log has announced."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from exporter.accesslog.formats import Format, Unitless
from exporter.accesslog.parse.scalar import tally_scalar
from exporter.accesslog.tally import Buckets, Tally

if TYPE_CHECKING:
    from exporter.accesslog.parse.columnar import Columnar

BULK_BYTES = 2 << 20
"""From here on the columnar engine is quicker than the scalar one, which needs some 50 ms for it."""

_FILES = 64  # files whose announcement is remembered: more than stand in a rotation


class Reader:
    """Reads one source's log. Not for two threads at once."""

    def __init__(self, format_: Format, buckets: Buckets, announced: bytes | None = None) -> None:
        """`announced`: the `announced` of an earlier reader of the same log."""
        self._format = format_
        self._buckets = buckets
        self._lines: dict[str, bytes] = msgspec.msgpack.decode(announced, type=dict[str, bytes]) if announced else {}
        self._columnar: dict[str, Columnar] = {}

    @property
    def own_regex(self) -> Format | None:
        """The format, if it is the user's own regex: then `read` belongs in the main thread, or `OwnRegex` does it."""
        return self._format if self._format.own_regex is not None else None

    @property
    def announced(self) -> bytes | None:
        """What the log's directives have said so far; None where they say nothing."""
        return msgspec.msgpack.encode(self._lines) if self._lines else None

    def read(self, data: bytes, path: str = "") -> Tally:
        """Count the lines of `data`, which are whole and of one file. Blocks: some 100 ms for 16 MiB."""
        if self._format.reshape is None:
            return self._tally(data, self._format)
        tally = Tally()
        for format_, part in self._parts(data, path):
            tally.merge(self._tally(part, format_))
        return tally

    def read_instant_s(self, line: bytes, path: str = "") -> float:
        """A line's own time, Unix seconds. Raises ValueError where it has none."""
        return self._announced_format(path).read_instant_s(line)

    def find_unitless(self, line: bytes, path: str = "") -> Unitless | None:
        """A line's number that is no duration only because nobody knows its unit."""
        return self._announced_format(path).find_unitless(line.rstrip(b"\r\n"))

    def _tally(self, data: bytes, format_: Format) -> Tally:
        if len(data) < BULK_BYTES or not format_.bulk:
            return tally_scalar(data, format_, self._buckets)
        assert format_.pattern is not None
        columnar = self._columnar.get(format_.pattern)
        if columnar is None:
            from exporter.accesslog.parse.columnar import Columnar  # noqa: PLC0415, a log that trickles needs no DuckDB

            self._columnar.clear()
            columnar = self._columnar[format_.pattern] = Columnar(format_, self._buckets)
        return columnar.tally(data)

    def _parts(self, data: bytes, path: str) -> Iterator[tuple[Format, bytes]]:
        """The data between two announcements, each with its format."""
        format_ = self._announced_format(path)
        start = 0
        while (at := _find_line(data, b"#Fields:", start)) >= 0:
            if at > start:
                yield format_, data[start:at]
            end = data.find(b"\n", at)
            end = len(data) if end < 0 else end + 1
            self._lines.pop(path, None)
            self._lines[path] = data[at:end].strip()[:10_000]
            while len(self._lines) > _FILES:
                del self._lines[next(iter(self._lines))]
            format_ = self._announced_format(path)
            yield format_, data[at:end]
            start = end
        if start < len(data):
            yield format_, data[start:]

    def _announced_format(self, path: str) -> Format:
        line = self._lines.get(path)
        if line is None or self._format.reshape is None:
            return self._format
        return self._format.reshape(line) or self._format


def _find_line(data: bytes, start_text: bytes, start: int) -> int:
    """Where the next line begins that starts so, from `start`, which is a line's start; -1 if none does."""
    if data.startswith(start_text, start):
        return start
    at = data.find(b"\n" + start_text, start)
    return at + 1 if at >= 0 else -1
