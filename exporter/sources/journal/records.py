"""Lines of `journalctl --output=json` to those of the wanted units, with the position after them. Pure: no I/O."""

import re
from typing import Any, NamedTuple

import msgspec

from exporter.sources.journal.settings import is_of
from exporter.sources.lines import cut_lines, each_line

RECORD_BYTES = 5 << 20
"""A longer record is dropped and counted. A message of 1 MiB that is not UTF-8 takes 4 MiB: a list of its bytes."""

_NULL = re.compile(rb'"MESSAGE" ?: ?null\b')
_SAME = ("b", "m", "t", "x")
"""The part of a cursor that identifies its record; its number changes when the journal is moved to the disk."""


class _Record(msgspec.Struct):
    cursor: str = msgspec.field(name="__CURSOR")
    unit: Any = msgspec.field(name="_SYSTEMD_UNIT", default=None)
    message: Any = msgspec.field(name="MESSAGE", default="")


_decoder = msgspec.json.Decoder(_Record)


class Taken(NamedTuple):
    """What came of some output.

    lines: records, as journalctl wrote them.
    read_bytes: of the output, including dropped records.
    cursor: of the last record that was read, wanted or not; None if there was none.
    too_long, too_long_bytes: records dropped for their length, by us or, as to their message, by journalctl.
    has_gap: the record at which an earlier run ended no longer exists.
    """

    lines: bytes
    read_bytes: int = 0
    cursor: str | None = None
    too_long: int = 0
    too_long_bytes: int = 0
    has_gap: bool = False


class Records:
    """The output of one journalctl, which begins with the record that was read last, if it still exists."""

    def __init__(
        self, patterns: tuple[str, ...], read_before: str | None, *, is_shown: bool = False, limit: int = RECORD_BYTES
    ) -> None:
        """None read yet.

        Args:
            patterns: of units; none for all.
            read_before: cursor of the record from which on all are shown; it was read before.
            is_shown: that record itself is shown too, if it still exists.
            limit: see RECORD_BYTES.
        """
        self._patterns = patterns
        self._read_before, self._is_shown = read_before, is_shown
        self._limit = limit
        self._carry = b""
        self._skipping = False

    def feed(self, data: bytes) -> Taken:
        """Add more output."""
        buffer = self._carry + data
        cut = cut_lines(buffer, self._limit, skipping=self._skipping)
        self._carry, self._skipping = buffer[cut.consumed :], cut.skipping
        taken = self._take(cut.data)
        return taken._replace(
            read_bytes=cut.consumed,
            too_long=taken.too_long + cut.too_long,
            too_long_bytes=taken.too_long_bytes + cut.dropped,
        )

    def _take(self, data: bytes) -> Taken:
        if self._read_before is None and not self._patterns and not _NULL.search(data):
            begin = data.rfind(b"\n", 0, -1) + 1
            last = _decoded(data[begin:])
            if last is not None:
                return Taken(data, cursor=last.cursor)
        return self._take_each(data)

    def _take_each(self, data: bytes) -> Taken:
        lines, taken = [], Taken(b"")
        for line in each_line(data):
            record = _decoded(line)
            if record is None:
                if not line.startswith(b"-- "):  # as it says that there are no entries
                    lines.append(line)
                continue
            is_wanted = not self._patterns or (isinstance(record.unit, str) and is_of(record.unit, self._patterns))
            taken = taken._replace(cursor=record.cursor)
            read_before, self._read_before = self._read_before, None
            if read_before is not None:
                if is_same(read_before, record.cursor):
                    continue
                taken = taken._replace(has_gap=self._is_shown)
            if not is_wanted:
                continue
            if record.message is None:
                taken = taken._replace(too_long=taken.too_long + 1, too_long_bytes=taken.too_long_bytes + len(line))
            else:
                lines.append(line)
        return taken._replace(lines=b"".join(lines))


def is_same(one: str, other: str) -> bool:
    """Whether two cursors are of the same record."""
    if one == other:
        return True
    first, second = (dict(part.partition("=")[::2] for part in cursor.split(";")) for cursor in (one, other))
    return all(key in first and first[key] == second.get(key) for key in _SAME)


def _decoded(line: bytes) -> _Record | None:
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
