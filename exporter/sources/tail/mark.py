"""A file and its position, as in the state; and the limits of a Tail."""

from typing import Literal

import msgspec

from exporter.sources.limits import MAX_FILES
from exporter.sources.tail.identity import FileId, digest

Role = Literal["live", "old", "cut", "done", "copy"]
"""What a known file is to us.

live: stands at its home. old: has left it, and may still grow. cut: its content is no longer in its file and must be
found in copies. done: old, read to its end, and quiet. copy: has only content that is read elsewhere.
"""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one Tail. Sizes in bytes, times in seconds."""

    line_bytes: int = 1 << 20
    """Longer lines are dropped and counted."""
    batch_bytes: int = 4 << 20
    """The most that one batch holds; what a Tail keeps in memory is a small multiple of it."""
    open_files: int = 1 << 20
    """Descriptors held, and no more than all Tails of the process may together; the quietest files are closed first."""
    open_copies: int = 8
    """Descriptors more for rotated files, which are read once."""
    files: int = MAX_FILES
    """Files that the patterns may match; more are not followed, so that no pattern can exhaust the machine."""
    required: bool = True
    """Whether a pattern that matches nothing is a fault."""
    marks: int = 256
    """Maximum of kept marks of rotated files, so that their compressed copies are not read again."""
    grace_s: float = 60.0
    """How long a rotated or deleted file must be quiet before its descriptor is released."""
    interval_s: float = 0.1
    """Time between two looks at files that grow: at most ten reads a second, and lag far under one."""
    scan_s: float = 1.0
    """Time between two checks of the directories, without other signs of a change."""
    hold_up_s: float = 0.5
    """How long at a time copies of older lines, and looking into compressed files, may hold up files that grow."""
    unended_bytes: int = 64 << 20
    """A compressed file with a line of this size is not a log, and is not read on: its end may be terabytes away."""

    @property
    def read_bytes(self) -> int:
        """Size of one read: enough to see that a line is too long."""
        return max(self.batch_bytes, self.line_bytes + 2)


class Mark(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A file and how far it is read: what the state keeps of a Position. Offsets and sizes in bytes."""

    key: int
    home: str
    path: str
    role: Role
    device: int = 0
    inode: int = 0
    generation: int = 0
    offset: int = 0
    size: int = 0
    mtime_ns: int = 0
    head: bytes = b""
    head_size: int = 0
    near: bytes = b""
    near_size: int = 0
    skipping: bool = False
    carry: bytes = b""
    feeds: int = 0
    packed: bool = False

    @property
    def id(self) -> FileId:
        """The file as the file system names it."""
        return FileId(self.device, self.inode)

    def nowhere(self) -> "Mark":
        """The mark of content whose file is gone; it can only be found again by content."""
        return msgspec.structs.replace(self, device=0, inode=0)

    def is_unchanged(self, size: int, mtime_ns: int) -> bool:
        """Whether a file that is not followed was not written to since, as far as its size and time show it.

        Of a compressed one, `self.size` is that of its content.
        """
        return mtime_ns == self.mtime_ns and (self.packed or size == self.size)

    def rests(self, size: int, mtime_ns: int) -> bool:
        """Whether a plain file that is not open was read to this end, and not written to since."""
        return (size, mtime_ns) == (self.offset, self.mtime_ns)

    def may_begin(self, head: bytes, size: int) -> bool:
        """Whether content that begins with `head`, and is at least so long, may be just what was read."""
        if size > self.offset or not self.head_size:
            return False
        return self.may_go_on(head)

    def may_go_on(self, head: bytes) -> bool:
        """Whether content that begins with `head` may be what was read, and more."""
        return len(head) < self.head_size or digest(head[: self.head_size]) == self.head

    def fits(self, head: bytes, before: bytes | None = None) -> bool:
        """Whether content with this head, and with these bytes `before` our offset, is what was read."""
        if len(head) < self.head_size or (self.head_size and digest(head[: self.head_size]) != self.head):
            return False
        if before is None or not self.near_size:
            return True
        return digest(before[-self.near_size :]) == self.near


class NotYet(Exception):  # noqa: N818, an event too
    """A file cannot be identified yet: reading its content takes longer than allowed at a time, or it has to wait."""


class Moved(Exception):  # noqa: N818, as below
    """The path now names another file than the one that was found there, or none."""


class Replaced(Exception):  # noqa: N818, an event, and no one's fault
    """The file holds other content than we read: cut off or written anew under the same inode."""
