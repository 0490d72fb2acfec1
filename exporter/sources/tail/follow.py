"""Reads what the scans find, in rounds: the blocking core of a Tail, one step at a time.

A *home* is a path that the patterns match; a file that leaves its home is read on until it has been quiet for the
grace time. Copies come first in a round, then rotated files, then the live ones, so that lines come in their order.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from exporter.sources.lines import Cut
from exporter.sources.tail.book import Book, State, decode
from exporter.sources.tail.copies import Looks
from exporter.sources.tail.mark import Limits, Replaced
from exporter.sources.tail.scan import Scanner
from exporter.sources.tail.stream import Position, Stream
from foundation.errors import SourceError

log = logging.getLogger(__name__)


class Batch(msgspec.Struct, frozen=True):
    """Whole lines of one file, in its order, as they stand there (CR, NUL and broken UTF-8 included).

    A line that its file never finished gets the newline it lacks, once nothing more can come.

    begins: the file begins with these lines, so that a header may be the first of them.
    home: the path at which the file stands or, if it was rotated, stood.
    """

    data: bytes
    path: str
    begins: bool = False
    home: str = ""


class Follower:
    """Follows the files of some patterns. Blocking; a lock sees to it that one caller steps at a time."""

    def __init__(
        self,
        patterns: Sequence[str],
        *,
        from_start: bool,
        saved: bytes | None,
        limits: Limits,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises StoreError if `saved` is nothing that `encode` made."""
        state = decode(saved) if saved is not None else None
        self.patterns = [os.path.abspath(pattern) for pattern in patterns]
        self._limits = limits
        self._book = Book(state, limits)
        self._looks = Looks(monotonic, limits.hold_up_s)
        self._scanner = Scanner(
            self.patterns, state.patterns if state else [], self._book, self._looks, limits, from_start=from_start
        )
        self._now_s = self._scan_due_s = float("-inf")
        self._round: Iterator[Batch] | None = None
        self._lock = threading.Lock()

    def begin(self, now_s: float, wall_s: float) -> None:
        """Find the files and their positions, and read nothing yet; see `step`."""
        with self._lock:
            self._scan(now_s, wall_s)

    def step(self, now_s: float, wall_s: float) -> Batch | None:
        """The next batch, or None when all that stood in the files at the round's start is given out.

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
        """Positions after the last batch given out."""
        return self._book.snapshot(self.patterns)

    @property
    def readable(self) -> bool:
        """See Scanner."""
        return self._scanner.readable

    @property
    def lag_bytes(self) -> int:
        """Bytes that stand in the files and are not read, those in files that cannot be opened included."""
        opened = (*self._book.streams, *self._book.recovering)
        waiting = {file: size for file, size in self._book.unread.items() if file not in self._book.open_ids()}
        return sum(position.lag_bytes for position in opened) + sum(waiting.values())

    @property
    def open_files(self) -> int:
        """Descriptors held."""
        return len(self._book.streams) + len(self._book.recovering)

    def close(self) -> None:
        """Give all descriptors back, once a step under way is done; a step after that begins with a scan."""
        self._looks.stopped.set()
        with self._lock:
            self._round = None
            self._looks.stopped.clear()
            self._looks.close()
            for position in (*self._book.recovering, *self._book.streams):
                self._book.put_away(position, position.role)
            self._scan_due_s = float("-inf")

    def _read_round(self, now_s: float, wall_s: float) -> Iterator[Batch]:
        if now_s >= self._scan_due_s or self._scanner.moved():
            self._scan(now_s, wall_s)
        cuts = -1
        while cuts != self._scanner.cuts:  # a file that was cut off has new content, which stands there now as well
            cuts = self._scanner.cuts
            yield from self._read_copies(self._now_s + self._limits.hold_up_s)
            for stream in sorted(self._book.streams, key=lambda stream: (stream.role == "live", stream.key)):
                yield from self._follow(stream, now_s)
        yield from self._let_go(now_s)

    def _scan(self, now_s: float, wall_s: float) -> None:
        self._scanner.scan(now_s, wall_s)
        self._scan_due_s = now_s + self._limits.scan_s

    def _follow(self, stream: Stream, now_s: float) -> Iterator[Batch]:
        """What stands in an open file now."""
        try:
            stream.look(now_s)
            until = stream.size
            while stream.offset < until and (cut := stream.read(self._limits)) is not None:
                yield self._given(stream, cut)
        except Replaced:
            self._scanner.cut_off(stream)
        except SourceError as exc:
            self._book.fails(stream.path, exc)
            self._book.put_away(stream, stream.role)  # the next scan tries to open it again

    def _read_copies(self, until_s: float) -> Iterator[Batch]:
        """What copies hold, one after the other; from `until_s` on the files that grow have their turn."""
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
        """Nothing more comes from this file: its unfinished line goes on in the file it feeds, or ends here."""
        self._book.totals.read_bytes += len(rest)
        self._book.put_away(position, "done")
        if rest and fed is not None:
            fed.carry += rest
        elif rest:
            yield Batch(rest + b"\n", position.path, position.offset == len(rest), position.home)

    def _given(self, position: Position, cut: Cut) -> Batch:
        """Count what was read, and give out the lines; there may be none in a part of a line that is too long."""
        totals = self._book.totals
        totals.read_bytes += cut.consumed
        totals.too_long_lines += cut.too_long
        totals.too_long_bytes += cut.dropped
        begins = 0 < cut.consumed == position.offset and bool(cut.data)
        return Batch(cut.data, position.path, begins, position.home)

    def _let_go(self, now_s: float) -> Iterator[Batch]:
        """Give descriptors back: those of quiet old files, and where they run short, of the quietest live ones."""
        for stream in list(self._book.streams):
            if stream.role == "old" and now_s - stream.quiet_since_s >= self._limits.grace_s:
                try:
                    rest = stream.rest(self._limits)
                except SourceError:
                    rest = b""
                yield from self._finish(stream, rest, None)
        if len(self._book.streams) >= self._limits.open_files:
            idle = sorted((s for s in self._book.streams if not s.lag_bytes), key=lambda s: s.quiet_since_s)
            for stream in idle[: -(-self._limits.open_files // 2)]:
                self._book.put_away(stream, stream.role)
            if idle:
                self._scan_due_s = now_s  # others wait for their turn
        elif self._book.starved:
            idle = sorted((s for s in self._book.streams if not s.lag_bytes), key=lambda s: s.quiet_since_s)
            for stream in [s for s in idle if s.linked()][: sum(map(bool, self._book.unread.values()))]:
                self._book.put_away(stream, stream.role)
