"""Garbage at both ingests of a real exporter: it answers or hangs up, counts every line once, and goes on."""

import contextlib
import gzip
import http.client
import json
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ports import free_ports

pytestmark = pytest.mark.e2e

WITHIN_S = 100  # a bound for a busy machine
MAX_BODY, MAX_LINE = 8 << 20, 4096
GROWN_MIB = 150  # what is held at once, and what parsing it takes
LONGER = settings(
    max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

LINE = st.one_of(
    st.builds(
        b"%d%b5.%d%b%d".__mod__,
        st.tuples(
            st.integers(0, 100), st.sampled_from([b"\t", b","]), st.integers(0, 2), st.just(b"\t"), st.integers(-5, 5)
        ),
    ),
    st.sampled_from(
        [
            b"1\t5.1\t3",
            b"1,5.1,-3",
            b"0:00:01\t5.1\t3",
            b"Timestamp\tBuild_Version\tError_Code",
            b"\xef\xbb\xbf1\t5.1\t3",
            b"",
            b" ",
            b"\x00",
            b"\t\t",
            b"9" * 5000 + b"\t5.1\t3",
            b"1\t5.1\t" + b"9" * 300,
            b"inf\t5.1\t3",
            b"99999999999\t5.1\t3",
            b"0001-01-01T00:00:00+14:00\t5.1\t3",
            b"9999-12-31T23:59:59-14:00\t5.1\t3",
            b"1\t\xed\xa0\x80\t3",
            b"x" * 100_000,
        ]
    ),
    st.binary(max_size=60),
)
TEXT = st.lists(st.tuples(LINE, st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n"])), max_size=30).map(
    lambda lines: b"".join(line + end for line, end in lines)
)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
RECORD = st.fixed_dictionaries(
    {},
    optional={
        "timestamp": st.integers(0, 100) | st.just("0:00:01") | VALUE,
        "build_version": st.just("5.1") | VALUE,
        "error_code": st.integers(-5, 5) | VALUE,
        "more": VALUE,
    },
)
NASTY_JSON = st.sampled_from(
    [
        b"[" * 200_000,
        b'{"timestamp":' * 50_000,
        b'[{"timestamp": 1e999, "build_version": "5.1", "error_code": 3}]',
        b'[{"timestamp": %s, "build_version": "5.1", "error_code": 3}]' % (b"9" * 6000),
        b'[{"timestamp": NaN, "build_version": "5.1", "error_code": 3}]',
        b'[{"timestamp": 1, "build_version": "\\ud800", "error_code": 3}]',
        b'[{"timestamp": "1\\t5.1\\t3\\n1", "build_version": "5.1", "error_code": 3}]',
        b'[{"timestamp": 1, "build_version": "5.1", "error_code": 3}, ' * 100,
        b"\xff\xfe[\x00]\x00",
    ]
)
JSON = st.lists(RECORD, max_size=8).map(lambda records: json.dumps(records).encode()) | NASTY_JSON
NDJSON = st.lists(RECORD.map(lambda one: json.dumps(one).encode()) | NASTY_JSON | LINE, max_size=8).map(b"\n".join)


class Exporter:
    def __init__(self, folder):
        self.web, self.http, self.tcp = free_ports(3)
        source = {"source": "app", "http": f"127.0.0.1:{self.http}", "tcp": f"127.0.0.1:{self.tcp}"}
        config = folder / "exporter.json"
        config.write_text(json.dumps({"state_dir": str(folder / "state"), "releases": [source]}))
        self.log = folder / "log"
        command = [Path(sys.executable).parent / "exporter", "--config.file", config]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--web.listen-address", f"127.0.0.1:{self.web}", "--log.level", "debug"], stderr=log
            )
        self.until(lambda: self.answers(b"1\t5.1\t3\n") == 200)
        self.answers(b"".join(b"%d\t5.%d\t%d\n" % (n % 100, n % 3, n % 11 - 5) for n in range(1000)))
        self.rss_mib = self.memory_mib()

    def until(self, good):
        deadline = time.monotonic() + WITHIN_S
        while not good():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.005)

    def answers(self, body):
        try:
            return self.post(body)[0]
        except OSError:
            return None

    def post(self, body, **headers):
        client = http.client.HTTPConnection("127.0.0.1", self.http, timeout=WITHIN_S)
        try:
            client.request("POST", "/ingest", body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()

    def counted(self):
        """Lines dealt with so far: accepted and not."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/metrics", timeout=WITHIN_S) as answer:
            text = answer.read().decode()
        found = re.findall(r"^tidewatch_release_records(?:_failed)?_total\{.*\} (\d+)", text, re.MULTILINE)
        return sum(map(int, found))

    def memory_mib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    def is_well(self):
        """It serves a good record, nothing has been a bug, and it has not grown beyond what it may hold."""
        assert self.answers(b"1\t5.1\t3\n") == 200
        log = self.log.read_text()
        assert "Traceback" not in log
        assert "level=error" not in log
        assert self.memory_mib() < self.rss_mib + GROWN_MIB


@pytest.fixture(scope="module")
def exporter(tmp_path_factory):
    running = Exporter(tmp_path_factory.mktemp("fuzz"))
    yield running
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(WITHIN_S) == 0
    assert "Traceback" not in running.log.read_text()


def lines_in(text):
    """How many lines a sender sent, by the book: blank ones and a header at the top are none."""
    lines = [line for line in re.split(rb"\r\n|\r|\n", text.removeprefix(b"\xef\xbb\xbf")) if line]
    return len(lines) - bool(lines and re.match(rb"\s*\"?(time|timestamp|date)", lines[0], re.IGNORECASE))


def converse(port, pieces, *, reset=False, half_close=True):
    """Send pieces; what is answered until the other side hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=WITHIN_S) as connection:
        told = b""
        try:
            for piece in pieces:
                connection.sendall(piece)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return b""
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(1 << 16):
                told += piece
        except TimeoutError:
            raise
        except OSError:
            pass  # hung up on, or reset
        return told


def cut(data, places):
    """`data` in pieces."""
    ends = sorted(place % (len(data) + 1) for place in places)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


@LONGER
@given(text=TEXT | st.binary(max_size=3000), tail=LINE, places=st.lists(st.integers(0, 1 << 20), max_size=6))
def test_tcp_counts_every_line_once_however_it_is_cut(exporter, text, tail, places):
    before = exporter.counted()
    told = json.loads(converse(exporter.tcp, cut(text + tail, places)))
    assert sum(told.values()) == lines_in(text + tail)
    assert exporter.counted() - before == lines_in(text + tail)
    exporter.is_well()


@LONGER
@given(text=TEXT, places=st.lists(st.integers(0, 1 << 20), max_size=3))
def test_a_connection_that_is_reset_counts_no_more_than_it_sent(exporter, text, places):
    before = exporter.counted()
    converse(exporter.tcp, cut(text, places), reset=True)
    exporter.is_well()
    assert 1 <= exporter.counted() - before <= lines_in(text) + 1


BODIES = st.one_of(
    st.tuples(st.just("text/plain"), TEXT | st.binary(max_size=2000)),
    st.tuples(st.just("application/json"), JSON | TEXT),
    st.tuples(st.just("application/x-ndjson"), NDJSON | TEXT),
    st.tuples(st.sampled_from(["", "x", "multipart/form-data", "a/b; charset=\x80", "application/json;;="]), TEXT),
)


@LONGER
@given(body=BODIES, pack=st.sampled_from(["", "gzip", "cut", "gzip, gzip", "deflate", "zstd", "junk after"]))
def test_http_answers_by_its_contract_and_counts_what_it_says(exporter, body, pack):
    kind, data = body
    packed = {"gzip": gzip.compress(data), "cut": gzip.compress(data)[:-3], "junk after": gzip.compress(data) + b"junk"}
    encoding = "gzip" if pack in packed else pack
    before = exporter.counted()
    status, told = exporter.post(packed.get(pack, data), Content_Type=kind, Content_Encoding=encoding)
    assert status in (200, 400, 415)
    dealt = 0
    if status == 200:
        answer = json.loads(told)
        dealt = answer["taken"] + answer["late"] + answer["refused_count"]
        assert len(answer["refused"]) == min(20, answer["refused_count"])
        if kind == "text/plain":
            assert dealt == lines_in(data)
    assert exporter.counted() - before == dealt
    exporter.is_well()


HEAD = b"POST /ingest HTTP/1.1\r\nHost: x\r\n"
REQUESTS = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(
        [
            HEAD,
            HEAD + b"Content-Length: 100\r\n\r\n1\t5.1\t3\n",
            HEAD + b"Content-Length: -1\r\n\r\n",
            HEAD + b"Content-Length: 99999999999999999999\r\n\r\n1\t5.1\t3\n",
            HEAD + b"Content-Length: 8\r\nContent-Length: 9\r\n\r\n1\t5.1\t3\n",
            HEAD + b"Content-Length: 8\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n1\t5.1\t3\n\r\n0\r\n\r\n",
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n8\r\n1\t5.1\t3\n",
            HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n1\t5.1\t3\n\r\n0\r\n\r\n",
            HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n1\t5.1\t3\n",
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n8\r\n1\t5.1\t3\nJUNK\r\n0\r\n\r\n",
            HEAD + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
            HEAD + b"X: x\r\n" * 20_000 + b"\r\n",
            HEAD + b"Authorization: Bearer \xff\xfe\r\nContent-Length: 0\r\n\r\n",
            HEAD + b"Idempotency-Key: \xff\r\nContent-Length: 0\r\n\r\n",
            HEAD + b"Idempotency-Key: \x00\r\nContent-Length: 0\r\n\r\n",
            HEAD + b"Content-Type: \xff\xfe/\x01\r\nContent-Length: 0\r\n\r\n",
            HEAD + b"Content-Encoding: \xff\r\nContent-Length: 0\r\n\r\n",
            HEAD + b"Expect: 100-continue\r\nContent-Length: 8\r\n\r\n",
            HEAD + b"Expect: nonsense\r\nContent-Length: 0\r\n\r\n",
            HEAD + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"POST /ingest HTTP/9.9\r\n\r\n",
            b"POST http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST " + b"/x" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 100,
        ]
    ),
)


@LONGER
@given(requests=st.lists(REQUESTS, min_size=1, max_size=3), places=st.lists(st.integers(0, 1 << 20), max_size=3))
def test_what_is_no_request_gets_an_answer_that_blames_the_client_or_none(exporter, requests, places):
    before = exporter.counted()
    told = converse(exporter.http, cut(b"".join(requests), places))
    statuses = [int(code) for code in re.findall(rb"^HTTP/1\.1 (\d{3})", told, re.MULTILINE)]
    assert [code for code in statuses if code >= 500] == []
    dealt = sum(map(int, re.findall(rb'"(?:taken|late|refused_count)":(\d+)', told)))
    assert dealt <= exporter.counted() - before <= len(requests)  # a reset may swallow an answer
    exporter.is_well()


def test_bombs_are_refused_before_they_grow(exporter):
    bomb = gzip.compress(bytes(1 << 30), 1)
    for kind in ("text/plain", "application/json", "application/x-ndjson"):
        assert exporter.post(bomb, Content_Encoding="gzip", Content_Type=kind)[0] == 413
    assert exporter.post(b"\n" * MAX_BODY)[0] == 200
    assert exporter.post(b"x" * (MAX_BODY + 1))[0] == 413
    before = exporter.counted()
    answer = json.loads(exporter.post(b"x\n" * (MAX_BODY // 2))[1])
    assert (answer["refused_count"], len(answer["refused"])) == (MAX_BODY // 2, 20)
    assert exporter.counted() - before == MAX_BODY // 2
    exporter.is_well()


def test_many_that_send_half_and_wait_leave_room_for_others(exporter):
    """300 slow bodies and 300 idle connections; together the bodies would be two gigabytes."""
    head = HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_BODY - 1)
    half = b"1\t5.1\t3\n" * (MAX_BODY // 16)
    turned_down = 0
    with contextlib.ExitStack() as slow:  # all are closed, also where one of them is hung up on
        for number in range(300):
            body = slow.enter_context(socket.create_connection(("127.0.0.1", exporter.http), timeout=WITHIN_S))
            line = slow.enter_context(socket.create_connection(("127.0.0.1", exporter.tcp), timeout=WITHIN_S))
            with contextlib.suppress(ConnectionError):
                line.sendall(b"1\t5.1")
            if number < 40:
                try:
                    body.sendall(head + half)
                except ConnectionError:
                    turned_down += 1
        exporter.until(lambda: exporter.answers(b"1\t5.1\t3\n") in (200, 503))
    exporter.until(lambda: exporter.answers(b"1\t5.1\t3\n") == 200)
    exporter.is_well()
    assert turned_down < 40
