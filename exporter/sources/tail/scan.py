"""Update what is known from the files on the disk: here files are found, given up, and found again.

A scan runs when a run begins, every second, and as soon as a home is seen to hold another file. It is the same
each time: a restart is nothing but a long time between two scans.
"""

import logging
import os
from contextlib import suppress

import msgspec

from exporter.sources.files import NotNowError
from exporter.sources.tail.book import Book, Kind
from exporter.sources.tail.copies import Looks
from exporter.sources.tail.identity import HEAD_BYTES, FileId
from exporter.sources.tail.listing import Found, Listing, find, rotated_from
from exporter.sources.tail.mark import Limits, Mark, Moved, NotYet, Replaced, Role
from exporter.sources.tail.openings import Openings
from exporter.sources.tail.recover import MOST_LOOKS, Recovery, not_before
from exporter.sources.tail.schedule import Schedule
from exporter.sources.tail.stream import Position, Stream
from exporter.sources.tail.survey import Survey
from foundation.errors import SourceError

log = logging.getLogger(__name__)

_CLOCK_STEP_NS = 10_000_000  # file times come from a clock that lags the wall by up to one tick


class Scanner:
    """Finds the files of some patterns and keeps a Book of them.

    Attributes:
        cuts: how often a file was found to have new content.
    """

    def __init__(
        self, patterns: list[str], known: list[str], book: Book, looks: Looks, limits: Limits, *, from_start: bool
    ) -> None:
        """`known`: the patterns of earlier runs. What the others match at the first scan is old, all else is new."""
        self._whole = False
        self.cuts = 0
        self._patterns, self._book, self._limits = patterns, book, limits
        self._from_start = from_start
        self._fresh: list[str] | None = [pattern for pattern in patterns if pattern not in known]
        self._unjudged: set[int] = set()  # keys of marks of which it is not known yet how they were cut off
        self._targets: dict[str, str] = {}
        self._survey = Survey(patterns, book, limits)
        book.shelve(self._survey.is_wanted)
        self._recovery = Recovery(book, looks, self._see_cut)
        self._schedule = Schedule(book, limits)
        self._openings = Openings(book, self._recovery, self._schedule, limits, from_start=from_start)
        self._tried: dict[int, tuple[int, int]] = {}  # size and time at which a closed file was opened, by key

    @property
    def skipped(self) -> int:
        """Files that the patterns match beyond the limit, which are not read."""
        return self._survey.skipped

    @property
    def readable(self) -> bool:
        """Every path without wildcards is there, some file is followed if it must be, and none cannot be read."""
        if not self._whole or self._book.starved or self._book.failing:
            return False
        return not self._limits.required or bool(self._book.live_homes())

    def scan(self, now_s: float, wall_s: float) -> None:
        """One look at everything, at a monotonic and a Unix time.

        Where there is no descriptor to look with, or a folder cannot be looked into, it ends there, and the next one
        begins where the last whole one ended: nothing is concluded from what could not be seen.
        """
        self._book.begin_scan()
        self._schedule.begin(now_s, wall_s)
        try:
            self._scan(now_s, wall_s)
        except NotNowError as exc:
            self._book.starve(exc)
            self._see_unread()
            self._recovery.end_scan(whole=False)
        else:
            self._recovery.end_scan(whole=True)
        self._schedule.pending |= self._book.starved or self._book.failing or self._recovery.pending
        self._book.forget_oldest()
        self._tried = {key: tried for key, tried in self._tried.items() if key in self._book.marks}
        self._schedule.end(self._targets, self._survey.directories)

    def hurry(self) -> None:
        """The next scan is due."""
        self._schedule.hurry()

    def is_due(self, now_s: float) -> bool:
        """Whether to scan now, see Schedule."""
        return self._schedule.is_due(now_s)

    def open_grown(self, mark: Mark) -> Stream | None:
        """Open a closed file to be read on, if it has grown."""
        file = find(mark.path)
        if file is None or file.id != mark.id:
            self._schedule.pending = True
            return None
        now = file.size, file.mtime_ns
        if mark.rests(*now) or self._tried.get(mark.key) == now:
            return None
        self._tried[mark.key] = now
        try:
            if not self._openings.resume(mark, file, mark.role):
                self._schedule.pending = True
        except Moved:
            self._schedule.pending = True
        stream = self._book.streams[-1] if self._book.streams else None
        return stream if stream is not None and stream.key == mark.key else None

    def _scan(self, now_s: float, wall_s: float) -> None:
        self._now_s = now_s
        self._recovery.begin_scan()
        first = self._fresh is not None
        if self._fresh is not None:
            self._openings.old = self._survey.unknown(path for path, _ in Listing().expand(self._fresh) if find(path))
            self._fresh = None
        listing = Listing()
        self._survey.directories.clear()
        for stream in list(self._book.streams):
            self._see_cut(stream)  # first of all: what was cut off stands in copies, which are no new files
        homes, extras, self._whole = self._survey.look(now_s)
        if first:
            self._leave_older(homes, listing)
        self._leave(homes)
        for mark in sorted(
            self._book.marks.values(), key=lambda mark: -mark.offset
        ):  # what is surest to recognize first
            if mark.role in ("done", "copy"):
                self._see_growth(mark, listing)
            else:
                self._place(mark, homes.get(mark.home), listing)
        for file, home in extras:
            self._openings.take_extra(file, home)
        followed = {position.id: position for position in (*self._book.streams, *self._book.recovering)}
        for home, file in homes.items():
            self._follow_home(home, file, followed)
        self._see_young()
        self._book.scanned_ns = int(wall_s * 1e9)
        self._recovery.take_missed(self._target, Listing())
        self._book.stop_failing({*homes, *self._patterns, *(file.path for file, _ in extras)})

    def cut_off(self, stream: Stream) -> None:
        """The file of `stream` has new content: seek the rest of the old one, and read the new from its start."""
        self.cuts += 1
        mark = stream.mark()
        stream.begin_again(self._book.new_mark(stream.home, stream.role).key)
        self._cut(mark, stream.key, Listing())

    def _leave_older(self, homes: dict[str, Found], listing: Listing) -> None:
        """Report files rotated before the first run that no pattern matches: they are not read. Remember the newest.

        The newest are as young as the log itself, and would be taken for its next part.
        """
        for home in sorted(homes.keys() & self._openings.old):
            target = _target(home)
            beside = [file for file in listing.beside(home, target) if file.path not in self._openings.old]
            older = [file for file in beside if rotated_from(file, home, target)]
            if older and self._from_start:
                text = "%s: a new log; older rotated files of it that are not read: %d (the path %s* would match them)"
                log.info(text, home, len(older), home)
            for file in older:
                if not_before(file, homes[home].mtime_ns):
                    with suppress(Moved, SourceError):
                        self._recovery.leave(file, home)

    def _leave(self, homes: dict[str, Found]) -> None:
        """Streams whose home holds another file now are old, and so are those deleted for good."""
        for stream in self._book.streams:
            file = homes.get(stream.home)
            if stream.role == "live" and file is None:
                quiet = self._now_s - stream.quiet_since_s >= self._limits.grace_s
                if quiet and not stream.linked() and not os.path.lexists(stream.home):
                    stream.role, stream.quiet_since_s = "old", self._now_s  # its writer may still write to it
            elif stream.role == "live" and file is not None and file.id != stream.id:
                self._recovery.missed(stream.home, stream.mtime_ns)
                stream.role, stream.quiet_since_s = "old", self._now_s
                self._book.rotated(stream.home, self._kind(stream))

    def _see_young(self) -> None:
        """The content of a nearly empty file does not show what was in it before, so look for copies."""
        for stream in self._book.streams:
            if stream.young_since_ns:
                self._recovery.missed(stream.home, stream.young_since_ns, moved=False)
                stream.young_since_ns = 0

    def _kind(self, stream: Stream) -> Kind:
        if os.path.islink(stream.home) and _target(stream.home) != self._targets.get(stream.home):
            return "symlink"
        return "rename" if stream.linked() else "recreate"

    def _target(self, home: str) -> str:
        """Where `home` led to at the last scan."""
        return self._targets.get(home) or _target(home)

    def _follow_home(self, home: str, file: Found, followed: dict[FileId, Position]) -> None:
        """See that the file at `home` is followed."""
        self._targets[home] = _target(home)
        position = followed.get(file.id)
        if position is not None:
            if position.role == "old" and self._book.live(home) is None:  # moved back
                position.role, position.home, position.path = "live", home, home
            return
        known = self._book.mark_of(file.id)
        if known is None:
            if home not in self._openings.old and self._book.scanned_ns:  # others may have come and gone since then
                self._recovery.missed(home, self._book.scanned_ns - _CLOCK_STEP_NS)
            self._openings.begin(home, file)
        elif known.packed:
            self._openings.take_extra(file, home)
        elif known.role in ("done", "copy"):
            seen = known if known.role == "done" else msgspec.structs.replace(known, offset=known.size)
            with suppress(Moved):  # the next scan will see how
                if not self._openings.resume(seen, file, "live"):
                    self._book.release(file.id)
                    self._openings.begin(home, file)

    def _see_growth(self, mark: Mark, listing: Listing) -> None:
        """A rotated file that we closed may be written to again, be moved on, or be gone."""
        if not mark.inode:
            return
        file = find(mark.path)
        if file is None or file.id != mark.id:
            directory = [os.path.dirname(mark.path)]
            file = listing.by_id(mark.id, directory) or Listing().by_id(mark.id, directory)
        if file is None and mark.role == "copy":
            self._book.drop(mark.key)
        elif file is None:
            self._book.keep(mark.nowhere())
            self._recovery.vanished(mark)
        elif mark.role == "copy":
            if not mark.is_unchanged(file.size, file.mtime_ns):  # in the making, or no copy after all
                self._book.drop(mark.key)  # it will be judged again
        elif mark.packed and not mark.is_unchanged(file.size, file.mtime_ns):
            self._book.keep(mark.nowhere())
        elif not mark.packed and file.path != mark.home and file.size > mark.offset:
            with suppress(Moved):
                if not self._openings.resume(mark, file, "old"):
                    self._book.keep(mark.nowhere())
        elif not mark.packed and file.size < mark.offset:
            self._book.keep(mark.nowhere())
        elif file.path != mark.path:
            self._book.keep(msgspec.structs.replace(mark, path=file.path))

    def _place(self, mark: Mark, at_home: Found | None, listing: Listing) -> None:
        """Find the file of a mark again, by its identity or by its content."""
        for _ in range(MOST_LOOKS):
            try:
                self._place_once(mark, at_home, listing)
            except Moved:
                at_home, listing = at_home and find(mark.home), Listing()
            else:
                return
        self._recovery.wait(mark.home)

    def _place_once(self, mark: Mark, at_home: Found | None, listing: Listing) -> None:
        """Raises Moved."""
        self._schedule.pending |= mark.role == "cut"
        if mark.role == "cut":
            self._judge_cut(mark, listing)
            return
        file = self._by_identity(mark, at_home, listing)
        if file is None:
            self._gone(mark, at_home, listing)
            return
        role: Role = "live" if at_home is not None and file.id == at_home.id else "old"
        unchanged = (file.size, file.mtime_ns) == (mark.offset, mark.mtime_ns)
        if role == mark.role and (self._book.full or (unchanged and self._book.crowded)):
            self._book.wait_for(file.id, file.size - mark.offset)
            if file.path != mark.path:
                self._book.keep(msgspec.structs.replace(mark, path=file.path))
            return  # its turn comes when it has grown, and another has been read to its end
        if not self._openings.resume(mark, file, role):
            self._replaced(mark, file, at_home, listing)
        elif role == "old" and mark.role == "live" and mark.key not in self._book.marks:
            self._recovery.missed(mark.home, mark.mtime_ns)
            self._book.rotated(mark.home, "symlink" if os.path.islink(mark.home) else "rename")

    def _by_identity(self, mark: Mark, at_home: Found | None, listing: Listing) -> Found | None:
        target = self._target(mark.home)
        for file in (at_home, find(mark.path)):
            if file is not None and file.id == mark.id:
                return file
        for file in listing.beside(mark.home, target):
            if file.id == mark.id:
                return file
        directories = [os.path.dirname(path) for path in (mark.path, mark.home, target)]
        file = listing.by_id(mark.id, directories)
        return Listing().by_id(mark.id, directories) if file is None and at_home is not None else file

    def _replaced(self, mark: Mark, file: Found, at_home: Found | None, listing: Listing) -> None:
        """The inode is there, with other content: cut off and written anew, or used again for another file."""
        if at_home is None or file.id != at_home.id:
            self._book.keep(mark.nowhere())  # whose inode it is now, is followed for itself
            self._gone(mark.nowhere(), at_home, listing)
            return
        self._book.keep(mark.nowhere())
        self._openings.begin(mark.home, file)
        stream = self._book.live(mark.home)
        if stream is not None and stream.generation == mark.generation:
            self._cut(mark, stream.key, listing)
        else:
            self._gone(mark.nowhere(), at_home, listing)

    def _gone(self, mark: Mark, at_home: Found | None, listing: Listing) -> None:
        """The file no longer exists. Until another replaces it, it may come back, so this can wait."""
        self._schedule.pending = True
        if at_home is not None and self._go_on_in_copy(mark, at_home):
            return  # first, as a look at others may take longer, and a new file at home is followed from its start
        try:
            found = self._recovery.seek(mark, self._target(mark.home), listing)
        except NotYet:
            self._book.keep(mark)
            return
        if found:
            self._recovery.missed(mark.home, mark.mtime_ns)
            if mark.role == "live":
                self._book.rotated(mark.home, "compress")
        elif at_home is not None:
            self._give_up(mark, "gone" if mark.role == "live" else None)

    def _go_on_in_copy(self, mark: Mark, at_home: Found) -> bool:
        """Continue in a copy at the file's path, as after a move to another machine.

        Its head must be whole: a short one fits many files.
        """
        known = self._book.is_open(at_home.id) or self._book.mark_of(at_home.id)
        if mark.role != "live" or mark.head_size < HEAD_BYTES or known:
            return False
        if not self._openings.resume(mark, at_home, "live"):
            return False
        log.info("%s: a copy of the file that was there before: reading goes on in it", mark.home)
        return True

    def _cut(self, mark: Mark, feeds: int, listing: Listing) -> None:
        mark = msgspec.structs.replace(mark.nowhere(), role="cut", feeds=feeds)
        self._book.keep(mark)
        self._unjudged.add(mark.key)
        self._judge_cut(mark, listing)

    def _judge_cut(self, mark: Mark, listing: Listing) -> None:
        """Whether what was cut off is somewhere else; the rotation is counted once that is known."""
        try:
            found = self._recovery.seek(mark, self._target(mark.home), listing)
        except NotYet:
            return
        except NotNowError as exc:
            self._book.starve(exc)
            return
        new = mark.key in self._unjudged
        self._unjudged.discard(mark.key)
        if found and new:
            self._recovery.missed(mark.home, mark.mtime_ns, moved=False)
            self._book.rotated(mark.home, "copytruncate")
        elif not found:
            self._give_up(mark, "truncate" if new else None)

    def _give_up(self, mark: Mark, kind: Kind | None) -> None:
        """What was seen and not read is lost; what was read stays known, should it turn up again."""
        self._recovery.missed(mark.home, mark.mtime_ns, moved=mark.role != "cut")
        if kind is not None:
            self._book.rotated(mark.home, kind)
        self._book.lost(mark.home, mark.size - mark.offset)
        if not mark.generation:  # the inode alone could be any file's by then
            mark = mark.nowhere()
        self._book.keep(msgspec.structs.replace(mark, role="done", size=mark.offset))

    def _see_unread(self) -> None:
        """The files at the known homes, without reading the directories."""
        for file in filter(None, map(find, self._book.homes())):
            if not self._book.is_open(file.id):
                mark = self._book.mark_of(file.id)
                self._book.wait_for(file.id, file.size - (mark.offset if mark else 0))

    def _see_cut(self, stream: Stream) -> None:
        try:
            stream.look(self._now_s)
        except Replaced:
            self.cut_off(stream)
        except SourceError as exc:
            self._book.fails(stream.path, exc)


def _target(home: str) -> str:
    """Where `home` leads to; itself unless it is a symlink."""
    return os.path.realpath(home) if os.path.islink(home) else home
