"""The checkpoint keeps all of a commit or nothing, and nobody else can read it."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import msgspec
import pytest
from checkpointing import COMMITTER, PRIVATE, FixedClock, everything, modes, opened

from exporter.checkpoint import Changes, Checkpoint, Closed, Incomplete, encoded


async def test_what_was_committed_is_there_after_reopening(state_path):
    with opened(state_path) as store:
        await store.commit("site", Changes({"tail": b"1", "old": b"2"}))
        await store.commit("site", Changes({"tail": b"3"}, frozenset(["old"])))
        await store.commit("other", everything(tail="4"))
    with opened(state_path) as store:
        assert store.load("site") == {"tail": b"3"}
        assert store.load("other") == {"tail": b"4"}
        assert store.load("never") == {}


class Point(msgspec.Struct, frozen=True):
    x: int


async def test_a_struct_is_encoded_where_it_is_written_beside_the_event_loop(state_path, monkeypatch):
    threads = []
    monkeypatch.setattr(
        "exporter.checkpoint.encoded", lambda value: threads.append(threading.current_thread()) or encoded(value)
    )
    with opened(state_path) as store:
        await store.commit("site", Changes({"point": Point(3), "tail": b"1"}, everything=True))
        assert store.load("site") == {"point": b'{"x":3}', "tail": b"1"}
    assert len(threads) == 2
    assert threading.main_thread() not in threads


def test_a_commit_of_everything_leaves_nothing_else(state_path):
    with opened(state_path) as store:
        store.commit_now("site", Changes({"tail": b"1", "old": b"2"}))
        store.commit_now("site2", everything(kept="yes"))
        store.commit_now("site", everything(tail="3"))
        assert store.load("site") == {"tail": b"3"}
        assert store.load("site2") == {"kept": b"yes"}


def test_changes_of_a_scope_that_was_never_read_are_refused(state_path):
    """What they change is not known to be there."""
    with opened(state_path) as store, pytest.raises(Incomplete):
        store.commit_now("other", Changes({"tail": b"1"}))


async def test_it_tells_when_a_commit_last_worked(state_path):
    with opened(state_path) as store:
        assert store.committed_s == 0
        store._clock.wall_s += 5
        await store.commit("site", Changes({"k": b"v"}))
        assert store.committed_s == 1_005.0


def synchronous(store):
    return {1: "NORMAL", 2: "FULL"}[store._db.execute("PRAGMA synchronous").fetchone()[0]]


def test_a_commit_waits_neither_for_readers_nor_for_the_platter(state_path):
    """WAL lets others read meanwhile; it is synced at its own checkpoints, not once a second for every source."""
    with opened(state_path) as store, closing(sqlite3.connect(state_path, timeout=0)) as reader:
        store.commit_now("site", Changes({"tail": b"1"}))
        assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert synchronous(store) == "NORMAL"
        reader.execute("BEGIN")
        assert reader.execute("SELECT value FROM state").fetchone() == (b"1",)
        store.commit_now("site", Changes({"tail": b"2"}))
        assert reader.execute("SELECT value FROM state").fetchone() == (b"1",)


async def test_a_commit_that_must_outlive_a_power_cut_waits_for_the_platter(state_path):
    with opened(state_path) as store:
        seen = []
        for synced in (False, True, False):
            store.commit_now("site", Changes({"tail": b"1"}), synced=synced)
            seen.append(synchronous(store))
            await store.commit("site", Changes({"tail": b"1"}), synced=synced)
            seen.append(synchronous(store))
    assert seen == ["NORMAL", "NORMAL", "FULL", "FULL", "NORMAL", "NORMAL"]


@pytest.mark.slow
def test_a_kill_leaves_a_whole_commit(state_path):
    process = subprocess.Popen([sys.executable, "-c", COMMITTER, str(state_path)], stdout=subprocess.PIPE)
    with process:
        assert process.stdout.readline() == b"going\n"
        process.send_signal(signal.SIGKILL)
    with opened(state_path) as store:
        kept = store.load("site")
        assert store.problems == {}
    assert int(kept["position"]) >= 50
    assert kept["counts"] == kept["position"] + bytes(9000)


# Who may read it.


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_only_the_owner_can_read_the_state(state_path, umask):
    with opened(state_path) as store:
        store.commit_now("site", Changes({"k": b"v"}))
        found = modes(state_path)
        assert found == dict.fromkeys(found, PRIVATE)
        assert {"checkpoint.db", "checkpoint.db-wal", "checkpoint.db-shm", "checkpoint.db.lock"} <= found.keys()
        assert state_path.parent.stat().st_mode & 0o777 == 0o700


def test_files_that_others_could_read_are_mended_and_told(state_path, caplog):
    with opened(state_path) as store:
        store.commit_now("site", Changes({"k": b"v"}))
        for name in ("checkpoint.db", "checkpoint.db-wal", "checkpoint.db-shm", "checkpoint.db.lock"):
            shutil.copy(state_path.with_name(name), state_path.with_name(f"killed-{name}"))
    for name in ("checkpoint.db", "checkpoint.db-wal", "checkpoint.db-shm", "checkpoint.db.lock"):
        state_path.with_name(f"killed-{name}").replace(state_path.with_name(name))
    state_path.with_name("checkpoint.db.damaged-5").write_bytes(b"")
    for file in state_path.parent.iterdir():
        file.chmod(0o644)
    state_path.parent.chmod(0o755)
    with opened(state_path) as store:
        assert store.load("site") == {"k": b"v"}
        assert modes(state_path) == dict.fromkeys(modes(state_path), PRIVATE)
    assert f"{state_path}: other users could read it (mode 644)" in caplog.text
    assert f"{state_path.parent}: other users may enter it (mode 755)" in caplog.text


# Threads, and the end.


async def test_a_commit_waits_for_no_thread_in_which_others_read(state_path):
    held = threading.Event()
    executor = ThreadPoolExecutor(max_workers=1)
    asyncio.get_running_loop().set_default_executor(executor)
    executor.submit(held.wait)
    try:
        with opened(state_path) as store:
            async with asyncio.timeout(10):
                await store.commit("site", everything(tail="1"))
            assert store.load("site") == {"tail": b"1"}
    finally:
        held.set()


async def test_a_cancelled_commit_is_written_before_its_caller_goes_on(state_path, monkeypatch):
    """Else a commit that follows at once could be overtaken by it, or it is never written."""
    held = threading.Event()
    with opened(state_path) as store:
        write = store.commit_now
        monkeypatch.setattr(store, "commit_now", lambda *args, **more: held.wait() and write(*args, **more))
        task = asyncio.create_task(store.commit("site", Changes({"key": b"old", "other": b"kept"})))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        held.set()
        await asyncio.wait([task])
        assert task.cancelled()
        store.commit_now("site", Changes({"key": b"new"}))
        assert store.load("site") == {"key": b"new", "other": b"kept"}


def load(store):
    store.load("site")


def commit(store):
    store.commit_now("site", everything(tail="2"))


@pytest.mark.parametrize("late", [load, commit])
@pytest.mark.parametrize("used", [True, False])
def test_after_its_close_nothing_opens_the_file_again(state_path, late, used):
    """A thread may still come with a call whose caller was cancelled; the lock then belongs to the next process."""
    with Checkpoint(state_path, FixedClock()) as store:
        if used:
            store.commit_now("site", everything(tail="1"))
    with pytest.raises(Closed):
        late(store)
    assert not store.problems
    assert state_path.exists() == used
    with opened(state_path) as other:
        assert other.load("site") == ({"tail": b"1"} if used else {})
