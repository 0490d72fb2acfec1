"""One file that is being read: its descriptor, our position in it, and the proof that it is still that file."""

import errno
import os
import stat
from typing import Literal

import msgspec

from exporter.errors import SourceError
from exporter.sources.lines import Cut, cut_lines
from exporter.sources.tail.identity import HEAD_BYTES, NEAR_BYTES, FileId, digest, generation


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one Tail. Sizes in bytes, times in seconds."""

    line_bytes: int = 1 << 20
    """Longer lines are dropped and counted."""
    batch_bytes: int = 4 << 20
    """The most that one batch holds; what a Tail keeps in memory is a small multiple of it."""
    open_files: int = 256
    """Descriptors held at a time; the quietest files are closed first, and opened again when they grow."""
    files: int = 4096
    """Files that the patterns may match; more are refused, so that a pattern like /** cannot eat the machine."""
    grace_s: float = 60.0
    """How long a rotated or deleted file must be quiet before its descriptor is given back."""
    interval_s: float = 0.1
    """Time between two looks at files that grow: at most ten reads a second, and lag far under one."""
    scan_s: float = 1.0
    """Time between two looks at the directories, where nothing else tells of a change."""


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file and how far it is read: what the state keeps of a Stream. Offsets and sizes in bytes."""

    key: int
    home: str
    path: str
    device: int
    inode: int
    generation: int
    offset: int
    size: int
    mtime_ns: int
    head: bytes
    head_size: int
    near: bytes
    near_size: int
    live: bool = True
    skipping: bool = False
    carry: bytes = b""


class Replaced(Exception):  # noqa: N818, an event, and no one's fault
    """The file holds other content than we read: cut off or written anew under the same inode."""


class Stream:
    """An open file and the position in it. Blocking; one thread at a time.

    Attributes:
        key: our own number for it, never used again.
        home: the path under which it was (or is) live; path: where it was last seen.
        offset: bytes dealt with, always at a line's start unless `skipping`.
        size: the file's size at the last look.
        carry: the first piece of a line whose rest stands at the start of this file (copytruncate cuts lines apart).
        quiet_since: monotonic time of the last growth.
    """

    def __init__(self, key: int, home: str, path: str) -> None:
        """Opens `path`. Raises SourceError."""
        self.key, self.home, self.path = key, home, path
        self.fd, status = open_regular(path)
        self.id = FileId.of(status)
        self.generation = generation(self.fd)
        self.offset = self.size = self.mtime_ns = 0
        self.links = 1
        self.live = True
        self.skipping = False
        self.carry = b""
        self.quiet_since = 0.0
        self._head = self._near = b""

    @property
    def lag_bytes(self) -> int:
        """Bytes that stand in the file and are not dealt with."""
        return max(0, self.size - self.offset)

    def start_at_end(self, limits: Limits) -> None:
        """Go to the start of the last, perhaps unfinished line. Raises SourceError, Replaced."""
        size = os.fstat(self.fd).st_size
        before = self._read(max(0, size - limits.line_bytes), min(size, limits.line_bytes))
        self.offset = size - len(before) + before.rfind(b"\n") + 1
        self._near = before[: before.rfind(b"\n") + 1][-NEAR_BYTES:]

    def look(self, now_s: float) -> None:
        """Take in size and age, and see that it is still the same content. Raises Replaced, SourceError."""
        status = os.fstat(self.fd)
        self.links = status.st_nlink
        if (status.st_size, status.st_mtime_ns) == (self.size, self.mtime_ns):
            return
        if status.st_size < self.offset or not self.same_content():
            raise Replaced
        if status.st_size != self.size:
            self.quiet_since = now_s
        self.size, self.mtime_ns = status.st_size, status.st_mtime_ns
        if len(self._head) < HEAD_BYTES:
            self._head = self._read(0, HEAD_BYTES)

    def same_content(self) -> bool:
        """Whether head and the bytes before our position are what we read. Raises SourceError."""
        return (
            self._read(0, len(self._head)) == self._head
            and self._read(self.offset - len(self._near), len(self._near)) == self._near
        )

    def read(self, limits: Limits) -> Cut | None:
        """The next whole lines, or None where there is no whole line yet. Raises Replaced, SourceError."""
        want = max(limits.batch_bytes, limits.line_bytes + 2)
        found = self._read(self.offset - len(self._near), len(self._near) + want)
        if not found.startswith(self._near):
            raise Replaced
        found = self.carry + found[len(self._near) :]
        cut = cut_lines(found, limits.line_bytes, skipping=self.skipping)
        if not cut.consumed:
            return None
        self._near = (self._near + found[len(self.carry) : cut.consumed])[-NEAR_BYTES:]
        cut = cut._replace(consumed=cut.consumed - len(self.carry))
        self.offset += cut.consumed
        self.skipping, self.carry = cut.skipping, b""
        self.size = max(self.size, self.offset)
        return cut

    def mark(self) -> Mark:
        """The position, for the state."""
        return Mark(
            key=self.key,
            home=self.home,
            path=self.path,
            device=self.id.device,
            inode=self.id.inode,
            generation=self.generation,
            offset=self.offset,
            size=self.size,
            mtime_ns=self.mtime_ns,
            head=digest(self._head),
            head_size=len(self._head),
            near=digest(self._near),
            near_size=len(self._near),
            live=self.live,
            skipping=self.skipping,
            carry=self.carry,
        )

    def resume(self, mark: Mark) -> bool:
        """Go on from `mark` if this file holds what was read then. Raises SourceError."""
        head = self._read(0, mark.head_size)
        near = self._read(mark.offset - mark.near_size, mark.near_size)
        if digest(head) != mark.head or digest(near) != mark.near:
            return False
        self.offset, self.skipping, self.carry = mark.offset, mark.skipping, mark.carry
        self.size = mark.size
        self._head, self._near = head, near
        return True

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)

    def _read(self, at: int, size: int) -> bytes:
        try:
            return os.pread(self.fd, size, at)
        except OSError as exc:
            raise SourceError(f"{self.path}: {exc.strerror}") from exc


def open_regular(path: str) -> tuple[int, os.stat_result]:
    """A descriptor of the regular file at `path`, and its status. Raises SourceError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # O_NONBLOCK: a FIFO would hold us for ever
    except OSError as exc:
        reason = "cannot be followed: not a file" if exc.errno == errno.ENXIO else exc.strerror
        raise SourceError(f"{path}: {reason}") from exc
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise SourceError(f"{path}: not a regular file, so it cannot be followed")
    return fd, status


Kind = Literal["rename", "recreate", "truncate", "copytruncate", "symlink", "compress", "gone"]
"""How a log was rotated. `gone`: it went away while nobody looked, and no copy of it was found."""
