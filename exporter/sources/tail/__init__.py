"""Follow log files through every kind of rotation: each line once, in order, across restarts.

`Tail` is the entry. The order of the files is the way of data: `identity` (which file is this), `stream` (one open
file), `follow` (which files, what next), `watch` (when to look again), and here the asynchronous interface.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import NamedTuple

from exporter.sources.losses import Losses
from exporter.sources.tail.follow import Batch, Follower, joined
from exporter.sources.tail.mark import Limits
from exporter.sources.tail.positions import TAIL, Moves, Positions, is_position, positions_in
from exporter.sources.tail.watch import EventWaker, Waker
from foundation.clock import Clock

__all__ = ["TAIL", "Batch", "Limits", "Tail", "TailStatus", "Waker", "is_position", "positions_in"]


LOOK_S = 0.0002
"""Minimum time between two checks per file: reading its size takes some 2 us, so at most 1 % of the time."""
_STEP_BYTES = 1024
"""The memory of a batch beside its lines: many small ones cost as much as a large one."""


class TailStatus(NamedTuple):
    """The status of a Tail; the totals continue over restarts.

    read_bytes: processed, returned or dropped as too long.
    lost_bytes: seen in a file, and removed before they could be read.
    lag_bytes: in the files and not read.
    rotations: by kind (`Kind`).
    readable: every path without wildcards exists and can be read, and so can what the patterns match, which
        is at least one file where `Limits.required` asks for it.
    too_long_lines: dropped for their length, and too_long_bytes: their bytes.
    open_files: descriptors held, those of rotated files included.
    last_line_s: Unix time at which the last lines were read; 0 before the first.
    files: followed, open or not; skipped: matched by the patterns, and beyond the limit of files.
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
    files: int = 0
    skipped: int = 0


class _Step(NamedTuple):
    """A step of the follower, and the status after it. batch: None where all was read."""

    batch: Batch | None
    moves: Moves
    status: TailStatus


class Tail:
    """Follows the files of one source.

    One task iterates `batches()`, applies each batch to its aggregates, and says so by `applied()`. A commit writes the
    aggregates and what `changes()` gives in one transaction: the positions behind all batches applied.

    replayable: uncommitted lines are still in the files; losses: none but those of the status.
    """

    replayable = True
    losses = Losses()

    def __init__(
        self,
        patterns: Sequence[str],
        *,
        from_start: bool,
        clock: Clock,
        saved: Mapping[str, bytes] | None = None,
        limits: Limits | None = None,
        waker: Waker | None = None,
        alike: Callable[[str], bool] | None = None,
    ) -> None:
        """Touches no file yet.

        Args:
            patterns: paths, `*`, `?`, `[...]` allowed.
            from_start: read files that are there when the very first run begins from their start, not from their
                end. Files that appear later are always read whole.
            clock: times of looks and of the last line.
            saved: the keeper's values of an earlier run, by key (`positions_in`); None on the first.
            limits: bounds on memory, descriptors and time.
            waker: how to wait for changes.
            alike: whether the lines of the file at a home are read as those of any other for which it says so; they are
                returned together. Called in another thread.

        Raises:
            StoreError: `saved` is not from `changes`.
        """
        self._limits = limits or Limits()
        self._follower = Follower(
            patterns, from_start=from_start, saved=saved, limits=self._limits, monotonic=clock.monotonic
        )
        self._clock = clock
        self._waker = waker or EventWaker()
        self._alike = alike
        self._prefixes = tuple(_fixed_start(pattern) for pattern in self._follower.patterns)
        self._pending: asyncio.Future[list[_Step]] | None = None
        self.caught_up = asyncio.Event()  # set once all lines of the files have been returned
        self._positions = Positions(saved)
        self._moves = [self._follower.moves()]  # of the batches returned, and not applied yet
        self._steps: deque[_Step] = deque()  # made, and not returned yet
        self._idle_since_s: float | None = None
        self._caught_up = False
        self._status = self._told(self._moves[0])

    async def begin(self) -> None:
        """Find the files and where to read on in each, and read nothing yet.

        Once these positions are saved, a run that is killed while it reads loses nothing: the next one recognizes the
        files by them, even if they were rotated meanwhile.
        """
        moves = await asyncio.to_thread(self._begin)
        self._moves.append(moves)
        self._status = self._told(moves)

    async def batches(self) -> AsyncIterator[Batch]:
        """Batches of whole lines as they come, for ever; after a cancellation it can be called again.

        Up to `limits.batch_bytes` at a time while catching up; otherwise the available lines, at most ten times per
        second. An empty batch means that the positions changed without new lines, and should be committed: a log
        was found and is followed from its end, say, or was rotated while it was quiet.
        """
        while True:
            if not self._steps:
                await self._fill()
            while self._steps:
                if (batch := self._hand_out(self._steps.popleft())) is not None:
                    yield batch
            await self._rest()

    def _hand_out(self, step: _Step) -> Batch | None:
        """The batch of the step, if any."""
        self._moves.append(step.moves)
        self._status = step.status
        if step.batch is not None:
            self._idle_since_s = None
            return step.batch
        self._caught_up = True
        self.caught_up.set()
        return Batch(b"", "") if any(moves.counts for moves in self._moves) else None

    async def _rest(self) -> None:
        """Wait until the next check, if all is read."""
        if not self._caught_up:
            return
        now_s = self._clock.monotonic()
        if self._idle_since_s is None:
            self._idle_since_s = now_s
        if now_s - self._idle_since_s < self._limits.scan_s:
            await self._waker.wait(max(self._limits.interval_s, self._status.files * LOOK_S), ())
        else:
            await self._waker.wait(self._limits.scan_s, self._prefixes)
        self._caught_up = False

    async def rest(self) -> list[Batch]:
        """None: lines not returned are read by the next run."""
        return []

    def applied(self) -> None:
        """All batches returned so far are counted: commits include them."""
        for moves in self._moves:
            self._positions.apply(moves)
        self._moves.clear()

    def changes(self, *, everything: bool = False) -> tuple[dict[str, bytes], set[str]]:
        """The keys to put and to delete since the last call, or all keys."""
        return self._positions.changes(everything=everything)

    def saved(self) -> dict[str, bytes]:
        """The positions after all applied batches, from which another Tail can continue."""
        return self._positions.saved()

    @property
    def status(self) -> TailStatus:
        """The status after the last step."""
        return self._status

    async def close(self) -> None:
        """Release the descriptors, after the current step."""
        await asyncio.to_thread(self._follower.close)

    async def _fill(self) -> None:
        """Some steps in a thread. A cancelled caller loses nothing: the next call continues them."""
        if self._pending is None:
            self._pending = asyncio.ensure_future(asyncio.to_thread(self._step_on))
        steps = await asyncio.shield(self._pending)
        self._pending = None
        self._steps.extend(steps)

    def _step_on(self) -> list[_Step]:
        """Steps until all is read, or as much as one batch may hold."""
        steps: list[_Step] = []
        alike: list[tuple[Batch, Moves]] = []
        size = 0
        while size < self._limits.batch_bytes:
            batch = self._follower.step(self._clock.monotonic(), self._clock.wall())
            moves = self._follower.moves()
            if batch is not None and self._alike is not None and self._alike(batch.home):
                alike.append((batch, moves))
                size += len(batch.data)
                continue
            steps += self._together(alike)
            alike.clear()
            steps.append(_Step(batch, moves, self._told(moves)))
            if batch is None:
                break
            size += len(batch.data) + _STEP_BYTES
        return steps + self._together(alike)

    def _together(self, alike: list[tuple[Batch, Moves]]) -> list[_Step]:
        """One step for all of these, if there are any."""
        if not alike:
            return []
        moves = alike[-1][1].after([moves for _, moves in alike])
        return [_Step(joined([batch for batch, _ in alike]), moves, self._told(moves))]

    def _begin(self) -> Moves:
        self._follower.begin(self._clock.monotonic(), self._clock.wall())
        return self._follower.moves()

    def _told(self, moves: Moves) -> TailStatus:
        totals, follower = moves.about.totals, self._follower
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
            files=follower.files,
            skipped=follower.skipped,
        )


def _fixed_start(pattern: str) -> str:
    """The common prefix of all paths that the pattern matches, and of their rotated files."""
    end = next((at for at, character in enumerate(pattern) if character in "*?["), len(pattern))
    return pattern[:end]
