"""One access log while it is followed; see `exporter.following`."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from exporter.accesslog import metrics
from exporter.accesslog.bad import BadLog
from exporter.accesslog.counting import Delta
from exporter.accesslog.parse.opening import counted
from exporter.accesslog.parse.own_regex import OwnRegex
from exporter.accesslog.source import Source
from exporter.accesslog.state import Traffic
from exporter.accesslog.tally import Buckets, Tally
from exporter.catalogue import Family
from exporter.catalogue import accesslog as catalogue
from exporter.checkpoint import Checkpoint, Value
from exporter.following import Followed
from exporter.regexes.process import RegexProcess
from exporter.sources.tail import Batch
from foundation.clock import Clock

BESIDE_BYTES = 1 << 14
"""A batch from this size on, at worst 5 ms of work, is read in a thread beside the event loop."""

OWN_REGEX_BYTES = 1 << 14
"""A batch for a user-defined regex, which may take 50 ms per line: counts are saved after each batch."""


class _Read(NamedTuple):
    """A batch: its tallies by file, for reports of bad lines, and its changes."""

    tallies: list[tuple[str, Tally]]
    delta: Delta


class Live(Followed[Source, BadLog]):
    """Follows one source."""

    system = "accesslog"
    kept_key = "announced"
    traffic: Traffic

    def __init__(self, source: Source, checkpoint: Checkpoint, clock: Clock, regexes: RegexProcess) -> None:
        """Touches no file."""
        super().__init__(source, checkpoint, clock, regexes)
        self._kept_put, self._kept_is_old = False, False

    def _begin_counts(self, saved: Mapping[str, bytes]) -> dict[str, str]:
        self.traffic = Traffic(self.source, self._clock.wall(), saved)
        return self.traffic.unreadable

    def _begin_reading(self) -> tuple[int, Callable[[str], bool] | None]:
        source, buckets = self.source, Buckets(self.source.buckets)
        router = source.router()
        self._reader = source.reader(self._kept, envelope=source.lines_in, router=router, measured=True)
        own = self._reader.own_regex
        self._own_regex = OwnRegex(self._regexes, self._clock, own, buckets, self._reader.columns) if own else None
        return OWN_REGEX_BYTES if own else self._reader.batch_bytes, self._reader.reads_alike

    def _configure(self) -> None:
        self.traffic.configure(self.source, self._clock.wall())
        self._keep()

    def _new_bad(self) -> BadLog:
        return BadLog(self.source.source, asyncio.get_running_loop().call_later)

    async def _add(self, batch: Batch, bad: BadLog) -> None:
        tallies, delta = await self._read_batch(batch, self.traffic)
        self.traffic.apply(delta)
        for path, tally in tallies:
            bad.add(tally, path)
        self._kept_is_old = True

    def _keep(self) -> None:
        """Save the reader's state. With many files this is slow: once per commit, and before a long read."""
        if self._kept_is_old:
            self._kept_is_old, before = False, self._kept
            self._kept = self._reader.kept
            self._kept_put &= self._kept == before

    async def _read_batch(self, batch: Batch, traffic: Traffic) -> _Read:
        counting, totals = traffic.counting, traffic.totals
        if self._own_regex is not None or len(batch.data) >= BESIDE_BYTES:
            self._keep()  # a commit may come while it is read
        if self._own_regex is not None:
            inside = self._reader.open(batch.data, batch.path, batch.home)
            lines, errors = [
                self._reader.finished(await self._own_regex.tally(data)) for data in (inside.lines, inside.errors)
            ]
            tally = counted(lines, errors, inside.too_long)
            self._reader.of_file(tally, batch.home)
            return _Read([(batch.path, tally)], counting.delta(tally, totals, self._clock.wall()))
        reader, wall = self._reader, self._clock.wall

        def read() -> _Read:
            """Count a batch. Where it has bad lines, each file of the batch is read again by itself."""
            tally = reader.read(batch.data, batch.path, batch.home)
            delta = counting.delta(tally, totals, wall())
            tally.hits = {}  # there may be as many as lines, and freeing them takes as long as creating them
            if not tally.bad or not batch.parts:
                return _Read([(batch.path, tally)], delta)
            return _Read([(part.path, reader.read(part.data, part.path, part.home)) for part in batch.parts], delta)

        return read() if len(batch.data) < BESIDE_BYTES else await asyncio.to_thread(read)

    def _changes(self, everything: bool) -> tuple[dict[str, Value], set[str]]:  # noqa: FBT001, the keeper's question
        puts = self.traffic.changes(everything=everything)
        positions, gone = self._input.changes(everything=everything)
        if not self._in_hand_bytes:
            self._keep()
        if everything or not self._kept_put:
            gone |= self._put_kept(puts)
        self._kept_put = True
        puts |= positions
        return puts, gone | self.traffic.ended()

    def families(self) -> Iterator[Family]:
        """Metrics of the traffic, and of reading."""
        yield from metrics.families(self.traffic, too_long=self._status().too_long_lines)
        yield from self._reading_families(catalogue.LOG, catalogue.INPUT)
