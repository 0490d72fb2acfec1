"""The collector's page reader: bounded in time, size and attempts."""

import http.server
import threading

import pytest

from exporter.stats.collector.page import PAUSES_S, StatsPage
from foundation.errors import BadRecord, SourceError

GOOD = b"time: 1795328999\n200s: 12\n404s: 3\n500s: 0\n"


class Server(http.server.ThreadingHTTPServer):
    asked: int
    answers: list
    release: threading.Event


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked += 1
        status, headers, body = self.server.answers[min(self.server.asked, len(self.server.answers)) - 1]
        if status is None:  # break off without an answer
            self.close_connection = True
            return
        if status == "hang":
            self.server.release.wait(10)
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as server:
        server.asked, server.answers, server.release = 0, [], threading.Event()
        server.handle_error = lambda *_: None  # readers give up here, and that is no error of the server
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join()


def read(server, *answers, timeout_s=5.0, pauses=None):
    server.answers = answers
    pauses = [] if pauses is None else pauses
    page = StatsPage(f"http://127.0.0.1:{server.server_port}/stats", timeout_s=timeout_s, pause=pauses.append)
    try:
        return page.read()
    finally:
        page.close()


def test_a_page_is_read(server):
    assert read(server, (200, {}, GOOD)) == {"time": 1795328999, "200s": 12, "404s": 3, "500s": 0}


def test_trouble_is_tried_again_a_few_times(server):
    pauses = []
    stats = read(server, (503, {}, b""), (None, {}, b""), (200, {}, GOOD), pauses=pauses)
    assert (stats["200s"], server.asked, pauses) == (12, 3, [0.1, 0.4])


def test_lasting_trouble_is_told_in_words(server):
    with pytest.raises(SourceError, match="answered 503 instead of 200"):
        read(server, (503, {}, b""))
    assert server.asked == len(PAUSES_S) + 1


def test_a_redirect_is_not_followed(server):
    with pytest.raises(SourceError, match="answered 302"):
        read(server, (302, {"Location": "/elsewhere"}, b""))


@pytest.mark.parametrize(
    "answer",
    [
        (302, {"Location": "\xff"}, b""),
        (200, {"Content-Encoding": "gzip"}, b"no gzip"),
        (200, {"Transfer-Encoding": "chunked"}, b"zz\r\n"),
        (200, {"X": "y" * 70_000}, b""),
    ],
    ids=["location", "gzip", "chunks", "header"],
)
def test_an_answer_that_is_broken_is_trouble_and_no_end(server, answer):
    with pytest.raises(SourceError):
        read(server, answer)


def test_a_huge_page_is_refused(server):
    with pytest.raises(BadRecord, match="larger than"):
        read(server, (200, {}, b"x" * (2 << 20)))


def test_a_page_that_hangs_is_given_up(server):
    with pytest.raises(SourceError, match=r"no whole answer within 0\.05 s"):
        read(server, ("hang", {}, b""), timeout_s=0.05)
    assert server.asked <= 1  # not again; on a crowded machine the time is over before the server has heard of it


def test_a_refused_connection_is_told_in_words(unused_tcp_port):
    page = StatsPage(f"http://127.0.0.1:{unused_tcp_port}/stats", timeout_s=5, pause=lambda _: None)
    with pytest.raises(SourceError, match=r"\AConnection refused\Z"):
        page.read()
    page.close()
