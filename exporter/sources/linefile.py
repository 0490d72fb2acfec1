"""A log file in bounded chunks of numbered whole lines; also pipes, which can be read only once."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import IO, NamedTuple

from exporter.sources.files import BROKEN, Readable, open_plain
from exporter.sources.lines import cut_lines, each_line
from foundation.errors import SourceError

CHUNK_BYTES = 8 << 20
LINE_BYTES = 1 << 20
PEEK_BYTES = 16 << 20
"""Of a file's first lines, however many are wanted."""
PEEK_PIECE_BYTES = 1 << 18
SHOWN_BYTES = 1000
"""Of a line that is dropped."""


class TooLong(NamedTuple):
    """The first line that was dropped for its length: its number in the file, and how it begins."""

    number: int
    start: bytes


class LineFile:
    """One file as chunks of whole lines. Iterate it once; it opens at the first chunk and closes at the end.

    `peek` shows the first lines before reading, also of a pipe. A last line without newline
    gets one. Lines over `line_bytes` are dropped and counted.

    Attributes:
        raw_bytes: bytes taken from the disk so far, and raw_total: the file's size (0 for a pipe), for progress.
        lines_before: those in front of the last chunk, the dropped ones included.
        too_long_lines: lines dropped for their length; too_long_bytes: their bytes; first_too_long: the first one.
    """

    def __init__(
        self,
        path: str,
        *,
        chunk_bytes: int = CHUNK_BYTES,
        line_bytes: int = LINE_BYTES,
        on_too_long: Callable[[bytes], None] | None = None,
    ) -> None:
        """`path` may be `-` for standard input. `on_too_long` takes the dropped lines, in pieces."""
        self.path = path
        self.raw_bytes = self.raw_total = self.lines_before = 0
        self._lines, self._uncounted = 0, b""
        self.too_long_lines = self.too_long_bytes = 0
        self.first_too_long: TooLong | None = None
        self._chunk_bytes, self._line_bytes = chunk_bytes, line_bytes
        self._on_too_long = on_too_long or (lambda _: None)
        self._as_it_comes = False
        self._chunks = self._read()
        self._fault: SourceError | None = None
        self._ahead: deque[tuple[int, bytes]] = deque()

    def peek(self, lines: int, *, enough: int | None = None, most_bytes: int = PEEK_BYTES) -> bytes:
        """The first lines, which are given out again.

        Args:
            lines: at most so many.
            enough: of a live pipe no more are awaited; None: all of them are.
            most_bytes: no more is read ahead once there are so many.

        Raises:
            SourceError: not if the fault comes after some lines; then the iteration raises it.
        """
        self._as_it_comes = True
        try:
            while sum(chunk.count(b"\n") for _, chunk in self._ahead) < (enough or lines):
                if sum(len(chunk) for _, chunk in self._ahead) >= most_bytes:
                    break
                if (found := next(self._chunks, None)) is None:
                    break
                self._ahead.append(found)
        except SourceError as exc:
            if not self._ahead:
                raise
            self._fault = exc
        finally:
            self._as_it_comes = False
        return b"".join(each_line(b"".join(chunk for _, chunk in self._ahead))[:lines])

    def __iter__(self) -> Iterator[bytes]:
        """The chunks. Raises SourceError, after the lines before the fault have been returned."""
        while self._ahead:
            self.lines_before, chunk = self._ahead.popleft()
            yield chunk
        if self._fault is not None:
            raise self._fault
        for before, chunk in self._chunks:
            self.lines_before = before
            yield chunk

    @property
    def lines(self) -> int:
        """Read so far, the dropped ones included."""
        self._lines += self._uncounted.count(b"\n")
        self._uncounted = b""
        return self._lines

    def has_lines(self, chunk: bytes, lines: int) -> None:
        """Set how many lines a chunk has, if known; counting takes a tenth as long as reading in bulk."""
        if chunk is self._uncounted:
            self._lines += lines
            self._uncounted = b""

    def close(self) -> None:
        """Close the file before its end."""
        self._chunks.close()

    def _read(self) -> Generator[tuple[int, bytes], None, None]:
        with open_plain(self.path) as (plain, raw):
            self.raw_total = _size(raw)
            pending, skipping = b"", False
            for found in self._pieces(plain):
                self.raw_bytes = _position(raw, self.raw_bytes)
                whole = b"" if skipping else _whole(pending, found, self._line_bytes)
                if whole:
                    pending = found[found.rfind(b"\n") + 1 :]
                    yield from self._given(whole)
                    continue
                pending += found
                cut = cut_lines(pending, self._line_bytes, skipping=skipping)
                kept = self._without_long(pending[: cut.consumed], skipping=skipping) if cut.dropped else [cut.data]
                pending, skipping = pending[cut.consumed :], cut.skipping
                for data in kept:
                    yield from self._given(data)
            if skipping:
                self._on_too_long(b"\n")
            if pending:
                yield from self._given(pending + b"\n")

    def _pieces(self, plain: Readable) -> Iterator[bytes]:
        try:
            while found := plain.read1(PEEK_PIECE_BYTES) if self._as_it_comes else plain.read(self._chunk_bytes):
                yield found
        except BROKEN as exc:
            raise SourceError(f"{self.path}: {exc}") from exc

    def _given(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        if data:
            before, self._uncounted = self.lines, data
            yield before, data

    def _without_long(self, taken: bytes, *, skipping: bool) -> Iterator[bytes]:
        """The data between dropped lines, each of which is counted in its place."""
        start = keep_from = 0
        while start < len(taken):
            end = taken.find(b"\n", start) + 1 or len(taken)
            if skipping or end - start > self._line_bytes + 1 or not taken.endswith(b"\n", start, end):
                yield taken[keep_from:start]
                self._drop(taken[start:end], begins=not skipping)
                skipping, keep_from = False, end
            start = end
        yield taken[keep_from:]

    def _drop(self, piece: bytes, *, begins: bool) -> None:
        """Count a line over the limit, or the rest of one that began earlier."""
        if begins:
            self.too_long_lines += 1
            self._lines = self.lines + 1
            self.first_too_long = self.first_too_long or TooLong(self._lines, piece[:SHOWN_BYTES])
        self.too_long_bytes += len(piece)
        self._on_too_long(piece)


def _whole(pending: bytes, found: bytes, limit: int) -> bytes:
    """All lines that end in `found`, with at most one copy; empty if there is none, or one may exceed the limit."""
    end = found.rfind(b"\n") + 1
    if not end or len(found) - end > limit:
        return b""
    whole = b"".join((pending, memoryview(found)[:end])) if pending or end < len(found) else found
    return b"" if cut_lines(whole, limit).dropped else whole


def _size(raw: IO[bytes]) -> int:
    return os.fstat(raw.fileno()).st_size


def _position(raw: IO[bytes], before: int) -> int:
    """The position on the disk; `before` for a pipe."""
    try:
        return os.lseek(raw.fileno(), 0, os.SEEK_CUR)
    except OSError:
        return before
