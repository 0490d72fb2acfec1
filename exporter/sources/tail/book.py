"""What a Tail knows: the files it reads, those it has read, and what has happened to them since the state was begun."""

import logging
from typing import Literal

import msgspec

from exporter.sources.files import NotNowError
from exporter.sources.packing import pack, unpack
from exporter.sources.tail.identity import FileId
from exporter.sources.tail.mark import Limits, Mark, Role
from exporter.sources.tail.stream import Position, Stream
from foundation.errors import SourceError, StoreError

log = logging.getLogger(__name__)

Kind = Literal["rename", "recreate", "truncate", "copytruncate", "symlink", "compress", "gone"]
"""How a log was rotated.

rename: moved, a new file in its place. recreate: deleted, a new file in its place. truncate: cut off, no copy found.
copytruncate: cut off, read on from the copy. symlink: it leads elsewhere now. compress: while nobody looked it was
compressed or copied, and read on from there. gone: while nobody looked it went away, and no copy was found.
"""


_SHORT_SCANS = 60
"""Scans after the last without descriptors, in which those there are go to files that grow."""


class Totals(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What goes on over restarts: bytes, lines, rotations by kind, and the Unix time of the last lines read."""

    read_bytes: int = 0
    lost_bytes: int = 0
    too_long_lines: int = 0
    too_long_bytes: int = 0
    rotations: dict[str, int] = {}
    last_line_s: float = 0.0


class State(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What a Tail keeps over a restart."""

    totals: Totals
    marks: list[Mark]
    next_key: int
    patterns: list[str]
    scanned_ns: int = 0
    version: int = 1
    missed: dict[str, int] = {}


class Book:
    """The files by what they are to us.

    Attributes:
        streams: open files, read as they grow (roles live and old).
        recovering: copies, read once to their end.
        marks: files known and not open, by key; changed by `keep` and `drop` only.
        totals: see Totals.
        unread: bytes in files that could not be opened at the last scan.
        starved: the process had no descriptor for us since the last scan began.
        scanned_ns: Unix time of the last scan; what came to a home after it, nobody has seen.
        missed: homes from which files may have gone since a Unix time (in ns) that nobody could read yet.
    """

    def __init__(self, state: State | None, limits: Limits) -> None:
        self.streams: list[Stream] = []
        self.recovering: list[Position] = []
        self.marks: dict[int, Mark] = {}
        self._keys: dict[FileId, int] = {}
        for mark in state.marks if state else ():
            self.keep(mark)
        self.totals = state.totals if state else Totals()
        self.scanned_ns = state.scanned_ns if state else 0
        self.missed = dict(state.missed) if state else {}
        self._next_key = state.next_key if state else 1
        self._limits = limits
        self.unread: dict[FileId, int] = {}
        self.starved = False
        self._short_scans = 0
        self._failing: set[str] = set()

    def snapshot(self, patterns: list[str]) -> State:
        """Everything as it is now."""
        totals = msgspec.structs.replace(self.totals, rotations=dict(self.totals.rotations))
        open_marks = [position.mark() for position in (*self.streams, *self.recovering)]
        marks = [*self.marks.values(), *open_marks]
        return State(
            totals=totals,
            marks=marks,
            next_key=self._next_key,
            patterns=patterns,
            scanned_ns=self.scanned_ns,
            missed=self.missed,
        )

    def new_mark(self, home: str, role: Role) -> Mark:
        """A mark at the start of a file not seen before."""
        self._next_key += 1
        return Mark(key=self._next_key - 1, home=home, path=home, role=role)

    def new_mark_before(self, home: str, mtime_ns: int) -> Mark:
        """A mark of an old file of `home` that was found after younger ones: those that are unread are read after it.

        Keys are in the order of reading, so each of the younger ones gets the key of the next.
        """
        mark = self.new_mark(home, "old")
        younger = [
            one
            for one in self.streams
            if one.home == home and not one.offset and (one.role == "live" or one.mtime_ns > mtime_ns)
        ]
        for stream in sorted(younger, key=lambda one: (one.role == "live", one.key), reverse=True):
            self._rename(stream.key, mark.key)
            stream.key, mark = mark.key, msgspec.structs.replace(mark, key=stream.key)
        return mark

    def _rename(self, key: int, to: int) -> None:
        """Have what feeds the file with this key feed it under its new one."""
        for position in self.recovering:
            if position.feeds == key:
                position.feeds = to
        for mark in [mark for mark in self.marks.values() if mark.feeds == key]:
            self.marks[mark.key] = msgspec.structs.replace(mark, feeds=to)

    def keep(self, mark: Mark) -> None:
        """Remember a file that is not open, in place of what was remembered under its key."""
        self.drop(mark.key)
        self.marks[mark.key] = mark
        if mark.inode:
            self._keys[mark.id] = mark.key

    def drop(self, key: int) -> None:
        """Remember a file no more; it is open from now on, or forgotten."""
        mark = self.marks.pop(key, None)
        if mark is not None and self._keys.get(mark.id) == key:
            del self._keys[mark.id]

    def live(self, home: str) -> Stream | None:
        """The open file that stands at `home`, as far as we know."""
        return next((stream for stream in self.streams if stream.home == home and stream.role == "live"), None)

    def live_homes(self) -> set[str]:
        """The homes at which a file is known to stand, or to have stood last."""
        streams = {stream.home for stream in self.streams if stream.role == "live"}
        return streams | {mark.home for mark in self.marks.values() if mark.role == "live"}

    def homes(self) -> set[str]:
        """The homes of all known files, also where a file that could not be opened stands there now, or none."""
        return {one.home for one in (*self.streams, *self.recovering)} | {mark.home for mark in self.marks.values()}

    @property
    def full(self) -> bool:
        """Whether no more descriptors may be had."""
        return len(self.streams) + len(self.recovering) >= self._limits.open_files

    @property
    def crowded(self) -> bool:
        """Whether descriptors are better kept for files that grow."""
        return self._short_scans > 0 or len(self.streams) >= self._limits.open_files // 2

    def open_ids(self) -> set[FileId]:
        """The files that are being read."""
        return {position.id for position in (*self.streams, *self.recovering)}

    def mark_of(self, file: FileId) -> Mark | None:
        """The known and closed file with this identity, the newest if inodes were used again."""
        key = self._keys.get(file)
        return None if key is None else self.marks[key]

    def release(self, file: FileId) -> None:
        """What was known under this identity is no more: another file has it now, or it is no mere copy any more."""
        mark = self.mark_of(file)
        if mark is not None and mark.role == "copy":
            self.drop(mark.key)
        elif mark is not None:
            self.keep(mark.nowhere())

    def put_away(self, position: Position, role: Role) -> None:
        """Close a file and remember it under `role`."""
        if isinstance(position, Stream) and not position.linked():
            position.id = FileId(0, 0)  # the inode is free for other files
        position.close()
        if isinstance(position, Stream) and position in self.streams:
            self.streams.remove(position)
        else:
            self.recovering.remove(position)
        position.role = role
        self.keep(position.mark())
        self._forget_oldest()

    def rotated(self, home: str, kind: Kind) -> None:
        """Count a rotation and log it."""
        self.totals.rotations[kind] = self.totals.rotations.get(kind, 0) + 1
        log.info("%s: rotated (%s)", home, kind)

    def lost(self, home: str, size: int) -> None:
        """Count bytes that are gone, and say so."""
        if size > 0:
            self.totals.lost_bytes += size
            log.warning("%s: %d bytes are lost: they were in the file and gone before they could be read", home, size)

    def begin_scan(self) -> None:
        """What could not be read last time may be read now."""
        if self._short_scans and not self.starved:
            self._short_scans -= 1
            if not self._short_scans:
                log.info("all files could be looked at for %d scans", _SHORT_SCANS)
        self.starved = False
        self.unread.clear()

    def starve(self, exc: NotNowError) -> None:
        """Something could not be looked at, and is perhaps there: no descriptor was left for it, or its disk fails."""
        if not self._short_scans:
            log.warning(
                "%s; trying again every %g s; nothing is lost while the files are there", exc, self._limits.scan_s
            )
        self._short_scans, self.starved = _SHORT_SCANS, True

    def fails(self, path: str, exc: SourceError) -> None:
        """Say once that a file cannot be read."""
        if isinstance(exc, NotNowError):
            self.starve(exc)
        elif path not in self._failing:
            self._failing.add(path)
            log.warning("%s; trying again every %g s", exc, self._limits.scan_s)

    def works(self, path: str) -> None:
        """Say that a file can be read again."""
        if path in self._failing:
            self._failing.discard(path)
            log.info("%s: can be read again", path)

    @property
    def failing(self) -> bool:
        """Whether some file cannot be read now."""
        return bool(self._failing)

    def stop_failing(self, there: set[str]) -> None:
        """Forget the failures of paths that are no longer wanted."""
        self._failing &= there

    def _forget_oldest(self) -> None:
        """Remember content that is in no file any more only so long; a file that is there would be read again."""
        idle = [mark for mark in self.marks.values() if mark.role in ("done", "copy")]
        for there, most in ((False, self._limits.marks), (True, self._limits.files)):
            for key in sorted(mark.key for mark in idle if bool(mark.inode) is there)[:-most]:
                self.drop(key)


def decode(saved: bytes) -> State:
    """The state that `encode` made. Raises StoreError."""
    try:
        return unpack(saved, State)
    except (msgspec.DecodeError, UnicodeError) as exc:
        raise StoreError(f"the positions kept for the log files cannot be read: {exc}") from exc


def encode(state: State) -> bytes:
    """`state` for the checkpoint."""
    return pack(state)
