"""Several threads read what one reads, and say it in the order of the files."""

import gzip
import threading
from zoneinfo import ZoneInfo

import pytest
from hosting_tables import Gathered

from exporter.hosting import bulk, logfile
from exporter.hosting.bulk import read_logs
from exporter.hosting.parse import Times
from foundation.errors import SourceError

BERLIN = ZoneInfo("Europe/Berlin")


def heartbeat(server, minute, night="2016-10-30 02"):
    time = f"{night}:{minute:02}:00"
    return f'{{"event": "heartbeat", "serverId": {server}, "workload": 0.5, "time": "{time}"}}\n'


def log_of(server):
    """A night in which clocks go back, in order, with lines that are bad on the way."""
    lines = [heartbeat(server, minute, "2016-10-30 01") for minute in range(60)]
    for _ in range(2):
        lines += [heartbeat(server, minute) for minute in range(60)]
    lines[7] = "nonsense\n"
    lines[-3] = "\n"
    return "".join(lines).encode()


@pytest.fixture
def paths(tmp_path):
    files = {
        "a.json": log_of(1),
        "b.json": gzip.compress(log_of(2)),
        "c.csv": b"event,time,serverId,workload\nheartbeat,2016-10-30 01:00:00,3,0.5\nheartbeat,x,3,0.5\n",
        "copy of a": log_of(1),
        "d.json": log_of(4) * 3,
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return [str(tmp_path / name) for name in files]


def read(paths, workers, zone=BERLIN):
    kept, rows = [], Gathered()
    log = read_logs(paths, Times(zone), rows, workers=workers, keep=kept.append)
    found = {name: sorted(zip(*columns.values(), strict=True)) for name, columns in rows.items()}
    return found, log, kept


@pytest.mark.parametrize("block_bytes", [500, 1 << 20], ids=["many-blocks", "one-block"])
@pytest.mark.parametrize("some", [slice(None), slice(1)], ids=["files", "one-file"])
def test_threads_read_what_one_reads(monkeypatch, paths, some, block_bytes):
    monkeypatch.setattr(logfile, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(bulk, "_WAITING_LINES", 1)
    want = read(paths[some], 1)
    assert read(paths[some], 3) == want
    found, log, kept = want
    assert [(bad.line, bad.reason) for bad in kept[:2]] == [(8, "not_json"), (178, "blank")]
    assert len(found["heartbeats"]) > 150
    assert log.copies == tuple(paths[3:4] if some == slice(None) else ())


def test_what_was_set_aside_before_a_file_that_is_missing_is_said(paths, tmp_path):
    kept = []
    with pytest.raises(SourceError, match=r"none\.json: No such file"):
        read_logs(
            [paths[0], str(tmp_path / "none.json"), paths[1]],
            Times(BERLIN),
            lambda *_: None,
            workers=2,
            keep=kept.append,
        )
    assert [bad.reason for bad in kept] == ["not_json", "blank"]


def test_rows_are_taken_by_one_thread_at_a_time(paths):
    inside, most = threading.Semaphore(1), []

    def take(*_):
        most.append(inside.acquire(blocking=False))
        inside.release()

    read_logs(paths, Times(BERLIN), take, workers=3)
    assert most
    assert all(most)


def test_a_fault_of_who_takes_rows_ends_the_reading(paths):
    def take(*_):
        raise SourceError("no more")

    for workers in (1, 2):
        with pytest.raises(SourceError, match="no more"):
            read_logs(paths, Times(BERLIN), take, workers=workers)
