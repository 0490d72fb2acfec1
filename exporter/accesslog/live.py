"""One access log while it is followed: tail -> reader -> counters -> keeper.

The position and the counters of a source are written in one transaction, so that each line is counted once, however
the process ends.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import closing

from exporter.accesslog import metrics
from exporter.accesslog.bad import BadLog
from exporter.accesslog.parse.opening import counted
from exporter.accesslog.parse.own_regex import OwnRegex, RegexProcess
from exporter.accesslog.parse.reader import BULK_BYTES, Reader
from exporter.accesslog.source import Source
from exporter.accesslog.state import Traffic
from exporter.accesslog.tally import Buckets, Tally
from exporter.catalogue import Family
from exporter.catalogue import accesslog as catalogue
from exporter.checkpoint import Checkpoint
from exporter.keeper import Keeper
from exporter.sources.tail import Batch, Limits, Tail, is_position, positions_in
from exporter.sources.tail.metrics import families as log_families
from exporter.sources.tail.paths import path_troubles
from foundation.clock import Clock
from foundation.errors import StoreError
from foundation.terminal import printable

log = logging.getLogger(__name__)

BESIDE_BYTES = 1 << 18
"""A batch from this size on, some 10 ms of work, is read in a thread beside the event loop."""

OWN_REGEX_BYTES = 1 << 14
"""A batch for an own regex, which may take 50 ms a line: what was counted is put away after each."""

ANNOUNCED = "announced"
"""The keeper's key for what the reader remembers of the log; others are of `Tail.changes` and `Traffic.changes`."""


class Live:
    """Follows one source while `run` runs; can be asked for its metrics at any time."""

    def __init__(self, source: Source, checkpoint: Checkpoint, clock: Clock, regexes: RegexProcess) -> None:
        """Touches no file."""
        self.source = source
        self._regexes = regexes
        self._clock = clock
        self._keeper = Keeper(checkpoint, f"accesslog/{source.source}", clock, self._changes)
        self._position: Mapping[str, bytes] | None = None
        self._kept: bytes | None = None
        self.traffic: Traffic | None = None
        self.begun, self.written = self._keeper.begun, self._keeper.written

    def _resume(self, saved: dict[str, bytes]) -> Traffic:
        """Go on from what was saved; what cannot be read of it begins anew.

        Counts without their position do so too: lines would be counted twice, or not at all.
        """
        source = self.source
        counts = {key: value for key, value in saved.items() if key != ANNOUNCED and not is_position(key)}
        traffic = Traffic(source, self._clock.wall(), counts)
        unreadable = traffic.unreadable
        self._position, self._kept = positions_in(saved), saved.get(ANNOUNCED)
        reason = "there is no position for these counts" if self._position is None and counts else ""
        try:
            self._use(source)
        except StoreError as exc:
            reason = str(exc)
        if reason:
            unreadable = dict.fromkeys(saved, reason)
            traffic = Traffic(source, self._clock.wall())
            self._position = self._kept = None
            self._use(source)
        self._keeper.set_aside(unreadable)
        return traffic

    def _use(self, source: Source) -> None:
        buckets = Buckets(source.buckets)
        self._reader = Reader(source.parsed_format(), buckets, self._kept, envelope=source.envelope)
        own = self._reader.own_regex
        self._in_hand_bytes = 0
        self._own_regex = OwnRegex(self._regexes, self._clock, own, buckets) if own else None
        self._tail = Tail(
            source.paths,
            from_start=source.from_ == "start",
            clock=self._clock,
            saved=self._position,
            limits=Limits(batch_bytes=OWN_REGEX_BYTES if own else 2 * BULK_BYTES),
        )

    def reconfigure(self, source: Source) -> None:
        """Go over to other settings of the same source, between two runs. The counters go on."""
        self.source = source
        if self.traffic is not None:
            self.traffic.configure(source, self._clock.wall())
            self._position = self._tail.saved()
            self._use(source)

    async def run(self) -> None:
        """Read until cancelled, then put everything away. Raises StoreError when the state cannot be had."""
        if self.traffic is None:
            self.traffic = self._resume(await self._keeper.load())
        try:
            await self._tail.begin()
            for trouble in await asyncio.to_thread(list, path_troubles(self.source.paths)):
                log.warning("%s: %s", self.source.source, printable(trouble))
            self._tail.applied()
            async with self._keeper.keeping():
                await self._read(self.traffic)
        finally:
            await self._tail.close()

    async def _read(self, traffic: Traffic) -> None:
        with closing(BadLog(self.source.source, asyncio.get_running_loop().call_later)) as bad:
            bad.add_too_long(self._tail.status.too_long_lines)
            async for batch in self._tail.batches():
                await self._count(batch, traffic, bad)

    async def _count(self, batch: Batch, traffic: Traffic, bad: BadLog) -> None:
        self._in_hand_bytes = len(batch.data)  # it is being counted
        tally = await self._tally(batch)
        traffic.add(tally, self._clock.wall())
        bad.add(tally, batch.path)
        bad.add_too_long(self._tail.status.too_long_lines)
        self._in_hand_bytes = 0
        self._tail.applied()
        self._kept = self._reader.kept
        self._keeper.touch()

    async def _tally(self, batch: Batch) -> Tally:
        if self._own_regex is not None:
            inside = self._reader.open(batch.data, batch.path, batch.home)
            lines, errors = [await self._own_regex.tally(data) for data in (inside.lines, inside.errors)]
            return counted(lines, errors, inside.too_long)
        if len(batch.data) < BESIDE_BYTES:
            return self._reader.read(batch.data, batch.path, batch.home)
        return await asyncio.to_thread(self._reader.read, batch.data, batch.path, batch.home)

    def _changes(self, everything: bool) -> tuple[dict[str, bytes], list[str]]:  # noqa: FBT001, the keeper's question
        """Counters and position of one moment; they stay together because nothing is awaited in between."""
        assert self.traffic is not None
        puts = self.traffic.changes(everything=everything)
        if self._kept is not None:
            puts[ANNOUNCED] = self._kept
        positions, gone = self._tail.changes(everything=everything)
        return puts | positions, list(gone)

    def families(self) -> Iterator[Family]:
        """Metrics of the traffic, and of the reading itself."""
        status, in_hand_bytes = self._tail.status, self._in_hand_bytes
        status = status._replace(
            read_bytes=status.read_bytes - in_hand_bytes, lag_bytes=status.lag_bytes + in_hand_bytes
        )
        assert self.traffic is not None
        yield from metrics.families(self.traffic, too_long=status.too_long_lines)
        yield from log_families(catalogue.LOG, {self.source.source: status})
