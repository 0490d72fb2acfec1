"""One stream of errors, live: takes records from HTTP, TCP and a followed log, keeps the comparison, writes it down.

What was taken goes to the checkpoint together with the log's position and the answers of HTTP requests; whoever waits
for the disk is told after that. Bins are closed a few at a time, with the event loop free between, and nothing more is
taken while any are due.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Sequence, Sized
from contextlib import AsyncExitStack

import msgspec

from exporter import checkpoint as state
from exporter.releases.commits import Changes, Commits
from exporter.releases.ingest.allowance import Allowance
from exporter.releases.ingest.answers import REFUSED_TOLD, Answer, Answers, Refused, Remembered
from exporter.releases.ingest.bodies import Body
from exporter.releases.ingest.http import Ingest
from exporter.releases.ingest.tcp import LineServer
from exporter.releases.keeping import Keeper, read_state
from exporter.releases.parse import LineSplitter, check_time, parse_line
from exporter.releases.source import Source, read_token
from exporter.releases.state import Stream, StreamState, Turn
from exporter.releases.tally import Tally
from exporter.sources.tail import Limits, Tail, TailStatus
from exporter.system import Context
from foundation.clock import Clock
from foundation.errors import BadRecord, ConfigError, StoreError
from foundation.grammar import Address
from foundation.listen import listen, serve
from foundation.web import Guard

log = logging.getLogger(__name__)

TICK_S = 1.0
PIECE_LINES = 5000
"""Lines counted at a time before others get their turn: a few milliseconds."""
BATCH_BYTES = 1 << 17
"""Of a followed log, about as much as `PIECE_LINES`; a longer line than that is dropped unread."""
BINS_AT_ONCE = 4
"""Bins closed at a time; with 200 codes and 10 builds one takes up to ten milliseconds."""
DRAIN_S = 5.0


class Live:
    """One source: what it listens to, its comparison, its place in the checkpoint."""

    def __init__(self, source: Source, number: int, ctx: Context) -> None:
        self._policy = ctx.web.of(source.web_config_file)
        if source.tcp and self._policy.rules.config.basic_auth_users and not source.token_file:
            raise ConfigError(
                f"$.releases[{number}].tcp: the web configuration has users, and lines show none: expected token_file, "
                f"or a web_config_file without users"
            )
        self.name = source.source
        self._scope = f"releases/{source.source}"
        self._source = source
        self._ctx = ctx
        self._clock: Clock = ctx.clock
        self.stream = self._new_stream(None)
        self._keeper = Keeper(self.stream, {})
        self._tally = Tally()
        self._answers = Answers()
        self._allowance = Allowance(source.max_records_per_s)
        self._commits = Commits(ctx.clock, self._changes, self._not_written)
        self._tail: Tail | None = None
        self._due, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()
        self.failed: Counter[str] = Counter()
        self.requests: Counter[int] = Counter()
        self.connections: Sized = ()
        self.addresses: dict[str, int] = {}
        self.listening = asyncio.Event()

    async def run(self) -> None:
        """Listen and follow until cancelled; then answer those who wait, and write down the rest."""
        checkpoint = self._ctx.checkpoint
        saved = checkpoint.load(self._scope)
        self._restore(saved)
        token = read_token(self._source.token_file)
        try:
            async with asyncio.TaskGroup() as group:
                needed = [self._commits.run(checkpoint, self._scope), self._close_bins()]
                helpers = [group.create_task(coroutine) for coroutine in needed]
                try:
                    await self._take_in(token, saved.get("tail"))
                finally:
                    async with self._commits.whole:  # what is half counted is counted to its end
                        for helper in helpers:
                            helper.cancel()
        finally:
            puts, gone = self._changes()
            checkpoint.commit_now(self._scope, state.Changes(puts, frozenset(gone)))

    def take_lines(self, lines: list[bytes]) -> tuple[int, int]:
        """Count lines; (taken, late)."""
        tally = self._tally
        tally.add_lines(lines, self._horizon_s())
        counts, tally.counts = tally.counts, Counter()
        self.failed += tally.failed
        tally.failed.clear()
        tally.set_aside.clear()
        taken, turns = self.stream.take(counts, BINS_AT_ONCE)
        if taken.accepted:
            self.stream.state.last_record_s = self._clock.wall()
        if taken.late:
            self.failed["late"] += taken.late
        self._commits.touch()
        self._log(turns)
        self._see_to_bins()
        return taken.accepted, taken.late

    async def take_body(self, body: Body, key: str | None) -> Answer:
        """Count a request's lines and remember the answer: all of it, even if whoever asked is cancelled meanwhile."""
        return await asyncio.shield(asyncio.ensure_future(self._take_body(body, key)))

    async def room(self, records: int) -> None:
        """Wait, after so many records, until more may come: by the rate, and until no bin is due."""
        self._allowance.charge(records, self._clock.monotonic())
        if (wait_s := self._allowance.wait_s(self._clock.monotonic())) > 0:
            await self._clock.sleep_until(self._clock.monotonic() + wait_s)
        await self._room.wait()

    def wait_s(self, records: int) -> float:
        """Seconds until so many records may come; if that is now, they are charged."""
        now = self._clock.monotonic()
        if (wait_s := self._allowance.wait_s(now)) > 0:
            return wait_s
        self._allowance.charge(records, now)
        return 0.0

    def remembered(self, key: str) -> Remembered | None:
        """The answer that this idempotency key was given."""
        return self._answers.get(key)

    async def written(self) -> None:
        """Wait for the disk."""
        await self._commits.written()

    @property
    def log_status(self) -> TailStatus | None:
        """How the reading of the followed log goes; None where there is none, or before it began."""
        return None if self._tail is None else self._tail.status

    def trouble(self) -> StoreError | None:
        """Why the disk takes nothing at the moment."""
        return self._commits.trouble

    def answered(self, status: int) -> None:
        """Count the answers to requests."""
        self.requests[status] += 1

    def _horizon_s(self) -> float:
        """A later Unix time is refused: as far ahead it makes nobody late whose clock is right."""
        return self._clock.wall() + self._source.limits.lateness_s

    async def _take_body(self, body: Body, key: str | None) -> Answer:
        taken = late = 0
        told = list(body.bad)
        async with self._commits.whole:
            for start in range(0, len(body.lines), PIECE_LINES):
                if start:
                    await asyncio.sleep(0)
                await self._room.wait()
                piece = body.lines[start : start + PIECE_LINES]
                piece_taken, piece_late = self.take_lines(piece)
                taken, late = taken + piece_taken, late + piece_late
                if piece_taken + piece_late < len(piece) and len(told) < REFUSED_TOLD:
                    told += refused(piece, body.numbers[start : start + PIECE_LINES], self._horizon_s())
            if body.bad_count:
                self.failed["json"] += body.bad_count
            refused_count = len(body.lines) - taken - late + body.bad_count
            answer = Answer(taken, late, refused_count, sorted(told, key=lambda one: one.line)[:REFUSED_TOLD])
            if key is not None:
                self._answers.add(key, body.checksum, answer)
        return answer

    def _new_stream(self, state: StreamState | None) -> Stream:
        source = self._source
        stream = Stream(source.compare, source.limits, baseline=source.baseline, state=state)
        stream.expect(source.builds, source.codes)
        return stream

    def _restore(self, saved: dict[str, bytes]) -> None:
        try:
            if (state := read_state(saved)) is not None:
                self.stream = self._new_stream(state)
            if "failed" in saved:
                self.failed = Counter(msgspec.msgpack.decode(saved["failed"], type=dict[str, int]))
            self._answers = Answers(saved)
        except msgspec.DecodeError as exc:
            raise StoreError(f"releases/{self.name}: the saved state is of another version: {exc}") from exc
        self._keeper = Keeper(self.stream, saved)
        self._see_to_bins()

    def _changes(self) -> Changes:
        """What the checkpoint is to put and to delete."""
        puts, gone = self._keeper.changes()
        new, forgotten = self._answers.changes()
        puts |= new | {"failed": msgspec.msgpack.encode(dict(self.failed))}
        if self._tail is not None:
            puts["tail"] = self._tail.saved_state()
        return puts, gone + forgotten

    def _not_written(self, gone: list[str]) -> None:
        self._answers.not_written(gone)
        self._keeper.not_written(gone)

    def _see_to_bins(self) -> None:
        """Where more is due than was closed on the way: let it be closed, and nothing be taken before."""
        if self.stream.behind():
            self._room.clear()
            self._due.set()

    async def _close_bins(self) -> None:
        """Close what is due, with the event loop free between."""
        while True:
            await self._due.wait()
            while self.stream.behind():
                self._log(self.stream.close(BINS_AT_ONCE))
                self._commits.touch()
                await asyncio.sleep(0)
            self._due.clear()
            self._room.set()

    async def _tick(self) -> None:
        """Close the last bins of a stream that has gone quiet."""
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + TICK_S)
            before = self.stream.state.closed_to_s
            self._log(self.stream.tick(self._clock.wall(), BINS_AT_ONCE))
            self._see_to_bins()
            if self.stream.state.closed_to_s != before:
                self._commits.touch()

    def _log(self, turns: Iterable[Turn]) -> None:
        for build, (kind, alert) in turns:
            log.warning("%s: code %d of %s: %s %s", self.name, alert.code, build, alert.detector, kind)

    async def _take_in(self, token: str | None, tail: bytes | None) -> None:
        """Listen and follow until cancelled; then stop listening, and answer those who wait."""
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            if self._source.http:
                self.addresses["http"] = await self._listen_http(self._source.http, token, stack)
            if self._source.tcp:
                lines = LineServer(self, token, lambda: bool(self._policy.rules.config.basic_auth_users))
                self.connections = lines.connections
                _, self.addresses["tcp"] = await listen(
                    lines.protocol, self._source.tcp, stack, ssl_context=self._policy.ssl_context
                )
                stack.push_async_callback(lines.drain, DRAIN_S)
                group.create_task(lines.run())
            group.create_task(self._tick())
            if self._source.paths:
                group.create_task(self._follow(tail))
            self.listening.set()

    async def _listen_http(self, where: Address, token: str | None, stack: AsyncExitStack) -> int:
        app = Ingest(self, token).app()
        guard = Guard(self._policy, hosts=[where.host], own_login=frozenset({"/ingest"} if token else ()))
        guard.protect(app)
        _, port = await serve(
            app,
            where,
            stack,
            problem=guard.problem,
            ssl_context=self._policy.ssl_context,
            shutdown_s=DRAIN_S,
            auto_decompress=False,
        )
        return port

    async def _follow(self, saved: bytes | None) -> None:
        limits = Limits(line_bytes=BATCH_BYTES, batch_bytes=BATCH_BYTES)
        self._tail = tail = Tail(self._source.paths, from_start=True, clock=self._clock, saved=saved, limits=limits)
        splitter = LineSplitter(at_start=False)
        try:
            async for batch in tail.batches():
                if batch.begins:
                    splitter.begin()
                self.take_lines(splitter.feed(batch.data))
                await self._room.wait()
        finally:
            await tail.close()


def refused(lines: list[bytes], numbers: Sequence[int], horizon_s: float) -> list[Refused]:
    """The first of these lines that are refused; only looked for when there are some."""
    found: list[Refused] = []
    for number, line in zip(numbers, lines, strict=True):
        try:
            check_time(parse_line(line).time_s, horizon_s)
        except BadRecord as exc:
            found.append(Refused(number, exc.reason, str(exc)))
            if len(found) == REFUSED_TOLD:
                break
    return found
