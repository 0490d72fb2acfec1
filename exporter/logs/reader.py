"""Pieces of a log to counts: opens envelopes, applies rules, limits the time of user-defined regexes."""

from collections.abc import Sequence
from functools import partial

import msgspec

from exporter.accesslog.parse.opening import Inside, Kept, Opening
from exporter.accesslog.tally import BadLine, Tally, pieces, unmarked
from exporter.logs.counts import Closed, Counts
from exporter.logs.program import Program
from exporter.logs.source import Source
from exporter.regexes.limit import LIMIT_RINGS, TooSlow, timer
from exporter.sources.packing import pack, unpack
from foundation.errors import StoreError
from foundation.jsonread import why_not_json

_PIECE_BYTES = 1 << 17
"""Read at a time: lines stay warm in the cache, and memory small."""
_LIMITED_LINES = 1024
"""Maximum number of lines within one limit; if it does not suffice, each line has a separate limit."""


class Reader:
    """Reads one source's log. Not for two threads at once, and in the main thread where `source.has_regex()`.

    closed: full labels, as in the state; the counts are right without it.
    """

    def __init__(self, source: Source, kept: bytes | None = None) -> None:
        """`kept`: the `kept` of an earlier reader of the same log. Raises StoreError where it is none."""
        self.gauges = source.gauges()
        self.closed: Closed = ()
        self._program = Program(source)
        self._captures = source.captures()
        self._rules = len(source.rules)
        self._count = self._within_limit if source.has_regex() else self._program.count
        self._kept = _restored(kept)
        self._opening = Opening(source.opened(source.envelope), self._try, self._kept)

    @property
    def kept(self) -> bytes | None:
        """The state for the next lines: envelopes found, and lines that wait for their ends; None without any."""
        return pack(self._kept) if self._kept != Kept() else None

    def read(self, data: bytes, path: str = "", home: str | None = None) -> Counts:
        """Count the lines of `data`, which are whole and of one file. `home`: its path before a rotation."""
        return self.count(self.open(data, path, home), path if home is None else home)

    def open(self, data: bytes, path: str = "", home: str | None = None) -> Inside:
        """The lines inside of the envelope, or `data` where there is none."""
        home = path if home is None else home
        return self._opening.open(data, home, self._opening.envelopes(data, home))

    def look(self, data: bytes, path: str = "") -> None:
        """Find the envelope of the lines, if it is not known yet: many lines show more than the first."""
        self._opening.envelopes(data, path)

    def unfinished(self, path: str = "") -> Inside:
        """The lines without an end."""
        return self._opening.finish(path)

    def captured(self, home: str) -> tuple[str, ...]:
        """The values of the captures of the paths in the name of a file."""
        return self._captures.of(home)

    def count(self, inside: Inside, home: str = "") -> Counts:
        """Count the lines of the envelope; lines of the standard error are counted like all others."""
        captured = self.captured(home)
        counts = self.count_lines(inside.lines, captured)
        counts.merge(self.count_lines(inside.errors, captured), self.gauges)
        counts.add_too_long(inside.too_long)
        return counts

    def count_lines(self, data: bytes, captured: tuple[str, ...] = ()) -> Counts:
        """Count lines that are in no envelope; `captured`: of their file's name."""
        counts = Counts.of(self._rules)
        for piece in pieces(unmarked(data), _PIECE_BYTES):
            found = self._count(split(piece), captured)
            if self.closed:
                found.fold(self.closed, self.gauges)
            counts.merge(found, self.gauges)
        return counts

    def _within_limit(self, lines: Sequence[bytes], captured: Sequence[str]) -> Counts:
        counts = Counts.of(self._rules)
        for start in range(0, len(lines), _LIMITED_LINES):
            some = lines[start : start + _LIMITED_LINES]
            found = self._try_all(some, captured)
            if found is None:
                for line in some:
                    counts.merge(self._try_all([line], captured) or self._too_slow(line), self.gauges)
            elif len(some) == len(lines):
                return found
            else:
                counts.merge(found, self.gauges)
        return counts

    def _try_all(self, lines: Sequence[bytes], captured: Sequence[str]) -> Counts | None:
        """The counts of some lines; None if their regexes take too long, or too much memory."""
        try:
            return timer.within(LIMIT_RINGS, partial(self._program.count, captured=captured), lines)
        except (TooSlow, MemoryError):
            return None

    def _too_slow(self, line: bytes) -> Counts:
        counts = Counts.of(self._rules)
        counts.lines = 1
        counts.fail("slow", BadLine(1, line))
        return counts

    def _try(self, data: bytes) -> Tally:
        """The result of the format for lines, to find an envelope: the readable lines."""
        counts = self._count(split(data), self.captured(""))
        failed = sum(counts.failed.values())
        tally = Tally(lines=counts.lines, failed=dict(counts.failed))
        if counts.lines > failed:
            tally.hits[b"", b"", b"200"] = [counts.lines - failed, 0, 0]
        return tally


def split(data: bytes) -> list[bytes]:
    """Whole lines without their ends."""
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    return [line.removesuffix(b"\r") for line in lines] if b"\r" in data else lines


def _restored(kept: bytes | None) -> Kept:
    if kept is None:
        return Kept()
    try:
        return unpack(kept, Kept)
    except (msgspec.MsgspecError, UnicodeError) as exc:
        raise StoreError(f"the saved state of the reader cannot be read: {why_not_json(exc)}") from exc
