"""One access log while it is followed: tail -> reader -> counters -> checkpoint.

The position and the counters of a source are written in one transaction, so that each line is counted once, however
the process ends.
"""

import asyncio
import logging
from collections.abc import Iterator

from exporter.accesslog import metrics
from exporter.accesslog.parse.own_regex import OwnRegex, RegexProcess
from exporter.accesslog.parse.reader import BULK_BYTES, Reader
from exporter.accesslog.source import Source
from exporter.accesslog.state import Traffic
from exporter.accesslog.tally import Buckets, Tally
from exporter.catalogue import Family
from exporter.catalogue import accesslog as catalogue
from exporter.checkpoint import Changes, Checkpoint
from exporter.sources.tail import Limits, Tail
from exporter.sources.tail.metrics import families as log_families
from foundation.clock import Clock
from foundation.errors import StoreError

log = logging.getLogger(__name__)

COMMIT_S = 1.0
"""A commit is due this long after the one before."""

BESIDE_BYTES = 1 << 18
"""A batch from this size on, some 10 ms of work, is read in a thread beside the event loop."""

OWN_REGEX_BYTES = 1 << 14
"""A batch for an own regex, which may take 50 ms a line: what was counted is put away after each."""

TAIL, ANNOUNCED = "tail", "announced"
"""The checkpoint's keys for the position and what the log has said of its format; others are of `Traffic.changes`."""


class Live:
    """Follows one source while `run` runs; can be asked for its metrics at any time."""

    def __init__(self, source: Source, checkpoint: Checkpoint, clock: Clock, regexes: RegexProcess) -> None:
        """Goes on from the checkpoint; what cannot be read there is said, counted and thrown away."""
        self._regexes = regexes
        self._checkpoint = checkpoint
        self._clock = clock
        self._scope = f"accesslog/{source.source}"
        self._position: bytes | None = None
        self._announced: bytes | None = None
        self._deletes: list[str] = []
        self._everything = False
        self._uncommitted = True  # declared series are born in the constructor
        self._resume(source, checkpoint.load(self._scope))

    def _resume(self, source: Source, saved: dict[str, bytes]) -> None:
        """Go on from what was saved, or from nothing if it cannot be read."""
        try:
            self.traffic = Traffic(source, self._clock.wall(), saved)
            self._position, self._announced = saved.get(TAIL), saved.get(ANNOUNCED)
            self._use(source)
        except StoreError as exc:
            log.error("%s; it is thrown away and counting starts afresh", exc)  # noqa: TRY400, the text says all
            self._checkpoint.problems["damaged"] += 1
            self._deletes = list(saved)
            self.traffic = Traffic(source, self._clock.wall())
            self._position = self._announced = None
            self._use(source)

    def _use(self, source: Source) -> None:
        self.source = source
        buckets = Buckets(source.buckets)
        self._reader = Reader(source.parsed_format(), buckets, self._announced)
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
        self.traffic.configure(source, self._clock.wall())
        self._use(source)

    async def run(self) -> None:
        """Read until cancelled, then put everything away."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read())
                group.create_task(self._commit_regularly())
        finally:
            self._commit_now()  # not awaited, so that a second cancellation cannot come between
            await self._tail.close()

    async def _read(self) -> None:
        async for batch in self._tail.batches():
            self._in_hand_bytes = len(batch.data)  # it is being counted
            tally = await self._tally(batch.data, batch.path)
            self.traffic.add(tally, self._clock.wall())
            self._in_hand_bytes = 0
            self._position, self._announced = self._tail.saved_state(), self._reader.announced
            self._uncommitted = True

    async def _tally(self, data: bytes, path: str) -> Tally:
        if self._own_regex is not None:
            return await self._own_regex.tally(data)
        if len(data) < BESIDE_BYTES:
            return self._reader.read(data, path)
        return await asyncio.to_thread(self._reader.read, data, path)

    async def _commit_regularly(self) -> None:
        due_s = self._clock.monotonic()
        while True:
            due_s = max(due_s + COMMIT_S, self._clock.monotonic())
            await self._clock.sleep_until(due_s)
            if self._uncommitted:
                try:
                    await self._checkpoint.commit(self._scope, self._changes())
                except StoreError:
                    self._commit_failed()
                except asyncio.CancelledError:
                    self._commit_failed()  # for all that is known
                    raise

    def _commit_now(self) -> None:
        try:
            self._checkpoint.commit_now(self._scope, self._changes())
        except StoreError as exc:
            log.error("source %s: the last counts could not be put away: %s", self.source.source, exc)  # noqa: TRY400, the text says all
            self._commit_failed()

    def _changes(self) -> Changes:
        """Counters and position of one moment, to put; they stay together because nothing is awaited in between.

        Beside them the keys to delete.
        """
        self._uncommitted = False
        everything, self._everything = self._everything, False
        puts = self.traffic.changes()
        if self._position is not None:
            puts[TAIL] = self._position
        if self._announced is not None:
            puts[ANNOUNCED] = self._announced
        deletes, self._deletes = frozenset(self._deletes) - puts.keys(), []
        return Changes(puts, deletes, everything=everything)

    def _commit_failed(self) -> None:
        """The checkpoint has said and counted it; the next commit must bring everything."""
        self._uncommitted = self._everything = True
        self.traffic.forget_commits()

    def families(self) -> Iterator[Family]:
        """Metrics of the traffic, and of the reading itself."""
        status, in_hand_bytes = self._tail.status, self._in_hand_bytes
        status = status._replace(
            read_bytes=status.read_bytes - in_hand_bytes, lag_bytes=status.lag_bytes + in_hand_bytes
        )
        yield from metrics.families(self.traffic, too_long=status.too_long_lines)
        yield from log_families(catalogue.LOG, {self.source.source: status})
