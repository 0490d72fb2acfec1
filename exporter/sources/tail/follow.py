"""Reads the files that scans find, in rounds: the blocking core of a Tail, one step at a time.

A *home* is a path that the patterns match; a file that leaves its home is read on until it has been quiet for the
grace time. Copies come first in a round, then rotated files, then the live ones, so that lines come in their order.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from exporter.sources.lines import Cut
from exporter.sources.tail.book import Book
from exporter.sources.tail.copies import Looks
from exporter.sources.tail.mark import Limits, Mark, Replaced
from exporter.sources.tail.positions import Moves, State, decode
from exporter.sources.tail.scan import Scanner
from exporter.sources.tail.stream import Position, Stream
from foundation.errors import SourceError

log = logging.getLogger(__name__)


class Batch(msgspec.Struct, frozen=True):
    """Whole lines of one file, in its order, as they stand there (CR, NUL and broken UTF-8 included).

    An unfinished last line gets a newline, once nothing more can come.

    begins: the file begins with these lines, so that a header may be the first of them.
    home: the path of the file, or its path before a rotation.
    key: the Tail's number for the file, whatever its path, never reused.
    parts: if lines of several files are returned together, each file's; the other fields are those of the first.
    """

    data: bytes
    path: str
    begins: bool = False
    home: str = ""
    key: int = 0
    parts: tuple["Batch", ...] = ()


def joined(batches: Sequence[Batch]) -> Batch:
    """The lines of several files as one batch."""
    first, *more = batches
    if not more:
        return first
    return msgspec.structs.replace(first, data=b"".join(batch.data for batch in batches), parts=tuple(batches))


class Follower:
    """Follows the files of some patterns. Blocking; a lock allows one caller at a time."""

    def __init__(
        self,
        patterns: Sequence[str],
        *,
        from_start: bool,
        saved: Mapping[str, bytes] | None,
        limits: Limits,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises StoreError if `saved` is not from `encode`."""
        state = decode(saved) if saved is not None else None
        self.patterns = [os.path.abspath(pattern) for pattern in patterns]
        self._limits = limits
        self._book = Book(state, limits)
        self._looks = Looks(monotonic, limits.hold_up_s)
        self._scanner = Scanner(
            self.patterns, state.about.patterns if state else [], self._book, self._looks, limits, from_start=from_start
        )
        self._now_s = float("-inf")
        self._round: Iterator[Batch] | None = None
        self._lock = threading.Lock()

    def begin(self, now_s: float, wall_s: float) -> None:
        """Find the files and their positions, and read nothing yet; see `step`."""
        with self._lock:
            self._scanner.scan(now_s, wall_s)

    def step(self, now_s: float, wall_s: float) -> Batch | None:
        """The next batch, or None when all data at the round's start has been returned.

        Args:
            now_s: monotonic time.
            wall_s: Unix time.
        """
        with self._lock:
            self._now_s = now_s
            if self._round is None:
                self._round = self._read_round(now_s, wall_s)
            batch = next(self._round, None)
            if batch is None:
                self._round = None
            elif batch.data:
                self._book.totals.last_line_s = wall_s
            return batch

    def state(self) -> State:
        """Positions after the last returned batch."""
        return self._book.snapshot(self.patterns)

    def moves(self) -> Moves:
        """Their changes by the last steps; at the first call, all of them."""
        return self._book.moves(self.patterns)

    @property
    def readable(self) -> bool:
        """See Scanner."""
        return self._scanner.readable

    @property
    def lag_bytes(self) -> int:
        """Unread bytes in the files, including those in files that cannot be opened."""
        return self._book.lag_bytes

    @property
    def files(self) -> int:
        """Files followed, open or not."""
        return len(self._book.streams) + self._book.waiting_count

    @property
    def skipped(self) -> int:
        """Files beyond the limit, which are not read."""
        return self._scanner.skipped

    @property
    def open_files(self) -> int:
        """Descriptors held."""
        return self._book.open_count

    def close(self) -> None:
        """Release all descriptors, after the current step; a later step begins with a scan."""
        self._looks.stopped.set()
        with self._lock:
            self._round = None
            self._looks.stopped.clear()
            self._looks.close()
            for position in (*self._book.recovering, *self._book.streams):
                self._book.put_away(position, position.role)
            self._scanner.hurry()

    def _read_round(self, now_s: float, wall_s: float) -> Iterator[Batch]:
        if self._scanner.is_due(now_s):
            self._scanner.scan(now_s, wall_s)
        cuts = -1
        while cuts != self._scanner.cuts:  # a truncated file already has new content
            cuts = self._scanner.cuts
            yield from self._read_copies(self._now_s + self._limits.hold_up_s)
            for stream in self._book.in_order():
                if not stream.rests():
                    yield from self._follow(stream, now_s)
            for mark in self._book.waiting():
                yield from self._take_turn(mark, now_s)
        yield from self._let_go(now_s)

    def _take_turn(self, mark: Mark, now_s: float) -> Iterator[Batch]:
        """Read on in a file that is not open, if it has grown. Without a descriptor to spare it is closed again."""
        full = self._book.full
        stream = self._scanner.open_grown(mark)
        if stream is None:
            return
        yield from self._follow(stream, now_s)
        if full and stream.drained and self._book.is_open(stream.id):
            self._book.put_away(stream, stream.role)

    def _follow(self, stream: Stream, now_s: float) -> Iterator[Batch]:
        """The available data of an open file."""
        try:
            stream.look(now_s)
            until = stream.size
            while stream.offset < until and (cut := stream.read(self._limits)) is not None:
                yield self._given(stream, cut)
            stream.drained = True
        except Replaced:
            self._scanner.cut_off(stream)
        except SourceError as exc:
            self._book.fails(stream.path, exc)
            self._book.put_away(stream, stream.role)  # the next scan tries to open it again

    def _read_copies(self, until_s: float) -> Iterator[Batch]:
        """The data of copies, one after the other; from `until_s` on growing files have their turn."""
        while self._book.recovering:
            yield from self._recover(self._book.recovering[0], until_s)
            if self._now_s >= until_s:
                return

    def _recover(self, copy: Position, until_s: float) -> Iterator[Batch]:
        """The rest of a copy, to its end if there is time."""
        try:
            while (cut := copy.read(self._limits)) is not None:
                yield self._given(copy, cut)
                if self._now_s >= until_s:
                    return
            rest = copy.rest(self._limits)
        except (SourceError, Replaced) as exc:
            reason = exc if isinstance(exc, SourceError) else f"{copy.path}: its content was replaced"
            log.warning("%s; the rest of it is not read", reason)
            rest = b""
        lost = max(0, copy.seen - copy.offset)
        after = next((p for p in (*self._book.recovering, *self._book.streams) if p.key == copy.feeds), None)
        fed = after if after is not None and not after.offset and not lost else None
        yield from self._finish(copy, rest, fed)
        self._book.lost(copy.home, lost)

    def _finish(self, position: Position, rest: bytes, fed: Position | None) -> Iterator[Batch]:
        """End of this file: its unfinished line continues in the file it feeds, or ends here."""
        self._book.totals.read_bytes += len(rest)
        self._book.put_away(position, "done")
        if rest and fed is not None:
            fed.carry += rest
        elif rest:
            yield Batch(rest + b"\n", position.path, position.offset == len(rest), position.home, position.key)

    def _given(self, position: Position, cut: Cut) -> Batch:
        """Count the data, and return the lines; a part of a line too long has none."""
        totals = self._book.totals
        totals.read_bytes += cut.consumed
        totals.too_long_lines += cut.too_long
        totals.too_long_bytes += cut.dropped
        begins = 0 < cut.consumed == position.offset and bool(cut.data)
        return Batch(cut.data, position.path, begins, position.home, position.key)

    def _let_go(self, now_s: float) -> Iterator[Batch]:
        """Release descriptors: those of quiet old files and, if they are short, of the quietest live ones."""
        for stream in list(self._book.streams):
            if stream.role == "old" and now_s - stream.quiet_since_s >= self._limits.grace_s:
                try:
                    rest = stream.rest(self._limits)
                except SourceError:
                    rest = b""
                yield from self._finish(stream, rest, None)
        if self._book.full or self._book.starved:
            self._close_quiet(now_s)

    def _close_quiet(self, now_s: float) -> None:
        """Where descriptors run short, close files that are read to their ends, but none that has no name any more."""
        book = self._book
        wanted = max(book.over, len(book.unread) if book.starved else 0)
        spare = book.open_count // 2  # to be kept by those that may be written to soonest
        streams = sorted((s for s in book.streams if s.drained and not s.lag_bytes), key=lambda s: s.quiet_since_s)
        for stream in streams:
            rests = now_s - stream.quiet_since_s >= self._limits.grace_s and book.open_count > spare
            if wanted <= 0 and not rests:
                break
            if stream.linked():
                book.put_away(stream, stream.role)
                wanted -= 1
