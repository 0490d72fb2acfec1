"""The common base of systems that follow logs line by line: from an input to saved counts.

    input -> the room's reader -> the room's counts -> keeper

The position and the counts of a source are written in one transaction, so that each line is counted once, however the
process ends.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from exporter.catalogue import Family, InputMetrics, LogMetrics
from exporter.checkpoint import Checkpoint, Value
from exporter.keeper import Keeper
from exporter.regexes.process import RegexProcess
from exporter.sources.chosen import input_of
from exporter.sources.input import Input, counted_whole
from exporter.sources.place import Place
from exporter.sources.tail import Batch, TailStatus, is_position, positions_in
from exporter.sources.tail.metrics import families as log_families
from exporter.sources.tail.metrics import input_families
from exporter.supervisor import Supervisor
from exporter.system import Context
from foundation.clock import Clock
from foundation.errors import StoreError
from foundation.terminal import printable

log = logging.getLogger(__name__)

S = TypeVar("S", bound=Place)
"""The configuration of one source."""


class BadLines(Protocol):
    """Reports the bad lines of a source while they arrive."""

    def add_too_long(self, total: int) -> None:
        """Record how many lines were dropped so far."""

    def close(self) -> None:
        """Report what was not reported yet."""


B = TypeVar("B", bound=BadLines)


class Followed(ABC, Generic[S, B]):
    """Follows one source while `run` runs; can be asked for its metrics at any time. A room's `Live` is one.

    Attributes:
        source: its configuration.
        begun, written: of its keeper.
    """

    system: str
    """The system's name, under which its state is kept."""
    kept_key: str
    """The keeper's key for the state of the reader; others are positions, or of the counts."""

    def __init__(self, source: S, checkpoint: Checkpoint, clock: Clock, regexes: RegexProcess) -> None:
        """Touches no file."""
        self.source = source
        self._regexes = regexes
        self._clock = clock
        self._keeper = Keeper(checkpoint, f"{self.system}/{source.source}", clock, self._changes)
        self._kept: bytes | None = None
        self._in_hand_bytes = 0
        self._input: Input
        self._is_resumed = False
        self.begun, self.written = self._keeper.begun, self._keeper.written

    @abstractmethod
    def _begin_counts(self, saved: Mapping[str, bytes]) -> dict[str, str]:
        """Continue the saved counts, or start again. Returns the reason by key for what cannot be read."""

    @abstractmethod
    def _begin_reading(self) -> tuple[int, Callable[[str], bool] | None]:
        """Create a reader from `_kept`; returns the bytes of a batch, and a Tail's `alike`. Raises StoreError."""

    @abstractmethod
    def _configure(self) -> None:
        """Switch the counts to `source`."""

    @abstractmethod
    def _new_bad(self) -> B:
        """Reports bad lines in this run."""

    @abstractmethod
    async def _add(self, batch: Batch, bad: B) -> None:
        """Count a batch."""

    @abstractmethod
    def _changes(self, everything: bool) -> tuple[dict[str, Value], set[str]]:  # noqa: FBT001, the keeper's question
        """Counts and position of one moment; they stay together because nothing is awaited in between."""

    def _put_kept(self, puts: dict[str, Value]) -> set[str]:
        """Add the state of the reader, or return its key, for deletion, if it is empty."""
        if self._kept is None:
            return {self.kept_key}
        puts[self.kept_key] = self._kept
        return set()

    def _resume(self, saved: dict[str, bytes]) -> None:
        """Continue from the saved state; unreadable parts start again.

        Counts without their position do so too: lines would be counted twice, or not at all.
        """
        counts = {key: value for key, value in saved.items() if key != self.kept_key and not is_position(key)}
        unreadable = self._begin_counts(counts)
        position, self._kept = positions_in(saved), saved.get(self.kept_key)
        lost = position is None and bool(saved.keys() - {self.kept_key})
        reason = "the log position that belongs to these counts is missing" if lost else ""
        try:
            self._use(position)
        except StoreError as exc:
            reason = str(exc)
        if reason:
            unreadable = dict.fromkeys(saved, reason)
            self._begin_counts({})
            self._kept = None
            self._use(None)
        self._keeper.set_aside(unreadable)
        self._is_resumed = True

    def _use(self, position: Mapping[str, bytes] | None) -> None:
        batch_bytes, alike = self._begin_reading()
        self._in_hand_bytes = 0
        self._input = input_of(
            self.source,
            position,
            from_start=self.source.from_ == "start",
            clock=self._clock,
            batch_bytes=batch_bytes,
            alike=alike,
        )

    def reconfigure(self, source: S) -> None:
        """Switch to other settings of the same source, between two runs. The counters continue."""
        self.source = source
        if self._is_resumed:
            self._configure()
            self._use(self._input.saved())

    async def run(self) -> None:
        """Read until cancelled, then save everything. Raises StoreError if the state is not available."""
        if not self._is_resumed:
            self._resume(await self._keeper.load())
        try:
            await self._input.begin()
            for trouble in await asyncio.to_thread(list, self.source.path_troubles()):
                log.warning("%s: %s", self.source.source, printable(trouble))
            self._input.applied()
            async with self._keeper.keeping():
                await self._read()
        finally:
            await self._input.close()

    async def _read(self) -> None:
        with closing(self._new_bad()) as bad:
            bad.add_too_long(self._input.status.too_long_lines)
            try:
                async for batch in self._input.batches():
                    await counted_whole(self._count(batch, bad), replayable=self._input.replayable)
            except asyncio.CancelledError:
                for batch in await self._input.rest():
                    await self._count(batch, bad)
                raise

    async def _count(self, batch: Batch, bad: B) -> None:
        self._in_hand_bytes = len(batch.data)  # it is being counted
        await self._add(batch, bad)
        bad.add_too_long(self._input.status.too_long_lines)
        self._in_hand_bytes = 0
        self._input.applied()
        self._keeper.touch()

    def _status(self) -> TailStatus:
        """The state of reading; what is being counted is not read yet."""
        status, in_hand_bytes = self._input.status, self._in_hand_bytes
        return status._replace(read_bytes=status.read_bytes - in_hand_bytes, lag_bytes=status.lag_bytes + in_hand_bytes)

    def _reading_families(self, log_metrics: LogMetrics, input_metrics: InputMetrics) -> Iterator[Family]:
        """Metrics of reading."""
        name, input_ = self.source.source, self._input
        yield from log_families(log_metrics, {name: self._status()})
        yield from input_families(input_metrics, name, input_.losses, replayable=input_.replayable)

    @abstractmethod
    def families(self) -> Iterator[Family]:
        """Metrics of the counts, and of reading."""


F = TypeVar("F", bound=Followed[Any, Any])


class Following(Supervisor[F]):
    """Follows all sources of one system; the base class of such systems. `run` once."""

    def __init__(self, make: type[F], sources: Sequence[Place], context: Context) -> None:
        """Reads no file yet. `make`: creates the follower of one source."""
        super().__init__(make.system, context.clock)
        self._make = make
        self._context = context
        self._regexes = RegexProcess(context.clock)
        self._sources: dict[str, Place] = {}
        for source in sources:
            self._follow(source)

    async def run(self) -> None:
        """Follow until cancelled. Raises StoreError if the state file is not available."""
        try:
            await super().run()
        finally:
            await self._regexes.close()

    async def reload(self, sources: Sequence[Place]) -> None:
        """Switch to `sources`. A source that stays keeps its counters; one that did not change keeps running."""
        wanted = {source.source: source for source in sources}
        for name, source in list(self._sources.items()):
            if wanted.get(name) == source:
                continue
            live = await self.remove(name)
            del self._sources[name]
            if live is not None and name in wanted:
                live.reconfigure(wanted[name])
                self._follow(wanted[name], live)
        for name, source in wanted.items():
            if name not in self._sources:
                self._follow(source)

    def _follow(self, source: Place, live: F | None = None) -> None:
        self._sources[source.source] = source
        self.add(
            source.source,
            partial(self._make, source, self._context.checkpoint, self._context.clock, self._regexes),
            live,
        )
