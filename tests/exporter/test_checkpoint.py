"""The checkpoint keeps all of a commit or nothing, and says what went wrong."""

import asyncio
import re
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from exporter.checkpoint import Checkpoint
from foundation.clock import SystemClock
from foundation.errors import StoreError


class FixedClock(SystemClock):
    def __init__(self, wall_s=1_000.0):
        self.wall_s = wall_s

    def wall(self):
        return self.wall_s

    def monotonic(self):
        return self.wall_s


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "checkpoint.db"


async def test_what_was_committed_is_there_after_reopening(path):
    with Checkpoint(path, FixedClock()) as store:
        await store.commit("site", {"tail": b"1", "old": b"2"})
        await store.commit("site", {"tail": b"3"}, deletes=["old"])
        await store.commit("other", {"tail": b"4"})
    with Checkpoint(path, FixedClock(2_000.0)) as store:
        assert store.load("site") == {"tail": b"3"}
        assert store.load("other") == {"tail": b"4"}
        assert store.load("never") == {}
        assert store.created_s == 1_000.0


async def test_it_tells_when_a_commit_last_worked(path):
    clock = FixedClock()
    with Checkpoint(path, clock) as store:
        assert store.committed_s == 0
        clock.wall_s += 5
        await store.commit("s", {"k": b"v"})
        assert store.committed_s == 1_005.0


def test_only_the_owner_can_read_the_state(path):
    with Checkpoint(path, FixedClock()):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("junk", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 5_000])
def test_a_damaged_file_is_set_aside_and_told(path, junk, caplog):
    path.parent.mkdir()
    path.write_bytes(junk)
    with Checkpoint(path, FixedClock(1_234.0)) as store:
        assert store.load("site") == {}
        assert store.problems == {"damaged": 1}
        assert path.with_name("checkpoint.db.damaged-1234").read_bytes() == junk
        assert "kept as" in caplog.text


def test_damage_in_the_middle_is_found_at_the_start(path):
    with Checkpoint(path, FixedClock()) as store:
        store.commit_now("site", {f"key{i}": bytes(500) for i in range(100)})
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xa5" * 20_000)
    with Checkpoint(path, FixedClock()) as store:
        assert store.problems == {"damaged": 1}
        store.commit_now("site", {"key": b"anew"})
        assert store.load("site") == {"key": b"anew"}


def test_a_second_process_is_refused_and_told_who_has_it(path):
    with Checkpoint(path, FixedClock()):
        code = (
            "import pathlib, sys\n"
            "from exporter.checkpoint import Checkpoint\n"
            "from foundation.clock import SystemClock\n"
            "Checkpoint(pathlib.Path(sys.argv[1]), SystemClock())\n"
        )
        told = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert re.search(r"StoreError: .*in use by process \d+; give each exporter its own state_dir", told.stderr)


async def test_a_full_disk_is_counted_and_the_next_commit_tries_again(path, caplog):
    with Checkpoint(path, FixedClock()) as store:
        await store.commit("site", {"tail": b"before"})
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count = {pages}")  # what SQLite sees of a full disk
        for _ in range(2):
            with pytest.raises(StoreError, match="full"):
                await store.commit("site", {"tail": b"after", "big": bytes(1 << 16)})
        assert store.load("site") == {"tail": b"before"}
        assert store.problems == {"full": 2}
        assert caplog.text.count("it will try again") == 1
        store._db.execute("PRAGMA max_page_count = 100000")
        await store.commit("site", {"tail": b"after", "big": bytes(1 << 16)})
        assert store.load("site")["tail"] == b"after"


def test_a_place_that_cannot_be_written_is_said_with_what_would_be_right(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="set state_dir to a directory"):
        Checkpoint(tmp_path / "file" / "checkpoint.db", FixedClock())


def test_damage_while_running_begins_anew_and_asks_for_everything(path, monkeypatch):
    with Checkpoint(path, FixedClock()) as store:
        store.commit_now("site", {f"key{i}": bytes(2_000) for i in range(100)})
        store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store._db.execute("PRAGMA cache_size = 0")
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * 200_000)
        with pytest.raises(StoreError):
            store.commit_now("site", {"key50": b"x"})
        assert store.problems == {"damaged": 1}
        store.commit_now("site", {"key50": b"x"})
        assert store.load("site") == {"key50": b"x"}
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)


async def test_a_cancelled_commit_is_written_before_its_caller_goes_on(tmp_path):
    """Else a commit that follows at once could be overtaken by it, or it is never written."""
    held = threading.Event()
    executor = ThreadPoolExecutor(max_workers=1)
    asyncio.get_running_loop().set_default_executor(executor)
    executor.submit(held.wait)
    with Checkpoint(tmp_path / "state.db", SystemClock()) as checkpoint:
        task = asyncio.create_task(checkpoint.commit("site", {"key": b"old", "other": b"kept"}))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        held.set()
        await asyncio.wait([task])
        assert task.cancelled()
        checkpoint.commit_now("site", {"key": b"new"})
        assert checkpoint.load("site") == {"key": b"new", "other": b"kept"}
