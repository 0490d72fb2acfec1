"""Whether a file is a copy of another, compressed or not, by content.

A compressed file may unpack to a thousand times its size and more. It is read a piece at a time, no further than any
known content, and within a time limit per scan: the next scan continues.
"""

import os
import threading
from collections.abc import Callable, Generator, Hashable
from typing import Any, NamedTuple, TypeAlias, TypeVar

from exporter.sources.files import compression, open_plain, pieces
from exporter.sources.tail.identity import HEAD_BYTES, NEAR_BYTES, generation
from exporter.sources.tail.listing import Found
from exporter.sources.tail.mark import Mark, Moved, NotYet
from exporter.sources.tail.stream import Packed, Position, Stream, open_found
from foundation.errors import SourceError

T = TypeVar("T")
Steps: TypeAlias = Generator[None, None, T]
"""A generator that pauses before each piece, and returns its result."""

_MAGIC_BYTES = 8
_MOST_BEGUN = 4
"""Files read at a time, each with the memory of its unpacker; others wait."""


class Print(NamedTuple):
    """What a (decompressed) file looks like: its first and last bytes, and how many there are.

    generation and packed are of the file itself. whole: false where it was looked into no further than something known
    goes, and so is a copy of nothing.
    """

    head: bytes
    tail: bytes
    size: int
    generation: int
    packed: bool
    whole: bool = True

    def is_all_of(self, mark: Mark) -> bool:
        """Whether it holds what was read up to `mark`, and nothing beyond.

        A piece of a line alone does not prove that: any log may begin so.
        """
        known = self.whole and mark.head_size and (b"\n" in self.head or self.size > HEAD_BYTES)
        return bool(known) and self.size == mark.offset and mark.fits(self.head, self.tail)

    def begins(self, stream: Stream) -> bool:
        """Whether the file of `stream` begins with it. Raises SourceError."""
        return self.whole and self.size <= stream.size and stream.holds(self.head, self.tail, self.size)


def fingerprint(file: Found, may_be_known: Callable[[bytes, int], bool]) -> Steps[Print]:
    """Fingerprint `file`, completely if it is compressed. Raises Moved; SourceError, also while it is incomplete.

    `may_be_known`: whether something that begins with these bytes (at most HEAD_BYTES), and is at least so long, is
    known; where it is not, the rest is not looked at.
    """
    with open_plain(file.path, lambda _, __: open_found(file)[0]) as (plain, raw):
        fd = raw.fileno()
        size, version = os.fstat(fd).st_size, generation(fd)
        if compression(os.pread(fd, _MAGIC_BYTES, 0)) is None:
            tail = os.pread(fd, min(size, NEAR_BYTES), max(0, size - NEAR_BYTES))
            return Print(os.pread(fd, HEAD_BYTES, 0), tail, size, version, packed=False)
        yield
        head = tail = b""
        size = 0
        for piece in pieces(plain, 1 << 20, file.path):
            head = (head + piece)[:HEAD_BYTES] if len(head) < HEAD_BYTES else head
            tail = (tail + piece)[-NEAR_BYTES:]
            size += len(piece)
            if not may_be_known(head, size):
                return Print(head, tail, size, version, packed=True, whole=False)
            yield
        return Print(head, tail, size, version, packed=True)


def open_copy(mark: Mark, file: Found) -> Steps[Position]:
    """`file` at the position of `mark`. Raises SourceError, Moved, Replaced if it holds other content."""
    if not is_packed(file):
        return Stream(mark, file)
    if mark.offset:
        yield
    copy = Packed(mark, file)
    try:
        yield from copy.reach(mark)
    except BaseException:
        copy.close()
        raise
    return copy


class Looks:
    """Looks into files that go on from one scan to the next.

    Attributes:
        stopped: once set, all of them end with NotYet.
    """

    def __init__(self, monotonic: Callable[[], float], hold_up_s: float) -> None:
        """`hold_up_s`: how long those of one scan may take."""
        self.stopped = threading.Event()
        self._monotonic = monotonic
        self._hold_up_s = hold_up_s
        self._until_s = 0.0
        self._begun: dict[Hashable, Steps[Any]] = {}
        self._prints: dict[Hashable, Print] = {}
        self._wanted: set[Hashable] = set()

    @property
    def begun(self) -> bool:
        """Whether a look goes on in the next scan."""
        return bool(self._begun)

    def begin_scan(self) -> None:
        """The time of this scan begins. What the last one did not ask for any more is given up."""
        self._until_s = self._monotonic() + self._hold_up_s
        for key in self._begun.keys() - self._wanted:
            self._begun.pop(key).close()
        for key in self._prints.keys() - self._wanted:
            del self._prints[key]
        self._wanted.clear()

    def fingerprint(self, key: Hashable, file: Found, may_be_known: Callable[[bytes, int], bool]) -> Print:
        """See `fingerprint`. Raises NotYet too. `key`: which content it is, the same as long as it is the same."""
        self._wanted.add(key)
        if key not in self._prints:
            self._prints[key] = self._result(key, lambda: fingerprint(file, may_be_known))
        return self._prints[key]

    def open_copy(self, key: Hashable, mark: Mark, file: Found) -> Position:
        """See `open_copy`. Raises NotYet too. `key`: as for `fingerprint`."""
        return self._result((key, mark.offset, mark.head), lambda: open_copy(mark, file))

    def close(self) -> None:
        """Stop everything that was begun."""
        for steps in self._begun.values():
            steps.close()
        self._begun.clear()

    def _result(self, key: Hashable, begin: Callable[[], Steps[T]]) -> T:
        self._wanted.add(key)
        begun: Steps[T] | None = self._begun.pop(key, None)
        steps = begin() if begun is None else begun
        while True:
            try:
                next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            except Moved:
                if steps is not begun:
                    raise
                steps = begin()  # since the last scan it has another name
                continue
            if self.stopped.is_set() or self._monotonic() >= self._until_s:
                if len(self._begun) < _MOST_BEGUN:
                    self._begun[key] = steps
                else:
                    steps.close()
                raise NotYet


def is_packed(file: Found) -> bool:
    """Whether `file` is compressed. Raises SourceError, Moved."""
    fd, _ = open_found(file)
    try:
        return compression(os.pread(fd, _MAGIC_BYTES, 0)) is not None
    except OSError as exc:
        raise SourceError(f"{file.path}: {exc.strerror}") from exc
    finally:
        os.close(fd)
