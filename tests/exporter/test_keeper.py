"""What a source counted is put away whole: whatever commit fails, and whenever the process dies."""

import asyncio
import errno
import os
import tempfile
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from exporter.keeper import Ended, Keeper
from exporter.statefile import StateFile, Unavailable
from foundation.clock import SystemClock
from foundation.errors import StoreError


class Counts:
    """A source of which one key changes at a time; `total` and the keys must always agree."""

    def __init__(self, saved=()):
        self.values = {key: int(value) for key, value in dict(saved).items()} or {"total": 0}
        self._changed, self._gone = set(self.values), set()

    def add(self, key):
        for name in (key, "total"):
            self.values[name] = self.values.get(name, 0) + 1
        self._changed |= {key, "total"}

    def forget(self, key):
        self.values["total"] -= self.values.pop(key, 0)
        self._gone.add(key)
        self._changed.add("total")

    def changes(self, everything):
        changed = self.values.keys() if everything else self._changed & self.values.keys()
        puts = {key: b"%d" % self.values[key] for key in changed}
        gone, self._changed, self._gone = self._gone - self.values.keys(), set(), set()
        return puts, gone

    def adds_up(self):
        return self.values["total"] == sum(self.values.values()) - self.values["total"]


class World:
    """One source on a disk that fails as told."""

    def __init__(self, folder, make_checkpoint, clock):
        self.path = Path(folder) / "state" / "state.db"
        self.make_checkpoint, self.clock = make_checkpoint, clock

    @asynccontextmanager
    async def running(self, faults=()):
        self.checkpoint = self.make_checkpoint(self.path, self.clock, faults)
        self.keeper = Keeper(self.checkpoint, "s", self.clock, self._changes)
        self.counts = Counts(await self.keeper.load())
        task = asyncio.create_task(self._run())
        begun = asyncio.create_task(self.keeper.begun.wait())
        await asyncio.wait([task, begun], return_when=asyncio.FIRST_COMPLETED)
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])
            self.checkpoint.close()

    async def _run(self):
        async with self.keeper.keeping():
            await asyncio.get_running_loop().create_future()

    def _changes(self, everything):
        return self.counts.changes(everything)

    async def count(self, *keys):
        for key in keys:
            self.counts.add(key)
        self.keeper.touch()
        await self.keeper.written()

    def kept(self):
        with self.make_checkpoint(self.path, self.clock) as store:
            return Counts(store.load("s"))


@pytest.fixture
def world(tmp_path, faulty_checkpoint, hasty_clock):
    return World(tmp_path, faulty_checkpoint, hasty_clock)


async def test_the_first_commit_stands_before_the_block_begins(world):
    async with world.running():
        assert world.checkpoint.writes == 1
        world.checkpoint.killed = True
    assert world.kept().values == {"total": 0}


@pytest.mark.parametrize("fault", ["full", "write", "locked", "damaged"])
async def test_a_first_run_waits_for_a_disk_that_takes_its_first_commit(world, fault):
    async with world.running([fault] * 3):
        assert (world.checkpoint.writes, len(world.checkpoint.faults)) == (1, 0)


async def test_a_later_run_begins_also_while_the_disk_is_in_trouble(world):
    async with world.running():
        await world.count("a")
    async with world.running(["full"] * 1000):
        assert world.keeper.begun.is_set()
        assert world.counts.values == {"a": 1, "total": 1}
        assert "full" in str(world.keeper.trouble)


async def test_commits_come_by_themselves(world):
    async with world.running():
        world.counts.add("a")
        world.keeper.touch()
        async with asyncio.timeout(10):
            while world.checkpoint.writes < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        world.checkpoint.killed = True
    assert world.kept().values == {"a": 1, "total": 1}


async def test_nothing_is_written_while_nothing_changes(world):
    async with world.running():
        await world.clock.sleep_until(world.clock.monotonic() + 10)
        assert world.checkpoint.writes == 1


async def test_only_who_waits_hastens_a_commit(tmp_path, faulty_checkpoint):
    """And one commit only: what comes after it is gathered again, on a clock that stands still."""

    class Still(SystemClock):
        async def sleep_until(self, due_s):
            await asyncio.get_running_loop().create_future()

    world = World(tmp_path, faulty_checkpoint, Still())
    async with world.running():
        await world.count("a")
        world.keeper.touch()
        for _ in range(50):
            await asyncio.sleep(0)
        assert world.keeper._dirty.is_set(), "a commit has begun that was not due"


async def test_who_goes_before_the_commit_is_not_missed(world):
    async with world.running():
        waiting = asyncio.create_task(world.keeper.written())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await world.count("a")
    assert world.kept().values == {"a": 1, "total": 1}


async def test_what_is_counted_at_the_end_is_written_at_the_end(world):
    async with world.running():
        world.counts.add("a")
    assert world.kept().values == {"a": 1, "total": 1}


async def tried(world):
    """Count once more, and wait for the disk; whether it took it."""
    try:
        await world.count("b")
    except StoreError as exc:
        refusal = str(exc)
    else:
        return True
    assert "injected" in refusal or "deleted" in refusal
    assert world.keeper.trouble is not None
    return False


@pytest.mark.parametrize("fault", ["full", "write", "locked", "damaged", "deleted"])
@pytest.mark.parametrize("times", [1, 3])
async def test_a_failed_commit_is_put_again_with_what_came_since(world, fault, times):
    async with world.running():
        await world.count("a", "a", "old")
        world.checkpoint.faults.extend([fault] * times)
        world.counts.forget("old")
        failed = 0
        while not await tried(world):
            failed += 1
        assert failed == (times - 1 if fault == "deleted" else times)  # after the first, it is written anew at once
        assert world.keeper.trouble is None
        world.checkpoint.killed = True
    assert world.kept().values == {"a": 2, "b": 1 + failed, "total": 3 + failed}


@pytest.mark.parametrize("fault", [None, "full", "deleted"])
async def test_a_commit_outlives_a_power_cut_if_one_of_those_who_wait_needs_it(world, fault):
    async with world.running():
        await world.count("a")
        assert world.checkpoint.synced_writes == 0
        world.checkpoint.faults.extend([fault])
        waiting = [asyncio.create_task(world.keeper.written(synced=synced)) for synced in (False, True, False)]
        refused = await asyncio.gather(*waiting, return_exceptions=True)
        assert any(refused) == (fault == "full")
        assert world.checkpoint.synced_writes == {None: 1, "full": 0, "deleted": 2}[fault]
        if fault == "full":
            await world.keeper.written(synced=True)
            assert world.checkpoint.synced_writes == 1
        await world.count("b")
        assert world.checkpoint.writes > world.checkpoint.synced_writes


async def test_what_is_acknowledged_by_the_last_commit_outlives_a_power_cut(world):
    async with world.running() as task:
        waiting = asyncio.create_task(world.keeper.written(synced=True))
        await asyncio.sleep(0)
        task.cancel()
    async with asyncio.timeout(20):  # or the last commit wakes nobody
        await waiting
    assert world.checkpoint.synced_writes == world.checkpoint.writes - 1 > 0


async def test_a_failed_commit_is_tried_again_by_itself(world):
    """Also if nothing more is counted, and nobody waits."""
    async with world.running():
        world.checkpoint.faults.extend(["full", "full"])
        world.counts.add("a")
        world.keeper.touch()
        async with asyncio.timeout(10):
            while world.checkpoint.writes < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        world.checkpoint.killed = True
    assert world.kept().values == {"a": 1, "total": 1}


async def test_a_file_that_goes_away_with_every_commit_is_trouble_and_no_busy_loop(world, monkeypatch):
    async with world.running():
        with monkeypatch.context() as patch:
            patch.setattr(StateFile, "is_ours", lambda self: False)
            with pytest.raises(StoreError, match="deleted"):
                await world.count("a")
        await world.count("b")
        world.checkpoint.killed = True
    assert world.kept().values == {"a": 1, "b": 1, "total": 2}


async def test_who_waits_during_the_last_commit_gets_its_answer(world):
    async with world.running() as task:
        world.counts.add("a")
        waiting = asyncio.create_task(world.keeper.written())
        await asyncio.sleep(0)
        task.cancel()
    assert await waiting is None
    assert world.kept().values == {"a": 1, "total": 1}


async def test_who_waits_when_the_last_commit_fails_is_told(world, caplog):
    async with world.running() as task:
        world.checkpoint.killed = True
        waiting = asyncio.create_task(world.keeper.written())
        await asyncio.sleep(0)
        task.cancel()
    with pytest.raises(StoreError):
        await waiting
    assert "the last counts could not be saved" in caplog.text
    async with asyncio.timeout(20):  # or it waits for a commit that does not come
        with pytest.raises(StoreError, match="ended"):
            await world.keeper.written()


@pytest.mark.parametrize("turns", range(10))
async def test_it_ends_whenever_it_is_told_to(world, turns):
    async with world.running() as task:
        world.keeper.touch()
        for _ in range(3):  # it gathers now
            await asyncio.sleep(0)
        waiting = asyncio.create_task(world.keeper.written())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5)
        assert done
        assert await waiting is None


async def test_no_commit_sees_what_is_half_counted(world):
    async with world.running() as task, world.keeper.whole:
        world.counts.add("a")
        world.keeper.touch()
        await world.clock.sleep_until(world.clock.monotonic() + 5)
        assert world.checkpoint.writes == 1
        task.cancel()
        await asyncio.sleep(0)
        world.counts.add("b")
    assert world.kept().values == {"a": 1, "b": 1, "total": 2}


async def test_who_is_told_twice_to_end_leaves_half_counted_things_to_the_next_run(world, caplog):
    async with world.running() as task, world.keeper.whole:
        world.counts.values["a"] = 1  # the total does not have it yet
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])
    assert world.kept().values == {"total": 0}
    assert "the next run starts at the last save" in caplog.text


async def test_an_error_in_the_block_makes_no_last_commit(world):
    async with world.running():
        pass
    with world.make_checkpoint(world.path, world.clock) as checkpoint:
        counts = Counts(checkpoint.load("s"))
        with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012, an error in the block is what it is about
            async with Keeper(checkpoint, "s", world.clock, counts.changes).keeping():
                counts.values["a"] = 1
                raise ZeroDivisionError
    assert caught.group_contains(ZeroDivisionError)
    assert world.kept().values == {"total": 0}


async def test_an_error_in_counting_ends_the_block_and_nothing_of_it_is_written(world):
    """Also where others in the block take their time to end; who waits for the disk hears at once that it is lost."""
    slow = asyncio.Event()

    async def run():
        async with world.keeper.keeping():
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                await slow.wait()

    world._run = run
    async with world.running() as task:
        await world.count("a")
        waiting = asyncio.create_task(world.keeper.written())
        await asyncio.sleep(0)
        world.counts.values["a"] = 2
        with pytest.raises(ZeroDivisionError), world.keeper.counting():
            world.counts.values["total"] = 2 // 0
        with pytest.raises(Ended):
            await waiting
        with pytest.raises(Ended):
            await world.keeper.written()
        await world.clock.sleep_until(world.clock.monotonic() + 5)
        assert not task.done()
        slow.set()
        await asyncio.wait([task])
        with pytest.raises(ExceptionGroup) as caught:
            task.result()
    assert caught.group_contains(ZeroDivisionError)
    assert world.kept().values == {"a": 1, "total": 1}


async def test_an_error_in_counting_ends_the_block_also_where_no_commit_is_due(world):
    async with world.running() as task:
        with pytest.raises(ZeroDivisionError), world.keeper.counting():
            world.counts.values["total"] = 2 // 0
        await asyncio.wait([task], timeout=20)
        assert task.done(), "the block goes on"
        with pytest.raises(ExceptionGroup):
            task.result()


async def test_an_error_in_telling_the_changes_ends_the_block_and_wakes_who_waits(world, monkeypatch):
    async with world.running() as task:
        monkeypatch.setattr(world.counts, "changes", lambda everything: 1 // 0)
        with pytest.raises(StoreError, match="ended before"):
            await world.keeper.written()
        await asyncio.wait([task])
        with pytest.raises(ExceptionGroup):
            task.result()


async def test_values_that_cannot_be_read_are_set_aside_by_the_next_commit(world, caplog):
    async with world.running():
        await world.count("a", "b")
    checkpoint = world.make_checkpoint(world.path, world.clock, ["full"])
    with checkpoint:
        keeper = Keeper(checkpoint, "s", world.clock, lambda everything: ({}, []))
        assert (await keeper.load()).keys() == {"a", "b", "total"}
        keeper.set_aside({})
        keeper.set_aside({"a": "no number"})
        keeper.delete(["b"])
        async with keeper.keeping():
            pass
        assert checkpoint.load("s").keys() == {"total"}
        assert checkpoint.problems == {"damaged": 1, "full": 1}
        assert checkpoint._db.execute("SELECT key, value, reason FROM set_aside").fetchall() == [
            ("a", b"1", "no number")
        ]
    assert "1 of the saved values cannot be read and are set aside" in caplog.text


async def test_a_state_that_cannot_be_opened_for_now_is_waited_for(world, monkeypatch):
    async with world.running():
        await world.count("a")
    refusals = iter([errno.EMFILE, errno.ENFILE, errno.ENOSPC])

    def take(self, real=StateFile.take):
        for code in refusals:
            raise Unavailable("write", os.strerror(code))
        real(self)

    monkeypatch.setattr(StateFile, "take", take)
    async with world.running():
        assert world.counts.values == {"a": 1, "total": 1}
        assert world.checkpoint.problems == {"write": 3}


async def test_a_state_that_never_can_be_opened_is_an_error(world):
    world.path.mkdir(parents=True)
    with pytest.raises(StoreError, match="set state_dir"):
        async with world.running():
            pass


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["count", "forget"]),
        st.sampled_from(["none", "written", "full", "write", "locked", "damaged", "deleted", "killed", "stopped"]),
    ),
    max_size=25,
)


@pytest.mark.slow
@settings(max_examples=40)
@given(steps=STEPS)
def test_whatever_fails_and_dies_what_is_kept_adds_up_and_has_all_that_was_acknowledged(
    steps, faulty_checkpoint, hasty_clock
):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live_through(steps, World(folder, faulty_checkpoint, hasty_clock)))


async def live_through(steps, world):
    steps, more = iter([*steps, ("a", "count", "stopped")]), True
    while more:
        async with world.running():
            possible, gone, more = [dict(world.counts.values)], False, False
            for key, what, then in steps:
                world.counts.add(key) if what == "count" else world.counts.forget(key)
                possible.append(dict(world.counts.values))
                if then in {"killed", "stopped"}:
                    world.checkpoint.killed = then == "killed"
                    possible, more = possible if then == "killed" else possible[-1:], True
                    break
                if then != "none":
                    world.checkpoint.faults.extend([then] if then != "written" else [])
                    with suppress(StoreError):
                        await world.keeper.written()
                        possible, gone = possible[-1:], False
                    gone = gone or then in {"damaged", "deleted"}
        assert world.kept().values in [*possible, *([{"total": 0}] if gone else [])]
