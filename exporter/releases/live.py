"""One stream of errors, live: receives records from HTTP, TCP and a followed log, keeps the comparison, saves it.

Counts go to the keeper together with the log's position and the answers of HTTP requests; senders that wait for the
disk get their answer after that. Bins are closed a few at a time, with the event loop free between, and nothing more is
read while any are due.
"""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from exporter.catalogue import Family
from exporter.checkpoint import Checkpoint
from exporter.keeper import Keeper
from exporter.releases.compare.exposure import Shares
from exporter.releases.ingest.allowance import Allowance
from exporter.releases.ingest.answers import REFUSED_TOLD, Answer, Refused, Remembered
from exporter.releases.ingest.bodies import Body
from exporter.releases.ingest.http import Ingest
from exporter.releases.ingest.tcp import LineServer
from exporter.releases.judging import Judged, judge
from exporter.releases.kept import Kept
from exporter.releases.metrics import families
from exporter.releases.notes import words
from exporter.releases.parse import CLOCK_LIMIT_S, LineSplitter, check_time, mixed, parse_line
from exporter.releases.polling import Answered, Poller
from exporter.releases.shares import read_shares
from exporter.releases.source import Source, read_token
from exporter.releases.stream import Stream, Taken, Turn
from exporter.releases.tally import Tally
from exporter.sources.tail import Tail, TailStatus
from foundation.clock import Clock
from foundation.errors import BadRecord, StoreError, TidewatchError
from foundation.grammar import Address
from foundation.listen import listen
from foundation.web import Guard, WebPolicy

log = logging.getLogger(__name__)

TICK_S = 1.0
COMMIT_S = 0.5
"""The most that a TCP sender can lose by a kill, beside data in transit."""
PIECE_LINES = 1000
"""Lines counted at a time before other tasks run: a few milliseconds, even if each is bad in another way."""
BINS_AT_ONCE = 4
"""Bins closed at a time; with 200 codes and 10 builds one takes up to ten milliseconds."""
DRAIN_S = 5.0
USERS_WAIT_S = 120.0
"""How long bins wait for a Prometheus with their users."""
MOST_WAITING = 1000
"""Maximum number of bins that wait for their users; with more, nothing is read until these are known."""
SHARES_S = 5.0
"""Interval between two checks of the file of shares."""


class Live:
    """One source: its listeners, its comparison, its keeper.

    Attributes:
        begun: set once it receives records: the earlier state is on disk, and its addresses are bound.
    """

    def __init__(self, source: Source, policy: WebPolicy, checkpoint: Checkpoint, clock: Clock) -> None:
        """Opens nothing yet. `policy`: of its servers."""
        self.name = source.source
        self._source = source
        self._policy = policy
        self._clock = clock
        self._kept = Kept(source, clock, {})
        self._keeper = Keeper(checkpoint, f"releases/{source.source}", clock, self._changes, COMMIT_S)
        self._tally = Tally()
        self._allowance = Allowance(source.max_records_per_s)
        self._taken_s = clock.monotonic()  # when records came last
        self._users_s = clock.monotonic()  # when a Prometheus last returned the users
        self._users_trouble = ""
        self._due, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()
        self.requests: Counter[int] = Counter()
        self.connections: Sized = ()
        self.query_up: bool | None = None
        self.addresses: dict[str, int] = {}
        self.begun = asyncio.Event()
        self.written = self._keeper.written

    async def run(self) -> None:
        """Listen and follow until cancelled; then answer waiting senders, and save the rest."""
        token = read_token(self._source.token_file)
        self._kept = Kept(self._source, self._clock, await self._keeper.load())
        self._keeper.set_aside(self._kept.unreadable)
        if self._source.exposure_file is not None:
            self.stream.shares = await asyncio.to_thread(read_shares, self._source.exposure_file)
        if self._source.users_asked:
            self.stream.shares, self.stream.users_to_s = Shares({}), -math.inf
            self._users_s = self._clock.monotonic()
        self._see_to_bins()
        tail = self._kept.tail
        try:
            if tail is not None:
                await tail.begin()
            async with self._keeper.keeping(), asyncio.TaskGroup() as group:
                closing = group.create_task(self._close_bins())
                try:
                    await self._take_in(token)
                finally:
                    async with self._keeper.whole:  # the current batch is counted to its end
                        closing.cancel()
        finally:
            if tail is not None:
                await tail.close()

    def take_lines(self, lines: list[bytes]) -> tuple[int, int]:
        """Count lines; (taken, late)."""
        tally = self._tally
        with self._keeper.counting():
            tally.add_lines(lines, self._horizon_s(), dated=self.stream.is_dated())
            counts, tally.counts = tally.counts, Counter()
            self.failed.update(tally.failed)
            tally.failed.clear()
            tally.set_aside.clear()
            taken, turns = self._count(counts)
        self._keeper.touch()
        self._log(turns)
        self._see_to_bins()
        return taken.accepted, taken.late

    def take_answer(self, answer: Answered | None) -> None:
        """Count the errors of a Prometheus, and use its users; None if it does not answer."""
        self.query_up = answer is not None
        if answer is None:
            return
        with self._keeper.counting():
            if answer.users is not None:
                self.stream.shares, self.stream.users_to_s = answer.users, answer.to_s
                self._users_s = self._clock.monotonic()
            _, turns = self._count(answer.counts)
            self.stream.state.asked_to_s = answer.to_s
        self._keeper.touch()
        self._log(turns)
        self._see_to_bins()

    def _count(self, counts: Mapping[tuple[int, str, Any], int]) -> tuple[Taken, list[Turn]]:
        taken, turns = self.stream.take(counts, BINS_AT_ONCE)
        if taken.accepted:
            self.stream.state.last_record_s, self._taken_s = self._clock.wall(), self._clock.monotonic()
        if taken.late:
            self.failed["late"] += taken.late
        return taken, turns

    async def take_body(self, body: Body, key: str | None) -> Answer:
        """Count a request's lines and keep the answer: completely, even if the caller is cancelled meanwhile."""
        return await asyncio.shield(asyncio.ensure_future(self._take_body(body, key)))

    async def room(self, records: int) -> None:
        """Wait, after this number of records, until more may come: by the rate, and until no bin is due."""
        self._allowance.charge(records, self._clock.monotonic())
        if (wait_s := self._allowance.wait_s(self._clock.monotonic())) > 0:
            await self._clock.sleep_until(self._clock.monotonic() + wait_s)
        await self._room.wait()

    def wait_s(self, records: int) -> float:
        """Seconds until this number of records may come; if that is now, they are charged."""
        now = self._clock.monotonic()
        if (wait_s := self._allowance.wait_s(now)) > 0:
            return wait_s
        self._allowance.charge(records, now)
        return 0.0

    def remembered(self, key: str) -> Remembered | None:
        """The answer to this idempotency key."""
        return self._kept.answers.get(key)

    @property
    def stream(self) -> Stream:
        """The comparison."""
        return self._kept.stream

    @property
    def failed(self) -> Counter[str]:
        """Bad lines, by reason."""
        return self._kept.failed

    @property
    def log_status(self) -> TailStatus | None:
        """The status of the followed log; None if there is none, or before it began."""
        return None if self._kept.tail is None else self._kept.tail.status

    async def synced(self) -> None:
        """Wait until all counted records are safe from a power cut."""
        await self._keeper.written(synced=True)

    def trouble(self) -> StoreError | None:
        """Why nothing can be written to the disk at the moment."""
        return self._keeper.trouble

    def answered(self, status: int) -> None:
        """Count the answers to requests."""
        self.requests[status] += 1

    def _horizon_s(self) -> float:
        """Later Unix times are refused, so that they cannot make records with a right clock late."""
        return self._clock.wall() + self._source.limits.lateness_s

    async def _take_body(self, body: Body, key: str | None) -> Answer:
        taken = late = 0
        told = list(body.bad)
        async with self._keeper.whole:
            for number, (lines, numbers) in enumerate(body.pieces(PIECE_LINES)):
                if number:
                    await asyncio.sleep(0)
                await self._room.wait()
                piece_taken, piece_late = self.take_lines(lines)
                taken, late = taken + piece_taken, late + piece_late
                if piece_taken + piece_late < len(lines) and len(told) < REFUSED_TOLD:
                    told += refused(lines, numbers, self._horizon_s(), dated=self.stream.is_dated())
            if body.bad_count:
                self.failed["json"] += body.bad_count
            refused_count = body.line_count - taken - late + body.bad_count
            answer = Answer(taken, late, refused_count, sorted(told, key=lambda one: one.line)[:REFUSED_TOLD])
            if key is not None:
                self._kept.answers.add(key, body.checksum, answer)
        return answer

    def _changes(self, everything: bool) -> tuple[dict[str, bytes], list[str]]:  # noqa: FBT001, the keeper's question
        return self._kept.changes(everything)

    def _see_to_bins(self) -> None:
        """If more bins are due than were closed meanwhile, close them before anything more is read."""
        if self.stream.users_trouble != self._users_trouble:
            self._users_trouble = self.stream.users_trouble
            if self._users_trouble:
                log.warning("%s: users are unknown, and nothing is compared: %s", self.name, self._users_trouble)
        if self.stream.behind():
            self._room.clear()
            self._due.set()
        elif self.stream.waiting() > MOST_WAITING:
            self._room.clear()

    async def _close_bins(self) -> None:
        """Close what is due, with the event loop free between."""
        try:
            while True:
                await self._due.wait()
                while self.stream.behind():
                    with self._keeper.counting():
                        self._log(self.stream.close(BINS_AT_ONCE))
                    self._keeper.touch()
                    await asyncio.sleep(0)
                self._due.clear()
                self._room.set()
        finally:
            self._room.set()  # nothing more comes to wait for

    async def _tick(self) -> None:
        """Close the last bins of a stream that has gone quiet; while it catches up, more records may come for each."""
        quiet_s = max(TICK_S, self._source.limits.lateness_s)
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + TICK_S)
            self._wait_for_users()
            if self._clock.monotonic() < self._taken_s + quiet_s:
                continue
            before = self.stream.state.closed_to_s
            with self._keeper.counting():
                self._log(self.stream.tick(self._clock.wall(), BINS_AT_ONCE))
            self._see_to_bins()
            if self.stream.state.closed_to_s != before:
                self._keeper.touch()

    def _wait_for_users(self) -> None:
        """Bins wait for their users; after `USERS_WAIT_S` without an answer they are unknown."""
        if self._source.users_asked and self._clock.monotonic() > self._users_s + USERS_WAIT_S:
            self.stream.users_to_s = math.inf
            self._see_to_bins()
            if not self.stream.waiting():
                self._room.set()

    async def _follow_shares(self, path: str) -> None:
        """Read the file of shares again when it changes; while it cannot be read, no users are known."""
        known = await asyncio.to_thread(_stamp, path)
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + SHARES_S)
            if (stamp := await asyncio.to_thread(_stamp, path)) == known:
                continue
            known = stamp
            try:
                self.stream.shares = await asyncio.to_thread(read_shares, path)
                log.info("%s: %s: read again", self.name, path)
            except TidewatchError as exc:
                self.stream.shares = Shares({})
                log.warning("%s: %s: %s; no users are known until it is repaired", self.name, path, exc)

    def _log(self, turns: Iterable[Turn]) -> None:
        judged: dict[str, Judged] = {}
        for build, (kind, alert) in turns:
            log.warning("%s: code %s of %s: %s %s", self.name, alert.code, build, alert.detector, kind)
            if kind == "active" and build in self.stream.candidates():
                judged[build] = judged.get(build) or judge(self.stream, build)
                if why := words(judged[build], build, alert.code):
                    log.warning("%s: code %s of %s does not count: %s", self.name, alert.code, build, why)

    async def _take_in(self, token: str | None) -> None:
        """Listen and follow until cancelled; then stop listening, and answer waiting senders."""
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
            if self._kept.tail is not None:
                group.create_task(self._follow(self._kept.tail))
            if self._source.prometheus is not None:
                asked = self._source.prometheus
                login = read_token(asked.token_file)
                poller = Poller(asked, login, self._clock, self.stream.state.asked_to_s)
                group.create_task(poller.run(self.take_answer, self.stream.open_s))
            if self._source.exposure_file is not None:
                group.create_task(self._follow_shares(self._source.exposure_file))
            self.begun.set()

    async def _listen_http(self, where: Address, token: str | None, stack: AsyncExitStack) -> int:
        app = Ingest(self, token).app()
        guard = Guard(self._policy, hosts=[where.host], own_login=frozenset({"/ingest"} if token else ()))
        guard.protect(app)
        _, port = await guard.serve(app, where, stack, shutdown_s=DRAIN_S)
        return port

    async def _follow(self, tail: Tail) -> None:
        splitter = LineSplitter(at_start=False)
        async for batch in tail.batches():
            if batch.begins:
                splitter.begin()
            self.take_lines(splitter.feed(batch.data))
            await self._room.wait()

    def families(self) -> Iterator[Family]:
        """Metrics of the stream, and of receiving."""
        return families(self.name, self.stream, self)


def refused(lines: list[bytes], numbers: Sequence[int], horizon_s: float, *, dated: bool) -> list[Refused]:
    """The first of these lines that are refused; only looked for when there are some. dated: as of a `Tally`."""
    found: list[Refused] = []
    for number, line in zip(numbers, lines, strict=True):
        try:
            time_s = parse_line(line).time_s
            check_time(time_s, horizon_s)
            if dated and time_s < CLOCK_LIMIT_S:
                raise mixed(time_s)
        except BadRecord as exc:
            found.append(Refused(number, exc.reason, str(exc)))
            if len(found) == REFUSED_TOLD:
                break
    return found


def _stamp(path: str) -> tuple[int, int, int] | None:
    """A value that changes with a file; None if it does not exist."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
