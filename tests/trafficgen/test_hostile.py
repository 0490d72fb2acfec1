"""Servers that misbehave: every request ends as an answer or as an error with its reason, and the run goes on."""

import asyncio
import contextlib

import pytest

from trafficgen.config import Limits, LoadConfig
from trafficgen.plan.mix import parse_mix
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import Phase
from trafficgen.run import run_load

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"


def config(site, *, rate=1000.0, duration_s=0.02, **settings):
    phases = (Phase(pattern=parse_patterns((), rate), duration_s=duration_s),)
    return LoadConfig(url=site.url, phases=phases, seed=1, **settings)


def says(*pieces):
    async def script(_reader, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        return True

    return script


async def cut_short(_reader, writer):
    writer.write(OK[:-2])


async def until_closed(_reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\n\r\nall there is")


async def hang(reader, _writer):
    await reader.read()


async def reset(_reader, writer):
    writer.transport.abort()
    await asyncio.sleep(0)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("script", "want"),
    [
        pytest.param(says(*(OK[at : at + 1] for at in range(len(OK)))), {"200": 20}, id="dribbles"),
        pytest.param(says(*(CHUNKED[at : at + 3] for at in range(0, len(CHUNKED), 3))), {"200": 20}, id="chunked"),
        pytest.param(says(b"HTTP/1.1 100 Continue\r\n\r\n", OK), {"200": 20}, id="interim"),
        pytest.param(says(OK + OK), {"200": 20}, id="answers-twice"),
        pytest.param(says(b"HTTP/1.1 204 X\r\n\r\n"), {"204": 20}, id="no-content"),
        pytest.param(until_closed, {"200": 20}, id="until-closed"),
        pytest.param(cut_short, {"closed": 20}, id="cut-short"),
        pytest.param(says(b"SSH-2.0-x\r\n"), {"malformed": 20}, id="garbage"),
        pytest.param(says(b"HTTP/1.1 200 OK\r\nbad\r\n\r\n"), {"malformed": 20}, id="bad-head"),
        pytest.param(says(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n"), {"too_large": 20}, id="huge"),
        pytest.param(says(b"HTTP/1.1 103 X\r\n\r\n" * 40, OK), {"too_large": 20}, id="interim-flood"),
        pytest.param(hang, {"timeout": 20}, id="hangs"),
    ],
)
async def test_every_request_has_an_outcome(site, script, want):
    site.script["/"] = script
    report = await run_load(config(site, limits=Limits(timeout_s=0.05 if script is hang else 30.0)))
    assert report.codes | report.no_answer == want
    assert report.planned == report.sent == 20 == site.requests["/"]


async def test_a_reset_connection_costs_its_own_request_only(site):
    site.script["/bad"] = reset
    report = await run_load(config(site, mix=parse_mix("/=1,/bad=1")))
    assert sum(report.no_answer.values()) == site.requests["/bad"] > 0
    assert set(report.no_answer) <= {"reset", "closed"}
    assert report.codes == {"200": site.requests["/"]}


async def test_surplus_bytes_close_the_connection(site):
    site.script["/"] = says(OK + b"HTTP/1.1 200 again\r\n")
    report = await run_load(config(site))
    assert report.codes == {"200": 20}
    assert site.connections == 21


async def test_connections_are_reused_unless_told_otherwise(site):
    one = Limits(connections=1)
    assert (await run_load(config(site, limits=one))).answered == 20
    assert site.connections == 2  # the first one only asks whether anyone is there
    assert (await run_load(config(site, limits=one, keepalive=False))).answered == 20
    assert site.connections == 2 + 21


async def test_a_server_that_goes_away_makes_drops_not_crashes(site):
    async def last(_reader, writer):
        writer.write(OK)
        site.server.close()

    site.script["/"] = last
    report = await run_load(config(site, keepalive=False, limits=Limits(connections=1, timeout_s=0.3)))
    assert report.planned == report.sent + report.dropped["connect_refused"] == 20
    assert report.sent == report.answered + sum(report.no_answer.values()) >= 1


@pytest.mark.slow
async def test_what_cannot_be_in_flight_is_dropped(site):
    site.script["/"] = hang
    report = await run_load(config(site, limits=Limits(connections=3, max_in_flight=5, timeout_s=0.05)))
    assert report.sent == report.no_answer["timeout"] >= 3
    assert report.dropped["in_flight"] + report.dropped.get("no_connection", 0) + report.sent == 20


async def test_a_slow_server_does_not_slow_the_plan(site):
    async def slow(_reader, writer):
        await asyncio.sleep(0.05)
        writer.write(OK)
        return True

    site.script["/"] = slow
    report = await run_load(config(site))
    assert report.planned == report.answered == 20
    assert site.connections >= 10  # all of them under way together


async def test_head_has_no_body_and_post_has_one(site):
    got = []

    async def head(_reader, writer):
        writer.write(OK[:-3])
        return True

    async def post(reader, writer):
        got.append(await reader.readexactly(4))
        writer.write(OK)
        return True

    site.script["/"] = head
    assert (await run_load(config(site, method="HEAD"))).codes == {"200": 20}
    site.script["/"] = post
    assert (await run_load(config(site, method="POST", body=b"body"))).codes == {"200": 20}
    assert got == [b"body"] * 20


async def test_a_unix_socket(tmp_path, site):
    server = await asyncio.start_unix_server(site, tmp_path / "s")
    with contextlib.closing(server):
        report = await run_load(config(site, unix_socket=str(tmp_path / "s")))
    assert report.codes == {"200": 20}
