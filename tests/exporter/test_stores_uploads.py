"""Bodies that a killed process left beside the database go at the next start: only ours, and only old ones."""

import asyncio
import logging
import os
import time
from pathlib import Path

import pytest
from lifetime import until

from exporter.stores import uploads
from exporter.stores.live import Live, Settings
from exporter.stores.uploads import OLD_S, new_upload, remove_left
from foundation.clock import SystemClock
from foundation.errors import StoreError

NOW_S = 1_800_000_000.0


def left(path, age_s):
    path.write_bytes(b"store_id,status,timestamp_utc\n")
    os.utime(path, (NOW_S - age_s, NOW_S - age_s))
    return path


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_what_is_removed_is_ours_old_and_a_file(tmp_path, monkeypatch):
    with new_upload(tmp_path) as upload:
        ours = Path(upload.name).name
    assert names(tmp_path) == []
    left(tmp_path / ours, OLD_S + 1)
    kept = [".polls-", ".polls-abc.csv", ".polls-abcd1234.csv.gz", "polls-abcd1234.csv", ".polls-ABCD1234.csv"]
    for name in kept:
        left(tmp_path / name, OLD_S + 1)
    left(tmp_path / ".polls-aaaaaaaa.csv", OLD_S - 1)
    (tmp_path / ".polls-bbbbbbbb.csv").symlink_to("absent")
    (tmp_path / ".polls-cccccccc.csv").mkdir()
    os.mkfifo(tmp_path / ".polls-dddddddd.csv")
    remove_left(tmp_path, NOW_S)
    stay = [f".polls-{letter * 8}.csv" for letter in "abcd"]
    assert names(tmp_path) == sorted([*kept, *stay])
    monkeypatch.setattr(uploads.os, "geteuid", lambda: os.getuid() + 1)
    remove_left(tmp_path, NOW_S + 10 * OLD_S)
    assert names(tmp_path) == sorted([*kept, *stay])


def test_what_cannot_be_removed_is_said_and_stays(tmp_path, caplog):
    remove_left(tmp_path / "absent", NOW_S)
    assert "could not be removed: No such file or directory" in caplog.text


async def test_a_service_removes_them_when_it_starts(stores_world):
    old = stores_world.folder / ".polls-aaaaaaaa.csv"
    old.write_bytes(b"")
    os.utime(old, (time.time() - 2 * OLD_S,) * 2)
    live = Live(stores_world.database, Settings(), SystemClock())
    task = asyncio.create_task(live.run())
    await until(lambda: not old.exists())
    task.cancel()
    await asyncio.wait([task])


BROKEN = {
    "metrics": ("exporter.stores.live.Live.update", 1),
    "cleaning": ("exporter.stores.jobs.Jobs.forget_old", 1),
    "inbox": ("exporter.stores.inbox.Inbox.look", 2),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("error", [ZeroDivisionError("never thought of"), StoreError("the disk is full")], ids=str)
async def test_an_error_in_one_part_of_a_service_costs_that_part_a_turn(stores_world, monkeypatch, caplog, kind, error):
    where, call = BROKEN[kind]
    room, _, method = where.rpartition(".")
    module, _, name = room.rpartition(".")
    owner = getattr(__import__(module, fromlist=[name]), name)
    right, calls = getattr(owner, method), []

    def broken(self, *arguments):
        calls.append(1)
        if len(calls) == call:
            raise error
        return right(self, *arguments)

    monkeypatch.setattr(owner, method, broken)
    live = Live(stores_world.database, Settings(inbox=stores_world.folder / "inbox", update_s=0.01), SystemClock())
    task = asyncio.create_task(live.run())
    await until(lambda: live._errors[kind] == 1)
    await until(lambda: live._told)  # the others work
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])
    records = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [bool(record.exc_info) for record in records] == [isinstance(error, ZeroDivisionError)]
