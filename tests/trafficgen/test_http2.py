"""Runs over HTTP/2 against the server in conftest.py: targets, sessions, methods, and servers that do not speak it."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from foundation.errors import ConfigError
from trafficgen.config import Limits, LoadConfig
from trafficgen.options import chosen_protocol
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import Phase
from trafficgen.report.render_text import render_text
from trafficgen.run import run_load
from trafficgen.send.http2.connection import Link
from trafficgen.send.http2.frames import GOAWAY, SETTINGS, frame
from trafficgen.targets.read import read_targets

TARGETS = """\
targets:
  - {path: "/users/{random 1 9}", weight: 2, expect: 404}
  - {path: /, method: HEAD}
  - {path: /orders, method: POST, body: '{"id": "{uuid}"}', headers: {Content-Type: application/json}, expect: 201}
sessions:
  - name: shop
    steps:
      - {path: /login, method: POST, body: "n={seq}", capture: {token: "json:$.token", next: "header:X-Next"}}
      - {path: "/cart/{next}", headers: {X-Token: "{token}"}, expect: 200}
"""


@pytest.fixture
async def site(serve_http2):
    """The URL of a server, and what it is asked."""
    port, asked = await serve_http2()
    return f"http://127.0.0.1:{port}/", asked


def config(url, **settings):
    phases = (Phase(pattern=parse_patterns((), 1000), duration_s=0.1),)
    return LoadConfig(**{"url": url, "phases": phases, "seed": 1, "protocol": "h2c", **settings})


async def test_targets_and_sessions_work_as_over_http1(site, tmp_path):
    url, asked = site
    (tmp_path / "site.yml").write_text(TARGETS)
    report = await run_load(config(url, targets=read_targets(tmp_path / "site.yml", {})))
    assert (report.planned, report.answered, report.unexpected) == (len(asked), len(asked), 0)
    assert report.sessions["shop"]["completed"] == report.sessions["shop"]["started"] > 0
    paths = [names[":path"] for names, _ in asked]
    assert {path for path in paths if path.startswith("/users/")} <= {f"/users/{n}" for n in range(1, 10)}
    carts = [names for names, _ in asked if names[":path"] == "/cart/n1"]
    assert {(names["x-token"], names["cookie"]) for names in carts} == {("a b", "sid=7")}
    assert len(carts) == paths.count("/login")
    orders = [json.loads(body)["id"] for names, body in asked if names[":path"] == "/orders"]
    assert len(set(orders)) == len(orders) > 0
    assert {names[":method"] for names, _ in asked if names[":path"] == "/"} == {"HEAD"}


async def test_one_connection_carries_all_and_the_report_says_so(site):
    report = await run_load(config(site[0]))
    assert (report.answered, report.connects, report.protocol) == (100, 1, "h2c")
    assert "HTTP/2 without TLS, connections made: 1" in render_text(report)


async def test_several_workers_share_the_plan(site):
    url, asked = site
    report = await run_load(config(url, workers=2))
    assert report.answered == len(asked) == 100


async def test_large_bodies_go_through_the_server_s_windows(site):
    url, asked = site
    report = await run_load(config(url, method="PUT", body=b"x" * 200_000, limits=Limits(timeout_s=60)))
    assert report.answered == 100
    assert {len(body) for _, body in asked} == {200_000}


async def test_a_server_of_http1_is_an_error_before_anything_is_sent():
    async def old(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(old, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    with pytest.raises(ConfigError, match=r"--url: cannot connect .*: it does not speak HTTP/2"):
        await run_load(config(url))
    server.close()


async def test_a_server_that_hangs_up_is_an_error_before_anything_is_sent():
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    with pytest.raises(ConfigError, match=r"before HTTP/2's SETTINGS|reset by peer"):
        await run_load(config(url))
    server.close()


@pytest.mark.parametrize(
    ("hello", "words"),
    [
        (frame(SETTINGS, 0, 0, b"") + frame(GOAWAY, 0, 0, bytes(8)), "it ended the connection .GOAWAY. before"),
        (frame(GOAWAY, 0, 0, bytes(8)), "bytes that are not HTTP/2's SETTINGS"),
    ],
    ids=["after-settings", "instead-of-settings"],
)
async def test_a_server_that_ends_each_connection_at_once_is_an_error_before_anything_is_sent(hello, words):
    async def leave(reader, writer):
        await reader.readexactly(24)
        writer.write(hello)
        writer.close()

    server = await asyncio.start_server(leave, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    with pytest.raises(ConfigError, match=f"--url: cannot connect .*: .*{words}"):
        await run_load(config(url))
    server.close()


async def test_a_connection_that_the_server_has_closed_needs_no_goodbye():
    """As where the server hangs up behind its SETTINGS: a transport of uvloop that is closed raises on a write."""
    link, writes, closing = Link(), [], False
    link.connection_made(
        SimpleNamespace(get_extra_info=lambda _: None, write=writes.append, close=bool, is_closing=lambda: closing)
    )
    link.data_received(frame(SETTINGS, 0, 0, b""))
    link.connection_lost(None)
    writes.clear()
    closing = True
    link.leave()
    assert writes == []


@pytest.mark.parametrize(
    ("url", "protocol", "words"),
    [("http://127.0.0.1/", "h2", "--http2: .* --h2c"), ("https://127.0.0.1/", "h2c", "--h2c: .* --http2")],
)
async def test_the_scheme_must_fit(url, protocol, words):
    with pytest.raises(ConfigError, match=words):
        await run_load(config(url, protocol=protocol))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"http2": True, "h2c": True, "streams": None}, "expected one of them"),
        ({"http2": False, "h2c": False, "streams": 3}, "add --http2 or --h2c"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(flags, words):
    with pytest.raises(ConfigError, match=words):
        chosen_protocol(flags)


@pytest.mark.parametrize(("http2", "want"), [(True, "h2"), (False, "h2c")])
def test_each_flag_is_its_protocol(http2, want):
    assert chosen_protocol({"http2": http2, "h2c": not http2, "streams": None}) == want
