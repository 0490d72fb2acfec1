"""Which files to read, and in what order: the blocking core of a Tail, one step at a time.

A *home* is a path that the patterns match; the *live* stream of a home is the file that stands there now. A file
that leaves its home is read on until it has been quiet for the grace time.
"""

import glob
import logging
import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from exporter.errors import SourceError, StoreError
from exporter.sources.tail.identity import FileId
from exporter.sources.tail.stream import Kind, Limits, Mark, Replaced, Stream

log = logging.getLogger(__name__)


class Batch(msgspec.Struct, frozen=True):
    """Whole lines of one file, in its order, as they stand there (CR, NUL and broken UTF-8 included).

    A line that its file never finished gets the newline it lacks, once nothing more can come.
    """

    data: bytes
    path: str
    behind: bool
    """More is waiting: this is catching up, not the trickle."""


class Totals(msgspec.Struct, omit_defaults=True):
    """What has happened since the state was begun."""

    read_bytes: int = 0
    lost_bytes: int = 0
    too_long_lines: int = 0
    too_long_bytes: int = 0
    rotations: dict[str, int] = msgspec.field(default_factory=Counter)


class State(msgspec.Struct, omit_defaults=True):
    """What a Tail keeps over a restart."""

    totals: Totals
    marks: list[Mark]
    next_key: int
    version: int = 1


class Follower:
    """Follows the files of some patterns. Blocking; one caller at a time (a lock sees to that)."""

    def __init__(self, patterns: Sequence[str], *, from_start: bool, saved: bytes | None, limits: Limits) -> None:
        """Raises StoreError if `saved` is nothing that `state` made."""
        self.patterns = [os.path.abspath(pattern) for pattern in patterns]
        self.limits = limits
        self.readable = False
        self._from_start = from_start
        state = _decode(saved) if saved is not None else State(Totals(rotations=Counter()), [], 1)
        self.totals = state.totals
        self._next_key = state.next_key
        self._known = saved is not None
        self._marks = state.marks
        self._streams: list[Stream] = []
        self._scan_due_s = float("-inf")
        self._round: Iterator[Batch] | None = None
        self._failing: set[str] = set()
        self._lock = threading.Lock()

    def step(self, now_s: float) -> Batch | None:
        """The next batch, or None when all that stood in the files at the round's start is given out.

        Args:
            now_s: monotonic time.
        """
        with self._lock:
            if self._round is None:
                self._round = self._read_round(now_s)
            batch = next(self._round, None)
            if batch is None:
                self._round = None
            return batch

    def state(self) -> State:
        """Positions after the last batch given out."""
        return State(
            msgspec.structs.replace(self.totals, rotations=dict(self.totals.rotations)),
            [*self._marks, *(stream.mark() for stream in self._streams)],
            self._next_key,
        )

    @property
    def lag_bytes(self) -> int:
        """Bytes that stand in the files and are not read."""
        return sum(stream.lag_bytes for stream in self._streams)

    @property
    def open_files(self) -> int:
        """Descriptors held."""
        return len(self._streams)

    def close(self) -> None:
        """Give all descriptors back."""
        with self._lock:
            for stream in self._streams:
                stream.close()
            self._streams.clear()

    def _read_round(self, now_s: float) -> Iterator[Batch]:
        if now_s >= self._scan_due_s or self._moved():
            self._scan(now_s)
            self._scan_due_s = now_s + self.limits.scan_s
        for stream in list(self._streams):
            yield from self._drain(stream, now_s)
        self._let_go(now_s)

    def _drain(self, stream: Stream, now_s: float) -> Iterator[Batch]:
        try:
            stream.look(now_s)
            until = stream.size
            while stream.offset < until:
                cut = stream.read(self.limits)
                if cut is None:
                    return
                self.totals.read_bytes += cut.consumed
                self.totals.too_long_lines += cut.too_long
                self.totals.too_long_bytes += cut.consumed - len(cut.data)
                if cut.data:
                    yield Batch(cut.data, stream.path, behind=stream.lag_bytes > 0)
        except Replaced:
            self._cut_off(stream)
        except SourceError as exc:
            self._fails(stream.path, exc)

    def _cut_off(self, stream: Stream) -> None:
        """The file was truncated or written anew in place: what it held and we did not read is lost."""
        self.totals.lost_bytes += stream.lag_bytes
        self._rotated(stream.path, "truncate")
        self._streams.remove(stream)
        stream.close()
        self._begin(stream.home, from_start=True)

    def _moved(self) -> bool:
        """Whether a home holds another file than we follow there. Cheap: a stat each."""
        return any(_identity(stream.home) != stream.id for stream in self._streams if stream.live)

    def _scan(self, now_s: float) -> None:
        del now_s
        missing = False
        for home in self._homes():
            found = _identity(home)
            missing |= found is None
            if found is None or any(stream.id == found for stream in self._streams):
                continue
            for stream in self._streams:
                if stream.home == home and stream.live:
                    self._left_home(stream)
            missing |= not self._begin(home, from_start=self._known or self._from_start)
        self._known = True
        self.readable = not missing and any(stream.live for stream in self._streams)

    def _homes(self) -> Iterator[str]:
        for pattern in self.patterns:
            if glob.has_magic(pattern):
                yield from sorted(glob.iglob(pattern, recursive=False))
            else:
                yield pattern

    def _left_home(self, stream: Stream) -> None:
        stream.live = False
        stream.look(stream.quiet_since)
        self._rotated(stream.home, "rename" if stream.links else "recreate")

    def _begin(self, home: str, *, from_start: bool) -> bool:
        try:
            stream = Stream(self._next_key, home, home)
            for mark in self._marks:
                if (mark.device, mark.inode) == stream.id and stream.resume(mark):
                    self._marks.remove(mark)
                    break
            else:
                if not from_start:
                    stream.start_at_end(self.limits)
        except SourceError as exc:
            self._fails(home, exc)
            return False
        self._next_key += 1
        self._streams.append(stream)
        self._failing.discard(home)
        return True

    def _let_go(self, now_s: float) -> None:
        for stream in list(self._streams):
            if not stream.live and now_s - stream.quiet_since > self.limits.grace_s:
                self._streams.remove(stream)
                stream.close()

    def _rotated(self, path: str, kind: Kind) -> None:
        self.totals.rotations[kind] = self.totals.rotations.get(kind, 0) + 1
        log.info("%s: rotated (%s)", path, kind)

    def _fails(self, path: str, exc: SourceError) -> None:
        if path not in self._failing:
            self._failing.add(path)
            log.warning("%s; trying again", exc)


def _identity(path: str) -> FileId | None:
    try:
        return FileId.of(os.stat(path))
    except OSError:
        return None


def _decode(saved: bytes) -> State:
    try:
        return msgspec.msgpack.decode(saved, type=State)
    except msgspec.DecodeError as exc:
        raise StoreError(f"the positions kept for the log files cannot be read: {exc}") from exc


def encode(state: State) -> bytes:
    """`state` for the checkpoint."""
    return msgspec.msgpack.encode(state)


__all__ = ["Batch", "Follower", "State", "Totals", "encode"]
