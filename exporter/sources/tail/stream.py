"""One file that is being read: our position in it, and the proof that it is still that file.

`Position` is what all of them have; a `Stream` reads a plain file by its descriptor, a `Packed` a compressed copy.
Blocking; one thread at a time.
"""

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from exporter.sources.files import cannot_open, open_plain, pieces
from exporter.sources.lines import Cut, cut_lines, first_lines
from exporter.sources.tail.identity import HEAD_BYTES, NEAR_BYTES, FileId, digest, generation
from exporter.sources.tail.listing import Found
from exporter.sources.tail.mark import Limits, Mark, Moved, Replaced
from foundation.errors import SourceError

_NOT_IN_MARK = frozenset({"quiet_since_s", "_looked", "drained"})
_LARGEST_BLOCK = 1 << 16  # of a file system; holes end where a block begins


class Position(ABC):
    """How far a file is read.

    Attributes:
        key: our own number for it, never used again.
        home: the path under which it was (or is) live; path: where it was last seen.
        offset: bytes dealt with, always at a line's start unless `skipping`.
        size: the file's size at the last look; seen: what the state had seen of it before, in whatever file it stood.
        carry: the first piece of a line whose rest stands at the start of this file (copytruncate cuts lines apart);
            with a line end, a line by itself that comes before this file's lines.
        feeds: the key of the stream that gets our last, unfinished line as its `carry`; 0 if none.
        young_since_ns: when the file was seen (almost) empty, until it is seen with more. Content that came and went
            meanwhile has left no trace in this file.
        quiet_since_s: monotonic time of the last growth.
        drained: no whole line was left in it when it was last read.
    """

    packed = False
    _kept: Mark | None
    _touched: Callable[["Position", str], None] | None = None

    def __init__(self, mark: Mark, path: str, status: os.stat_result, version: int) -> None:
        """`mark`: how far it was read. `status`: of the open file. `version`: its inode's generation."""
        self.key, self.home, self.path, self.role = mark.key, mark.home, path, mark.role
        self.id, self.generation = FileId.of(status), version
        self.offset, self.size = mark.offset, mark.size
        self.mtime_ns = mark.mtime_ns or status.st_mtime_ns
        self.skipping, self.carry, self.feeds = mark.skipping, mark.carry, mark.feeds
        self.seen = mark.size
        self.young_since_ns = mark.mtime_ns if not mark.offset and mark.size < NEAR_BYTES else 0
        self.quiet_since_s = float("-inf")
        self._looked = self.drained = False
        self._head = self._near = b""

    @property
    def lag_bytes(self) -> int:
        """Bytes that stand in the file and are not dealt with."""
        return max(0, self.size - self.offset)

    @abstractmethod
    def read(self, limits: Limits) -> Cut | None:
        """The next whole lines, or None where there is none yet. Raises Replaced, SourceError."""

    @abstractmethod
    def rest(self, limits: Limits) -> bytes:
        """The bytes after the last newline, which count as read from now on. Raises SourceError."""

    @abstractmethod
    def close(self) -> None:
        """Give the descriptor back."""

    def __setattr__(self, name: str, value: object) -> None:
        """The stored mark is no longer valid after any change."""
        if name not in _NOT_IN_MARK:
            if self._touched is not None:
                self._touched(self, name)
            object.__setattr__(self, "_kept", None)
        object.__setattr__(self, name, value)

    def tell(self, touched: Callable[["Position", str], None] | None) -> None:
        """Call `touched` now, and before an attribute changes that is in the mark, with its name."""
        object.__setattr__(self, "_touched", touched)
        if touched is not None:
            touched(self, "")

    def mark(self) -> Mark:
        """The position, for the state. With many files most have not moved since the last time, and cost nothing."""
        if self._kept is None:
            object.__setattr__(self, "_kept", self._new_mark())
        assert self._kept is not None
        return self._kept

    def _new_mark(self) -> Mark:
        return Mark(
            key=self.key,
            home=self.home,
            path=self.path,
            role=self.role,
            device=self.id.device,
            inode=self.id.inode,
            generation=self.generation,
            offset=self.offset,
            size=max(self.size, self.seen),
            mtime_ns=self.young_since_ns or self.mtime_ns,
            head=digest(self._head),
            head_size=len(self._head),
            near=digest(self._near),
            near_size=len(self._near),
            skipping=self.skipping,
            carry=self.carry,
            feeds=self.feeds,
            packed=self.packed,
        )

    def end_carry(self) -> None:
        """The carry is a line by itself, because the rest of its line is unknown."""
        if self.carry and not self.carry.endswith(b"\n"):
            self.carry += b"\n"

    def _take(self, found: bytes, limits: Limits) -> Cut | None:
        """The whole lines at the front of `found`, which begins at our position; moves the position."""
        if self.carry.endswith(b"\n"):
            cut, self.carry = cut_lines(self.carry, limits.line_bytes, skipping=False), b""
            return cut._replace(consumed=0)
        whole = first_lines(self.carry + found, limits.batch_bytes)
        cut = cut_lines(whole, limits.line_bytes, skipping=self.skipping)
        if not cut.consumed:
            return None
        cut = cut._replace(consumed=cut.consumed - len(self.carry))  # the carry was counted where it was read
        self._move(found[: cut.consumed])
        self.skipping, self.carry = cut.skipping, b""
        return cut

    def _move(self, over: bytes) -> None:
        self._near = (self._near + over)[-NEAR_BYTES:]
        self.offset += len(over)
        self.size = max(self.size, self.offset)


class Stream(Position):
    """An open plain file."""

    def __init__(self, mark: Mark, file: Found) -> None:
        """Opens `file` for the position in `mark`. Raises SourceError, Moved, Replaced if it holds other content."""
        self.fd, status = open_found(file)
        try:
            super().__init__(mark, file.path, status, generation(self.fd))
            self._verify(mark, status)
        except BaseException:
            os.close(self.fd)
            raise

    def _verify(self, mark: Mark, status: os.stat_result) -> None:
        if mark.generation and self.generation and self.id == mark.id and mark.generation != self.generation:
            raise Replaced
        if status.st_size < mark.offset:
            raise Replaced
        self._head = self._pread(0, HEAD_BYTES)
        self._near = self._pread(mark.offset - mark.near_size, mark.near_size)
        if not mark.fits(self._head, self._near):
            raise Replaced

    def start_at_end(self, limits: Limits, size: int | None = None) -> None:
        """Go to the start of the last, perhaps unfinished line of the file or of its first `size` bytes.

        Raises SourceError.
        """
        size = os.fstat(self.fd).st_size if size is None else size
        before = self._pread(max(0, size - limits.line_bytes), min(size, limits.line_bytes))
        lines = before[: before.rfind(b"\n") + 1]
        self.offset = size - len(before) + len(lines)
        self._near = lines[-NEAR_BYTES:]

    def start_behind(self, size: int) -> None:
        """Take the first `size` bytes for read. Raises SourceError."""
        self.offset = self.size = size
        self._near = self._pread(max(0, size - NEAR_BYTES), min(size, NEAR_BYTES))

    def begin_again(self, key: int) -> None:
        """The file has new content: read it from its start, under a new key."""
        self.key, self._looked, self.drained = key, False, False
        self.offset = self.size = self.seen = 0
        self.skipping, self.carry, self.feeds = False, b"", 0
        self._head = self._near = b""

    def rests(self) -> bool:
        """Whether all of it is read and nothing was written since: of many files most, and so it has to be quick."""
        if not (self.drained and self._looked) or self.carry:
            return False
        status = os.fstat(self.fd)
        return status.st_size == self.size and status.st_mtime_ns == self.mtime_ns

    def look(self, now_s: float) -> None:
        """Take in size and age, and see that it is still the same content. Raises Replaced, SourceError."""
        status = os.fstat(self.fd)
        if self._looked and (status.st_size, status.st_mtime_ns) == (self.size, self.mtime_ns):
            return
        if len(self._head) < HEAD_BYTES:  # read before it is seen that nothing changed, not after
            head = self._pread(0, HEAD_BYTES)
            status = os.fstat(self.fd)
        else:
            head = self._head
        if status.st_size < self.offset or not head.startswith(self._head) or not self._same_content():
            raise Replaced
        if self._looked and not self.offset and self.size < NEAR_BYTES:
            self.young_since_ns = self.mtime_ns
        self.quiet_since_s, self._looked, self.drained = now_s, True, False
        self.size, self.mtime_ns, self._head = status.st_size, status.st_mtime_ns, head

    def _same_content(self) -> bool:
        return (
            self._pread(0, len(self._head)) == self._head
            and self._pread(self.offset - len(self._near), len(self._near)) == self._near
        )

    def linked(self) -> bool:
        """Whether the file still has a name."""
        return os.fstat(self.fd).st_nlink > 0

    def size_now(self) -> int:
        """The file's size, which may be more, or less, than at the last look."""
        return os.fstat(self.fd).st_size

    def holds(self, head: bytes, tail: bytes, size: int) -> bool:
        """Whether our file begins with a file of `size` bytes that begins and ends so. Raises SourceError."""
        return self._pread(0, len(head)) == head and self._pread(size - len(tail), len(tail)) == tail

    def read(self, limits: Limits) -> Cut | None:
        """The next whole lines, or None where there is none yet. Raises Replaced, SourceError."""
        found = self._pread(self.offset - len(self._near), len(self._near) + limits.read_bytes)
        if not found.startswith(self._near):
            raise Replaced
        found = found[len(self._near) :]
        if found.startswith(b"\0"):
            hole = self._hole_bytes(limits)
            if hole:
                self.offset, self._near = self.offset + hole, b""
                return self.read(limits)
            if hole is None:
                return None
        return self._take(found, limits)

    def rest(self, limits: Limits) -> bytes:
        """The bytes after the last newline, which count as read from now on. Raises SourceError."""
        found = self._pread(self.offset, limits.line_bytes)
        self._move(found)
        return b"" if self.skipping else found

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)

    def _hole_bytes(self, limits: Limits) -> int | None:
        """The size of the hole at our position, with the zeros that fill up its last block.

        A writer without O_APPEND leaves one in front of its next line when its file is truncated. None while nothing
        stands behind it; 0 where there is none, and zeros are what was written.
        """
        try:
            data = os.lseek(self.fd, self.offset, os.SEEK_DATA)
        except OSError as exc:
            return None if exc.errno == errno.ENXIO else 0
        if data == self.offset:
            return 0
        found = self._pread(data, max(limits.read_bytes, _LARGEST_BLOCK))
        return data - self.offset + len(found) - len(found.lstrip(b"\0"))

    def _pread(self, at: int, size: int) -> bytes:
        try:
            return os.pread(self.fd, size, at) if size else b""
        except OSError as exc:
            raise SourceError(f"{self.path}: {exc.strerror}") from exc


class Packed(Position):
    """A compressed copy, which does not grow: read once, from the position in a mark to its end."""

    packed = True

    def __init__(self, mark: Mark, file: Found) -> None:
        """Opens `file`; `reach` goes to the position. Raises SourceError, Moved."""
        self._stack = ExitStack()
        try:
            plain, raw = self._stack.enter_context(open_plain(file.path, lambda _, __: open_found(file)[0]))
            super().__init__(mark, file.path, os.fstat(raw.fileno()), generation(raw.fileno()))
            self.mtime_ns = file.mtime_ns
            self._pieces = pieces(plain, 1 << 20, file.path)
        except BaseException:
            self._stack.close()
            raise
        self._pending = b""
        self._unended_bytes = 0  # of a line that is too long, and has not ended yet

    def reach(self, mark: Mark) -> Iterator[None]:
        """Read up to the position in `mark`, a piece at a time. Raises SourceError, Replaced for other content."""
        at = 0
        for piece in self._pieces:
            self._head = (self._head + piece)[:HEAD_BYTES]
            if len(self._head) >= mark.head_size and not mark.fits(self._head):
                break
            over = piece[: mark.offset - at]
            at += len(over)
            self._near = (self._near + over)[-NEAR_BYTES:]
            self._pending += piece[len(over) :]
            if at == mark.offset and len(self._head) >= mark.head_size:
                break
            yield
        if at < mark.offset or not mark.fits(self._head, self._near):
            raise Replaced

    def read(self, limits: Limits) -> Cut | None:
        """The next whole lines; None at the end. Raises SourceError, also where no line ends for too long."""
        found = [self._pending]
        size = len(self._pending)
        while size < limits.read_bytes and (piece := next(self._pieces, b"")):
            found.append(piece)
            size += len(piece)
        self._pending = b"".join(found)
        cut = self._take(self._pending, limits)
        if cut is not None:
            self._pending = self._pending[cut.consumed :]
            self._unended_bytes = self._unended_bytes + cut.consumed if cut.skipping and not cut.data else 0
            if self._unended_bytes > limits.unended_bytes:
                raise SourceError(f"{self.path}: more than {limits.unended_bytes} bytes without a line end: not a log")
        return cut

    def rest(self, limits: Limits) -> bytes:
        """The bytes after the last newline, which count as read from now on."""
        del limits
        found, self._pending = self._pending, b""
        self._move(found)
        return b"" if self.skipping else found

    def close(self) -> None:
        """Give the descriptor back."""
        self._stack.close()


def open_found(file: Found) -> tuple[int, os.stat_result]:
    """A descriptor of `file`, and its status. Raises SourceError, Moved."""
    try:
        fd = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # O_NONBLOCK: a FIFO would hold us for ever
    except FileNotFoundError as exc:
        raise Moved from exc
    except OSError as exc:
        raise cannot_open(file.path, exc) from exc
    status = os.fstat(fd)
    if FileId.of(status) != file.id:
        os.close(fd)
        raise Moved
    return fd, status
