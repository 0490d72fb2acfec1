"""One web host while its logs are followed: tail -> parse -> ledger -> standing, and ledger -> keeper.

Positions and ledger are written in one transaction, so that no line is lost or counted twice. The standing is computed
in a thread from time to time, so a scrape only exposes it.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping

from exporter.catalogue import Family
from exporter.catalogue import hosting as metrics
from exporter.checkpoint import Checkpoint
from exporter.hosting.contractfiles import ContractFiles
from exporter.hosting.cycle import utc
from exporter.hosting.extent import DAY_S
from exporter.hosting.lives import Pieces, pieces
from exporter.hosting.metrics import FUTURE, families
from exporter.hosting.parse import MINUTE_S, Event, Times, parse_block, parse_line
from exporter.hosting.source import Source
from exporter.hosting.standing import Cycle, Standing, make_standing
from exporter.hosting.state import ABOUT, About, Ledger, settled_of
from exporter.keeper import Keeper
from exporter.sources.tail import Limits, Tail, is_position, positions_in
from exporter.sources.tail.metrics import families as log_families
from foundation.clock import Clock
from foundation.errors import BadRecord, StoreError

log = logging.getLogger(__name__)

TICK_S = 1.0
"""The interval between two calculations."""
SHARE = 10
"""Recalculation takes at most this fraction of the time."""
BATCH_BYTES = 1 << 16
"""Some 650 lines, 2 ms of work on the event loop (of bad lines 12), before other tasks run."""
AHEAD_S = 300.0
"""How far the log's clock may be ahead of this machine's."""
LATE_S = 2 * DAY_S
"""Accounts that ended this long before the cycle are dropped: a line about them may come late."""


class Live:
    """Follows one source while `run` runs; can be asked for its metrics at any time."""

    def __init__(self, source: Source, checkpoint: Checkpoint, clock: Clock) -> None:
        """Reads the contract. Raises ConfigError, SourceError."""
        self.source = source
        self.cycle = source.seconds(clock.wall())
        self._files = ContractFiles(source)
        self._clock = clock
        self._keeper = Keeper(checkpoint, f"hosting/{source.source}", clock, self._changes)
        self._guard = self._keeper.whole  # the ledger does not change while a thread reads it
        self.ledger = Ledger(source.heartbeat, source.overload)
        self._times = Times(source.zone())
        self._is_local = str(source.zone()) != "UTC"
        self._flat: dict[int, Pieces] = {}
        self.standing: Standing | None = None
        self._changed = True
        self._last_line_s = clock.monotonic()
        self._started_s = clock.wall()
        self._recompute_s = 0.0
        self.begun, self.written = self._keeper.begun, self._keeper.written

    def _resume(self, saved: dict[str, bytes]) -> None:
        """Continue from the saved state. Counts whose position cannot be read start again, as on a first run.

        Events are a set: those that are in the ledger stay, and change nothing when they are read again. So where some
        of them cannot be read, the logs are read again too, unless they are followed from their end.
        """
        position, again = positions_in(saved), self.source.from_ == "start"
        if self.source.rolls and (settled_s := settled_of(saved)):
            self.cycle = self.source.seconds(settled_s - 1)
        self.ledger, stale, unreadable = Ledger.restore(
            {key: value for key, value in saved.items() if not is_position(key)}, self.cycle.start_s - LATE_S
        )
        unreadable |= self._judged_otherwise(again=again)
        reason = "some of the state cannot be read" if unreadable and again else ""
        if position is None and saved:
            reason = "the log position that belongs to these counts is missing"
        try:
            self._follow(position)
        except StoreError as exc:
            reason = str(exc)
        if reason:
            unreadable = {key: reason for key in saved if key == ABOUT or is_position(key)} | unreadable
            self.ledger.count_anew(from_start=again)
            self._follow(None)
        self._keeper.set_aside(unreadable)
        self._keeper.delete(stale)

    def _judged_otherwise(self, *, again: bool) -> dict[str, str]:
        """Why saved minutes are not usable: another heartbeat or threshold. They stay if logs are not read again."""
        about, source = self.ledger.about, self.source
        if (about.heartbeat_s, about.overload) == (source.heartbeat, source.overload):
            return {}
        if again and about != About():
            why = f"judged by a heartbeat of {about.heartbeat_s} s and an overload above {about.overload:g}"
            return dict.fromkeys(self.ledger.forget_heartbeats(source.heartbeat, source.overload), why)
        about.heartbeat_s, about.overload = source.heartbeat, source.overload
        return {}

    def _follow(self, position: Mapping[str, bytes] | None) -> None:
        self._tail = Tail(
            self.source.logs,
            from_start=self.source.from_ == "start",
            clock=self._clock,
            saved=position,
            limits=Limits(batch_bytes=BATCH_BYTES, files=self.source.max_files),
        )

    async def run(self) -> None:
        """Read until cancelled, then save everything. Raises StoreError if the state is not available."""
        self._resume(await self._keeper.load())
        try:
            await self._tail.begin()
            self._tail.applied()
            async with self._keeper.keeping(), asyncio.TaskGroup() as group:
                group.create_task(self._read())
                group.create_task(self._tick())
        finally:
            await self._tail.close()

    async def _read(self) -> None:
        async for batch in self._tail.batches():
            async with self._guard:
                with self._keeper.counting():
                    self.take(batch.data, batch.key)
                self._tail.applied()
            self._keeper.touch()

    def take(self, lines: bytes, file: int = 0) -> None:
        """Read whole lines of the file of that number into the ledger."""
        if not lines:
            return
        self._last_line_s = self._clock.monotonic()
        self._changed = True
        events, times_s = parse_block(lines, self._times) or self._one_by_one(lines)
        latest_s = self._clock.wall() + AHEAD_S
        if max(times_s, default=0) > latest_s:  # one such heartbeat would make all servers silent until then
            here = [place for place, time_s in enumerate(times_s) if time_s <= latest_s]
            self.ledger.fail(FUTURE, len(events) - len(here))
            events, times_s = [events[place] for place in here], [times_s[place] for place in here]
        if self._is_local:
            self.ledger.take(file, lines, events, times_s, self._times.twins)
            return
        for event, time_s in zip(events, times_s, strict=True):
            self.ledger.add(event, time_s)

    def _one_by_one(self, lines: bytes) -> tuple[list[Event], list[int]]:
        """The events among the lines; the others are counted."""
        found: tuple[list[Event], list[int]] = [], []
        for line in lines[:-1].split(b"\n"):
            try:
                event, time_s = parse_line(line, self._times)
            except BadRecord as exc:
                self.ledger.fail(exc.reason)
            else:
                found[0].append(event)
                found[1].append(time_s)
        return found

    def watermark_s(self) -> int | None:
        """The log's time up to which minutes are calculated: all of them once no line has come for a while."""
        newest_s = self.ledger.newest_heartbeat_s
        if newest_s is None:
            return None
        every_s = self.source.heartbeat
        rested = self._clock.monotonic() - self._last_line_s >= self.source.idle_s + every_s - MINUTE_S
        late_s = 0 if rested else self.source.lateness_s
        settled_s = newest_s + MINUTE_S - -(-late_s // every_s) * every_s
        return max(settled_s, min(self.ledger.about.settled_s, newest_s + MINUTE_S))

    async def _tick(self) -> None:
        due_s = self._clock.monotonic()
        while True:
            if self._files.paths:
                self._changed |= await asyncio.to_thread(self._files.follow)
            await self.recompute()
            now_s = self._clock.monotonic()
            due_s = max(due_s + TICK_S, now_s + SHARE * self._recompute_s)
            await self._clock.sleep_until(due_s)

    async def recompute(self) -> None:
        """Bring the standing up to the watermark, if anything changed."""
        if self._tail.status.lag_bytes > BATCH_BYTES:
            return  # files are read one after the other: until all are, what is missing may just not be read yet
        if self.ledger.nights.changed:
            async with self._guard:
                await asyncio.to_thread(self.ledger.resolve)
        settled_s = self.watermark_s()
        if settled_s is None or not (self._changed or settled_s != self.ledger.about.settled_s):
            return
        started_s = self._clock.monotonic()
        async with self._guard:
            self._changed = False
            self.ledger.settle(settled_s)
            await asyncio.to_thread(self.account, settled_s)
        self._recompute_s = self._clock.monotonic() - started_s
        self._keeper.touch()

    def account(self, settled_s: int) -> None:
        """Calculate the standing from all lines so far, up to the watermark."""
        self.ledger.resolve()
        changed, self.ledger.changed_accounts = self.ledger.changed_accounts, set()
        for account in changed:
            self._flat[account] = pieces(self.ledger.sessions(account))
        if self.source.rolls and not self.cycle.start_s < settled_s <= self.cycle.end_s:
            self._roll(self.source.seconds(settled_s - 1))
        self.standing = self._standing(settled_s)

    def _standing(self, settled_s: int) -> Standing:
        return make_standing(self.ledger, self._flat, self.cycle, settled_s, self._files.contract)

    def _roll(self, cycle: Cycle) -> None:
        """The last calculated minute is in another cycle: log the result of the previous one, and begin the new one."""
        if self.standing is not None and cycle.start_s >= self.cycle.end_s:
            ended = self._standing(self.cycle.end_s)
            broken = sum(verdict.broken for verdict in ended.verdicts)
            log.info(
                "hosting %s: the cycle from %s to %s has ended: promises were broken to %d of %d customers",
                *(self.source.source, utc(self.cycle.start_s), utc(self.cycle.end_s)),
                *(broken, int(ended.known.sum())),
            )
        self.cycle = cycle
        for account in self.ledger.roll(cycle.start_s - LATE_S):
            self._flat.pop(account, None)

    def _changes(self, everything: bool) -> tuple[dict[str, bytes], set[str]]:  # noqa: FBT001, the keeper's question
        positions, gone = self._tail.changes(everything=everything)
        puts = self.ledger.changes(everything=everything)
        return puts | positions, gone | self.ledger.gone()

    def families(self) -> Iterator[Family]:
        """Metrics of the host, and of reading."""
        source, status = self.source.source, self._tail.status
        self.ledger.about.failed["too_long"] = status.too_long_lines
        yield from self.accounted_families()
        yield metrics.RECOMPUTE_SECONDS.family({(source,): self._recompute_s})
        status = status._replace(last_line_s=max(status.last_line_s, self._started_s))
        yield from log_families(metrics.LOG, {source: status})

    def accounted_families(self) -> Iterator[Family]:
        """Metrics of the host."""
        files, source = self._files, self.source
        yield metrics.CONTRACT_READABLE.family({(source.source,): int(not files.trouble)})
        yield from families(
            source.source,
            self.cycle,
            self.ledger.about,
            self.standing,
            heard=self.ledger.heard(),
            contract=files.contract,
            max_accounts=source.max_accounts,
        )
