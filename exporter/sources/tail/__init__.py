"""Follow log files through every kind of rotation: each line once, in order, across restarts.

`Tail` is the door. The order of the files is the way of data: `identity` (which file is this), `stream` (one open
file), `follow` (which files, what next), `watch` (when to look again), and here the asynchronous face of it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple

from exporter.sources.tail.book import State, encode
from exporter.sources.tail.follow import Batch, Follower
from exporter.sources.tail.mark import Limits
from exporter.sources.tail.watch import EventWaker, Waker
from foundation.clock import Clock

__all__ = ["Batch", "Limits", "Tail", "TailStatus", "Waker"]


class TailStatus(NamedTuple):
    """A Tail as it is now; the totals go on over restarts.

    read_bytes: dealt with, given out or dropped as too long.
    lost_bytes: seen in a file, and gone before they could be read.
    lag_bytes: in the files and not read.
    rotations: by kind (`Kind`).
    readable: every path without wildcards is there and can be read, and so can what the patterns match.
    too_long_lines: dropped for their length, and too_long_bytes: their bytes.
    open_files: descriptors held, those of rotated files included.
    last_line_s: Unix time at which the last lines were read; 0 before the first.
    """

    read_bytes: int
    lost_bytes: int
    lag_bytes: int
    rotations: Mapping[str, int]
    readable: bool
    too_long_lines: int
    too_long_bytes: int
    open_files: int
    last_line_s: float


class Tail:
    """Follows the files of one source.

    One task iterates `batches()`, applies each batch to its aggregates, and commits `saved_state()` with them in one
    transaction. `saved_state()` speaks of every batch handed out, so a commit must not run between a batch's arrival
    and its being applied: commit from the same task, or hold a lock around both.
    """

    def __init__(
        self,
        patterns: Sequence[str],
        *,
        from_start: bool,
        clock: Clock,
        saved: bytes | None = None,
        limits: Limits | None = None,
        waker: Waker | None = None,
    ) -> None:
        """Touches no file yet.

        Args:
            patterns: paths, `*`, `?`, `[...]` allowed.
            from_start: read files that are there when the very first run begins from their start, not from their
                end. Files that appear later are always read whole.
            clock: times of looks and of the last line.
            saved: `saved_state()` of an earlier run; None on the first.
            limits: bounds on memory, descriptors and time.
            waker: how to wait for changes.

        Raises:
            StoreError: `saved` is nothing that `saved_state` made.
        """
        self._limits = limits or Limits()
        self._follower = Follower(
            patterns, from_start=from_start, saved=saved, limits=self._limits, monotonic=clock.monotonic
        )
        self._clock = clock
        self._waker = waker or EventWaker()
        self._prefixes = tuple(_fixed_start(pattern) for pattern in self._follower.patterns)
        self._pending: asyncio.Future[Batch | None] | None = None
        self.caught_up = asyncio.Event()  # set once all that stood in the files has been given out
        self._state = self._follower.state()
        self._status = self._told()

    async def begin(self) -> None:
        """Find the files and where to read on in each, and read nothing yet.

        Once `saved_state()` of this moment is kept, a run that is killed while it reads has lost nothing: the next one
        recognizes the files by it, also where they have been rotated meanwhile.
        """
        await asyncio.to_thread(self._follower.begin, self._clock.monotonic(), self._clock.wall())
        self._state = self._follower.state()
        self._status = self._told()

    async def batches(self) -> AsyncIterator[Batch]:
        """Batches of whole lines as they come, for ever; after a cancellation it can be called again.

        Up to `limits.batch_bytes` at a time while catching up; what is there, at most ten times a second, in the
        trickle. An empty batch tells that the positions changed without new lines, and should be committed: a log
        was found and is followed from its end, say, or was rotated while it rested.
        """
        idle_since_s = self._clock.monotonic()
        while True:
            before = self._state
            batch = await self._next()
            if batch is not None:
                yield batch
                idle_since_s = self._clock.monotonic()
                continue
            if _known(self._state) != _known(before):
                yield Batch(b"", "")
            rest_s = self._clock.monotonic() - idle_since_s
            if rest_s < self._limits.scan_s:
                await self._waker.wait(self._limits.interval_s, ())
            else:
                await self._waker.wait(self._limits.scan_s, self._prefixes)

    def saved_state(self) -> bytes:
        """Positions after every batch handed out so far."""
        return encode(self._state)

    @property
    def status(self) -> TailStatus:
        """How it goes, as of the last step."""
        return self._status

    async def close(self) -> None:
        """Give the descriptors back, once the step under way is done."""
        await asyncio.to_thread(self._follower.close)

    async def _next(self) -> Batch | None:
        """One step in a thread. A cancelled caller loses nothing: the next call takes up the same step."""
        if self._pending is None:
            step = asyncio.to_thread(self._follower.step, self._clock.monotonic(), self._clock.wall())
            self._pending = asyncio.ensure_future(step)
        batch = await asyncio.shield(self._pending)
        self._pending = None
        self._state = self._follower.state()
        self._status = self._told()
        if batch is None:
            self.caught_up.set()
        return batch

    def _told(self) -> TailStatus:
        totals, follower = self._state.totals, self._follower
        return TailStatus(
            read_bytes=totals.read_bytes,
            lost_bytes=totals.lost_bytes,
            lag_bytes=follower.lag_bytes,
            rotations=totals.rotations,
            readable=follower.readable,
            too_long_lines=totals.too_long_lines,
            too_long_bytes=totals.too_long_bytes,
            open_files=follower.open_files,
            last_line_s=totals.last_line_s,
        )


def _known(state: State) -> tuple[object, ...]:
    """What a commit should follow if it changes; the time of the last scan always does."""
    return state.marks, state.totals, state.missed


def _fixed_start(pattern: str) -> str:
    """What every path begins with that the pattern matches, and its rotated siblings too."""
    end = next((at for at, character in enumerate(pattern) if character in "*?["), len(pattern))
    return pattern[:end]
