"""One web host while its logs are followed: tail -> parse -> ledger -> standing, and ledger -> keeper.

Positions and ledger are written in one transaction, so that no line is lost or counted twice. The standing is computed
in a thread from time to time, so a scrape only tells it.
"""

import asyncio
from collections.abc import Iterator, Mapping

from exporter.catalogue import Family
from exporter.catalogue import hosting as metrics
from exporter.checkpoint import Checkpoint
from exporter.hosting.contractfiles import ContractFiles
from exporter.hosting.lives import Pieces, pieces
from exporter.hosting.metrics import FUTURE, families
from exporter.hosting.parse import MINUTE_S, Event, Heartbeat, Times, parse_block, parse_line
from exporter.hosting.source import Source
from exporter.hosting.standing import Standing, make_standing
from exporter.hosting.state import ABOUT, About, Ledger
from exporter.keeper import Keeper
from exporter.sources.tail import TAIL, Limits, Tail, is_position, positions_in
from exporter.sources.tail.metrics import families as log_families
from foundation.clock import Clock
from foundation.errors import BadRecord, StoreError

TICK_S = 1.0
"""Accounts are due this long after those before."""
SHARE = 10
"""And recomputing takes no more than one part in this many of the time."""
BATCH_BYTES = 1 << 18
"""Some 2,500 lines, 10 ms of work, before others get their turn."""
AHEAD_S = 300.0
"""How far a log's clock may be ahead of ours."""


class Live:
    """Follows one source while `run` runs; can be asked for its metrics at any time."""

    def __init__(self, source: Source, checkpoint: Checkpoint, clock: Clock) -> None:
        """Reads the contract. Raises ConfigError, SourceError."""
        self.source = source
        self.cycle = source.seconds()
        self._files = ContractFiles(source)
        self._clock = clock
        self._keeper = Keeper(checkpoint, f"hosting/{source.source}", clock, self._changes)
        self._guard = self._keeper.whole  # the ledger stands still while a thread reads it
        self.ledger = Ledger(source.heartbeat, source.overload)
        self._times = Times(source.zone())
        self._flat: dict[int, Pieces] = {}
        self.standing: Standing | None = None
        self._changed = True
        self._last_line_s = clock.monotonic()
        self._started_s = clock.wall()
        self._recompute_s = 0.0
        self.begun, self.written = self._keeper.begun, self._keeper.written

    def _resume(self, saved: dict[str, bytes]) -> None:
        """Go on from what was saved. Counts whose position cannot be read begin anew, as on a first run.

        Events are a set: those that are in the ledger stay, and change nothing when they are read again. So where some
        of them cannot be read, the logs are read again too, unless they are followed from their end.
        """
        position, again = positions_in(saved), self.source.from_ == "start"
        self.ledger, stale, unreadable = Ledger.restore(
            {key: value for key, value in saved.items() if not is_position(key)}, self.cycle.start_s
        )
        unreadable |= self._judged_otherwise(again=again)
        reason = "some of the state cannot be read" if unreadable and again else ""
        if position is None and saved:
            reason = "there is no position for these counts"
        try:
            self._follow(position)
        except StoreError as exc:
            reason = str(exc)
        if reason:
            unreadable = {key: reason for key in (TAIL, ABOUT) if key in saved} | unreadable
            self.ledger.count_anew(from_start=again)
            self._follow(None)
        self._keeper.set_aside(unreadable)
        self._keeper.delete(stale)

    def _judged_otherwise(self, *, again: bool) -> dict[str, str]:
        """Why kept minutes are of no use: another heartbeat or threshold. They stay where logs are not read again."""
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
            limits=Limits(batch_bytes=BATCH_BYTES),
        )

    async def run(self) -> None:
        """Read until cancelled, then put everything away. Raises StoreError when the state cannot be had."""
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
                    self.take(batch.data)
                self._tail.applied()
            self._keeper.touch()

    def take(self, lines: bytes) -> None:
        """Read whole lines into the ledger."""
        if not lines:
            return
        self._last_line_s = self._clock.monotonic()
        self._changed = True
        parsed = parse_block(lines, self._times)
        if parsed is not None:
            for event, time_s in zip(*parsed, strict=True):
                self._add(event, time_s)
            return
        for line in lines[:-1].split(b"\n"):
            try:
                self._add(*parse_line(line, self._times))
            except BadRecord as exc:
                self.ledger.fail(exc.reason)

    def _add(self, event: Event, time_s: int) -> None:
        """Take an event, unless it is of the future: one such heartbeat would make all servers silent until then."""
        if self._times.twins:
            time_s = self._in_which_hour(event, time_s)
        if time_s > self._clock.wall() + AHEAD_S:
            self.ledger.fail(FUTURE)
        else:
            self.ledger.add(event, time_s)

    def _in_which_hour(self, event: Event, first_s: int) -> int:
        """Of an hour that clocks repeat the instant that is nearer to the clock of who wrote the line.

        That is, for a server its last heartbeat; for the manager, which may not have logged for hours, ours where the
        second of the two is now, else its last event. What is still to come is not meant.
        """
        about, wall_s = self.ledger.about, self._clock.wall()
        second_s = first_s + self._times.twins.get(event.time, 0)
        if second_s > wall_s + AHEAD_S:
            return first_s
        if isinstance(event, Heartbeat):
            clock_s = about.last.get(event.server_id, (0, 0.0))[0]
        else:
            clock_s = second_s if abs(second_s - wall_s) <= AHEAD_S else about.manager_s
        return second_s if abs(clock_s - second_s) < abs(clock_s - first_s) else first_s

    def watermark_s(self) -> int | None:
        """The log's time up to which minutes are accounted: all of them once nothing has come for a while."""
        newest_s = self.ledger.about.newest_heartbeat_s
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
        settled_s = self.watermark_s()
        if self._tail.status.lag_bytes > BATCH_BYTES:
            return  # files are read one after the other: until all are, what is missing may just not be read yet
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
        """Make the standing of what was read so far, up to the watermark."""
        changed, self.ledger.changed_accounts = self.ledger.changed_accounts, set()
        for account in changed:
            self._flat[account] = pieces(self.ledger.accounts[account].sessions())
        self.standing = make_standing(self.ledger, self._flat, self.cycle, settled_s, self._files.contract)

    def _changes(self, everything: bool) -> tuple[dict[str, bytes], list[str]]:  # noqa: FBT001, the keeper's question
        puts = self.ledger.changes(everything=everything)
        positions, gone = self._tail.changes(everything=everything)
        return puts | positions, list(gone)

    def families(self) -> Iterator[Family]:
        """Metrics of the host, and of the reading itself."""
        source, status = self.source.source, self._tail.status
        self.ledger.about.failed["too_long"] = status.too_long_lines
        yield from self.accounted_families()
        yield metrics.RECOMPUTE_SECONDS.family({(source,): self._recompute_s})
        log = status._replace(last_line_s=max(status.last_line_s, self._started_s))
        yield from log_families(metrics.LOG, {source: log})

    def accounted_families(self) -> Iterator[Family]:
        """Metrics of the host."""
        files, source = self._files, self.source
        yield metrics.CONTRACT_READABLE.family({(source.source,): int(not files.trouble)})
        yield from families(
            source.source,
            self.cycle,
            self.ledger.about,
            self.standing,
            contract=files.contract,
            max_accounts=source.max_accounts,
        )
