"""The 10-second report: rates over the time that really went by, on schedule, through rotation, also when idle."""

import asyncio
import re
import shutil
import socket
import struct
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.report.ganglia import Ganglia, metric_name, packets
from exporter.accesslog.report.qps import Reporter, follow
from exporter.accesslog.report.rates import Figure, Window, rate, report
from exporter.accesslog.source import Limits, Source
from exporter.accesslog.tally import Tally
from foundation.clock import SystemClock
from foundation.errors import ConfigError, SourceError
from foundation.grammar import Address


def window(**counts):
    made = Window(Source(source="log", paths=("a",)))
    for key, count in counts.items():
        method, route, code = key.split("_")
        made.add(Tally(1, {}, {(method.encode(), f"/{route}".encode(), code.encode()): [count, 0, 0]}))
    return made


def test_routes_then_codes_then_the_total():
    made = window(GET_help_200=32, GET__500=1, GET__200=100, POST__200=3)
    assert made.close(10.0) == [
        Figure("/", "200", 10.3),
        Figure("/", "500", 0.1),
        Figure("/help", "200", 3.2),
        Figure("total", "", 13.6),
    ]
    assert made.close(10.0) == [Figure("total", "", 0.0)]


def test_a_report_has_its_most_requested_routes_whoever_came_first():
    made = Window(Source(source="log", paths=("a",), limits=Limits(routes=2)))
    hits = {(b"GET", b"/scan%d" % n, b"404"): [1, 0, 0] for n in range(9)}
    made.add(Tally(9, {}, hits))
    made.add(Tally(8, {}, {(b"GET", b"/a", b"500"): [5, 0, 0], (b"GET", b"/b", b"200"): [3, 0, 0]}))
    assert [(one.route, one.code, one.per_s) for one in made.close(1.0)] == [
        *[("/a", "500", 5), ("/b", "200", 3), ("other", "404", 9), ("total", "", 17)]
    ]


def test_the_report_is_text_with_tabs():
    now_s = time.mktime((2016, 9, 9, 11, 43, 14, 0, 0, -1))
    assert report([Figure("/", "200", 10.3), Figure("total", "", 13.6)], now_s) == (
        "Fri Sep  9 11:43:14 2016\n=============================\n/\t200\t10.3\ntotal\t\t13.6\n\n"
    )


@pytest.mark.parametrize(
    ("per_s", "want"),
    [(0, "0.0"), (10.34, "10.3"), (0.1, "0.1"), (0.09, "0.09"), (0.0042, "0.004"), (12345.678, "12345.7")],
)
def test_a_rate_shows_something(per_s, want):
    assert rate(per_s) == want


@settings(max_examples=40)
@given(st.floats(1e-6, 1e6))
def test_no_rate_reads_as_nothing(per_s):
    assert float(rate(per_s)) > 0


class Clock:
    """Time that goes on by itself to whatever is waited for, and a little further; `late_s` more at the second wait."""

    def __init__(self, meanwhile, late_s=0.0):
        self.now, self.waits, self.late_s, self.meanwhile = 1000.0, 0, late_s, meanwhile

    def monotonic(self):
        return self.now

    def wall(self):
        return self.now + 1e9

    async def sleep_until(self, due_s):
        if due_s <= self.now:
            return
        if due_s - self.now < 1:  # the tailer's, not the report's
            await asyncio.sleep(0.001)
            return
        self.waits += 1
        await self.meanwhile(self.waits)
        self.now = due_s + (self.late_s if self.waits == 2 else 0.0)


async def reports_of(log, meanwhile, *, count, from_="end", late_s=0.0, told=None):
    told = [] if told is None else told
    source = Source(source="log", paths=(str(log),), from_=from_)
    await follow(
        source,
        10.0,
        lambda figures, now_s: told.append((now_s - 1e9, figures)),
        Clock(meanwhile, late_s),
        reports=count,
    )
    return told


async def test_the_last_report_waits_for_what_stood_in_the_log_at_the_start(tmp_path):
    """Its time may come before the first line is read."""

    async def nothing(_):
        """Let not even the reader get a turn."""

    log = tmp_path / "log"
    log.write_bytes(b"a\tGET /\t200\t1\n" * 20)
    [(_, figures)] = await reports_of(log, nothing, count=1, from_="start")
    assert figures == [Figure("/", "200", 2.0), Figure("total", "", 2.0)]


async def test_a_late_report_divides_by_the_time_that_went_by(tmp_path, caplog):
    async def nothing(_):
        await asyncio.sleep(0)

    told: list = []
    with pytest.raises(SourceError, match=r"none\.log: No such file"):
        await reports_of(tmp_path / "none.log", nothing, count=3, late_s=12.0, told=told)
    assert [at for at, _ in told] == [1010.0, 1032.0, 1040.0]
    assert [figures for _, figures in told] == [[Figure("total", "", 0.0)]] * 3
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}/none.log: No such file or directory",
        f"{tmp_path}/none.log: cannot be read yet; waiting",
    ]


@pytest.mark.slow
async def test_what_stands_in_the_log_counts_only_if_asked_for(tmp_path, caplog):
    log = tmp_path / "access.log"
    log.write_bytes(b"a\tGET /\t200\t1\n" * 20 + b"bad\n")

    async def wait_for_reading(_):
        await asyncio.sleep(0.05)  # one look of the tailer: nothing tells when it has found nothing

    for from_, want in (
        ("start", [Figure("/", "200", 2.0), Figure("total", "", 2.0)]),
        ("end", [Figure("total", "", 0.0)]),
    ):
        assert await reports_of(log, wait_for_reading, count=1, from_=from_) == [(1010.0, want)]
    assert f"{log}: 1 bad line (format 1); first of format: {log}: bad" in caplog.text


def test_a_gmond_whose_name_is_not_known_is_refused(monkeypatch):
    def getaddrinfo(*_args, **_named):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(ConfigError, match="--ganglia: nowhere: Name or service not known"):
        Ganglia(Address("nowhere", 8649), 10.0)


@pytest.mark.parametrize(
    ("figure", "want"),
    [
        (Figure("/", "200", 1.0), "qps_root_200"),
        (Figure("/a/{id}/b", "500", 1.0), "qps_a_id_b_500"),
        (Figure("total", "", 1.0), "qps_total"),
        (Figure("other", "404", 1.0), "qps_other_404"),
    ],
)
def test_ganglia_names_are_names_of_files(figure, want):
    assert metric_name(figure) == want


def test_packets_are_xdr():
    described, value = packets("host", "qps_total", 1.5, 10.0)
    assert value == b"\0\0\0\x85" + b"\0\0\0\x04host" + b"\0\0\0\x09qps_total\0\0\0" + b"\0\0\0\0" + (
        b"\0\0\0\x02%s\0\0" + b"\0\0\0\x081.500000"
    )
    assert struct.unpack(">I", described[:4]) == (128,)
    assert len(described) % 4 == 0


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


GMOND = """
globals {{ daemonize = no setuid = no mute = no deaf = no allow_extra_data = yes send_metadata_interval = 0 }}
cluster {{ name = "test" }}
udp_recv_channel {{ bind = 127.0.0.1 port = {udp} }}
tcp_accept_channel {{ bind = 127.0.0.1 port = {tcp} }}
"""


@pytest.mark.e2e
@pytest.mark.skipif(shutil.which("gmond") is None, reason="gmond is not installed (Debian: ganglia-monitor)")
def test_a_real_gmond_has_the_figures(tmp_path):
    ports = {"udp": free_port(socket.SOCK_DGRAM), "tcp": free_port(socket.SOCK_STREAM)}
    (tmp_path / "gmond.conf").write_text(GMOND.format(**ports))
    gmond = subprocess.Popen(["gmond", "-c", tmp_path / "gmond.conf"])
    try:
        sender = Ganglia(Address("127.0.0.1", ports["udp"]), 10.0)
        told = {}
        deadline_s = time.monotonic() + 20
        while told != {"qps_root_200": 10.3, "qps_total": 10.3} and time.monotonic() < deadline_s:
            sender.send([Figure("/", "200", 10.3), Figure("total", "", 10.3)])
            told = metrics_of(ports["tcp"])
        sender.send([Figure("total", "", 0.0)])
        while told["qps_root_200"] and time.monotonic() < deadline_s:
            told = metrics_of(ports["tcp"])
        sender.close()
    finally:
        gmond.terminate()
        gmond.wait()
    assert told == {"qps_root_200": 0.0, "qps_total": 0.0}


def metrics_of(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as one:
            text = b"".join(iter(lambda: one.recv(65536), b""))
    except ConnectionRefusedError:  # not up yet
        return {}
    found = re.findall(rb'<METRIC NAME="(\w+)" VAL="([\d.]+)" TYPE="double" UNITS="requests/s"', text)
    return {name.decode(): float(value) for name, value in found}


def test_a_link_that_takes_the_place_of_the_reports_is_not_followed_and_said_once_a_minute(tmp_path, capsys):
    path, victim, now_s = tmp_path / "reports", tmp_path / "victim", [0.0]
    victim.write_bytes(b"precious")
    reporter = Reporter(path, None, monotonic=lambda: now_s[0])
    path.unlink()
    path.symlink_to(victim)
    for now_s[0] in (0.0, 10.0, 59.0, 60.0, 70.0):
        reporter.tell([], 1_800_000_000.0)
    assert capsys.readouterr().err.count("expected a regular file, found a symbolic link") == 2
    path.unlink()
    reporter.tell([], 1_800_000_000.0)
    assert (path.is_file(), path.is_symlink(), victim.read_bytes()) == (True, False, b"precious")


async def test_the_last_report_of_a_directory_is_an_error(tmp_path):
    source, told = Source(source="log", paths=(str(tmp_path),)), []
    with pytest.raises(SourceError, match="is a directory"):
        await follow(source, 0.01, lambda figures, _: told.append(figures), SystemClock(), reports=2)
    assert told == [[Figure("total", "", 0.0)]] * 2
