"""What every system promises of its counts: whatever commit fails, and whenever the process dies, they are those of a
run that nothing ever happened to; and what a scrape has shown, the next run has.
"""

import asyncio
import json
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from exporter import accesslog, hosting
from exporter.accesslog.state import Traffic
from exporter.hosting.state import Ledger
from exporter.system import Context

pytestmark = pytest.mark.slow
TRIES = 2000


class RestlessWaker:
    """Looks again at once."""

    async def wait(self, timeout_s, prefixes):
        await asyncio.sleep(0.001)


@pytest.fixture(scope="module", autouse=True)
def restless():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exporter.sources.tail.EventWaker", RestlessWaker)
        yield


class FollowedLog:
    """A system that follows one log, and the log's writer."""

    counters: tuple[str, ...] = ()

    def __init__(self, folder):
        self.folder = Path(folder)
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

    async def settle(self, system):
        """Nothing is left to be sent."""

    def untouched(self, folder):
        """Another one, to which the same was written, and nothing happened."""
        other = type(self)(folder)
        other.log.write_bytes(b"".join(map(self.line, range(1, self.number + 1))))
        return other

    def counts(self, system):
        return {
            (family.metric.name, *labels): value
            for family in system.collect()
            if family.metric.name in self.counters
            for labels, value in family.series
            if value
        }


class AccessLog(FollowedLog):
    counting = (Traffic, "add")
    counters = (
        "tidewatch_http_requests_total",
        "tidewatch_http_response_bytes_total",
        "tidewatch_log_lines_total",
        "tidewatch_log_lines_failed_total",
        "tidewatch_log_read_bytes_total",
    )

    def line(self, number):
        return b"bad\n" if number % 7 == 0 else b"192.0.2.1\tGET /%d\t200\t%d\n" % (number % 4, number)

    def system(self, context):
        return accesslog.System([accesslog.Source(source="s", paths=(str(self.log),))], context)


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
            "cycle": {"start": "2016-02-15T00:00:00Z", "end": "2016-02-16T00:00:00Z"},
            "lateness_s": 120,
            "idle_s": 5,
        }
        source = msgspec.convert({"source": "s", "logs": [str(self.log)], **settings}, hosting.Source)
        return hosting.System([source], context)


SYSTEMS = [AccessLog, Hosting]


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
            counts = self.world.counts(self.system)
            assert {key: counts.get(key, 0) for key in self.shown if counts.get(key, 0) < self.shown[key]} == {}
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


async def live_through(make_world, steps, make_checkpoint, clock, first_commits=()):
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
                    await life.world.write(life.system)
                    await live_one(life, then)
        async with life.running():
            await as_untouched(life, other)


async def as_untouched(life, folder):
    """Wait until the counts are those of a run that nothing happened to."""
    await life.world.settle(life.system)
    untouched = Life(life.world.untouched(folder), life.make_checkpoint, life.clock)
    async with untouched.running():
        await untouched.world.settle(untouched.system)
        for _ in range(TRIES):
            if (want := untouched.world.counts(untouched.system)) == life.world.counts(life.system):
                return
            await asyncio.sleep(0.002)
        assert life.world.counts(life.system) == want


async def live_one(life, then):
    if then == "none":
        return
    if then != "scraped":
        life.checkpoint.faults.append(then)
    await asyncio.sleep(0.003)
    durable = await life.scrape()
    while then in {"damaged", "deleted"} and not durable:  # killed now, it would have lost the file and all
        durable = await life.scrape()


async def end(life, how):
    if how == "killed while writing":
        task = asyncio.create_task(life.world.write(life.system))
        await asyncio.sleep(0.003)
        life.kill()
        await asyncio.wait([task], timeout=1)
        return
    await life.world.write(life.system)
    if how == "killed":
        life.kill()


FAULTS = ("full", "write", "locked", "damaged", "deleted")
ENDS = ("killed", "stopped", "killed while writing")
STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "rotate"]), st.sampled_from(["none", "scraped", *FAULTS, *ENDS])), max_size=12
)


@pytest.mark.parametrize("make_world", SYSTEMS)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("commit", range(4))
async def test_a_commit_that_fails_is_put_again(make_world, fault, commit, faulty_checkpoint, hasty_clock):
    steps = [*[("write", "scraped")] * commit, ("rotate", fault), ("write", fault), ("write", "killed")]
    await live_through(make_world, steps, faulty_checkpoint, hasty_clock)


@pytest.mark.parametrize("make_world", SYSTEMS)
@settings(max_examples=30)
@given(steps=STEPS, first_commits=st.lists(st.lists(st.sampled_from(FAULTS[:3]), max_size=2), max_size=5))
def test_whatever_happens_the_counts_are_those_of_an_untouched_run(
    make_world, steps, first_commits, faulty_checkpoint, hasty_clock
):
    asyncio.run(live_through(make_world, steps, faulty_checkpoint, hasty_clock, first_commits))


@pytest.mark.parametrize("make_world", SYSTEMS)
async def test_an_unexpected_error_leaves_nothing_half_counted(
    make_world, faulty_checkpoint, hasty_clock, monkeypatch, tmp_path
):
    """The source goes on from its last commit."""
    where, name = make_world.counting
    real, errors = getattr(where, name), []

    def half(self, *args):
        result = real(self, *args)
        if len(errors) in {1, 3}:
            errors.append(ZeroDivisionError())
            raise errors[-1]
        errors.append(None)
        return result

    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
    life = Life(make_world(tmp_path / "one"), faulty_checkpoint, hasty_clock)
    async with life.running():
        with monkeypatch.context() as patch:
            patch.setattr(where, name, half)
            for _ in range(10):
                await life.world.write(life.system)
                await asyncio.sleep(0.02)
        await as_untouched(life, tmp_path / "other")
        assert life.system.failures == {"s": 2}
