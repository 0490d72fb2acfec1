"""The system on real files: what stands in the log is what is counted, over restarts and reloads."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.accesslog import Source, System
from exporter.accesslog.counting import Counting
from exporter.checkpoint import Changes, Checkpoint
from exporter.system import Context
from foundation.clock import SystemClock


def source(path, name="site", **settings):
    return Source(source=name, paths=(str(path),), **settings)


def count(system, name="tidewatch_http_requests_total"):
    return sum(value for f in system.collect() if f.metric.name == name for _, value in f.series)


async def until_counted(system, want):
    async with asyncio.timeout(10):
        while count(system) != want:  # noqa: ASYNC110, what a scrape would see is the barrier
            await asyncio.sleep(0.001)


@asynccontextmanager
async def running(system, context):
    task = asyncio.create_task(system.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        context.close()
    if not task.cancelled():
        task.result()


LINE = b"192.0.2.1\tGET /\t200\t5\n"


async def test_counters_go_on_after_a_restart(tmp_path):
    log = tmp_path / "access.log"
    log.write_bytes(LINE * 3)
    for want in (3, 5):
        context = Context(tmp_path / "state", SystemClock())
        system = System([source(log)], context)
        async with running(system, context):
            await until_counted(system, want)
        log.write_bytes(log.read_bytes() + LINE * 2)
    assert count(system, "tidewatch_log_read_bytes_total") == 5 * len(LINE)


@pytest.mark.slow
async def test_a_large_backlog_is_read_whole(tmp_path):
    log = tmp_path / "access.log"
    log.write_bytes(LINE * 200_000 + b"bad\n")
    context = Context(tmp_path / "state", SystemClock())
    system = System([source(log)], context)
    async with running(system, context):
        await until_counted(system, 200_000)
    assert count(system, "tidewatch_log_lines_failed_total") == 1


async def test_what_takes_long_is_counted_beside_the_event_loop_and_shown_whole(tmp_path, monkeypatch):
    log, threads, seen = tmp_path / "access.log", set(), set()
    log.write_bytes(b"".join(b"192.0.2.1\tGET /%d/x%d\t200\t5\n" % (n, n) for n in range(1000)) + b"bad\n")
    work, go = Counting.delta, threading.Event()

    def delta(*args):
        threads.add(threading.current_thread())
        found = work(*args)
        assert go.wait(10), "the event loop waited for the counts"
        return found

    monkeypatch.setattr(Counting, "delta", delta)
    context = Context(tmp_path / "state", SystemClock())
    system = System([source(log)], context)
    async with running(system, context):
        async with asyncio.timeout(10):
            while not threads or (1000, 1001) not in seen:
                await asyncio.sleep(0.001)
                seen.add((count(system), count(system, "tidewatch_log_lines_total")))
                if threads:
                    go.set()
    assert seen <= {(0, 0), (1000, 1001)}
    assert threading.main_thread() not in threads


@pytest.mark.slow
async def test_bad_lines_of_many_files_are_told_of_their_own_file(tmp_path, caplog):
    """The lines of files that are read alike are counted together."""
    for number in range(30):
        (tmp_path / f"{number:02}.log").write_bytes(LINE)
    context = Context(tmp_path / "state", SystemClock())
    system = System([source(tmp_path / "*.log")], context)
    async with running(system, context):
        await until_counted(system, 30)
        for number in range(30):
            with (tmp_path / f"{number:02}.log").open("ab") as log:
                log.write(LINE * 2 + (b"bad\n" if number == 17 else b"") + LINE)
        await until_counted(system, 120)
    assert count(system, "tidewatch_log_lines_failed_total") == 1
    assert f"{tmp_path}/17.log: bad" in caplog.text


@pytest.mark.slow
async def test_each_of_many_files_keeps_what_it_announced(tmp_path):
    """More than stand in a rotation: a header says what is in the lines of its own file only."""
    for number in range(100):
        fields = "cs-method cs-uri-stem sc-status" if number % 2 else "sc-status cs-uri-stem cs-method"
        (tmp_path / f"{number}.log").write_text(f"#Version: 1.0\n#Fields: {fields}\n")
    context = Context(tmp_path / "state", SystemClock())
    system = System([source(tmp_path / "*.log", format="w3c")], context)
    async with running(system, context):
        async with asyncio.timeout(10):
            while not count(system, "tidewatch_log_last_line_timestamp_seconds"):  # noqa: ASYNC110, as above
                await asyncio.sleep(0.001)
        for number in range(100):
            with (tmp_path / f"{number}.log").open("a") as log:
                log.write("GET / 200\n" if number % 2 else "200 / GET\n")
        await until_counted(system, 100)
    assert count(system, "tidewatch_log_lines_failed_total") == 0


@pytest.mark.slow
async def test_lines_that_wait_for_an_own_regex_are_lag_and_counted_once_over_a_restart(tmp_path):
    log = tmp_path / "own.log"
    hostile, good = b"GET " + b"a" * 40 + b"X 200\n", b"GET aab 200\n"
    log.write_bytes(hostile * 5 + good * 3)
    own = source(log, format=r"(?P<method>\S+) (?P<path>(?:a+)+)b (?P<code>\d+)", from_="start")
    context = Context(tmp_path / "state", SystemClock())
    system = System([own], context)
    async with running(system, context):
        async with asyncio.timeout(30):
            while not count(system, "tidewatch_log_lag_bytes"):  # noqa: ASYNC110, what a scrape would see is the barrier
                await asyncio.sleep(0)
        assert count(system, "tidewatch_log_read_bytes_total") == 0
        assert count(system, "tidewatch_log_lag_bytes") == log.stat().st_size
    context = Context(tmp_path / "state", SystemClock())
    system = System([own], context)
    async with running(system, context):
        await until_counted(system, 3)
        assert count(system, "tidewatch_log_lines_failed_total") == 5
        assert count(system, "tidewatch_log_lag_bytes") == 0
        assert count(system, "tidewatch_log_read_bytes_total") == log.stat().st_size


def readable(system):
    return {f.metric.name: dict(f.series) for f in system.collect()}["tidewatch_log_readable"]


async def test_a_log_that_is_not_there_is_a_metric(tmp_path):
    context = Context(tmp_path / "state", SystemClock())
    system = System([source(tmp_path / "gone.log"), source(tmp_path / "access.log", "other")], context)
    (tmp_path / "access.log").write_bytes(LINE)
    async with running(system, context):
        await until_counted(system, 1)
        async with asyncio.timeout(10):
            while len(found := readable(system)) < 2:  # noqa: ASYNC110, a log shows once it was looked for
                await asyncio.sleep(0.001)
    assert found == {("site",): 0, ("other",): 1}


async def test_a_reload_keeps_the_counters_of_what_stays(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(LINE)
    context = Context(tmp_path / "state", SystemClock())
    system = System([source(tmp_path / "a", "a"), source(tmp_path / "b", "b")], context)
    async with running(system, context):
        await until_counted(system, 2)
        await system.reload([source(tmp_path / "b", "b", routes=("/x",), codes=(500,)), source(tmp_path / "c", "c")])
        await until_counted(system, 2)
        requests = next(f for f in system.collect() if f.metric.name == "tidewatch_http_requests_total")
    assert dict(requests.series) == {
        ("b", "GET", "/", "200"): 1,
        ("b", "GET", "/x", "500"): 0,
        ("c", "GET", "/", "200"): 1,
    }


@pytest.mark.parametrize(
    ("key", "requests", "lines"),
    [
        pytest.param('["GET","/","200"]', {"/": 1, "/x": 2}, 6, id="a-series"),
        pytest.param("totals", {"/": 4, "/x": 2}, 1, id="totals"),
        pytest.param("tail", {"/": 4, "/x": 2}, 6, id="position"),
        pytest.param("nobody knows it", {"/": 4, "/x": 2}, 6, id="unknown"),
    ],
)
@pytest.mark.parametrize("how", ["damaged", "gone"])
async def test_what_cannot_be_read_of_a_state_is_set_aside_and_the_rest_goes_on(tmp_path, key, requests, lines, how):
    log = tmp_path / "access.log"
    log.write_bytes(LINE * 3 + LINE.replace(b"/", b"/x") * 2)
    context = Context(tmp_path / "state", SystemClock())
    async with running(system := System([source(log)], context), context):
        await until_counted(system, 5)
    with log.open("ab") as more:
        more.write(LINE)
    with Checkpoint(tmp_path / "state" / "exporter.db", SystemClock()) as store:
        saved = store.load("accesslog/site")
        store.commit_now("accesslog/site", Changes({key: b"?"}) if how == "damaged" else Changes({}, frozenset([key])))
    context = Context(tmp_path / "state", SystemClock())
    async with running(system := System([source(log)], context), context):
        await until_counted(system, sum(requests.values()))
        found = {f.metric.name: dict(f.series) for f in system.collect()}
        aside = dict(context.checkpoint._db.execute("SELECT key, value FROM set_aside").fetchall())
        damaged = context.checkpoint.problems["damaged"]
    assert {route: n for (_, _, route, _), n in found["tidewatch_http_requests_total"].items()} == requests
    assert found["tidewatch_log_lines_total"] == {("site",): lines}
    if how == "damaged":
        assert aside[key] == b"?"
    if key == "tail":  # the counts of no known position
        assert aside | {key: saved[key]} == saved
    assert damaged == len(aside)


CONFIG = """
state_dir: {folder}/state
accesslog:
- source: site
  paths: [{folder}/access.log]
  routes: [{routes}]
  codes: [200]
"""


@pytest.mark.e2e
def test_a_hangup_reloads_and_a_bad_file_changes_nothing(tmp_path):
    config, log = tmp_path / "exporter.yml", tmp_path / "access.log"
    config.write_text(CONFIG.format(folder=tmp_path, routes="/"))
    log.write_bytes(LINE * 3)
    args = [Path(sys.executable).with_name("exporter"), "--config.file", config, "--web.listen-address", "127.0.0.1:0"]
    process = subprocess.Popen(args, stderr=subprocess.PIPE, text=True)
    try:
        url = next(line for line in process.stderr if "listening on" in line).split("listening on ")[1].strip(' "\n')
        wait_for(url, 'tidewatch_http_requests_total{source="site",method="GET",route="/",code="200"} 3')
        config.write_text(CONFIG.format(folder=tmp_path, routes="/, /new"))
        process.send_signal(signal.SIGHUP)
        wait_for(url, 'tidewatch_http_requests_total{source="site",method="GET",route="/new",code="200"} 0')
        config.write_text("accesslog: 1")
        process.send_signal(signal.SIGHUP)
        wait_for(url, "tidewatch_config_last_reload_successful 0")
        with log.open("ab") as more:
            more.write(LINE)
        wait_for(url, 'tidewatch_http_requests_total{source="site",method="GET",route="/",code="200"} 4')
        process.terminate()
        said = process.stderr.read()
        assert process.wait() == 0
        assert f"the old configuration stays in force: {config}:1: $.accesslog: expected a list" in said
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def wait_for(url, line):
    deadline_s = time.monotonic() + 30
    while True:
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        if line in text.splitlines():
            return
        assert time.monotonic() < deadline_s, f"{line!r} is not in\n{text}"
        time.sleep(0.05)


@pytest.mark.parametrize("rotated", [False, True])
async def test_parts_of_a_line_are_joined_over_a_restart_and_a_rotation(tmp_path, rotated):
    log = tmp_path / "0.log"
    whole, start, end = (
        b"2026-11-22T06:30:48Z stdout %b\n" % text for text in (b"F " + LINE[:-1], b"P 192.0", b"F .2.1\t")
    )
    log.write_bytes(whole + start)
    for want in (1, 2):
        context = Context(tmp_path / "state", SystemClock())
        system = System([source(log)], context)
        async with running(system, context):
            await until_counted(system, want)
            assert count(system, "tidewatch_log_lines_total") == want
            assert count(system, "tidewatch_log_lines_failed_total") == 0
        if rotated:
            log.rename(tmp_path / "0.log.1")
        with log.open("ab") as file:
            file.write(end[:-1] + LINE[10:])
