"""The live system: takes records from HTTP, TCP and followed logs, keeps the comparison, tells it.

One task writes the checkpoint: whatever was taken since the last write goes into the next, with the log's position and
the answers of HTTP requests, and whoever waits for the disk is woken after it.
"""

import asyncio
import contextlib
import logging
import os
from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import msgspec
from aiohttp import web

from exporter.catalogue import Family
from exporter.checkpoint import Checkpoint
from exporter.clock import Clock
from exporter.errors import ConfigError, SourceError, StoreError
from exporter.releases.analysis import Settings
from exporter.releases.answers import Answer, Answers
from exporter.releases.ingest import LineProtocol, ingest_app
from exporter.releases.records import LineSplitter
from exporter.releases.stream import Limits, Stream, StreamState, Turn
from exporter.releases.tally import Tally
from exporter.releases.tell import families
from exporter.sources.tail import Tail
from exporter.system import Context

log = logging.getLogger(__name__)

HORIZON_S = 3600.0
"""How far a sender's clock may be ahead; one that is years ahead would close all bins, and everything else be late."""
COMMIT_S = 0.5
"""Longest time between taking a record and writing it down, where nobody waits for the disk."""
RETRY_S = 1.0
TICK_S = 1.0


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One stream of errors."""

    source: Annotated[str, msgspec.Meta(min_length=1)]
    http: str | None = None
    tcp: str | None = None
    paths: list[str] = []
    baseline: str | None = None
    builds: list[str] = []
    codes: list[int] = []
    token_file: str | None = None
    max_records_per_s: Annotated[float, msgspec.Meta(gt=0)] | None = None
    compare: Settings = Settings()
    limits: Limits = Limits()


def address(text: str, where: str) -> tuple[str, int]:
    """`host:port` as a pair. Raises ConfigError that starts with `where`."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"{where}: {text!r} is not host:port, as 127.0.0.1:8095 is")
    return host.strip("[]"), int(port)


class System:
    """The error streams of a configuration."""

    def __init__(self, sources: list[Source], ctx: Context) -> None:
        """Opens nothing yet. Raises ConfigError."""
        self._feeds = [Feed(source, number, ctx) for number, source in enumerate(sources)]

    async def run(self) -> None:
        """Take records until cancelled; then write down what was taken."""
        async with asyncio.TaskGroup() as group:
            for feed in self._feeds:
                group.create_task(feed.run())

    async def listening(self) -> None:
        """Wait until every source takes records."""
        for feed in self._feeds:
            await feed.listening.wait()

    def collect(self) -> Iterable[Family]:
        """The comparisons as they are now."""
        return families({feed.name: feed.stream for feed in self._feeds}, {feed.name: feed for feed in self._feeds})


class Feed:
    """One source: what it listens to, its comparison, its place in the checkpoint."""

    def __init__(self, source: Source, number: int, ctx: Context) -> None:
        where = f"$.releases[{number}]"
        self._http = address(source.http, f"{where}.http") if source.http else None
        self._tcp = address(source.tcp, f"{where}.tcp") if source.tcp else None
        if not (self._http or self._tcp or source.paths):
            raise ConfigError(f"{where}: nothing to read; give http, tcp or paths")
        self.name = source.source
        self._source = source
        self._ctx = ctx
        self._clock: Clock = ctx.clock
        self.stream = self._new_stream(None)
        self._tally = Tally()
        self.failed: Counter[str] = Counter()
        self.connections: set[LineProtocol] = set()
        self._answers = Answers()
        self._dirty = asyncio.Event()
        self._urgent = asyncio.Event()
        self._waiters: list[asyncio.Future[None]] = []
        self._tail: Tail | None = None
        self._allowance = (self._clock.monotonic(), 0.0)
        self.addresses: dict[str, int] = {}
        self.listening = asyncio.Event()

    async def run(self) -> None:
        """Listen and follow until cancelled."""
        checkpoint = self._ctx.checkpoint
        saved = checkpoint.load(self._scope)
        self._restore(saved)
        token = _read_token(self._source.token_file)
        try:
            async with AsyncExitStack() as stack:
                await self._listen(stack, token)
                self.listening.set()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._commits(checkpoint))
                    group.create_task(self._tick())
                    if self._source.paths:
                        group.create_task(self._follow(saved.get("tail")))
        finally:
            checkpoint.commit_now(self._scope, *self._changes())

    def take_lines(self, lines: list[bytes]) -> tuple[int, int]:
        """Count lines; (taken, late)."""
        tally = self._tally
        tally.add_lines(lines, self.horizon_s())
        counts, tally.counts = tally.counts, Counter()
        self.failed += tally.failed
        tally.failed.clear()
        tally.set_aside.clear()
        taken, turns = self.stream.take(counts)
        self._tell(turns)
        if taken.accepted:
            self.stream.state.last_record_s = self._clock.wall()
        if taken.late:
            self.failed["late"] += taken.late
        self._dirty.set()
        return taken.accepted, taken.late

    def horizon_s(self) -> float:
        """Records of a later Unix time are refused."""
        return self._clock.wall() + HORIZON_S

    def remembered(self, key: str) -> Answer | None:
        """The answer that this idempotency key was given."""
        return self._answers.get(key)

    async def committed(self, key: str | None, answer: Answer) -> None:
        """Wait for the disk."""
        if key is not None:
            self._answers.add(key, answer)
        self._waiters.append(waiter := asyncio.get_running_loop().create_future())
        self._dirty.set()
        self._urgent.set()
        await waiter

    def wait_s(self, records: int) -> float:
        """Seconds until so many records are within the rate; taking them on account if that is now."""
        rate = self._source.max_records_per_s
        if rate is None:
            return 0.0
        now = self._clock.monotonic()
        then, owed = self._allowance
        owed = max(0.0, owed - (now - then) * rate)
        if owed > rate:  # a second's worth may be ahead
            return (owed - rate) / rate
        self._allowance = (now, owed + records)
        return 0.0

    @property
    def _scope(self) -> str:
        return f"releases/{self.name}"

    def _new_stream(self, state: StreamState | None) -> Stream:
        source = self._source
        stream = Stream(source.compare, source.limits, baseline=source.baseline, state=state)
        stream.expect(source.builds, source.codes)
        return stream

    def _restore(self, saved: dict[str, bytes]) -> None:
        try:
            if "stream" in saved:
                self.stream = self._new_stream(msgspec.msgpack.decode(saved["stream"], type=StreamState))
            if "failed" in saved:
                self.failed = Counter(msgspec.msgpack.decode(saved["failed"], type=dict[str, int]))
        except msgspec.DecodeError as exc:
            raise StoreError(f"releases/{self.name}: the saved state is of another version: {exc}") from exc
        self._answers = Answers(saved)

    def _changes(self) -> tuple[dict[str, bytes], list[str]]:
        """What the checkpoint is to put and to delete."""
        puts, gone = self._answers.changes()
        puts |= {"stream": self.stream.saved(), "failed": msgspec.msgpack.encode(dict(self.failed))}
        if self._tail is not None:
            puts["tail"] = self._tail.saved_state()
        return puts, gone

    async def _tick(self) -> None:
        """Close the last bins of a stream that has gone quiet."""
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + TICK_S)
            if turns := self.stream.tick(self._clock.wall()):
                self._tell(turns)
                self._dirty.set()

    def _tell(self, turns: Iterable[Turn]) -> None:
        for build, (kind, alert) in turns:
            if alert.detector != "mean-threshold":
                log.warning("%s: code %d of %s: %s %s", self.name, alert.code, build, alert.detector, kind)

    async def _commits(self, checkpoint: Checkpoint) -> None:
        """Write whenever something was taken: at once if somebody waits, else after gathering for a moment."""
        while True:
            await self._dirty.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._urgent.wait(), COMMIT_S)
            self._dirty.clear()
            self._urgent.clear()
            waiters, self._waiters = self._waiters, []
            puts, gone = self._changes()
            try:
                await checkpoint.commit(self._scope, puts, gone)
            except StoreError as exc:
                self._answers.not_written(gone)
                self._dirty.set()
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_exception(StoreError(str(exc)))
                await self._clock.sleep_until(self._clock.monotonic() + RETRY_S)
                continue
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    async def _listen(self, stack: AsyncExitStack, token: str | None) -> None:
        if self._http:
            runner = web.AppRunner(ingest_app(self, token), access_log=None, shutdown_timeout=5.0)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await _bound(web.TCPSite(runner, *self._http).start(), self._http)
            self.addresses["http"] = runner.addresses[0][1]
        if self._tcp:
            loop = asyncio.get_running_loop()
            server = await _bound(
                loop.create_server(lambda: LineProtocol(self, token, self.connections), *self._tcp), self._tcp
            )
            stack.callback(server.close)
            stack.callback(self._hang_up)
            self.addresses["tcp"] = server.sockets[0].getsockname()[1]

    def _hang_up(self) -> None:
        for connection in list(self.connections):
            connection.close()

    async def _follow(self, saved: bytes | None) -> None:
        self._tail = tail = Tail(self._source.paths, from_start=True, clock=self._clock, saved=saved)
        splitter = LineSplitter()
        try:
            async for batch in tail.batches():
                self.take_lines(splitter.feed(batch.data))
        finally:
            await tail.close()


async def _bound(listening: Any, where: tuple[str, int]) -> Any:
    try:
        return await listening
    except OSError as exc:
        raise SourceError(f"{where[0]}:{where[1]}: cannot listen: {os.strerror(exc.errno or 0)}") from exc


def _read_token(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        token = Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: the token cannot be read: {exc}") from exc
    if not token:
        raise ConfigError(f"{path}: empty; it must hold the token")
    return token
