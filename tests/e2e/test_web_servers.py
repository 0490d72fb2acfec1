"""Seven web servers of the distribution get the same requests; their logs, read by name, say what was sent."""

import socket
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from web_servers import BODY, SLOW_S, servers, site

from exporter.accesslog.formats import find_format
from exporter.accesslog.infer import infer
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.serverconf import ServerConfig, read_server_config
from exporter.accesslog.tally import BYTES, COUNT, DURATION_NS, NS, Buckets

pytestmark = pytest.mark.e2e

HOST = "http://www.example.org"
HEAD = b" HTTP/1.1\r\nHost: www.example.org\r\nConnection: close\r\n"
LOGGED_WITHIN_S = 10


class Request(NamedTuple):
    """A request and its answer: the bytes of its body, and what the client sends behind its first line."""

    method: str
    target: str
    code: str
    size: int
    rest: bytes = b"\r\n"

    @property
    def raw(self):
        return f"{self.method} {self.target}".encode() + HEAD + self.rest


KNOWN = (
    Request("GET", "/ok", "200", len(BODY)),
    Request("GET", "/missing?x=1", "404", 2),
    Request("GET", "/same", "304", 0, b'If-None-Match: "1"\r\n\r\n'),
    Request("HEAD", "/ok", "200", 0),
    Request("POST", "/made", "201", 4, b"Content-Length: 5\r\n\r\nhello"),
    Request("GET", "/slow", "200", len(BODY)),
    Request("GET", "/%C3%BCml%20a%22q?x=%201", "200", len(BODY)),
)
ODD = (  # what each server makes of them is its own affair, but each is a request
    "GET /raw/ü".encode() + HEAD + b"\r\n",
    b'GET /quote"d' + HEAD + b"\r\n",
)
GARBAGE = (b"\x16\x03\x01\x00garbage\r\n\r\n", b"nonsense here\r\n\r\n")
ABORTED = b"GET /slow/aborted" + HEAD + b"\r\n"


class Kind(NamedTuple):
    """What a server's log is.

    format: as its user names it; guess: what `infer` finds in it.
    aborted: the codes that it may give a request whose client has gone away.
    counts_headers: whether its bytes are those of the whole answer.
    absolute: whether it logs the host in the target.
    garbage: how many lines it writes of requests that are none.
    probes: how many it writes of a connection without a request, which the start makes.
    """

    format: str
    guess: str
    aborted: tuple[str, ...]
    counts_headers: bool = False
    absolute: bool = False
    garbage: int = len(GARBAGE)
    probes: int = 0


KINDS = {
    "apache2": Kind('%h %l %u %t "%r" %>s %b %D', "common-timed", ("200", "502")),
    "caddy": Kind("caddy", "caddy", ("000", "499", "502"), garbage=0),
    "haproxy": Kind("haproxy", "haproxy", ("200", "000"), counts_headers=True),
    "lighttpd": Kind('%h %l %u %t "%r" %>s %b %D', "common-timed", ("200", "499")),
    "nginx": Kind("common-timed", "common-timed", ("499", "200")),
    "squid": Kind("squid", "squid", ("000", "200"), counts_headers=True, absolute=True, probes=1),
    "varnishd": Kind('%h %l %u %t "%r" %s %b %D %{Varnish:time_firstbyte}x', "", ("200", "503"), absolute=True),
}


def lines_of(kind):
    return len(KNOWN) + len(ODD) + kind.garbage + 1 + kind.probes


class Ran(NamedTuple):
    """What came of a server.

    log: its log; own: another one, in a format of its user's, if it has that.
    answers: of each known request the bytes of the whole answer and the seconds that it took.
    folder: where its logs were.
    config: what its configuration says of them.
    """

    log: bytes
    own: bytes
    answers: dict[Request, tuple[int, float]]
    folder: Path
    config: ServerConfig | None


def ask(port, raw, leave_after_s=None):
    """Send one request; the bytes of its answer and how long it took. With `leave_after_s` nothing is waited for."""
    start_s, size = time.monotonic(), 0
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(raw)
        if leave_after_s is not None:
            client.settimeout(leave_after_s)
        try:
            while piece := client.recv(1 << 16):
                size += len(piece)
        except (TimeoutError, ConnectionResetError):  # it went away, or the server did not want the rest
            pass
    return size, time.monotonic() - start_s


def run(server, kind):
    """Start the server, ask it everything, end it."""
    try:
        server.start()
        answers = {request: ask(server.port, request.raw) for request in KNOWN}
        for raw in (*ODD, *GARBAGE):
            ask(server.port, raw)
        ask(server.port, ABORTED, leave_after_s=SLOW_S / 3)
        deadline_s = time.monotonic() + SLOW_S + LOGGED_WITHIN_S
        while server.writes_at_once and len(server.lines()) < lines_of(kind) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        if not server.writes_at_once:
            time.sleep(2 * SLOW_S)  # until it has heard that the client is gone; its log shows nothing before its end
    finally:
        server.end()
    own, config = server.folder / "own.log", None
    if server.name not in ("caddy", "varnishd"):  # these say it elsewhere
        config = read_server_config(server.folder / "conf")
    return Ran(b"".join(server.lines()), own.read_bytes() if own.exists() else b"", answers, server.folder, config)


@pytest.fixture(scope="module")
def ran():
    """What became of each server that is installed; they run side by side."""
    with tempfile.TemporaryDirectory() as name, site() as site_port, ThreadPoolExecutor(len(KINDS)) as threads:
        folder = Path(name)
        folder.chmod(0o755)  # Squid changes to a user of its own
        started = {
            name: threads.submit(run, server, KINDS[name])
            for name, server in servers(folder, site_port).items()
            if server is not None
        }
        yield {name: future.result() for name, future in started.items()}


@pytest.fixture(params=sorted(KINDS))
def server(request, ran):
    if request.param not in ran:
        pytest.skip(f"{request.param} is not installed")
    return KINDS[request.param], ran[request.param]


def read(kind, log):
    return Reader(find_format(kind.format), Buckets((0.1, 1.0))).read(log)


def key_of(kind, request):
    target = request.target.partition("?")[0]
    return request.method.encode(), (HOST * kind.absolute + target).encode(), request.code.encode()


def test_every_request_is_counted_and_no_line_is_bad(server):
    kind, ran = server
    tally = read(kind, ran.log)
    assert tally.failed == {}
    assert sum(numbers[COUNT] for numbers in tally.hits.values()) == tally.lines == lines_of(kind)
    codes = Counter()
    for (_, target, code), numbers in tally.hits.items():
        codes[code.decode() if not target.endswith(b"/aborted") else "aborted"] += numbers[COUNT]
    assert codes["aborted"] == 1
    assert codes["400"] >= kind.garbage
    (aborted,) = (code.decode() for _, target, code in tally.hits if target.endswith(b"/aborted"))
    assert aborted in kind.aborted


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known.method} {known.target}")
def test_methods_targets_codes_and_bytes_are_those_that_were_sent(server, known):
    kind, ran = server
    numbers = read(kind, ran.log).hits[key_of(kind, known)]
    assert numbers[COUNT] == 1
    if kind.counts_headers:  # those that the server adds may not be among them
        assert known.size < numbers[BYTES] <= ran.answers[known][0]
    else:
        assert numbers[BYTES] == known.size


def test_durations_are_those_that_the_client_saw(server):
    kind, ran = server
    hits = read(kind, ran.log).hits
    for known in KNOWN:
        logged_s = hits[key_of(kind, known)][DURATION_NS] / NS
        assert logged_s < ran.answers[known][1] + 1  # a wrong unit is at least a thousandfold
    slow = next(known for known in KNOWN if known.target == "/slow")
    assert hits[key_of(kind, slow)][DURATION_NS] / NS > SLOW_S - 0.002  # logs round to ms
    assert sum(numbers[DURATION_NS] for numbers in hits.values()) / NS < 60


def test_infer_knows_the_log(server):
    kind, ran = server
    guess = infer(ran.log)
    assert guess is not None
    assert guess.format == (kind.guess or guess.format)
    tally = Reader(find_format(guess.format), Buckets((1.0,))).read(ran.log)
    assert (tally.failed, sum(numbers[COUNT] for numbers in tally.hits.values())) == ({}, lines_of(kind))


def test_the_configuration_says_how_the_log_reads(server):
    kind, ran = server
    if ran.config is None:
        return
    (format_,) = ran.config.named_for(str(ran.folder / "access.log")) or ran.config.every()  # HAProxy names no file
    tally = Reader(find_format(format_), Buckets((0.1, 1.0))).read(ran.log)
    assert (tally.failed, tally.hits) == ({}, read(kind, ran.log).hits)


def test_a_format_of_ones_own_counts_what_the_native_one_counts(ran):
    if "squid" not in ran:
        pytest.skip("squid is not installed")
    squid = ran["squid"]
    (format_,) = squid.config.named_for(str(squid.folder / "own.log"))
    tally = Reader(find_format(format_), Buckets((0.1, 1.0))).read(squid.own)
    assert (tally.failed, tally.requests) == ({}, lines_of(KINDS["squid"]))
    native = read(KINDS["squid"], squid.log).hits
    assert {key: numbers for key, numbers in tally.hits.items() if key in native} == {
        key: numbers for key, numbers in native.items() if key in tally.hits
    }
    for known in KNOWN:
        assert tally.hits[key_of(KINDS["squid"], known)][COUNT] == 1
