"""Finds content that is no longer at its place: in copies, also compressed ones, and in unknown generations."""

import logging
import os
from collections.abc import Callable

import msgspec

from exporter.sources.files import NotNowError
from exporter.sources.tail.book import Book
from exporter.sources.tail.copies import Looks, Print, is_packed
from exporter.sources.tail.identity import HEAD_BYTES, FileId, generation
from exporter.sources.tail.listing import Found, Listing, find, rotated_from
from exporter.sources.tail.mark import Mark, Moved, NotYet, Replaced
from exporter.sources.tail.stream import Position, Stream, open_found
from foundation.errors import SourceError

log = logging.getLogger(__name__)

_MOST_REFUSED = 10_000  # files found unfit and not opened again until they change; then all are tried once more
MOST_LOOKS = 4  # at files that are being moved and compressed while we look
_SECOND_NS = 1_000_000_000  # compressors give their output the time of their input, some of them in whole seconds


class Recovery:
    """Decides about the files beside a home: copies of known content, or files to read."""

    def __init__(self, book: Book, looks: Looks, look_again: Callable[[Stream], None]) -> None:
        """`look_again` takes in that a stream's file was cut off, if it was."""
        self._book = book
        self._looks = looks
        self._look_again = look_again
        self._missed: dict[str, int] = {}
        self._missed_before = list(book.missed.items())
        self._moved: set[str] = set()
        self._undecided: dict[FileId, tuple[str, int]] = {}  # the home, and since when it may have left it
        self._refused: set[tuple[int, Found]] = set()
        self._busy: set[str] = set()
        self._disordered: set[str] = set()
        self._vanished: set[int] = set()  # keys of files that were read to their ends, and are gone in this run

    def begin_scan(self) -> None:
        """Where copies of an earlier scan are being read still, others are judged once these are known."""
        self._busy = {position.home for position in self._book.recovering}
        self._looks.begin_scan()

    def end_scan(self, *, whole: bool) -> None:
        """Where it is not known what comes next, half a line from a copy does not go on in another file.

        whole: false where the scan could not see everything, so that nothing is known of any home.
        """
        for position in (*self._book.streams, *self._book.recovering):
            if not whole or position.home in self._disordered:
                position.feeds = 0
                if isinstance(position, Stream) and position in self._book.streams:
                    position.end_carry()
        self._disordered &= {home for home, _ in self._undecided.values()} | self._busy

    @property
    def pending(self) -> bool:
        """Whether a scan more is needed to know what the files are, although nothing changes."""
        return bool(self._busy or self._undecided or self._missed_before or self._looks.begun)

    def wait(self, home: str) -> None:
        """Judge nothing of `home` in this scan any more: where a file of it is, is not known yet."""
        self._busy.add(home)

    def seek(self, mark: Mark, target: str, listing: Listing) -> bool:
        """Look for a copy of the file behind `mark`, and have its rest read. Returns whether there is one.

        The oldest fitting copy is the one: those made later hold later content. Raises NotYet, NotNowError.
        """
        if not mark.head_size:
            return False
        if mark.home in self._busy:
            raise NotYet
        try:
            return self._seek_steadily(mark, target, listing)
        except (NotYet, NotNowError) as exc:
            self.wait(mark.home)  # what may be this copy is nothing else until then
            if isinstance(exc, NotYet):
                self._disorder(mark.home)
            raise

    def missed(self, home: str, since_ns: int, *, moved: bool = True) -> None:
        """Content may have stood at `home`, and gone from it, since a moment at which we looked.

        Args:
            home: the path.
            since_ns: the time of that moment, in the file system's clock.
            moved: files were moved away from there; otherwise they were copied and emptied.
        """
        self._missed[home] = min(since_ns, self._missed.get(home, since_ns))
        if moved:
            self._moved.add(home)

    def take_missed(self, target_of: Callable[[str], str], listing: Listing) -> None:
        """Read the generations that stood at a home since we last saw it, and that we never saw there.

        Raises NotNowError where it cannot see them; they are remembered for the next time.
        """
        if len(self._refused) > _MOST_REFUSED:
            self._refused.clear()
        for home, since_ns in (*self._missed_before, *self._missed.items()):
            target = target_of(home)
            for file in listing.beside(home, target):
                if rotated_from(file, home, target) and not_before(file, since_ns):
                    self._undecided[file.id] = home, since_ns
        for file_id, (home, _) in list(self._undecided.items()):
            found = next((file for file in listing.beside(home, target_of(home)) if file.id == file_id), None)
            if found is None or self.take_in(found, home):
                del self._undecided[file_id]
        self._missed_before = list(self._missed.items())  # once more: they may be renamed on while we look for them
        self._book.missed = dict(sorted((*self._missed_before, *self._undecided.values()), key=lambda one: -one[1]))
        self._missed.clear()
        self._moved &= {home for home, _ in self._undecided.values()}

    def vanished(self, mark: Mark) -> None:
        """A file that was read to its end is gone; it may have grown before it was compressed."""
        self._vanished.add(mark.key)

    def take_in(self, file: Found, home: str) -> bool:
        """Read a rotated file from its start, unless its content is known. Returns whether that could be told yet.

        Where files are known to have been moved away from `home`, a plain one is no copy in the making: logs of a
        few different lines look so alike that one could be taken for a copy of another.
        """
        for _ in range(MOST_LOOKS):
            try:
                return self._take_in(file, home)
            except Moved:
                moved = Listing().by_id(file.id, [os.path.dirname(file.path)])
                if moved is None:  # what it held may stand in another file by now, which is found for itself
                    return True
                file = moved
        self._disorder(home)
        return False

    def note(self, file: Found, home: str) -> None:
        """Leave a copy of what is known unread, now and later. Raises SourceError, Moved."""
        if not self._is_known(file):
            mark = self._book.new_mark(home, "copy")
            self._book.keep(_bound(mark, file, _generation(file), packed=is_packed(file)))

    def leave(self, file: Found, home: str) -> None:
        """Leave what is old unread, in this file and in copies of it. Raises SourceError, Moved."""
        if self._is_known(file):
            return
        if is_packed(file):
            self.note(file, home)
            return
        stream = Stream(self._book.new_mark(home, "done"), file)
        try:
            stream.start_behind(file.size)
            self._book.keep(stream.mark())
        finally:
            stream.close()

    def _take_in(self, file: Found, home: str) -> bool:
        if (0, file) in self._refused:
            return False
        try:
            if self._is_known(file) or (not file.size and home not in self._moved):
                return True
            if home in self._busy:
                self._disorder(home)
                return False
            if self._book.full_of_copies:
                self._book.wait_for(file.id, file.size)
                self._disorder(home)
                return False
            claimed = self._claimed(file, home, plain_too=home not in self._moved)
            if not claimed and not self._take_rest(file, home):
                self._read_whole(file, home)
        except NotYet:
            self._disorder(home)
            return False
        except NotNowError as exc:
            self._book.starve(exc)
            self._book.wait_for(file.id, file.size)
            self._disorder(home)
            return False
        except (SourceError, Replaced) as exc:
            self._refused.add((0, file))
            log.info("%s; most likely it is still being written, and will be read once it has changed", exc)
            return False
        return True

    def _seek_steadily(self, mark: Mark, target: str, listing: Listing) -> bool:
        """As `seek`, again where files are moved or compressed meanwhile. Raises NotYet, NotNowError."""
        for _ in range(MOST_LOOKS):
            try:
                if self._seek(mark, target, listing):
                    return True
            except Moved:
                listing = Listing()
                continue
            before, listing = listing, Listing()
            if before.inodes_beside(mark.home, target) == listing.inodes_beside(mark.home, target):
                return False
        raise NotYet

    def _seek(self, mark: Mark, target: str, listing: Listing) -> bool:
        """Whether one of the files is the copy, which is read from then on. Raises NotYet, NotNowError.

        Raises Moved if none is, but one had another name by the time it was opened.
        """
        moved: Moved | None = None
        at_home = find(mark.home)
        for file in listing.beside(mark.home, target):
            if at_home is not None and file.id == at_home.id:
                continue
            if not not_before(file, mark.mtime_ns) or (mark.key, file) in self._refused:
                continue
            try:
                if self._is_known(file, but=mark):
                    continue
                if mark.head_size < HEAD_BYTES and (
                    self._claimed(file, mark.home, plain_too=False, but=mark) or self._is_sought(file, mark)
                ):
                    continue  # a short head fits many a file
                copy = self._open_copy(msgspec.structs.replace(mark, role="cut"), file)
            except NotNowError:
                raise  # it may be the one
            except Moved as exc:
                moved = exc
                continue  # the next listing has it
            except (Replaced, SourceError):
                self._refused.add((mark.key, file))
                continue
            if mark.home in self._disordered:
                copy.feeds = 0
            self._book.drop(mark.key)
            self._book.release(file.id)
            self._book.recover(copy)
            return True
        if moved is not None:
            raise moved
        return False

    def _is_known(self, file: Found, *, but: Mark | None = None) -> bool:
        """Whether the file is being read, was read, or (without `but`) is known for a copy.

        A file that was written over holds other content by now, and is not known. Raises SourceError, Moved.
        """
        if self._book.is_open(file.id):
            return True
        mark = self._book.mark_of(file.id)
        if mark is None or (but is not None and (mark.key == but.key or mark.role == "copy")):
            return False
        if _is_same(mark, file):
            return True
        self._book.release(file.id)
        return False

    def _claimed(self, file: Found, home: str, *, plain_too: bool, but: Mark | None = None) -> bool:
        """Whether the file holds what is known: a copy of a file that is followed, or of one read to its end.

        `but`: what is sought, whose copy it may be.
        """
        looks = self._fingerprint(file, home)
        if (plain_too or looks.packed) and (self._copies_open(looks, home) or self._copies_closed(looks, home, but)):
            self.note(file, home)
            return True
        if self._book.is_open(file.id):  # claimed as the copy of a file that turned out to be cut off
            return True
        return self._was_read(file, home, looks)

    def _was_read(self, file: Found, home: str, looks: Print) -> bool:
        """Whether the file is a copy of one that we have read to its end. Raises SourceError."""
        for mark in self._read_before(home):
            if looks.is_all_of(mark):
                self._vanished.discard(mark.key)
                self._book.keep(_bound(mark, file, looks.generation, packed=looks.packed))
                return True
        return False

    def _copies_open(self, looks: Print, home: str) -> bool:
        for stream in [stream for stream in self._book.streams if stream.home == home]:
            self._look_again(stream)
            if looks.begins(stream):
                return True
            self._look_again(stream)  # where it is cut off between the two, it is by now known what the copy is
        return False

    def _copies_closed(self, looks: Print, home: str, but: Mark | None) -> bool:
        """As `_copies_open`, of files that wait for a descriptor to be read on. Raises NotYet, Moved, SourceError."""
        for mark in self._waiting(home):
            at = find(mark.path)
            if at is None or at.id != mark.id:
                if but is None:
                    raise NotYet
                continue  # the others are still being sought, too
            if not mark.may_go_on(looks.head):
                continue
            try:
                stream = Stream(mark, at)
            except Replaced:
                continue
            try:
                stream.size = at.size
                if looks.begins(stream):
                    return True
            finally:
                stream.close()
        return False

    def _is_sought(self, file: Found, but: Mark) -> bool:
        """Whether the file is the copy of another that is sought, of which more is known than of `but`.

        Raises NotYet, Moved, SourceError.
        """
        for mark in list(self._book.marks.values()):
            if mark.role != "cut" or mark.home != but.home or mark.head_size <= but.head_size:
                continue
            if (mark.key, file) in self._refused:
                continue
            try:
                self._open_copy(mark, file).close()
            except Replaced:
                self._refused.add((mark.key, file))
            else:
                return True
        return False

    def _waiting(self, home: str) -> list[Mark]:
        """The closed files of a home that are followed as well."""
        marks = self._book.marks.values()
        return [mark for mark in marks if mark.home == home and mark.role in ("live", "old") and mark.inode]

    def _read_whole(self, file: Found, home: str) -> None:
        """Read a generation once if it is a copy, and as long as it grows if it was renamed."""
        stream = self._emptied(home)
        if stream is None and not is_packed(file):
            self._book.open(Stream(self._book.new_mark_before(home, file.mtime_ns), file))
            return
        copy = self._open_copy(self._book.new_mark(home, "cut"), file)
        if stream is not None:  # an unfinished line goes on in the next copy, and from the last one in the live file
            copy.carry, stream.carry = stream.carry, b""
            before = next((p for p in self._book.recovering if p.feeds == stream.key), None)
            copy.feeds = stream.key
            if before is not None:
                before.feeds = copy.key
        self._book.recover(copy)

    def _take_rest(self, file: Found, home: str) -> bool:
        """Read on in a compressed file that holds one read before, and more. Raises SourceError, NotYet."""
        gone = [mark for mark in self._read_before(home) if mark.key in self._vanished and mark.offset]
        if not gone or not is_packed(file):
            return False
        for mark in sorted(gone, key=lambda mark: -mark.offset):
            if (mark.key, file) in self._refused:
                continue
            try:
                copy = self._open_copy(msgspec.structs.replace(mark, role="cut"), file)
            except Replaced:
                self._refused.add((mark.key, file))  # else a scan that has time for one look would take this one again
                continue
            self._vanished.discard(mark.key)
            self._book.drop(mark.key)
            self._book.recover(copy)
            return True
        return False

    def _disorder(self, home: str) -> None:
        """Copies are not found in order, so it is unknown in which one half a line at the end of another continues."""
        self._disordered.add(home)
        for copy in self._book.recovering:
            if copy.home == home:
                copy.feeds = 0

    def _read_before(self, home: str) -> list[Mark]:
        return [mark for mark in self._book.marks.values() if mark.home == home and mark.role == "done"]

    def _fingerprint(self, file: Found, home: str) -> Print:
        """Raises SourceError, NotYet."""

        def may_be_known(head: bytes, size: int) -> bool:
            """Whether a file with this head and size may be one that was read before."""
            streams = (s for s in self._book.streams if s.home == home)
            return (
                any(mark.may_begin(head, size) for mark in self._read_before(home))
                or any(mark.may_go_on(head) for mark in self._waiting(home))
                or any(size <= stream.size_now() and stream.holds(head, b"", size) for stream in streams)
            )

        return self._looks.fingerprint((home, *file[1:]), file, may_be_known)

    def _open_copy(self, mark: Mark, file: Found) -> Position:
        """Raises SourceError, Replaced, NotYet."""
        return self._looks.open_copy((mark.home, *file[1:]), mark, file)

    def _emptied(self, home: str) -> Stream | None:
        """The file at `home`, if it was emptied, not moved, and is unread since: what we find came before it."""
        at_home = find(home)
        stream = self._book.live(home)
        if home in self._moved | self._disordered:
            return None
        if stream is None or stream.offset or at_home is None or at_home.id != stream.id:
            return None
        return stream


def not_before(file: Found, since_ns: int) -> bool:
    """Whether the file was written to at a Unix time (in ns) or later, as far as whole seconds show it."""
    return file.mtime_ns // _SECOND_NS >= since_ns // _SECOND_NS


def _bound(mark: Mark, file: Found, version: int, *, packed: bool) -> Mark:
    """`mark` as one of `file`."""
    device, inode = file.id
    size = mark.size if mark.role == "done" else file.size
    return msgspec.structs.replace(
        mark,
        path=file.path,
        device=device,
        inode=inode,
        generation=version,
        packed=packed,
        size=size,
        mtime_ns=file.mtime_ns,
    )


def _is_same(mark: Mark, file: Found) -> bool:
    """Whether `file`, which has the identity of `mark`, holds what it held. Raises SourceError, Moved."""
    unchanged = mark.is_unchanged(file.size, file.mtime_ns)
    if unchanged or mark.packed or mark.role == "copy":
        return unchanged and (not mark.generation or _generation(file) in (0, mark.generation))
    try:
        Stream(mark, file).close()
    except Replaced:
        return False
    return True


def _generation(file: Found) -> int:
    """Raises SourceError, Moved."""
    fd, _ = open_found(file)
    try:
        return generation(fd)
    finally:
        os.close(fd)
