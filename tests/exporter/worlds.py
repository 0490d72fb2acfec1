"""Systems, each with who writes to it, and their lives: runs one after the other over one state."""

import asyncio
import json
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import msgspec

from exporter import accesslog, hosting, logs, releases
from exporter.accesslog.own_labels import Label
from exporter.accesslog.state import Traffic
from exporter.hosting.state import Ledger
from exporter.logs import system as logs_system
from exporter.logs.source import Rule
from exporter.logs.state import State
from exporter.releases.stream import Stream
from exporter.system import Context
from foundation.grammar import Address

TRIES = 15_000
FAULTS = ("full", "write", "locked", "damaged", "deleted")
CLOCK_S = {"clock set back": -3600.0, "clock set on": 3600.0}
ENDS = ("killed", "stopped", "killed while writing")


class World:
    """A system of one source, and who writes to it."""

    counters: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()  # what else must be that of an untouched run, and need not grow

    def __init__(self, folder):
        self.folder = Path(folder)

    def promised(self):
        """What the counts must be at least, beside what a scrape has shown."""
        return {}

    async def settle(self, system):
        """Have everything be sent."""

    def lost(self):
        """The system's state is lost, and what only it held with it."""

    def counts(self, system):
        return self._told(system, self.counters)

    def told(self, system):
        return self._told(system, self.counters + self.verdicts)

    def _told(self, system, names):
        return {
            (family.metric.name, *labels): value
            for family in system.collect()
            if family.metric.name in names
            for labels, value in family.series
            if value
        }


class FollowedLog(World):
    """A log is followed."""

    from_ = "start"

    def __init__(self, folder):
        super().__init__(folder)
        self.log = self.folder / "the.log"
        self.log.touch()
        self.number = self.rotations = 0

    async def write(self, system):
        with self.log.open("ab") as file:
            for _ in range(3):
                self.number += 1
                file.write(self.line(self.number))

    def rotate(self):
        for number in range(self.rotations, 0, -1):
            self.log.with_name(f"the.log.{number}").rename(self.log.with_name(f"the.log.{number + 1}"))
        self.log.rename(self.log.with_name("the.log.1"))
        self.log.touch()
        self.rotations += 1

    def untouched(self, folder):
        """Another one, to which the same was written, and nothing happened."""
        other = type(self)(folder)
        other.log.write_bytes(b"".join(map(self.line, range(1, self.number + 1))))
        return other


class AccessLog(FollowedLog):
    counting = (Traffic, "apply")
    counters = (
        "tidewatch_http_requests_total",
        "tidewatch_http_response_bytes_total",
        "tidewatch_http_ignored_requests_total",
        "tidewatch_log_lines_total",
        "tidewatch_log_lines_failed_total",
        "tidewatch_log_read_bytes_total",
    )

    def line(self, number):
        return b"bad\n" if number % 7 == 0 else b"192.0.2.1\tGET /%d\t200\t%d\n" % (number % 4, number)

    def system(self, context):
        ignore = ({"path": "/1", "name": "ones"}, {"path": "/2", "code": 200})
        source = accesslog.Source(source="s", paths=(str(self.log),), from_=self.from_, ignore=ignore)
        return accesslog.System([source], context)


class LabelledAccessLog(AccessLog):
    """With labels of its own: one that declares its values, and one of whatever comes."""

    def line(self, number):
        return super().line(number).replace(b"192.0.2.1", b"192.0.2.%d" % (number % 3))

    def system(self, context):
        labels = {"client": "{remote_addr}", "class": Label("code", shape="status", values=("2xx", "5xx"))}
        source = accesslog.Source(source="s", paths=(str(self.log),), from_=self.from_, labels=labels)
        return accesslog.System([source], context)


class OwnMetrics(FollowedLog):
    """With a regex or without: the lines are counted in a process of their own, or in this one."""

    counting = (State, "add")
    counters = (
        "app_events_total",
        "app_bytes_total",
        "app_wait_seconds",
        "tidewatch_logs_lines_total",
        "tidewatch_logs_lines_failed_total",
        "tidewatch_logs_read_bytes_total",
    )
    event: ClassVar[dict[str, str]] = {"event": "login"}

    def line(self, number):
        event = {"event": "login" if number % 2 else "logout", "bytes": number, "took": number % 5}
        return b"bad\n" if number % 7 == 0 else json.dumps(event).encode() + b"\n"

    def system(self, context):
        rules = (
            Rule(counter="app_events_total", labels={"event": "{event}"}),
            Rule(counter="app_bytes_total", match=self.event, value="{bytes}"),
            Rule(histogram="app_wait_seconds", value="{took}", buckets=(1.0, 3.0)),
        )
        source = logs.Source(source="s", paths=(str(self.log),), from_=self.from_, metrics=rules)
        return logs_system.System([source], context)


class OwnMetricsByRegex(OwnMetrics):
    event: ClassVar[dict[str, str]] = {"event": "^login$"}


class Hosting(FollowedLog):
    counting = (Ledger, "add")
    counters = (
        "tidewatch_hosting_events_total",
        "tidewatch_hosting_lines_failed_total",
        "tidewatch_hosting_routing_decisions_total",
        "tidewatch_hosting_read_bytes_total",
    )

    def line(self, number):
        time = f"2016-02-15 {number // 60:02}:{number % 60:02}:00"
        event = [
            {"event": "heartbeat", "serverId": number % 2, "workload": number % 2 / 2, "time": time},
            {"event": "createAccount", "accountId": number, "accountName": "Ann", "time": time},
            {"event": "route", "accountId": number - 2, "serverId": (number - 1) % 2, "time": time},
            "bad",
        ][(0, 1, 0, 2, 0, 0, 3)[number % 7]]
        return json.dumps(event).encode() + b"\n"

    def system(self, context):
        settings = {
            "from": self.from_,
            "cycle": {"start": "2016-02-15T00:00:00Z", "end": "2016-02-16T00:00:00Z"},
            "lateness_s": 120,
            "idle_s": 5,
        }
        source = msgspec.convert({"source": "s", "logs": [str(self.log)], **settings}, hosting.Source)
        return hosting.System([source], context)


RELEASES = (
    "tidewatch_release_errors_total",
    "tidewatch_release_records_total",
    "tidewatch_release_records_failed_total",
    "tidewatch_release_watermark_timestamp_seconds",
    "tidewatch_release_log_read_bytes_total",
)
COMPARISONS = (
    "tidewatch_release_rate_ratio",
    "tidewatch_release_log_evidence",
    "tidewatch_release_onset_score",
    "tidewatch_release_mean_ratio",
)


def record(number):
    """One in order of time, each in a bin of its own; each seventh is none."""
    minute, second = divmod(number * 11, 60)
    return b"bad\n" if number % 7 == 0 else b"0:%02d:%02d\t5.%d\t%d\n" % (minute, second, number % 2, number % 3)


class ReleasesLog(FollowedLog):
    counting = (Stream, "take")
    counters, verdicts = RELEASES, COMPARISONS
    line = staticmethod(record)

    def system(self, context):
        return releases.System([releases.Source(source="s", paths=[str(self.log)])], context)


class ReleasesIngest(World):
    """A sender that repeats each of its batches, under the same key, until it is acknowledged, and once more."""

    counting = (Stream, "take")
    counters, verdicts = RELEASES, COMPARISONS

    def __init__(self, folder):
        super().__init__(folder)
        self.number, self.batches, self.acknowledged, self.ever = 0, [], 0, 0

    def system(self, context):
        return releases.System([releases.Source(source="s", http=Address("127.0.0.1", 0))], context)

    async def write(self, system):
        self.number += 3
        self.batches.append(b"".join(map(record, range(self.number - 2, self.number + 1))))
        self.acknowledged = max(0, self.acknowledged - 1)  # as if the answer had been lost
        await self.settle(system)

    async def settle(self, system):
        while self.acknowledged < len(self.batches):
            if await self._post(system, self.acknowledged):
                self.acknowledged += 1
                self.ever = max(self.ever, self.acknowledged)
            else:
                await asyncio.sleep(0.002)

    async def _post(self, system, number):
        live, body = system._runners.get("s"), self.batches[number]
        if live is None or not live.begun.is_set():
            return False
        request = b"POST /ingest HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nIdempotency-Key: batch-%d\r\n"
        request += b"Content-Length: %d\r\n\r\n%b"
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", live.addresses["http"])
        except OSError:
            return False
        try:
            writer.write(request % (number, len(body), body))
            status = int((await reader.read() or b"HTTP/1.1 0").split()[1])
        except ConnectionError:
            return False
        finally:
            writer.close()
        assert status in {200, 409, 500, 503, 0}
        return status == 200

    def promised(self):
        taken = sum(body.count(b"\t5.") for body in self.batches[: self.ever])
        return {("tidewatch_release_records_total", "s"): taken} if taken else {}

    def rotate(self):
        """There is nothing to be rotated."""

    def untouched(self, folder):
        other = type(self)(folder)
        other.batches = list(self.batches)
        return other

    def lost(self):
        self.acknowledged = self.ever = 0


SYSTEMS = [AccessLog, LabelledAccessLog, OwnMetrics, OwnMetricsByRegex, Hosting, ReleasesLog, ReleasesIngest]


class Life:
    """Runs of a system, one after the other, over one state."""

    def __init__(self, world, make_checkpoint, clock):
        self.world, self.make_checkpoint, self.clock = world, make_checkpoint, clock
        self.shown = {}

    @asynccontextmanager
    async def running(self, *faults):
        context = Context(self.world.folder / "state", self.clock)
        self.checkpoint = self.make_checkpoint(context.state_dir / "exporter.db", self.clock, faults)
        context.__dict__["checkpoint"] = self.checkpoint
        self.system = self.world.system(context)
        task = asyncio.create_task(self.system.run())
        try:
            async with asyncio.timeout(20):
                await self.system.begun()
            counts, least = self.world.counts(self.system), self.shown | self.world.promised()
            assert {key: counts.get(key, 0) for key in least if counts.get(key, 0) < least[key]} == {}
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            context.close()
        assert task.cancelled()

    async def scrape(self):
        """What a scrape shows; whether the disk has it."""
        problems = self.checkpoint.problems.total()
        counts = self.world.counts(self.system)
        await self.system.written()
        if self.checkpoint.problems.total() == problems:
            self.shown = counts
            return True
        return False

    def kill(self):
        self.checkpoint.killed = True

    @property
    def state(self):
        return self.world.folder / "state" / "exporter.db"


async def live_through(make_world, steps, make_checkpoint, clock, first_commits=()):
    clock.ahead_s = 0.0
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        life = Life(make_world(folder), make_checkpoint, clock)
        steps, first_commits, more = iter(steps), iter(first_commits), True
        while more:
            async with life.running(*next(first_commits, ())):
                more = False
                for what, then in steps:
                    if what == "rotate":
                        life.world.rotate()
                    if then in {"killed", "stopped", "killed while writing"}:
                        more = True
                        await end(life, then)
                        break
                    await live_one(life, then)
        async with life.running():
            await as_untouched(life, other)


async def as_untouched(life, folder):
    """Wait until the counts are those of a run that nothing happened to."""
    for _ in range(3):  # so that what is open is closed
        await life.world.write(life.system)
    await life.world.settle(life.system)
    untouched = Life(life.world.untouched(folder), life.make_checkpoint, life.clock)
    async with untouched.running():
        await untouched.world.settle(untouched.system)
        for _ in range(TRIES):
            if (want := untouched.world.told(untouched.system)) == life.world.told(life.system):
                return
            await asyncio.sleep(0.002)
        assert life.world.told(life.system) == want


async def live_one(life, then):
    if then in CLOCK_S:
        life.clock.ahead_s += CLOCK_S[then]
    elif then in FAULTS:
        life.checkpoint.faults.append(then)
    await life.world.write(life.system)
    if then == "none":
        return
    await asyncio.sleep(0.003)
    durable = await life.scrape()
    while then in {"damaged", "deleted"} and not durable:  # killed now, it would have lost the file and all
        durable = await life.scrape()


async def end(life, how):
    if how == "killed while writing":
        task = asyncio.create_task(life.world.write(life.system))
        await asyncio.sleep(0.003)
        life.kill()
        await asyncio.wait([task], timeout=0.02)
        task.cancel()
        await asyncio.wait([task])
        return
    await life.world.write(life.system)
    if how == "killed":
        life.kill()


async def until(happened):
    async with asyncio.timeout(40):
        while not happened():  # noqa: ASYNC110, what the disk has seen is the barrier
            await asyncio.sleep(0.001)
