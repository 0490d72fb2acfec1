"""The checkpoint keeps all of a commit or nothing, and says what went wrong."""

import asyncio
import errno
import logging
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress

import pytest
from starving import no_descriptors

from exporter.checkpoint import Changes, Checkpoint, Incomplete
from exporter.statefile import Unavailable
from foundation.clock import SystemClock
from foundation.errors import StoreError

PRIVATE = 0o600


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


@contextmanager
def opened(path, scope="site", **clock):
    with Checkpoint(path, FixedClock(**clock)) as store:
        store.load(scope)
        yield store


def everything(**puts):
    return Changes({key: value.encode() for key, value in puts.items()}, everything=True)


def modes(path):
    return {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}


async def test_what_was_committed_is_there_after_reopening(path):
    with opened(path) as store:
        await store.commit("site", Changes({"tail": b"1", "old": b"2"}))
        await store.commit("site", Changes({"tail": b"3"}, frozenset(["old"])))
        await store.commit("other", everything(tail="4"))
    with opened(path) as store:
        assert store.load("site") == {"tail": b"3"}
        assert store.load("other") == {"tail": b"4"}
        assert store.load("never") == {}


def test_a_commit_of_everything_leaves_nothing_else(path):
    with opened(path) as store:
        store.commit_now("site", Changes({"tail": b"1", "old": b"2"}))
        store.commit_now("site2", everything(kept="yes"))
        store.commit_now("site", everything(tail="3"))
        assert store.load("site") == {"tail": b"3"}
        assert store.load("site2") == {"kept": b"yes"}


def test_changes_of_a_scope_that_was_never_read_are_refused(path):
    """What they change is not known to be there."""
    with opened(path) as store, pytest.raises(Incomplete):
        store.commit_now("other", Changes({"tail": b"1"}))


async def test_it_tells_when_a_commit_last_worked(path):
    with opened(path) as store:
        assert store.committed_s == 0
        store._clock.wall_s += 5
        await store.commit("site", Changes({"k": b"v"}))
        assert store.committed_s == 1_005.0


def synchronous(store):
    return {1: "NORMAL", 2: "FULL"}[store._db.execute("PRAGMA synchronous").fetchone()[0]]


def test_a_commit_waits_neither_for_readers_nor_for_the_platter(path):
    """WAL lets others read meanwhile; it is synced at its own checkpoints, not once a second for every source."""
    with opened(path) as store, closing(sqlite3.connect(path, timeout=0)) as reader:
        store.commit_now("site", Changes({"tail": b"1"}))
        assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert synchronous(store) == "NORMAL"
        reader.execute("BEGIN")
        assert reader.execute("SELECT value FROM state").fetchone() == (b"1",)
        store.commit_now("site", Changes({"tail": b"2"}))
        assert reader.execute("SELECT value FROM state").fetchone() == (b"1",)


async def test_a_commit_that_must_outlive_a_power_cut_waits_for_the_platter(path):
    with opened(path) as store:
        seen = []
        for synced in (False, True, False):
            store.commit_now("site", Changes({"tail": b"1"}), synced=synced)
            seen.append(synchronous(store))
            await store.commit("site", Changes({"tail": b"1"}), synced=synced)
            seen.append(synchronous(store))
    assert seen == ["NORMAL", "NORMAL", "FULL", "FULL", "NORMAL", "NORMAL"]


COMMITTER = """
import pathlib, sys
from exporter.checkpoint import Changes, Checkpoint
from foundation.clock import SystemClock
store = Checkpoint(pathlib.Path(sys.argv[1]), SystemClock())
store.load("site")
number = 0
while True:
    number += 1
    store.commit_now("site", Changes({"position": b"%d" % number, "counts": b"%d" % number + bytes(9000)}))
    if number == 50:
        print("going", flush=True)
"""


@pytest.mark.slow
def test_a_kill_leaves_a_whole_commit(path):
    process = subprocess.Popen([sys.executable, "-c", COMMITTER, str(path)], stdout=subprocess.PIPE)
    with process:
        assert process.stdout.readline() == b"going\n"
        process.send_signal(signal.SIGKILL)
    with opened(path) as store:
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


def test_only_the_owner_can_read_the_state(path, umask):
    with opened(path) as store:
        store.commit_now("site", Changes({"k": b"v"}))
        assert modes(path) == dict.fromkeys(modes(path), PRIVATE)
        assert {"checkpoint.db", "checkpoint.db-wal", "checkpoint.db-shm", "checkpoint.db.lock"} <= modes(path).keys()
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_files_that_others_could_read_are_mended_and_told(path, caplog):
    with opened(path) as store:
        store.commit_now("site", Changes({"k": b"v"}))
        for name in ("checkpoint.db", "checkpoint.db-wal", "checkpoint.db-shm", "checkpoint.db.lock"):
            shutil.copy(path.with_name(name), path.with_name(f"killed-{name}"))
    for name in ("checkpoint.db", "checkpoint.db-wal", "checkpoint.db-shm", "checkpoint.db.lock"):
        path.with_name(f"killed-{name}").replace(path.with_name(name))
    path.with_name("checkpoint.db.damaged-5").write_bytes(b"")
    for file in path.parent.iterdir():
        file.chmod(0o644)
    path.parent.chmod(0o755)
    with opened(path) as store:
        assert store.load("site") == {"k": b"v"}
        assert modes(path) == dict.fromkeys(modes(path), PRIVATE)
    assert f"{path}: other users could read it (mode 644)" in caplog.text
    assert f"{path.parent}: other users may enter it (mode 755)" in caplog.text


# Versions and damage.


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(path):
    with opened(path) as store:
        store.commit_now("site", Changes({"k": b"v"}))
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer version of Tidewatch wrote it") as caught, opened(path):
        pass
    assert not isinstance(caught.value, Unavailable)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*damaged*"))


FIRST_LAYOUT = """
CREATE TABLE state (scope TEXT, key TEXT, value BLOB, PRIMARY KEY (scope, key)) WITHOUT ROWID;
CREATE TABLE about (key TEXT PRIMARY KEY, value REAL) WITHOUT ROWID;
INSERT INTO about VALUES ('created', 5.0);
INSERT INTO state VALUES ('site', 'tail', x'31');
"""


def test_the_first_layout_which_had_no_number_is_read_on(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(FIRST_LAYOUT)
    with opened(path) as store:
        assert store.load("site") == {"tail": b"1"}
        assert store.problems == {}
        assert store._db.execute("PRAGMA user_version").fetchone() == (1,)
        assert store._db.execute("SELECT value FROM about").fetchall() == [(5.0,)]


@pytest.mark.parametrize("version", [0, 1])
def test_a_database_of_something_else_is_set_aside(path, version, caplog):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"CREATE TABLE state (mood TEXT); PRAGMA user_version = {version}")
    with opened(path) as store:
        assert store.load("site") == {}
        assert store.problems == {"damaged": 1}
    assert "no state file of Tidewatch" in caplog.text


@pytest.mark.parametrize(
    "junk", [b"", b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 5_000], ids=["empty", "text", "header"]
)
def test_a_damaged_file_is_set_aside_and_told(path, junk, caplog):
    path.parent.mkdir()
    path.write_bytes(junk)
    with opened(path, wall_s=1_234.0) as store:
        assert store.load("site") == {}
        assert store.problems == {"damaged": 1}
        assert path.with_name("checkpoint.db.damaged-1234").read_bytes() == junk
        assert "kept as" in caplog.text


def test_what_was_set_aside_earlier_is_never_overwritten(path):
    path.parent.mkdir()
    for junk in (b"one" * 999, b"two" * 999, b"three" * 999):  # at the same time: the clock was set back
        path.write_bytes(junk)
        with opened(path):
            pass
    assert [file.read_bytes()[:3] for file in sorted(path.parent.glob("*.damaged-1000*"))] == [b"one", b"two", b"thr"]


def test_damage_in_the_middle_is_found_at_the_start(path):
    with opened(path) as store:
        store.commit_now("site", Changes({f"key{i}": bytes(500) for i in range(100)}))
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xa5" * 20_000)
    with opened(path) as store:
        assert store.problems == {"damaged": 1}
        store.commit_now("site", Changes({"key": b"anew"}))
        assert store.load("site") == {"key": b"anew"}


def test_values_set_aside_are_kept_with_time_and_reason(path):
    with opened(path) as store:
        store.commit_now("site", everything(bad="?", good="1"))
        store.commit_now("other", everything(bad="of another"))
        store._clock.wall_s = 1_111.0
        store.commit_now("site", Changes({"bad": b"anew"}, set_aside={"bad": "no number", "never": "was there"}))
        assert store.load("site") == {"bad": b"anew", "good": b"1"}
        assert store.load("other") == {"bad": b"of another"}
        aside = store._db.execute("SELECT * FROM set_aside").fetchall()
    assert aside == [("site", "bad", b"?", 1_111.0, "no number")]


def test_a_key_that_is_no_text_can_be_read_and_set_aside(path):
    with opened(path) as store:
        store.commit_now("site", Changes({"good": b"1"}))
        store._db.execute("INSERT INTO state VALUES ('site', CAST(x'62ff64' AS TEXT), 'text')")
        found = store.load("site")
        (bad,) = found.keys() - {"good"}
        assert found == {"good": b"1", bad: b"text"}
        store.commit_now("site", Changes({}, set_aside={bad: "no text"}))
        assert store.load("site") == {"good": b"1"}
        assert store._db.execute("SELECT CAST(key AS BLOB), value FROM set_aside").fetchall() == [(b"b\xffd", "text")]


def test_only_the_newest_of_many_values_set_aside_are_kept(path, monkeypatch):
    monkeypatch.setattr("exporter.checkpoint._MOST_ASIDE", 3)
    with opened(path) as store:
        for number in range(5):
            store.commit_now("site", everything(bad=str(number)))
            store.commit_now("site", Changes({}, set_aside={"bad": "?"}))
        assert store._db.execute("SELECT value FROM set_aside").fetchall() == [(b"2",), (b"3",), (b"4",)]


# Others in the way.


def test_a_link_planted_in_the_locks_place_is_refused_and_not_emptied(path):
    path.parent.mkdir()
    victim = path.with_name("victim")
    victim.write_bytes(b"precious")
    path.with_name("checkpoint.db.lock").symlink_to(victim)
    with pytest.raises(StoreError, match="symbolic link"), opened(path):
        pass
    assert victim.read_bytes() == b"precious"


def test_a_second_process_is_refused_and_told_who_has_it(path):
    with opened(path):
        code = COMMITTER.partition("number = 0")[0]
        told = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert re.search(r"StoreError: .*in use by process \d+; give each exporter its own state_dir", told.stderr)


def test_a_lock_of_another_process_is_waited_for(path, caplog):
    with opened(path) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        store._db.execute("PRAGMA busy_timeout = 1")
        store.commit_now("site", everything(tail="before"))
        other.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            with pytest.raises(Unavailable, match="locked") as caught:
                store.commit_now("site", Changes({"tail": b"after"}))
        other.execute("ROLLBACK")
        store.commit_now("site", Changes({"tail": b"after"}))
        assert store.problems == {"locked": 3}
    assert caught.value.reason == "locked"
    assert caplog.text.count("it will try again") == 1


def test_a_place_that_cannot_be_written_is_said_with_what_would_be_right(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="set state_dir to a directory") as caught, opened(tmp_path / "file" / "c.db"):
        pass
    assert not isinstance(caught.value, Unavailable)


def test_a_directory_in_the_place_of_the_file_is_said(path):
    path.mkdir(parents=True)
    with pytest.raises(StoreError, match="Is a directory; set state_dir"), opened(path):
        pass


@pytest.mark.parametrize("spare", range(6))
def test_where_descriptors_run_out_it_can_be_tried_again(path, spare):
    """SQLite opens three files, and we a lock."""
    with Checkpoint(path, FixedClock()) as store:
        with suppress(Unavailable), no_descriptors(spare):
            store.load("site")
        assert store.problems in ({}, {"write": 1})
        store.load("site")
        store.commit_now("site", Changes({"k": b"v"}))
        assert store.load("site") == {"k": b"v"}
        assert store.problems in ({}, {"write": 1})


# A disk in trouble.


async def test_a_full_disk_is_counted_and_the_next_commit_tries_again(path, caplog):
    caplog.set_level(logging.INFO)
    with opened(path) as store:
        await store.commit("site", Changes({"tail": b"before"}))
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count = {pages}")  # what SQLite sees of a full disk
        for _ in range(2):
            with pytest.raises(Unavailable, match="full") as caught:
                await store.commit("site", Changes({"tail": b"after", "big": bytes(1 << 16)}))
        assert caught.value.reason == "full"
        assert store.load("site") == {"tail": b"before"}
        assert store.problems == {"full": 2}
        assert caplog.text.count("it will try again") == 1
        store._db.execute("PRAGMA max_page_count = 100000")
        await store.commit("site", Changes({"tail": b"after", "big": bytes(1 << 16)}))
        assert store.load("site")["tail"] == b"after"
        assert caplog.text.count("can be written again") == 1


def test_trouble_is_logged_once_a_minute(path, caplog):
    with opened(path) as store:
        for second in range(150):
            store._clock.wall_s = 1_000.0 + second
            store._report("full", "the disk is full")
            store._report("locked", "another has it")
    assert caplog.text.count("the disk is full; nothing is lost") == 3
    assert caplog.text.count("another has it") == 3
    assert store.problems == {"full": 150, "locked": 150}


def test_an_error_of_the_disk_opens_the_file_anew_and_asks_for_everything(path):
    with opened(path) as store:
        store.commit_now("site", everything(old="1", tail="1"))
        store._db.execute("PRAGMA query_only = 1")  # as on a disk that became read-only
        with pytest.raises(Unavailable, match="readonly"):
            store.commit_now("site", Changes({"tail": b"2"}))
        with pytest.raises(Incomplete):
            store.commit_now("site", Changes({"tail": b"2"}))
        store.commit_now("site", everything(tail="2"))
        assert store.load("site") == {"tail": b"2"}
        assert store.problems == {"write": 1}


@pytest.mark.parametrize("what", ["file", "lock", "all files", "directory", "replaced"])
def test_a_state_that_is_deleted_meanwhile_is_begun_anew(path, what, caplog):
    with opened(path) as store:
        store.commit_now("site", everything(old="1"))
        if what == "directory":
            shutil.rmtree(path.parent)
        elif what == "replaced":
            shutil.copy(path, path.with_name("copy"))
            path.with_name("copy").replace(path)
        else:
            named = {"file": [path], "lock": [path.with_name("checkpoint.db.lock")]}
            for file in named.get(what, path.parent.iterdir()):
                file.unlink()
        for scope in ("site", "other"):
            with pytest.raises(Incomplete):
                store.commit_now(scope, Changes({"tail": b"2"}))
            store.commit_now(scope, everything(tail="2"))
        assert store.problems == {"gone": 1}
        assert "deleted or replaced while in use" in caplog.text
        with closing(sqlite3.connect(path)) as db:
            rows = db.execute("SELECT scope, key, value FROM state ORDER BY scope").fetchall()
        assert rows == [("other", "tail", b"2"), ("site", "tail", b"2")]
        assert modes(path)["checkpoint.db"] == PRIVATE
        with pytest.raises(StoreError, match="in use"), opened(path):
            pass


def test_damage_while_running_begins_anew_and_asks_every_source_for_everything(path):
    with opened(path) as store:
        store.commit_now("site", Changes({f"key{i}": bytes(2_000) for i in range(100)}))
        store.commit_now("other", everything(tail="1"))
        store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store._db.execute("PRAGMA cache_size = 0")
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * 200_000)
        with pytest.raises(Unavailable) as caught:
            store.commit_now("site", Changes({"key50": b"x"}))
        assert caught.value.reason == "damaged"
        assert store.problems == {"damaged": 1}
        for scope in ("site", "other"):
            with pytest.raises(Incomplete):
                store.commit_now(scope, Changes({"key50": b"x"}))
            store.commit_now(scope, everything(key50="x"))
            assert store.load(scope) == {"key50": b"x"}
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_damage_that_cannot_even_be_renamed_is_trouble_that_may_pass(path, monkeypatch):
    with opened(path) as store:
        store.commit_now("site", everything(tail="1"))

    def refuse(_path, _target):
        raise OSError(errno.EIO, "")

    path.write_bytes(b"no database" * 1000)
    with Checkpoint(path, FixedClock()) as store:
        with monkeypatch.context() as broken:
            broken.setattr("pathlib.Path.rename", refuse)
            with pytest.raises(Unavailable, match="Input/output error"):
                store.load("site")
        assert store.load("site") == {}


async def test_a_cancelled_commit_is_written_before_its_caller_goes_on(path):
    """Else a commit that follows at once could be overtaken by it, or it is never written."""
    held = threading.Event()
    executor = ThreadPoolExecutor(max_workers=1)
    asyncio.get_running_loop().set_default_executor(executor)
    with opened(path) as store:
        executor.submit(held.wait)
        task = asyncio.create_task(store.commit("site", Changes({"key": b"old", "other": b"kept"})))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        held.set()
        await asyncio.wait([task])
        assert task.cancelled()
        store.commit_now("site", Changes({"key": b"new"}))
        assert store.load("site") == {"key": b"new", "other": b"kept"}
