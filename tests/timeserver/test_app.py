"""Every request is counted once and logged once, over real sockets."""

import asyncio
import contextlib
import json
import re
from contextlib import AsyncExitStack
from urllib.parse import urljoin

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from foundation.listen import serve
from foundation.web import Guard, WebPolicy
from timeserver import app
from timeserver.counters import Counters
from timeserver.log_format import tab
from timeserver.pages import TimeserverCollector


class Site:
    """A running time server, spoken to in raw bytes."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.counters = Counters(lambda line: self.lines.append(line.decode()), tab)
        self.port = 0

    async def send(self, data: bytes) -> bytes:
        """Send `data` on a connection of its own; returns all that comes back until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    async def ask(self, target: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        extra = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        host = "" if "Host" in headers else "Host: localhost\r\n"
        answer = await self.send(f"{method} {target} HTTP/1.1\r\n{host}Connection: close\r\n{extra}\r\n".encode())
        head, _, body = answer.decode().partition("\r\n\r\n")
        return int(head.split()[1]), body


@pytest_asyncio.fixture
async def site():
    site, policy, registry = Site(), WebPolicy(), CollectorRegistry()
    registry.register(TimeserverCollector(site.counters, None, policy, "1.2.3"))
    async with AsyncExitStack() as stack:
        guard = Guard(policy)
        server = app.make_server(site.counters, registry, guard)
        _, site.port = await serve(server, ("127.0.0.1", 0), stack, problem=guard.problem, shutdown_s=1)
        yield site


async def test_the_site_answers_by_address(site):
    status, body = await site.ask("/")
    assert status == 200
    assert re.fullmatch(r"\d\d:\d\d:\d\d \S+\n", body)
    assert await site.ask("/fail") == (500, "500 Internal Server Error\n")
    assert await site.ask("/missing") == (404, "404 Not Found\n")
    assert site.lines[1:] == ["127.0.0.1\tGET /fail\t500\t26\n", "127.0.0.1\tGET /missing\t404\t14\n"]


CLOSE = b"Host: localhost\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "request_column", "code"),
    [
        pytest.param(b"HEAD / HTTP/1.1\r\n" + CLOSE, "HEAD /", 200, id="head"),
        pytest.param(b"DELETE /fail HTTP/1.1\r\n" + CLOSE, "DELETE /fail", 500, id="delete"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\n" + CLOSE, "OPTIONS *", 404, id="asterisk"),
        pytest.param(b"PROPFIND /x HTTP/1.1\r\n" + CLOSE, "PROPFIND /x", 404, id="webdav"),
        pytest.param(b"GET /x?token=secret HTTP/1.1\r\n" + CLOSE, "GET /x", 404, id="query"),
        pytest.param(b"GET http://localhost/fail HTTP/1.1\r\n" + CLOSE, "GET /fail", 500, id="absolute-form"),
        pytest.param(b"GET /fail HTTP/1.0\r\n\r\n", "GET /fail", 500, id="http-1.0"),
        pytest.param(b"CONNECT example.com:443 HTTP/1.1\r\n" + CLOSE, "CONNECT -", 404, id="connect"),
        pytest.param(b"POST /x HTTP/1.1\r\nContent-Length: 3\r\n" + CLOSE + b"abc", "POST /x", 404, id="body"),
        pytest.param(
            b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + CLOSE + b"zz\r\n", "UNKNOWN -", 400, id="bad-chunk"
        ),
        pytest.param(b"GET /\t\xc3\xa9 HTTP/1.1\r\n" + CLOSE, "UNKNOWN -", 400, id="tab-in-path"),
        pytest.param(b"no http at all\r\n\r\n", "UNKNOWN -", 400, id="garbage"),
        pytest.param(b"GET / HTTP/1.1\r\nbad header\r\n\r\n", "UNKNOWN -", 400, id="bad-header"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "UNKNOWN -", 400, id="tls"),
        pytest.param(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n", "UNKNOWN -", 400, id="too-long"),
        pytest.param(b"GET / HTTP/1.1\r\nTransfer-Encoding: x\r\n" + CLOSE, "UNKNOWN -", 400, id="encoding"),
        pytest.param(b"GET http://[::1/ HTTP/1.1\r\n" + CLOSE, "UNKNOWN -", 400, id="bad-url"),
        pytest.param(b"CONNECT \r\n\r\n", "UNKNOWN -", 400, id="connect-to-nowhere"),
        pytest.param(b"GET http://localhost HTTP/1.1\r\n" + CLOSE, "GET /", 200, id="absolute-form-without-path"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "UNKNOWN -", 400, id="http-2"),
    ],
)
async def test_an_odd_request_is_answered_counted_and_logged_once(site, sent, request_column, code):
    head, _, body = (await site.send(sent)).partition(b"\r\n\r\n")
    assert head.split()[1] == str(code).encode()
    assert site.lines == [f"127.0.0.1\t{request_column}\t{code}\t{len(body)}\n"]
    assert sum(site.counters.by_code.values()) == site.counters.by_code[code] == 1
    assert sum(site.counters.duration_counts) == 1
    assert site.counters.in_flight == 0


async def test_the_service_routes_leave_no_trace_by_any_method(site):
    for method in ("GET", "HEAD", "POST"):
        for target in ("/stats", "/stats?format=json", "/metrics", "/-/healthy"):
            assert (await site.ask(target, method))[0] == 200
    assert (site.lines, sum(site.counters.by_code.values()), site.counters.in_flight) == ([], 0, 0)


@pytest.mark.parametrize("target", ["/", "/fail", "/x"])
async def test_trace_is_refused_counted_and_logged(site, target):
    head, _, body = (
        await site.send(f"TRACE {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    ).partition(b"\r\n\r\n")
    assert head.split()[1] == b"405"
    assert b"\r\nAllow: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT\r\n" in head + b"\r\n"
    assert site.lines == [f"127.0.0.1\tTRACE {target}\t405\t{len(body)}\n"]


async def test_stats_is_text_and_json_when_asked(site):
    for target in ("/", "/", "/fail", "/x"):
        await site.ask(target)
    await site.send(b"garbage\r\n\r\n")
    _, text = await site.ask("/stats")
    assert re.fullmatch(r"time: \d{10}\n200s: 2\n400s: 1\n404s: 1\n500s: 1\n", text)
    for answer in (await site.ask("/stats?format=json"), await site.ask("/stats", Accept="application/json")):
        stats = json.loads(answer[1])
        del stats["time"]
        assert stats == {"200s": 2, "400s": 1, "404s": 1, "500s": 1}
    _, text = await site.ask("/stats?format=text", Accept="application/json")
    assert text.startswith("time: ")


async def test_the_codes_of_the_site_are_told_before_they_occur(site):
    _, text = await site.ask("/stats")
    assert re.fullmatch(r"time: \d+\n200s: 0\n404s: 0\n500s: 0\n", text)


async def test_metrics_agree_with_the_counts_in_both_formats(site):
    for target in ("/", "/fail", "/x", "/y"):
        await site.ask(target)
    await site.send(b"garbage\r\n\r\n")
    want = {("GET", "200"): 1.0, ("GET", "404"): 2.0, ("GET", "500"): 1.0, ("other", "400"): 1.0}
    for accept, parse in (("text/plain", parse_text), ("application/openmetrics-text", parse_openmetrics)):
        _, page = await site.ask("/metrics", Accept=accept)
        samples = [sample for family in parse(page) for sample in family.samples]
        got = {
            (sample.labels["method"], sample.labels["code"]): sample.value
            for sample in samples
            if sample.name == "timeserver_requests_total"
        }
        assert got == want
        assert [s.value for s in samples if s.name == "timeserver_request_duration_seconds_count"] == [5.0]


async def test_a_page_that_raises_is_a_500_counted_and_logged_once(site, monkeypatch, caplog):
    def broken(request):
        raise RuntimeError("a bug")

    monkeypatch.setattr(app, "_not_found", broken)
    monkeypatch.setitem(app._SITE, "/", broken)
    async with AsyncExitStack() as stack:
        server = app.make_server(site.counters, CollectorRegistry(), Guard(WebPolicy()))
        _, site.port = await serve(server, ("127.0.0.1", 0), stack)
        status, _ = await site.ask("/")
    assert (status, site.counters.by_code[500], len(site.lines)) == (500, 1, 1)
    assert "a bug" in caplog.text


async def test_a_client_that_leaves_at_once_is_counted_as_often_as_logged(site):
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5)
        writer.transport.abort()
    assert (await site.ask("/last"))[0] == 404
    assert sum(site.counters.by_code.values()) == len(site.lines) > 0
    assert site.counters.in_flight == 0


async def test_pipelined_requests_are_answered_in_order(site):
    answer = await site.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3 + b"GET /fail HTTP/1.1\r\n" + CLOSE)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"200", b"500"]
    assert [line.split("\t")[2] for line in site.lines] == ["200", "200", "200", "500"]


async def test_a_request_never_finished_is_no_request(site):
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET / HTTP/1.1\r\nHo")
    writer.write_eof()
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert (await site.ask("/stats"))[0] == 200
    assert site.lines == []


@pytest.mark.parametrize("route", ["/", "/stats", "/metrics", "/nowhere"])
async def test_a_foreign_name_is_refused_and_counted_like_any_answer(site, route):
    status, _ = await site.ask(route, Host="rebind.evil.example")
    assert status == 421
    counted = 0 if route in {"/stats", "/metrics"} else 1
    assert (site.counters.by_code.get(421, 0), len(site.lines)) == (counted, counted)
    assert site.counters.in_flight == 0


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n" + CLOSE, b"GET /x HTTP/1.1\r\n" + CLOSE, b"G\0\r\n\r\n"])
async def test_every_answer_carries_the_headers_of_the_policy(site, sent):
    head = (await site.send(sent)).decode().split("\r\n\r\n")[0]
    assert "Server: tidewatch\r\n" in head
    assert "X-Content-Type-Options: nosniff\r\n" in head
    assert "frame-ancestors 'none'" in head


@pytest.mark.parametrize("target", ["/", "/fail", "/missing<b>", "/stats"])
async def test_a_browser_gets_the_same_answer_as_a_page(site, target):
    """The same status, counted and logged alike; who does not ask for a page by name gets plain text."""
    plain = await site.ask(target, Accept="*/*")
    status, page = await site.ask(target, Accept="text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
    assert status == plain[0]
    assert page.startswith("<!doctype html>")
    assert "<b>Tidewatch</b>" in page
    assert "missing<b>" not in page
    if target != "/stats":
        assert [line.split("\t")[2] for line in site.lines] == [str(status)] * 2
        assert site.lines[1].split()[-1] == str(len(page.encode()))
        assert not plain[1].startswith("<")


@pytest.mark.parametrize("target", ["/", "/stats", "/no/such/page"])
@pytest.mark.parametrize("prefix", ["", "/clock"])
async def test_the_links_of_a_page_hold_under_the_prefix_of_a_proxy(site, target, prefix):
    _, page = await site.ask(target, Accept="text/html")
    links = [urljoin(f"http://h{prefix}{target}", link) for link in re.findall(r'<a href="([^"]*)"', page)]
    assert links == [f"http://h{prefix}{path}" for path in ("/", "/fail", "/missing", "/stats", "/metrics")]


async def test_a_page_has_the_headers_of_every_answer_and_a_policy_for_its_stylesheet(site):
    answer = await site.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
    head = answer.decode().partition("\r\n\r\n")[0]
    assert "Content-Type: text/html; charset=utf-8" in head
    assert re.search("Content-Security-Policy: default-src 'none';.*; style-src 'unsafe-inline'\r\n", head)
    assert "X-Content-Type-Options: nosniff" in head
