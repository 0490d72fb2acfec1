"""Two processes make of a log what one makes, whatever stands at the cut and whatever becomes of the second."""

import io
import json
import os
import signal
import threading

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.accesslog.bad import BadLines
from exporter.accesslog.flags import Reading, source_by
from exporter.accesslog.formats.envelope import OPENERS
from exporter.accesslog.report import pair as module
from exporter.accesslog.report.pair import Job, Pair
from exporter.accesslog.report.pair_main import serve
from exporter.accesslog.report.summary import summarize, tally_file
from exporter.accesslog.source import SourceBy
from exporter.accesslog.tally import Tally
from exporter.sources.linefile import LineFile

RECORD = b'{"method":"GET","uri":"/a","status":200,"bytes":7,"request_time":0.25}'


class Beside:
    """What `Popen` gives, with the process's work in a thread."""

    def __init__(self, *_, **__):
        (there, here), (back, forth) = os.pipe(), os.pipe()
        self.stdin, self.stdout = open(here, "wb"), open(back, "rb")  # noqa: PTH123, SIM115, closed by the pair
        self._pipes = open(there, "rb"), open(forth, "wb")  # noqa: PTH123, SIM115, closed in the thread
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        with self._pipes[0], self._pipes[1]:
            serve(*self._pipes)

    def kill(self):
        self.stdin.close()

    def wait(self):
        self._thread.join()


def job(format_="json", **more):
    return Job(SourceBy(source="log", paths=("log",), format=format_, **more), timed=True)


@pytest.fixture
def pairing(monkeypatch):
    """Pieces of any size are worth sending."""
    monkeypatch.setattr(module, "WORTH_BYTES", 0)
    monkeypatch.setattr(module, "_PIECE_BYTES", 0)
    monkeypatch.setattr(module, "_JSON_BYTES", 0)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})


def started(one):
    """A pair whose process is there."""
    pair = Pair(one.reader(), one)
    pair.start(1)
    while not pair._can_ask():
        pass
    return pair


def docker(text, end="\\n", stream="stdout"):
    return f'{{"log":{json.dumps(text)[:-1]}{end}","stream":"{stream}","time":"2026-11-22T06:30:48Z"}}'.encode()


def inner(line):
    opened = OPENERS["docker"](line)
    return line, opened.text if opened else line


TEXT = RECORD.decode()
BARE = st.sampled_from([RECORD, RECORD.replace(b"GET", b"PUT"), b"junk", b"", b'{"status":"no"}'])
IN_DOCKER = st.sampled_from(
    [docker(TEXT), docker(TEXT[:20], ""), docker(TEXT[20:]), docker("[error]", stream="stderr"), docker("bad"), b"none"]
)


@pytest.mark.parametrize("kind", ["bare", "docker"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_pair_makes_what_one_reader_makes(kind, data, monkeypatch, pairing):
    """Chunk after chunk, with bad lines in either half, and with lines whose parts stand on both sides of the cut."""
    monkeypatch.setattr(module.subprocess, "Popen", Beside)
    monkeypatch.setattr("exporter.accesslog.parse.opening._SAMPLE_LINES", 2)
    first, line = (RECORD, BARE) if kind == "bare" else (docker(TEXT), IN_DOCKER)
    chunks = data.draw(st.lists(st.lists(line, min_size=1, max_size=8), min_size=1, max_size=4))
    one = job(envelope=data.draw(st.sampled_from(["auto", "none" if kind == "bare" else "docker"])))
    pair, reader = started(one), one.reader()
    try:
        for lines in [*([[first]] if data.draw(st.booleans()) else []), *chunks]:
            piece = b"\n".join([*lines, b""])
            got, want = pair.read(piece, "log"), reader.read(piece, "log")
            assert (got.lines, got.hits, got.failed) == (want.lines, want.hits, want.failed)
            assert pair.reader.kept == reader.kept
            assert {reason: bad.text for reason, bad in got.bad.items()} == {
                reason: bad.text for reason, bad in want.bad.items()
            }
            for reason, bad in got.bad.items():
                assert bad.number in (0, want.bad[reason].number) or bad.text.endswith(inner(lines[bad.number - 1]))
    finally:
        pair.close()


def test_sums_that_no_message_can_hold_are_counted_here(monkeypatch, pairing):
    monkeypatch.setattr(module.subprocess, "Popen", Beside)
    one = job(envelope="none")
    pair, piece = started(one), b"".join(RECORD.replace(b":7", b":%d" % 2**64) + b"\n" for _ in range(9))
    try:
        assert [pair.read(piece, "log").hits for _ in range(2)] == [one.reader().read(piece, "log").hits] * 2
        assert pair._process is not None
    finally:
        pair.close()


def test_both_count_routes_where_only_they_matter(tmp_path, pairing, monkeypatch):
    monkeypatch.setattr(module.subprocess, "Popen", Beside)
    path = tmp_path / "access.log"
    path.write_bytes(b"".join(RECORD.replace(b"/a", b"/u/%d" % number) + b"\n" for number in range(8000)))
    one = Job(SourceBy(source="log", paths=("log",), format="json"), timed=False, routed=True)
    pair = started(one)
    try:
        tally, bad = Tally(), BadLines()
        tally_file(LineFile(str(path)), pair, tally, bad, lambda: None)
    finally:
        pair.close()
    found = {(one.route, one.count) for one in summarize(tally, bad, one.source.router()).requests}
    assert found == {("/u/{id}", 8000)}
    assert len(tally.hits) <= 2  # one of each process


def tallied(path, pair):
    tally, bad = Tally(), BadLines()
    tally_file(LineFile(str(path), chunk_bytes=4096), pair, tally, bad, lambda: None)
    return tally, bad.counts, bad.first


@pytest.mark.slow
@pytest.mark.parametrize("killed", ["never", "now", "before"])
def test_a_process_takes_half_of_a_file_and_may_be_killed(killed, tmp_path, pairing):
    path = tmp_path / "access.log"
    path.write_bytes(b"GET /a 200\njunk\n" * 5000)
    one = job(r"(?P<method>\S+) (?P<path>\S+) (?P<code>\d+)")
    pair = started(one)
    try:
        if killed != "never":
            os.kill(pair._process.pid, signal.SIGKILL)
        if killed == "before":  # then nobody takes what is sent
            os.waitid(os.P_PID, pair._process.pid, os.WEXITED | os.WNOWAIT)
        assert tallied(path, pair) == tallied(path, Pair(one.reader()))
        assert (pair._process is None) == (killed != "never")
    finally:
        pair.close()


@pytest.mark.parametrize("format_", ["combined", "w3c"])
def test_what_more_than_one_core_reads_anyway_or_in_order_is_read_alone(format_, pairing):
    one = job(format_)
    pair = Pair(one.reader(), one)
    pair.start(1 << 40)
    assert pair._process is None


def test_a_small_file_and_a_single_core_need_no_process(monkeypatch):
    pair = Pair(job().reader(), job())
    pair.start(module.WORTH_BYTES - 1)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    pair.start(1 << 40)
    assert pair._process is None


def test_a_message_that_is_cut_off_is_none():
    pipe = io.BytesIO()
    module.send(pipe, 7)
    assert module.receive(io.BytesIO(pipe.getvalue()), int) == 7
    assert [module.receive(io.BytesIO(pipe.getvalue()[:end]), int) for end in (0, 3, 4)] == [None, None, None]


CONFIG = """accesslog:
  - source: site
    paths: ["{folder}/{shop}.log"]
    format: json
    labels: {vhost: {field: host, values: [a.example.org]}, kind: {field: user_agent, shape: agent}}
    static_labels: {team: shop}
    ignore: [{path: "^/probe"}, {user_agent: bot, name: bots}]
    sizes: [response]
    buckets: [0.1, 1]
"""


@pytest.mark.parametrize(
    ("config", "by"), [(None, []), (None, ["host"]), (CONFIG, []), (CONFIG, ["vhost", "user_agent"])]
)
def test_a_second_process_reads_by_the_same_configuration(config, by, tmp_path, pairing, monkeypatch):
    """A job arrives as it was sent, whatever the source is made of; else the second process ends, with a traceback."""
    monkeypatch.setattr(module.subprocess, "Popen", Beside)
    path, file = tmp_path / "web.log", None
    agents, hosts, targets = (
        ("curl/8", "bot", "Mozilla/5.0"),
        ("a.example.org", "b.example.org"),
        ("/a", "/probe", "/b"),
    )
    records = (
        {"method": "GET", "uri": uri, "status": 200, "bytes": 7, "host": host, "user_agent": agent}
        for agent in agents
        for host in hosts
        for uri in targets
    )
    path.write_text("".join(json.dumps(record) + "\n" for record in records) * 50)
    if config is not None:
        file = tmp_path / "exporter.yml"
        file.write_text(config.replace("{folder}", str(tmp_path)))
    reading = Reading(None, "auto", None, ())
    one = Job(source_by([LineFile(str(path))], reading, file, None, by), timed=False)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Job) == one
    pair = started(one)
    try:
        got, alone = tallied(path, pair)[0], tallied(path, Pair(one.reader()))[0]
        assert pair._process is not None
    finally:
        pair.close()
    assert (got.lines, got.hits, got.ignored, got.failed) == (alone.lines, alone.hits, alone.ignored, alone.failed)
    assert (got.lines, sum(got.ignored.values())) == (900, 0 if config is None else 500)
