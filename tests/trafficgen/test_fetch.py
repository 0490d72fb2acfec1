"""Peers that answer without end: the check, the watch of alerts and the feed name them, in bounded time and memory."""

import asyncio
import contextlib
import gzip
import json
import resource
import threading

import aiohttp
import pytest

from trafficgen.feeds import releases
from trafficgen.fetch import MAX_ANSWER_BYTES, AnswerTooLargeError, new_session, read_bytes
from trafficgen.scenario.watch import FAILURES, AlertApis
from trafficgen.verify.peers import PeerError, Peers, Sample, codes_of

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "body": (OK + b"\r\n", b"x" * 65536),
    "chunks": (CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    "headers": (OK, b"X-Header: y\r\n" * 1000),
    "status line": (b"HTTP/1.1 200 ", b"x" * 65536),
    "interim": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100),
    "chunk extension": (CHUNKED + b"1;", b"x" * 65536),
    "trailer": (CHUNKED + b"0\r\n", b"X-Header: y\r\n" * 1000),
}
GROWN_KIB = 100 << 10


@contextlib.asynccontextmanager
async def answering(start, piece, *, times=1 << 40):
    """A server that answers `start`, then `piece` again and again; its URL."""

    async def answer(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(start)
            for _ in range(times):
                writer.write(piece)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def whole(body):
    return OK + b"Content-Length: %d\r\n\r\n" % len(body)


def grown_kib(before):
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


@pytest.mark.slow
@pytest.mark.parametrize(("start", "piece"), ENDLESS.values(), ids=ENDLESS)
async def test_an_answer_without_end_is_named_in_bounded_memory(start, piece):
    before = grown_kib(0)
    async with answering(start, piece) as url, new_session(0.5) as session:
        with pytest.raises(PeerError, match=url):
            await Peers(session).metrics(url)
        with pytest.raises(FAILURES):
            await AlertApis(session, url, None).look(lambda: 0.0)
    assert grown_kib(before) < GROWN_KIB


async def test_the_limit_is_one_of_bytes():
    async with answering(OK + b"\r\n", b"x" * 1000, times=3) as url, new_session(30) as session:
        async with session.get(url) as response:
            assert await read_bytes(response, max_bytes=3000) == b"x" * 3000
        async with session.get(url) as response:
            with pytest.raises(AnswerTooLargeError, match="larger than 2999 bytes"):
                await read_bytes(response, max_bytes=2999)


async def test_nothing_is_unpacked():
    bomb = gzip.compress(bytes(MAX_ANSWER_BYTES * 2), 1)
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    async with answering(head, bomb, times=1) as url, new_session(30) as session, session.get(url) as response:
        assert await read_bytes(response) == bomb
        assert "Accept-Encoding" not in response.request_info.headers


JSON = [b"[" * 100_000, b'{"data": NaN}', b"\xff", b"9" * 5000, b'{"data": {"alerts": 1e999}}']


@pytest.mark.parametrize("body", JSON, ids=["deep", "nan", "not-utf-8", "huge", "infinite"])
async def test_json_that_cannot_be_is_the_peers_fault(body):
    async with answering(whole(body), body, times=1) as url, new_session(30) as session:
        for read in (Peers(session).firing(url, "A", "site"), Peers(session).query(url, "up")):
            with pytest.raises(PeerError, match=url):
                await read
        with pytest.raises(FAILURES):
            await AlertApis(session, url, url).look(lambda: 0.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_count_that_is_no_number_is_the_peers_fault(value):
    with pytest.raises(PeerError, match="no code and count"):
        codes_of([Sample({"source": "site", "code": "200"}, value)], "site")
    with pytest.raises(PeerError, match="no code and count"):
        codes_of([Sample({"source": "site", "code": "9" * 5000}, 1.0)], "site")


async def test_a_notification_without_a_zone_is_the_receivers_fault():
    alert = {"status": "firing", "startsAt": "2026-11-26T10:00:00Z", "labels": {"alertname": "A"}}
    body = json.dumps([{"received_at": "2026-11-26T10:00:00", "alerts": [alert]}]).encode()
    async with answering(whole(body), body, times=1) as url, new_session(30) as session:
        with pytest.raises(PeerError, match="without a zone"):
            await Peers(session).deliveries(url, "A", "site")


@pytest.mark.parametrize("kind", ["body", "interim", "headers"])
async def test_the_feed_tries_again_what_is_answered_without_end(monkeypatch, capsys, kind):
    monkeypatch.setattr(releases, "ANSWER_WITHIN_S", 0.2)

    class Stop:
        def wait(self, timeout_s):  # after the first attempt
            return timeout_s == releases.RETRY_S

    def send(url):
        sink = releases.HttpSink(url, "run", Stop(), None)
        try:
            return sink.send(1, b"1\t5.1\t3\n")
        finally:
            sink.close()

    async with answering(*ENDLESS[kind]) as url:
        assert await asyncio.to_thread(send, url) is False
        assert f"trafficgen: {url}: " in capsys.readouterr().err


@pytest.mark.parametrize(("wait_s", "complaints"), [(0.0, 1), (60.0, 0)])
def test_the_feed_is_quiet_about_a_receiver_that_may_not_be_up_yet(unused_tcp_port, capsys, wait_s, complaints):
    stop = threading.Event()
    stop.set()
    sink = releases.HttpSink(f"http://127.0.0.1:{unused_tcp_port}/ingest", "run", stop, None, wait_s)
    try:
        assert sink.send(1, b"1\t5.1\t3\n") is False
    finally:
        sink.close()
    assert capsys.readouterr().err.count("trying again") == complaints


def test_an_error_of_size_is_one_of_the_client():
    assert issubclass(AnswerTooLargeError, aiohttp.ClientError)
