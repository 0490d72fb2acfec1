"""--results: a row for each request, whatever became of it."""

import asyncio
import collections
import csv
import errno
import gzip
import json
import os
import subprocess
import sys
from datetime import datetime

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import ConfigError, StoreError
from trafficgen.meter import recorder as recorder_module
from trafficgen.meter.recorder import REASONS, RECORD, Recorder
from trafficgen.report.results import COLUMNS, Clock, place_for_results, record_files, save_results

CLOCK = Clock(monotonic_ns=5_000_000_000, unix_s=1_700_000_000.25)  # 2023-11-14T22:13:20.25Z


def at(ns):
    """Nanoseconds after the start."""
    return CLOCK.monotonic_ns + ns


def rows_of(path):
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        return list(csv.DictReader(file))


def saved(path, noted, workers=1, planned=None):
    """Note all with recorders, by turns, and save. `noted`: functions of a recorder."""
    with record_files(path, workers) as files:
        recorders = [Recorder(file.fileno()) for file in files]
        for number, note in enumerate(noted):
            note(recorders[number % workers])
        for one in recorders:
            one.close()
        assert [one.lost for one in recorders] == [""] * workers
        save_results(
            path,
            files,
            len(noted) if planned is None else planned,
            targets=("/", "/a"),
            target_numbers=(0, 1, 1),
            clock=CLOCK,
        )


THREE = [
    lambda r: r.answered(at(2_000_000), at(2_001_500), at(9_999_999), 123, 1, 200),
    lambda r: r.failed("timeout", 3, at(10_000_000_000), due_ns=at(0), sent_ns=at(1000), size=7),
    lambda r: r.failed("in_flight", 5, at(1_001_000_000), due_ns=at(1_000_000)),
]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_rows_are_in_the_order_of_their_due_times(tmp_path, suffix):
    saved(tmp_path / f"r{suffix}", [*THREE, lambda r: r.failed("session_step", 4, at(1_500_000))], workers=2)
    keys = "due", "sent", "answered", "given_up", "code", "bytes", "target", "reason"
    assert keys == COLUMNS
    assert [tuple(row[key] for key in keys) for row in rows_of(tmp_path / f"r{suffix}")] == [
        ("2023-11-14T22:13:20.250000Z", "2023-11-14T22:13:20.250001Z", "", "2023-11-14T22:13:30.250000Z", "", "7", "/",
         "timeout"),
        ("2023-11-14T22:13:20.251000Z", "", "", "2023-11-14T22:13:21.251000Z", "", "", "/a", "in_flight"),
        ("", "", "", "2023-11-14T22:13:20.251500Z", "", "", "/a", "session_step"),
        ("2023-11-14T22:13:20.252000Z", "2023-11-14T22:13:20.252001Z", "2023-11-14T22:13:20.259999Z", "", "200", "123",
         "/a", ""),
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == [f"r{suffix}"]


def test_parquet_has_instants_and_nulls(tmp_path):
    saved(tmp_path / "r.parquet", THREE)
    rows = duckdb.sql(
        f"SELECT epoch_us(due), epoch_us(answered), code, bytes, target, reason FROM '{tmp_path}/r.parquet'"
    ).fetchall()
    start = 1_700_000_000_250_000
    assert rows == [
        (start, None, None, 7, "/", "timeout"),
        (start + 1000, None, None, None, "/a", "in_flight"),
        (start + 2000, start + 9999, 200, 123, "/a", None),
    ]
    assert duckdb.sql(f"SELECT typeof(due) FROM '{tmp_path}/r.parquet'").fetchall()[0] == ("TIMESTAMP WITH TIME ZONE",)


NOTED = st.lists(st.tuples(st.sampled_from(REASONS), st.integers(1, 10**12), st.integers(0, 10**6)), max_size=30)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(NOTED, st.integers(1, 3))
def test_every_request_has_one_row(tmp_path_factory, noted, workers):
    def note(reason, due, number):
        if reason:
            return lambda r: r.failed(reason, number, at(due + 5), due_ns=at(due))
        return lambda r: r.answered(at(due), at(due + 1), at(due + 5), 1, number, 200)

    path = tmp_path_factory.mktemp("r") / "r.csv"
    saved(path, [note(*one) for one in noted], workers)
    rows = rows_of(path)
    want = collections.Counter(reason for reason, *_ in noted)
    assert collections.Counter(row["reason"] for row in rows) == want
    assert [row["due"] for row in rows] == sorted(row["due"] for row in rows)


def test_rows_that_are_not_as_many_as_were_planned_are_no_file(tmp_path):
    with pytest.raises(StoreError, match=r"r\.csv: 3 of 4 requests are recorded"):
        saved(tmp_path / "r.csv", THREE, planned=4)
    assert not list(tmp_path.iterdir())


def test_a_file_that_came_meanwhile_is_kept(tmp_path):
    (tmp_path / "r.csv").write_text("mine")
    with pytest.raises(StoreError, match="File exists"):
        saved(tmp_path / "r.csv", THREE)
    assert (tmp_path / "r.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("there.csv", "the file already exists; remove it"),
        ("r.json", "must end in .csv, .csv.gz or .parquet"),
        ("none/r.csv", "there is no folder"),
    ],
)
def test_a_file_that_cannot_be_made_is_refused_before_the_run(tmp_path, name, words):
    (tmp_path / "there.csv").touch()
    with pytest.raises((ConfigError, StoreError), match=words):
        place_for_results(tmp_path / name)


def test_a_full_disk_is_a_reason_and_nothing_else_is_written(tmp_path):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        one = Recorder(full.fileno())
        THREE[0](one)
        one.close()
    assert one.lost == os.strerror(errno.ENOSPC)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.slow
def test_a_disk_that_is_full_when_rows_are_sorted_is_a_reason_and_keeps_nothing(small_disk):
    """1.3 MB of records fit, and nothing beside them."""
    path = small_disk / "rows.csv"
    with pytest.raises(StoreError) as raised:
        saved(path, THREE * 10_000)
    assert str(raised.value) == f"--results: {path}: No space left on device"
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_is_too_slow_is_a_reason(monkeypatch):
    monkeypatch.setattr(recorder_module, "MAX_WAITING_BYTES", 2 * RECORD.itemsize)
    read, write = os.pipe()
    os.set_blocking(write, True)  # nobody reads: the thread waits once the pipe is full
    one = Recorder(write)
    while not one.lost:
        THREE[0](one)
        one.flush()
    assert "the disk is too slow for the recording" in one.lost
    os.close(read)  # the thread ends with EPIPE
    one.close()
    os.close(write)


@pytest.mark.e2e
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_rows_by_reason_are_the_counts_of_the_report(site, tmp_path, workers):
    """Answers of several codes, a server that resets, closes, hangs, answers noise, and requests that found no room."""

    async def reset(_reader, writer):
        writer.transport.abort()

    async def noise(_reader, writer):
        writer.write(b"SSH-2.0\r\n\r\n")
        await writer.drain()

    async def hang(reader, _writer):
        await reader.read()

    site.script |= {"/reset": reset, "/noise": noise, "/hang": hang}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trafficgen.cli", "--url", site.url, "--metrics-address", "off", "--report", "json",
        "--rps", "300", "--duration", "2", "--mix", "/=60,/fail=10,/missing=10,/reset=5,/noise=5,/hang=10",
        "--timeout", "0.5", "--max-in-flight", "8", "--connections", "6", "--workers", workers, "--seed", "1",
        "--results", str(tmp_path / "r.csv"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    report, rows = json.loads(out), rows_of(tmp_path / "r.csv")
    assert err == b""
    assert len(rows) == report["planned"] == 600
    for name in ("planned", "sent", "answered", "unexpected"):
        assert sum(one[name] for one in report["over_time"]["bins"]) == report[name], name
    reasons = collections.Counter(row["reason"] for row in rows)
    assert reasons.pop("") == report["answered"]
    assert dict(reasons) == report["no_answer"] | report["dropped"]
    assert {"timeout", "malformed"} <= set(report["no_answer"])
    assert report["dropped"]
    assert collections.Counter(row["code"] for row in rows if row["code"]) == report["codes"]
    assert sum(row["sent"] != "" for row in rows) == report["sent"]
    for target in report["by_target"]:
        assert sum(row["target"] == target["target"] for row in rows) == target["requests"]
    ok = {row["bytes"] for row in rows if row["code"] == "200"}
    assert ok == {str(len(b"HTTP/1.1 200 X\r\nContent-Length: 3\r\n\r\nok\n"))}
    instant = datetime.fromisoformat
    ends = [instant(row["answered"] or row["given_up"]) - instant(row["due"]) for row in rows]
    assert max(ends).total_seconds() == pytest.approx(report["latency_from_plan_s"]["max"], rel=1e-3)
    assert [row["due"] for row in rows] == sorted(row["due"] for row in rows)


@pytest.mark.e2e
async def test_lost_rows_end_with_exit_code_1_and_a_whole_report(site, tmp_path):
    """No file may grow above 4 KiB, as on a full disk: 600 records take more."""
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", 'ulimit -f 8; exec "$@"', "sh", sys.executable, "-m", "trafficgen.cli", "--url", site.url,
        "--metrics-address", "off", "--report", "json", "--rps", "300", "--duration", "1", "--results",
        str(tmp_path / "r.csv"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    report = json.loads(out)
    assert report["planned"] == 300
    assert report["results"] == f"none: --results: {tmp_path}/r.csv: File too large"
    assert err.decode() == (
        f"trafficgen: --results: {tmp_path}/r.csv: File too large; the report is complete, the rows are lost\n"
    )
    assert process.returncode == (4 if report["saturated"] else 5)
    assert not list(tmp_path.iterdir())
