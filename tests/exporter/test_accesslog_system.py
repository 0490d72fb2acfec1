"""The system on real files: what stands in the log is what is counted, over restarts and reloads."""

import asyncio
from contextlib import asynccontextmanager

from exporter.accesslog import Source, System
from exporter.clock import SystemClock
from exporter.system import Context


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


async def test_a_large_backlog_is_read_whole(tmp_path):
    log = tmp_path / "access.log"
    log.write_bytes(LINE * 200_000 + b"bad\n")
    context = Context(tmp_path / "state", SystemClock())
    system = System([source(log)], context)
    async with running(system, context):
        await until_counted(system, 200_000)
    assert count(system, "tidewatch_log_lines_failed_total") == 1


async def test_a_log_that_is_not_there_is_a_metric(tmp_path):
    context = Context(tmp_path / "state", SystemClock())
    system = System([source(tmp_path / "gone.log"), source(tmp_path / "access.log", "other")], context)
    (tmp_path / "access.log").write_bytes(LINE)
    async with running(system, context):
        await until_counted(system, 1)
        readable = {f.metric.name: dict(f.series) for f in system.collect()}["tidewatch_log_readable"]
    assert readable == {("site",): 0, ("other",): 1}


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


async def test_a_state_that_cannot_be_read_is_thrown_away_and_told(tmp_path, caplog):
    log = tmp_path / "access.log"
    log.write_bytes(LINE * 3)
    context = Context(tmp_path / "state", SystemClock())
    saved = {"totals": b"{", '["GET","/old","200"]': b"[9,9,1.0]", "tail": b"?"}
    await context.checkpoint.commit("accesslog/site", saved)
    system = System([source(log)], context)
    async with running(system, context):
        await until_counted(system, 3)
    assert context.checkpoint.problems["damaged"] == 1
    assert "source site: the state kept for it cannot be read" in caplog.text
    again = Context(tmp_path / "state", SystemClock())
    assert set(again.checkpoint.load("accesslog/site")) == {"totals", "tail", '["GET","/","200"]'}
    again.close()
