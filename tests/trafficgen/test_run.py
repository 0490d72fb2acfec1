"""A run against a real server on loopback: what is counted adds up."""

import asyncio
import time

import pytest

from foundation.errors import TidewatchError
from trafficgen import run as run_module
from trafficgen.config import LoadConfig
from trafficgen.plan.mix import parse_mix
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import Phase
from trafficgen.report.report import AddressReport
from trafficgen.run import make_run, run_load
from trafficgen.send import worker as worker_module
from trafficgen.send.engine import Engine
from trafficgen.send.target import Target


def config(site, rate=2000.0, duration_s=0.05, **settings):
    phases = (Phase(pattern=parse_patterns((), rate), duration_s=duration_s),)
    return LoadConfig(url=site.url, phases=phases, seed=7, **settings)


async def test_every_planned_request_is_sent_and_answered_once(site):
    report = await run_load(config(site, mix=parse_mix("/=90,/fail=8,/missing=2")))
    assert (report.planned, report.sent, report.answered) == (100, 100, 100)
    assert sum(site.requests.values()) == 100
    assert report.codes == {"200": site.requests["/"], "404": site.requests["/missing"], "500": site.requests["/fail"]}
    assert report.no_answer == report.dropped == {}


@pytest.mark.parametrize(("grain_s", "grain_ns"), [(None, None), (0.0, 0), (0.00025, 250_000)])
async def test_the_engine_gets_the_grain(site, monkeypatch, grain_s, grain_ns):
    paces = []

    class Noting(Engine):
        def __init__(self, *given):
            paces.append(given[-1])
            super().__init__(*given)

    monkeypatch.setattr(worker_module, "Engine", Noting)
    report = await run_load(config(site, grain_s=grain_s))
    assert (report.answered, [pace.grain_ns for pace in paces]) == (100, [grain_ns])


async def test_each_address_is_told_with_its_share(site):
    report = await run_load(config(site))
    assert report.addresses == {"127.0.0.1": AddressReport(sent=100, failed_connects=0)}


async def test_an_address_that_nobody_listens_on_costs_no_request(site, monkeypatch):
    """A name with two addresses, one of which has no server, as localhost with IPv6."""
    found = asyncio.get_running_loop().getaddrinfo

    async def getaddrinfo(_host, port, **more):
        return [info for host in ("127.0.0.9", "127.0.0.1") for info in await found(host, port, **more)]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    site.url = site.url.replace("127.0.0.1", "localhost")
    report = await run_load(config(site))
    assert (report.answered, report.dropped) == (100, {})
    assert report.addresses["127.0.0.1"] == AddressReport(sent=100, failed_connects=0)
    assert report.addresses["127.0.0.9"].sent == 0
    assert report.addresses["127.0.0.9"].failed_connects >= 1


async def test_stop_sends_nothing_more_and_waits_for_the_answers(site, monkeypatch):
    monkeypatch.setattr(run_module, "TICK_S", 0.05)
    run = make_run(config(site, duration_s=None))
    stopped = []

    def stop_once(run):
        """A second stop would end the run at once."""
        if run.meter.sent and not stopped:
            stopped.append(run.stop())

    report = await run.execute(stop_once)
    assert report.stopped_early
    assert report.planned == report.sent + sum(report.dropped.values())
    assert report.sent == report.answered == site.requests.total() > 0


async def test_a_dropped_connection_is_an_error_and_the_run_goes_on(site):
    async def hang_up(_reader, writer):
        writer.close()

    site.script["/fail"] = hang_up
    report = await run_load(config(site, mix=parse_mix("/=90,/fail=10")))
    assert report.no_answer == {"closed": site.requests["/fail"]}
    assert report.planned == report.sent == report.answered + report.no_answer["closed"] == 100


async def test_a_run_begins_at_its_time(site):
    """The plan's second 0 is that moment, and nothing comes before it."""
    came = []

    async def note(_reader, writer):
        came.append(time.time())
        writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n")
        return True

    site.script["/"] = note
    start_at = time.time() + 0.7
    report = await run_load(config(site, start_at=start_at))
    assert report.answered == 100
    assert report.started_at == pytest.approx(start_at, abs=0.01)
    assert min(came) >= start_at - 0.01


async def test_stop_ends_the_wait_for_the_start(site, monkeypatch):
    run = make_run(config(site, start_at=time.time() + 3600))
    waiting = asyncio.Event()

    async def wait(_start_s):
        waiting.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(run_module, "wait_for_start", wait)
    running = asyncio.create_task(run.execute())
    await waiting.wait()
    run.stop()
    with pytest.raises(TidewatchError, match="stopped before anything was sent"):
        await running
    assert not site.requests


async def test_stop_ends_the_wait_for_a_target(site, monkeypatch):
    run = make_run(config(site, wait_s=3600.0))

    async def refuse(_target, _factory):
        run.stop()
        raise ConnectionRefusedError

    monkeypatch.setattr(Target, "dial", refuse)
    with pytest.raises(TidewatchError, match="stopped before anything was sent"):
        await run.execute()
    assert site.requests.total() == 0
