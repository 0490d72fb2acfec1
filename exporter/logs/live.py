"""One log while it is followed; see `exporter.following`."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

from exporter.accesslog.bad import BadLog
from exporter.catalogue import Family
from exporter.catalogue import logs as catalogue
from exporter.checkpoint import Value
from exporter.following import Followed
from exporter.logs import metrics
from exporter.logs.aside import Aside
from exporter.logs.counts import Counts
from exporter.logs.reader import Reader
from exporter.logs.source import Source
from exporter.logs.state import State
from exporter.sources.tail import Batch

BATCH_BYTES = 1 << 20
ASIDE_BYTES = 1 << 18
"""Size of a batch for the process of regexes."""
BESIDE_BYTES = 1 << 14
"""A batch from this size on is read in a thread beside the event loop."""
BESIDE_SERIES = 500
"""Series from this number on are added up there too: about a millisecond."""


class Live(Followed[Source, BadLog]):
    """Follows one source."""

    system = "logs"
    kept_key = "kept"
    state: State

    def _begin_counts(self, saved: Mapping[str, bytes]) -> dict[str, str]:
        self.state = State(self.source, self._clock.wall(), saved)
        return self.state.unreadable

    def _begin_reading(self) -> tuple[int, Callable[[str], bool] | None]:
        self._reader = Reader(self.source, self._kept)
        self._aside = Aside(self._regexes, self._clock, self.source) if self.source.has_regex() else None
        return ASIDE_BYTES if self._aside else BATCH_BYTES, None

    def _configure(self) -> None:
        self.state.configure(self.source, self._clock.wall())

    def _new_bad(self) -> BadLog:
        return BadLog(self.source.source, asyncio.get_running_loop().call_later)

    async def _add(self, batch: Batch, bad: BadLog) -> None:
        counts = await self._counts(batch)
        now_s = self._clock.wall()
        if sum(map(len, counts.sums)) < BESIDE_SERIES:
            self.state.add(counts, now_s)
        else:
            self.state.apply(await asyncio.to_thread(self.state.prepared, counts, now_s))
        bad.add(counts, batch.path)
        self._kept = self._reader.kept

    async def _counts(self, batch: Batch) -> Counts:
        self._reader.closed = self.state.closed
        if self._aside is not None:
            inside = self._reader.open(batch.data, batch.path, batch.home)
            return await self._aside.count(inside, self._reader.captured(batch.home), self.state.closed)
        if len(batch.data) < BESIDE_BYTES:
            return self._reader.read(batch.data, batch.path, batch.home)
        return await asyncio.to_thread(self._reader.read, batch.data, batch.path, batch.home)

    def _changes(self, everything: bool) -> tuple[dict[str, Value], set[str]]:  # noqa: FBT001, the keeper's question
        puts, ended = self.state.changes(everything=everything)
        positions, gone = self._input.changes(everything=everything)
        puts |= positions
        return puts, ended | gone | self._put_kept(puts)

    def families(self) -> Iterator[Family]:
        """The metrics of the rules, and of reading."""
        yield from metrics.families(self.state, too_long=self._status().too_long_lines)
        yield from self._reading_families(catalogue.LOG, catalogue.INPUT)
