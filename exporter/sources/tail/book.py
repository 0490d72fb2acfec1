"""The state of a Tail: the files it reads, those it has read, and their history since the state was created."""

import logging
from collections.abc import Callable
from typing import Literal

import msgspec

from exporter.sources.descriptors import DESCRIPTORS
from exporter.sources.files import NotNowError
from exporter.sources.tail.identity import FileId
from exporter.sources.tail.mark import Limits, Mark, Role
from exporter.sources.tail.positions import About, Moves, State, Totals
from exporter.sources.tail.stream import Position, Stream
from foundation.errors import SourceError

log = logging.getLogger(__name__)

Kind = Literal["rename", "recreate", "truncate", "copytruncate", "symlink", "compress", "gone"]
"""How a log was rotated.

rename: moved, a new file in its place. recreate: deleted, a new file in its place. truncate: cut off, no copy found.
copytruncate: cut off, read on from the copy. symlink: it leads elsewhere now. compress: between two scans it was
compressed or copied, and read on from there. gone: between two scans it disappeared, and no copy was found.
"""


_ORDERED_BY = ("", "key", "role")
_SHORT_SCANS = 60
"""Number of scans after a lack of descriptors in which growing files have priority."""


class Book:
    """The files by their roles.

    Attributes:
        streams: open files, read as they grow (roles live and old).
        recovering: copies, read once to their end.
        marks: files known and not open, by key; changed by `keep` and `drop` only.
        shelved: files of paths that this run does not follow, by key; a run that follows them again reads on there.
        totals: see Totals.
        unread: bytes in files that could not be opened at the last scan.
        starved: the process had no descriptor for us since the last scan began.
        scanned_ns: Unix time of the last scan; what came to a home after it, nobody has seen.
        missed: homes from which files may have gone since a Unix time (in ns) that nobody could read yet.
    """

    def __init__(self, state: State | None, limits: Limits) -> None:
        """`state`: of the run before; None for the first. `limits`: on files and descriptors."""
        self.streams: list[Stream] = []
        self.recovering: list[Position] = []
        self.marks: dict[int, Mark] = {}
        self.shelved: dict[int, Mark] = {}
        self._keys: dict[FileId, int] = {}
        self._waiting: dict[int, Mark] = {}  # see `waiting`
        self._changed: set[int] = set()  # keys of files that were closed, forgotten, or got another key
        self._touched: set[Position] = set()  # open files whose marks may have changed
        self._told: dict[int, Mark] = {}
        self._order: list[Stream] | None = None
        self._ids: dict[FileId, int] = {}  # of the files that are open, and how often each is
        self._lags: dict[Position, int] = {}  # of those that are not read to their ends
        self._lag_bytes = 0
        self._moved: set[Position] = set()  # since the lag was asked for
        for mark in state.marks if state else ():
            self.keep(mark)
        about = state.about if state else About(totals=Totals(), next_key=1, patterns=[])
        self.totals = about.totals.copy()
        self.scanned_ns = about.scanned_ns
        self.missed = dict(about.missed)
        self._shelved_missed: dict[str, int] = {}
        self._next_key = about.next_key
        self._told_about = about
        self._limits = limits
        self.unread: dict[FileId, int] = {}
        self.starved = False
        self._short_scans = 0
        self._failing: set[str] = set()

    def snapshot(self, patterns: list[str]) -> State:
        """Everything as it is now."""
        open_marks = [position.mark() for position in (*self.streams, *self.recovering)]
        return State(self._about(patterns), [*self.shelved.values(), *self.marks.values(), *open_marks])

    def moves(self, patterns: list[str]) -> Moves:
        """What is different from the last call; at the first, everything."""
        now = {key: self.marks.get(key) or self.shelved.get(key) for key in self._changed}
        now |= {position.key: position.mark() for position in self._touched}
        self._changed.clear()
        self._touched.clear()
        moved = {key: mark for key, mark in now.items() if mark != self._told.get(key)}
        for key, mark in moved.items():
            if mark is None:
                del self._told[key]
            else:
                self._told[key] = mark
        about, before = self._about(patterns), self._told_about
        self._told_about = about
        return Moves(about, moved, bool(moved) or (about.totals, about.missed) != (before.totals, before.missed))

    def _about(self, patterns: list[str]) -> About:
        return About(
            totals=self.totals.copy(),
            next_key=self._next_key,
            patterns=patterns,
            scanned_ns=self.scanned_ns,
            missed=self._shelved_missed | self.missed,
        )

    def open(self, stream: Stream) -> None:
        """Read a file as it grows, from now on."""
        self.streams.append(stream)
        DESCRIPTORS.take()
        self._ids[stream.id] = self._ids.get(stream.id, 0) + 1
        self.unread.pop(stream.id, None)
        stream.tell(self._touch)

    def recover(self, copy: Position) -> None:
        """Read a copy to its end, after those before it."""
        self.recovering.append(copy)
        DESCRIPTORS.take()
        self._ids[copy.id] = self._ids.get(copy.id, 0) + 1
        self.unread.pop(copy.id, None)
        copy.tell(self._touch)

    def _touch(self, position: Position, name: str) -> None:
        self._touched.add(position)
        self._moved.add(position)
        if name == "key":
            self._changed.add(position.key)
        if name in _ORDERED_BY:
            self._order = None

    def in_order(self) -> list[Stream]:
        """The open files in the order of reading: rotated ones first, and then by age."""
        if self._order is None:
            self._order = sorted(self.streams, key=lambda stream: (stream.role == "live", stream.key))
        return self._order

    @property
    def lag_bytes(self) -> int:
        """Unread bytes in the files, including those in files that cannot be opened."""
        for position in self._moved:
            self._set_lag(position, position.lag_bytes)
        self._moved.clear()
        return self._lag_bytes + sum(self.unread.values())

    def _set_lag(self, position: Position, lag_bytes: int) -> None:
        self._lag_bytes += lag_bytes - self._lags.pop(position, 0)
        if lag_bytes:
            self._lags[position] = lag_bytes

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
            self.keep(msgspec.structs.replace(mark, feeds=to))

    def keep(self, mark: Mark) -> None:
        """Keep a file that is not open, in place of the earlier mark under its key."""
        self.drop(mark.key)
        self.marks[mark.key] = mark
        if mark.inode and mark.role in ("live", "old"):
            self._waiting[mark.key] = mark
        self._changed.add(mark.key)
        if mark.inode:
            self._keys[mark.id] = mark.key

    def drop(self, key: int) -> None:
        """Remove a mark: the file is open from now on, or dropped."""
        mark = self.marks.pop(key, None)
        self._waiting.pop(key, None)
        self._changed.add(key)
        if mark is not None and self._keys.get(mark.id) == key:
            del self._keys[mark.id]

    def shelve(self, is_wanted: Callable[[str], bool]) -> None:
        """Keep the state of homes that are not followed in this run, of at most the number that may be followed."""
        for key in sorted(key for key, mark in self.marks.items() if not is_wanted(mark.home)):
            mark = self.marks[key]
            self.drop(key)
            self.shelved[key] = mark
        for key in list(self.shelved)[: -self._limits.files]:
            del self.shelved[key]
        self._shelved_missed = {home: since_ns for home, since_ns in self.missed.items() if not is_wanted(home)}
        self.missed = {home: since_ns for home, since_ns in self.missed.items() if is_wanted(home)}

    def live(self, home: str) -> Stream | None:
        """The open file at `home`, as far as known."""
        return next((stream for stream in self.streams if stream.home == home and stream.role == "live"), None)

    def live_homes(self) -> set[str]:
        """The homes at which a file is known to stand, or to have stood last."""
        streams = {stream.home for stream in self.streams if stream.role == "live"}
        return streams | {mark.home for mark in self.marks.values() if mark.role == "live"}

    def homes(self) -> set[str]:
        """The homes of all known files, including homes whose file is missing or could not be opened."""
        return {one.home for one in (*self.streams, *self.recovering)} | {mark.home for mark in self.marks.values()}

    @property
    def full(self) -> bool:
        """Whether no more files may be kept open; others are opened to be read, one after the other."""
        return self.open_count >= self._limits.open_files or DESCRIPTORS.are_short

    @property
    def full_of_copies(self) -> bool:
        """Whether rotated files, which are read once, have to wait."""
        copies = self._limits.open_copies
        return self.open_count >= self._limits.open_files + copies or DESCRIPTORS.over >= copies

    @property
    def open_count(self) -> int:
        """Descriptors held."""
        return len(self.streams) + len(self.recovering)

    @property
    def crowded(self) -> bool:
        """Whether descriptors are better kept for files that grow."""
        return self._short_scans > 0 or len(self.streams) >= min(self._limits.open_files, DESCRIPTORS.most) // 2

    @property
    def over(self) -> int:
        """The number of open files above the limit."""
        return max(self.open_count - self._limits.open_files, min(self.open_count, DESCRIPTORS.over))

    def is_open(self, file: FileId) -> bool:
        """Whether the file is being read."""
        return file in self._ids

    @property
    def waiting_count(self) -> int:
        """How many files `waiting` has."""
        return len(self._waiting)

    def waiting(self) -> list[Mark]:
        """The files that are read as they grow, and are not open, in the order of reading."""
        return sorted(self._waiting.values(), key=lambda mark: (mark.role == "live", mark.key))

    def mark_of(self, file: FileId) -> Mark | None:
        """The known and closed file with this identity, the newest if inodes were used again."""
        key = self._keys.get(file)
        return None if key is None else self.marks[key]

    def release(self, file: FileId) -> None:
        """Forget what is known under this identity: another file has it now, or the file is no longer only a copy."""
        mark = self.mark_of(file)
        if mark is not None and mark.role == "copy":
            self.drop(mark.key)
        elif mark is not None:
            self.keep(mark.nowhere())

    def put_away(self, position: Position, role: Role) -> None:
        """Close a file and remember it under `role`."""
        if self._ids[position.id] > 1:
            self._ids[position.id] -= 1
        else:
            del self._ids[position.id]
        if isinstance(position, Stream) and not position.linked():
            position.id = FileId(0, 0)  # the inode is free for other files
        position.close()
        DESCRIPTORS.give_back()
        if isinstance(position, Stream) and position in self.streams:
            self.streams.remove(position)
        else:
            self.recovering.remove(position)
        position.role = role
        self._touched.discard(position)
        self._moved.discard(position)
        self._set_lag(position, 0)
        self._order = None
        position.tell(None)
        if role in ("live", "old"):
            self.wait_for(position.id, position.lag_bytes)
        self.keep(position.mark())

    def rotated(self, home: str, kind: Kind) -> None:
        """Count a rotation and log it."""
        self.totals.rotations[kind] = self.totals.rotations.get(kind, 0) + 1
        log.info("%s: rotated (%s)", home, kind)

    def lost(self, home: str, size: int) -> None:
        """Count and log lost bytes."""
        if size > 0:
            self.totals.lost_bytes += size
            log.warning("%s: %d bytes are lost: they were removed before they could be read", home, size)

    def wait_for(self, file: FileId, size: int) -> None:
        """Set the unread bytes of a file that is not open."""
        if size > 0:
            self.unread[file] = size
        else:
            self.unread.pop(file, None)

    def begin_scan(self) -> None:
        """Retry files that could not be read last time."""
        if self._short_scans and not self.starved:
            self._short_scans -= 1
            if not self._short_scans:
                log.info("all files could be looked at for %d scans", _SHORT_SCANS)
        self.starved = False
        self.unread.clear()

    def starve(self, exc: NotNowError) -> None:
        """Something could not be examined, but may exist: no descriptor was left, or its disk fails."""
        if not self._short_scans:
            log.warning("%s; trying again every %g s; nothing is lost while the files exist", exc, self._limits.scan_s)
        self._short_scans, self.starved = _SHORT_SCANS, True

    def fails(self, path: str, exc: SourceError) -> None:
        """Log once that a file cannot be read."""
        if isinstance(exc, NotNowError):
            self.starve(exc)
        elif path not in self._failing:
            self._failing.add(path)
            log.warning("%s; trying again every %g s", exc, self._limits.scan_s)

    def works(self, path: str) -> None:
        """Log that a file can be read again."""
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

    def forget_oldest(self) -> None:
        """Limit how long content without a file is kept; an existing file would be read again."""
        idle = [mark for mark in self.marks.values() if mark.role in ("done", "copy")]
        for there, most in ((False, max(self._limits.marks, len(self.streams))), (True, self._limits.files)):
            for key in sorted(mark.key for mark in idle if bool(mark.inode) is there)[:-most]:
                self.drop(key)
