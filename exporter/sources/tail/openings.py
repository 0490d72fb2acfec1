"""Open what a scan has found: follow it, read on in it, or read it once; or wait until there is a descriptor for it."""

import logging

import msgspec

from exporter.sources.files import NotNowError
from exporter.sources.tail.book import Book
from exporter.sources.tail.copies import is_packed
from exporter.sources.tail.identity import HEAD_BYTES
from exporter.sources.tail.listing import Found
from exporter.sources.tail.mark import Limits, Mark, Moved, Replaced, Role
from exporter.sources.tail.recover import Recovery
from exporter.sources.tail.schedule import Schedule
from exporter.sources.tail.stream import Stream
from foundation.errors import SourceError

log = logging.getLogger(__name__)


class Openings:
    """Opens files of a Book, and remembers those that cannot be opened yet.

    Attributes:
        old: paths that were there before the first scan, and that no earlier run has followed.
    """

    def __init__(self, book: Book, recovery: Recovery, schedule: Schedule, limits: Limits, *, from_start: bool) -> None:
        """`from_start`: old files are read from their start; otherwise from where they end now."""
        self._book, self._recovery, self._schedule, self._limits = book, recovery, schedule, limits
        self._from_start = from_start
        self.old: set[str] = set()

    def begin(self, home: str, file: Found) -> None:
        """Follow a file that we know nothing of."""
        if self._book.full:
            self._wait_for(home, file)
            return
        try:
            if is_packed(file):
                self.take_extra(file, home)
                return
            stream = Stream(self._book.new_mark(home, "live"), file)
            if home in self.old and not self._from_start:
                stream.start_at_end(self._limits)
        except NotNowError as exc:
            self._book.starve(exc)
            self._wait_for(home, file)
            return
        except Moved:
            self.old.discard(home)  # what stands there by now, the next scan finds
            return
        except SourceError as exc:
            self._book.fails(file.path, exc)
            return
        self._warn_of_copy(stream)
        self._book.open(stream)
        self._book.works(file.path)
        self.old.discard(home)

    def resume(self, mark: Mark, file: Found, role: Role) -> bool:
        """Read on in `file` from `mark`; False if it holds other content now. Raises Moved."""
        try:
            if not mark.head_size and is_packed(file):
                self._book.drop(mark.key)
                self.take_extra(file, mark.home)
                return True
            stream = Stream(msgspec.structs.replace(mark, role=role), file)
            if not mark.head_size and mark.offset:  # it had to be waited for
                stream.start_at_end(self._limits, mark.offset)
        except Replaced:
            return False
        except SourceError as exc:
            self._book.fails(file.path, exc)
            self._book.wait_for(file.id, file.size - mark.offset)
            return True
        self._book.drop(mark.key)
        self._book.open(stream)
        self._book.works(file.path)
        return True

    def take_extra(self, file: Found, home: str) -> None:
        """A file that a pattern matches, and that is not followed but read once: rotated from a home, or compressed."""
        try:
            if file.path in self.old and not self._from_start:
                self._recovery.leave(file, home)
            elif not self._recovery.take_in(file, home):
                self._schedule.pending = True
                return
        except Moved:
            self._schedule.pending = True
            return
        except SourceError as exc:
            self._book.fails(file.path, exc)
            return
        self.old.discard(file.path)
        self._book.works(file.path)

    def _wait_for(self, home: str, file: Found) -> None:
        """Remember a file that cannot be opened yet, under whatever name it will have when it can."""
        offset = file.size if home in self.old and not self._from_start else 0
        mark = self._book.new_mark(home, "live")
        self._book.keep(
            msgspec.structs.replace(
                mark, device=file.id.device, inode=file.id.inode, offset=offset, size=file.size, mtime_ns=file.mtime_ns
            )
        )
        self._book.wait_for(file.id, file.size - offset)
        self.old.discard(home)

    def _warn_of_copy(self, new: Stream) -> None:
        """Warn if a copy of the log has replaced it while it is read, because its lines are then counted again."""
        mark = new.mark()
        before = [stream.mark() for stream in self._book.streams if stream.home == new.home]
        if mark.head_size >= HEAD_BYTES and not new.offset and any(one.head == mark.head for one in before):
            text = "%s: begins with the content of the file before it; if it is a copy, its lines are counted again: %s"
            log.warning(text, new.home, "write copies into the same file, as rsync --inplace does")
