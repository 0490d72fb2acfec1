"""A page that cannot be read is `up` 0 and a gap; nothing it answers costs the scrape."""

import asyncio
import logging
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from starving import no_descriptors

from exporter.sources.http import fetch
from exporter.stats import Source, System
from exporter.stats import system as system_module
from exporter.system import Context, Refreshing
from foundation.clock import SystemClock
from foundation.config import parse_config
from foundation.errors import ConfigError

CONTEXT = Context(Path("unused"), SystemClock())
GOOD = "time: 1795328999\n200s: 12\n404s: 3\n500s: 0\n"


async def _hang(_):
    await asyncio.Event().wait()


async def _large(_):
    return web.Response(body=b"x" * (2 << 20))


async def _break_off(request):
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"200s: 1\n")
    request.transport.abort()
    return response


async def _move(_):
    raise web.HTTPFound("/good")


async def _fail(_):
    return web.Response(status=500, text=GOOD)


def _say(text):
    async def handler(_):
        return web.Response(text=text)

    return handler


BAD_PAGES = {
    "hang": _hang,
    "large": _large,
    "broken-off": _break_off,
    "moved": _move,
    "failing": _fail,
    "empty": _say(""),
    "html": _say("<h1>hello</h1>"),
    "negative": _say("200s: -4\n"),
}


@pytest_asyncio.fixture
async def base():
    app = web.Application()
    app.router.add_get("/good", _say(GOOD))
    for name, handler in BAD_PAGES.items():
        app.router.add_get(f"/{name}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def told(system, deadline_s=5.0):
    """What one scrape sees: (metric, labels) -> value, durations aside."""
    await system.refresh(deadline_s)
    return {
        (family.metric.name.removeprefix("tidewatch_stats_"), *labels): value
        for family in system.collect()
        for labels, value in family.series
        if "duration" not in family.metric.name
    }


@pytest_asyncio.fixture
async def make():
    """Systems whose sessions are closed at the end, as the daemon does it."""
    tasks = []

    def make_system(*sources):
        system = System(list(sources), CONTEXT)
        tasks.append(asyncio.create_task(system.run()))
        return system

    yield make_system
    await asyncio.sleep(0)  # a task that never began would not close its session
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_page_becomes_a_counter_for_each_code(base, make):
    system = make(Source("site", f"{base}/good"))
    assert isinstance(system, Refreshing)
    assert await told(system) == {
        ("up", "site"): 1,
        ("responses_total", "site", "200"): 12,
        ("responses_total", "site", "404"): 3,
        ("responses_total", "site", "500"): 0,
    }


@pytest.mark.parametrize("page", [name for name in BAD_PAGES if name != "hang"])
async def test_a_bad_page_costs_only_its_own_series(base, make, page):
    seen = await told(make(Source("bad", f"{base}/{page}"), Source("site", f"{base}/good")))
    assert (seen[("up", "bad")], seen[("up", "site")], seen[("responses_total", "site", "200")]) == (0, 1, 12)
    assert not [key for key in seen if key[:2] == ("responses_total", "bad")]


@pytest.mark.slow
async def test_a_page_that_no_descriptor_is_left_for_is_down_until_there_is_one(base, make, caplog):
    system = make(Source("site", f"{base}/good"))
    with no_descriptors():
        assert await told(system) == {("up", "site"): 0}
    assert "Too many open files" in caplog.text
    assert (await told(system))["up", "site"] == 1


async def test_a_page_that_hangs_is_given_up_before_the_scrape_is(base, make):
    seen = await told(make(Source("slow", f"{base}/hang"), Source("site", f"{base}/good")), deadline_s=0.3)
    assert (seen[("up", "slow")], seen[("up", "site")]) == (0, 1)


async def test_a_scrape_that_is_cut_off_tells_no_value_of_an_earlier_one(base, make, monkeypatch):
    system = make(Source("site", f"{base}/good"))
    assert (await told(system))[("up", "site")] == 1

    async def cut_off(*_, **__):
        raise asyncio.CancelledError

    monkeypatch.setattr("exporter.stats.system.fetch", cut_off)
    with pytest.raises(asyncio.CancelledError):
        await system.refresh(5.0)
    assert [series for family in system.collect() for series in family.series] == []


async def test_an_error_that_nobody_expected_costs_its_own_page(base, make, monkeypatch, caplog):
    """Its traceback is logged once, and the page is read again when that works."""
    system = make(Source("bad", f"{base}/good"), Source("site", f"{base}/good"))
    broken_once = [True]

    async def broken(session, url, **options):
        if broken_once:
            broken_once.clear()
            raise ZeroDivisionError("never thought of")
        return await fetch(session, url, **options)

    monkeypatch.setattr(system_module, "fetch", broken)
    seen = await told(system)
    assert sorted((seen[("up", "bad")], seen[("up", "site")])) == [0, 1]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]
    assert (await told(system))[("up", "bad")] == 1


async def test_pages_are_fetched_side_by_side(make):
    """Each answer waits until all requests are there."""
    everyone = asyncio.Barrier(3)

    async def meet(_):
        await everyone.wait()
        return web.Response(text=GOOD)

    app = web.Application()
    app.router.add_get("/", meet)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    seen = await told(make(*(Source(name, url) for name in "abc")))
    await runner.cleanup()
    assert [seen[("up", name)] for name in "abc"] == [1, 1, 1]


async def test_an_unreachable_page_is_said_once_a_streak(make, caplog, unused_tcp_port):
    caplog.set_level(logging.INFO)
    url = f"http://127.0.0.1:{unused_tcp_port}/stats"
    system = make(Source("site", url))
    for _ in range(3):
        assert (await told(system))[("up", "site")] == 0
    assert len(caplog.records) == 1
    runner = web.AppRunner(app := web.Application())
    app.router.add_get("/stats", _say(GOOD))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    assert (await told(system))[("up", "site")] == 1
    await runner.cleanup()
    assert "can be read again" in caplog.records[-1].message


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        (
            "127.0.0.1:8080/stats",
            "invalid URL '127.0.0.1:8080/stats': expected http or https, for example http://127.0.0.1:8080/stats",
        ),
        ("ftp://example.com/", "expected http or https"),
        ("http:///stats", "expected http or https"),
        ("http://[::1/stats", "expected http or https"),
        ("http://example.com:99999/", "expected http or https"),
        ("http://me:secret@example.com/", "invalid URL 'http://example.com/': expected no password in it"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused(url, complaint):
    with pytest.raises(ConfigError) as caught:
        parse_config(f"- {{source: site, url: '{url}'}}", list[Source])
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("config:1: $[0]: ")
    assert "secret" not in str(caught.value)


def test_the_settings_refuse_what_they_do_not_know():
    with pytest.raises(ConfigError, match="unknown key ur; did you mean url"):
        parse_config("{source: a, ur: b}", Source)
