"""Nothing that takes long runs on the event loop, whatever is read: a scrape waits for nobody."""

import asyncio
import gc
import time
from contextlib import contextmanager

import pytest

from exporter import daemon
from exporter.accesslog import Source, System
from exporter.accesslog.source import Limits
from exporter.logs import source as logs
from exporter.logs.system import System as LogsSystem
from exporter.system import Context
from exporter.web.app import Scraper
from foundation.clock import SystemClock

MOST_S = 0.02
"""Of processor time, which others on the machine change little: four times what is asked for."""


@contextmanager
def longest_step():
    """A list whose one item is the longest time that the loop's thread has worked on a callback in the block."""
    longest, run = [0.0], asyncio.events.Handle._run

    def timed(handle):
        started_s = time.thread_time()
        run(handle)
        longest[0] = max(longest[0], time.thread_time() - started_s)

    asyncio.events.Handle._run = timed
    gc.disable()  # it would look through all that the tests have loaded
    try:
        yield longest
    finally:
        gc.enable()
        asyncio.events.Handle._run = run


def lines(first, count):
    """Of a site with ids and assets, and of guests who ask for what is not there; each path is a new one."""
    kinds = ("/items/%d", "/shop/word%d/x", "/assets/app.%08xa.js", "/api/v1/a0%030x", "/a/b?page=%d")
    paths = (kinds[number % len(kinds)] % number for number in range(first, first + count))
    asked = (f'"GET {path} HTTP/1.1" {(200, 404, 500)[len(path) % 3]} 512' for path in paths)
    return "".join(f'192.0.2.7 - - [22/Nov/2026:06:30:48 +0000] {one} "-" "curl/8.5.0"\n' for one in asked).encode()


async def scraped(scraper):
    """The requests that a scrape shows; its text is looked through beside the loop, which is not what is measured."""
    pieces = [piece async for piece in scraper.pieces(5.0, openmetrics=False)]
    return await asyncio.to_thread(requests_in, pieces)


def requests_in(pieces):
    text = b"".join(pieces).decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in text if line.startswith("tidewatch_http_requests_total{"))


@pytest.mark.slow
@pytest.mark.parametrize("backlog", [0, 60_000])
async def test_a_scrape_waits_for_nobody(tmp_path, backlog):
    log, clock = tmp_path / "access.log", SystemClock()
    log.write_bytes(lines(0, backlog))
    context = Context(tmp_path / "state", clock)
    source = Source(source="site", paths=(str(log),), format="combined", limits=Limits(routes=3000))
    system = System([source], context)
    scraper = Scraper(lambda: {"accesslog": system}, list, clock)
    written, counted = backlog, -1.0
    with longest_step() as longest:
        running = asyncio.create_task(system.run())
        async with asyncio.timeout(120):
            while written < 100_000 or counted < written:
                if written == counted:
                    more = await asyncio.to_thread(lines, written, 10_000)
                    with log.open("ab") as file:
                        file.write(more)
                    written += 10_000
                await asyncio.sleep(0.005)
                counted = await scraped(scraper)
        running.cancel()
        await asyncio.wait([running])
    context.close()
    assert longest[0] < MOST_S


def pairs(count):
    """Lines of JSON with so many pairs of values, four times over."""
    lines = (f'{{"a":"a{n // 100}","b":"b{n % 100}","took":{n % 7}}}\n' for n in range(count))
    return "".join(lines).encode() * 4


@pytest.mark.slow
async def test_metrics_of_ones_own_with_many_series_are_added_up_beside_the_loop(tmp_path):
    """5,000 series of a counter and of a histogram, all of them in each batch."""
    log, clock, data = tmp_path / "app.log", SystemClock(), pairs(5000)
    labels = {"a": "{a}", "b": "{b}"}
    rules = (
        logs.Rule(counter="app_requests_total", labels=labels),
        logs.Rule(histogram="app_wait_seconds", value="{took}", labels=labels),
    )
    log.write_bytes(data)
    context = Context(tmp_path / "state", clock)
    system = LogsSystem(
        [logs.Source(source="app", paths=(str(log),), metrics=rules, limits=logs.Limits(series=5000))], context
    )
    scraper = Scraper(lambda: {"logs": system}, list, clock)
    written, counted = 20_000, -1.0
    with longest_step() as longest:
        running = asyncio.create_task(system.run())
        async with asyncio.timeout(120):
            while counted < 100_000:
                if written == counted:
                    with log.open("ab") as file:
                        file.write(data)
                    written += 20_000
                await asyncio.sleep(0.005)
                pieces = [piece async for piece in scraper.pieces(5.0, openmetrics=True)]
                counted = await asyncio.to_thread(own_requests_in, pieces)
        running.cancel()
        await asyncio.wait([running])
    context.close()
    assert longest[0] < MOST_S


def own_requests_in(pieces):
    text = b"".join(pieces).decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in text if line.startswith("app_requests_total{"))


async def test_what_start_up_made_is_left_out_of_garbage_collections(monkeypatch):
    class Fake:
        def __init__(self, options):
            pass

        async def run(self, stop):
            assert gc.get_freeze_count() > 0
            assert gc.get_threshold()[0] > 700

    monkeypatch.setattr(daemon, "Daemon", Fake)
    gc.unfreeze()
    thresholds = gc.get_threshold()
    try:
        await daemon._main(daemon.Options(config_file=None))
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
