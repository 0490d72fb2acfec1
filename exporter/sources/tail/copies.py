"""Whether a file is a copy of another, compressed or not, by content."""

import os
from typing import NamedTuple

from exporter.sources.files import compression, open_plain, pieces
from exporter.sources.tail.identity import HEAD_BYTES, NEAR_BYTES, generation
from exporter.sources.tail.mark import Mark
from exporter.sources.tail.stream import Packed, Position, Stream, open_regular
from foundation.errors import SourceError


class Print(NamedTuple):
    """What a (decompressed) file looks like: its first and last bytes, and how many there are.

    generation and packed are of the file itself.
    """

    head: bytes
    tail: bytes
    size: int
    generation: int
    packed: bool

    def is_all_of(self, mark: Mark) -> bool:
        """Whether it holds what was read up to `mark`, and nothing beyond."""
        return bool(mark.head_size) and self.size == mark.offset and mark.fits(self.head, self.tail)

    def begins(self, stream: Stream) -> bool:
        """Whether the file of `stream` begins with it. Raises SourceError."""
        return self.size <= stream.size and stream.holds(self.head, self.tail, self.size)


def fingerprint(path: str) -> Print:
    """Look at the file at `path`, all of it where it is compressed. Raises SourceError, also while it is incomplete."""
    with open_plain(path) as (plain, raw):
        fd = raw.fileno()
        version = generation(fd)
        if not is_packed(path):
            size = os.fstat(fd).st_size
            tail = os.pread(fd, min(size, NEAR_BYTES), max(0, size - NEAR_BYTES))
            return Print(os.pread(fd, HEAD_BYTES, 0), tail, size, version, packed=False)
        head = tail = b""
        size = 0
        for piece in pieces(plain, 1 << 20, path):
            head = (head + piece)[:HEAD_BYTES] if len(head) < HEAD_BYTES else head
            tail = (tail + piece)[-NEAR_BYTES:]
            size += len(piece)
        return Print(head, tail, size, version, packed=True)


def is_packed(path: str) -> bool:
    """Whether the file at `path` is compressed. Raises SourceError."""
    fd, _ = open_regular(path)
    try:
        return compression(os.pread(fd, 8, 0)) is not None
    except OSError as exc:
        raise SourceError(f"{path}: {exc.strerror}") from exc
    finally:
        os.close(fd)


def open_copy(mark: Mark, path: str) -> Position:
    """The file at `path` at the position of `mark`. Raises SourceError, Replaced if it holds other content."""
    return Packed(mark, path) if is_packed(path) else Stream(mark, path)
