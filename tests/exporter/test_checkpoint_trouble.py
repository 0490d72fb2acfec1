"""Others in the way, descriptors that run out, and disks in trouble: what is said, and how the next commit works."""

import logging
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress

import pytest
from checkpointing import COMMITTER, PRIVATE, FixedClock, everything, modes, opened
from starving import no_descriptors

from exporter.checkpoint import Changes, Checkpoint, Incomplete
from exporter.statefile import Unavailable
from foundation.errors import StoreError


def test_a_link_planted_in_the_locks_place_is_refused_and_not_emptied(state_path):
    state_path.parent.mkdir()
    victim = state_path.with_name("victim")
    victim.write_bytes(b"precious")
    state_path.with_name("checkpoint.db.lock").symlink_to(victim)
    with pytest.raises(StoreError, match="symbolic link"), opened(state_path):
        pass
    assert victim.read_bytes() == b"precious"


def test_a_second_process_is_refused_and_told_who_has_it(state_path):
    with opened(state_path):
        code = COMMITTER.partition("number = 0")[0]
        told = subprocess.run(
            [sys.executable, "-c", code, str(state_path)], capture_output=True, text=True, check=False
        )
    assert re.search(r"StoreError: .*in use by process \d+; give each exporter its own state_dir", told.stderr)


def test_a_lock_of_another_process_is_waited_for(state_path, caplog):
    with opened(state_path) as store, closing(sqlite3.connect(state_path, isolation_level=None)) as other:
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


def test_a_directory_in_the_place_of_the_file_is_said(state_path):
    state_path.mkdir(parents=True)
    with pytest.raises(StoreError, match="Is a directory; set state_dir"), opened(state_path):
        pass


@pytest.mark.parametrize("spare", range(6))
def test_where_descriptors_run_out_it_can_be_tried_again(state_path, spare):
    """SQLite opens three files, and we a lock."""
    with Checkpoint(state_path, FixedClock()) as store:
        with suppress(Unavailable), no_descriptors(spare):
            store.load("site")
        assert store.problems in ({}, {"write": 1})
        store.load("site")
        store.commit_now("site", Changes({"k": b"v"}))
        assert store.load("site") == {"k": b"v"}
        assert store.problems in ({}, {"write": 1})


async def test_a_full_disk_is_counted_and_the_next_commit_tries_again(state_path, caplog):
    caplog.set_level(logging.INFO)
    with opened(state_path) as store:
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


def test_trouble_is_logged_once_a_minute(state_path, caplog):
    with opened(state_path) as store:
        for second in range(150):
            store._clock.wall_s = 1_000.0 + second
            store._report("full", "the disk is full")
            store._report("locked", "another has it")
    assert caplog.text.count("the disk is full; nothing is lost") == 3
    assert caplog.text.count("another has it") == 3
    assert store.problems == {"full": 150, "locked": 150}


def test_an_error_of_the_disk_opens_the_file_anew_and_asks_for_everything(state_path):
    with opened(state_path) as store:
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
def test_a_state_that_is_deleted_meanwhile_is_begun_anew(state_path, what, caplog):
    with opened(state_path) as store:
        store.commit_now("site", everything(old="1"))
        if what == "directory":
            shutil.rmtree(state_path.parent)
        elif what == "replaced":
            shutil.copy(state_path, state_path.with_name("copy"))
            state_path.with_name("copy").replace(state_path)
        else:
            named = {"file": [state_path], "lock": [state_path.with_name("checkpoint.db.lock")]}
            for file in named.get(what, state_path.parent.iterdir()):
                file.unlink()
        for scope in ("site", "other"):
            with pytest.raises(Incomplete):
                store.commit_now(scope, Changes({"tail": b"2"}))
            store.commit_now(scope, everything(tail="2"))
        assert store.problems == {"gone": 1}
        assert "deleted or replaced while in use" in caplog.text
        with closing(sqlite3.connect(state_path)) as db:
            rows = db.execute("SELECT scope, key, value FROM state ORDER BY scope").fetchall()
        assert rows == [("other", "tail", b"2"), ("site", "tail", b"2")]
        assert modes(state_path)["checkpoint.db"] == PRIVATE
        with pytest.raises(StoreError, match="in use"), opened(state_path):
            pass
