"""Access logs read and sent again at their own times."""

import gzip
import itertools
import math

import numpy as np
import pytest

from foundation.errors import ConfigError
from timeserver.log_format import FORMATS, Served
from trafficgen.cli import main
from trafficgen.config import LoadConfig
from trafficgen.plan.logread import read_log
from trafficgen.plan.replay import OTHER, make_replay
from trafficgen.plan.shape import Shape, read_shape
from trafficgen.run import run_load

COMBINED = """\
192.0.2.1 - - [10/Oct/2025:13:55:36 -0700] "GET /a?x=1 HTTP/1.1" 200 5 "-" "agent \\"x\\""
192.0.2.1 - bob [10/Oct/2025:13:55:36 -0700] "GET /b HTTP/1.1" 404 5
192.0.2.1 - - [10/Oct/2025:13:55:36 -0700] "POST /form HTTP/1.1" 200 5 "-" "-"
192.0.2.1 - - [10/Oct/2025:13:55:38 -0700] "GET /a?x=2 HTTP/1.1" 200 5 "-" "-"
192.0.2.1 - - [10/Oct/2025:13:55:37 -0700] "GET /c d HTTP/1.1" 200 5 "-" "-"
192.0.2.1 - - [10/Oct/2025:13:55:39 -0700] "\\x16\\x03" 400 0 "-" "-"
"""
JSON = """\
{"time": "2025-10-10T20:55:36.250Z", "method": "GET", "route": "/a"}
{"time": "2025-10-10T20:55:36.750+00:00", "request": "GET /b HTTP/1.1"}
{"ts": 1760129738.5, "url": "http://example.com/c?y=1"}
{"ts": "never", "path": "/d"}
[1]
"""
CSV = "timestamp,path,method\n100.5,/a,GET\n101,/b,GET\n103.25,/a,HEAD\n103.5,/a,get\n"


@pytest.fixture
def log(tmp_path):
    def write(text, name="access.log"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def told(plan):
    return [
        (round(at / 1e9, 6), plan.requests[number])
        for chunk in itertools.islice(plan.chunks(), 100)
        for at, number in zip(chunk.due_ns, chunk.requests, strict=True)
    ]


def test_whole_seconds_are_spread_inside_their_second_in_order(log):
    recording = read_log(log(COMBINED))
    assert (len(recording.unix_s), recording.other_methods, recording.unreadable) == (4, 1, 1)
    plan = make_replay(recording, seed=1)
    sent = told(plan)
    assert [path for _, path in sent] == ["/a?x=1", "/b", "/c", "/a?x=2"]
    assert [int(at) for at, _ in sent] == [0, 0, 1, 2]
    assert [at for at, _ in sent] == sorted(at for at, _ in sent)
    assert all(at % 1 for at, _ in sent)
    assert told(make_replay(recording, seed=1)) == sent != told(make_replay(recording, seed=2))
    assert set(plan.targets) == {"/a", "/b", "/c"}


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param(JSON, [(0.25, "/a"), (0.75, "/b"), (2.5, "/c?y=1")], id="json"),
        pytest.param(CSV, [(0.5, "/a"), (1.0, "/b"), (3.5, "/a")], id="csv"),
        pytest.param("0.25,GET,/x\n1.5,GET,/y\n", [(0.25, "/x"), (1.5, "/y")], id="csv-without-header"),
    ],
)
def test_times_with_fractions_are_kept(log, text, want):
    assert told(make_replay(read_log(log(text)), seed=1)) == want


def test_twice_the_speed_is_half_the_time(log):
    plan = make_replay(read_log(log(CSV)), seed=1, speed=2.0)
    assert told(plan) == [(0.25, "/a"), (0.5, "/b"), (1.75, "/a")]
    assert plan.duration_s == 2.0


def test_a_loop_begins_again_and_a_limit_ends_it(log):
    plan = make_replay(read_log(log(CSV)), seed=1, loop=True, limit_s=5.0)
    assert told(plan) == [(0.5, "/a"), (1.0, "/b"), (3.5, "/a"), (4.5, "/a")]
    assert plan.duration_s == 5.0


@pytest.mark.parametrize(
    ("text", "times", "unreadable"),
    [
        (COMBINED + JSON, 4 + 3, 1 + 2),
        (JSON + COMBINED, 3 + 4, 2 + 1),
        (COMBINED + JSON + COMBINED, 4 + 3 + 4, 1 + 2 + 1),
        (CSV + JSON, 3 + 3, 2),
        (COMBINED + CSV, 4, 1 + 5),  # in the midst of a log, two cells with a comma are not enough to go by
    ],
)
def test_a_log_whose_format_changes_is_read_on(log, text, times, unreadable):
    recording = read_log(log(text))
    assert (len(recording.unix_s), recording.unreadable) == (times, unreadable)


def test_a_gzipped_log_that_is_damaged_is_an_error(log):
    with pytest.raises(ConfigError, match=r"a.log.gz: Error -3 while decompressing data"):
        read_log(log(gzip.compress(b"")[:10] + b"\xff" * 100, "a.log.gz"))


def test_a_gzipped_log_is_read(log):
    assert len(read_log(log(gzip.compress(CSV.encode()), "a.log.gz")).unix_s) == 3


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_share_a_replay(log, workers):
    text = "".join(f"{n / 40:.3f},/{n % 7}\n" for n in range(400))
    plan = make_replay(read_log(log(text)), seed=1, loop=True, limit_s=25.0)

    def requests(*which):
        return [pair for c in plan.chunks(*which) for pair in zip(c.due_ns, c.requests, strict=True)]

    assert sorted(itertools.chain(*(requests(n, workers) for n in range(workers)))) == requests()
    assert len(requests()) == 1000


def test_rare_routes_share_a_label(log):
    text = "".join(f"{n},/{n % 60}\n0.5,/often?{n}\n" for n in range(120))
    plan = make_replay(read_log(log(text)), seed=1)
    assert len(plan.targets) == 51
    assert plan.targets[0] == "/often"
    assert plan.targets[-1] == OTHER
    counts = np.bincount([plan.target_numbers[n] for c in plan.chunks() for n in c.requests])
    assert counts[0] == 120
    assert counts.sum() == 240


def test_a_log_without_times_is_refused_with_its_first_line(log):
    with pytest.raises(ConfigError, match=r"not a log with times: .*; the first line: x y$"):
        read_log(log("x y\n127.0.0.1\tGET /\t200\t5\n"))


@pytest.mark.parametrize("text", ["", "1,POST,/a\n"], ids=["empty", "no-get"])
def test_a_replay_of_nothing_ends_with_4(log, text, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["trafficgen", "replay", str(log(text)), "--url", "http://127.0.0.1:9/"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 4
    assert "nothing to replay: 0 GETs" in capsys.readouterr().err


def served(log_format):
    """What the time server writes of three GETs and a POST: 2 in the first second, none in the next, 2 in the last."""
    requests = (("GET", "/", 736.25), ("POST", "/a b", 736.75), ("GET", "/stats?x=1", 738.0), ("GET", "/", 738.5))
    return b"".join(
        FORMATS[log_format](
            Served(
                "192.0.2.1", method, target, target.partition("?")[0], 200, 5, 0.001, 1760129e3 + at, "1.1", "-", "-"
            )
        )
        for method, target, at in requests
    )


@pytest.mark.parametrize("log_format", ["json", "combined"])
def test_the_time_servers_logs_with_times_are_read_with_their_counts_by_second(log, log_format):
    path = log(served(log_format))
    recording = read_log(path)
    assert [math.floor(at) - 1760129000 for at in recording.unix_s] == [736, 738, 738]
    assert (recording.other_methods, recording.unreadable) == (1, 0)
    assert read_shape(path, step_s=1.0) == Shape((2.0, 0.0, 2.0), step_s=1.0, length_s=3.0)


@pytest.mark.parametrize("log_format", ["tab", "tab-timed"])
def test_the_time_servers_logs_without_times_are_refused_with_the_way_out(log, log_format):
    says = r"access\.log: lines of this format have no time \(`tab`.*`timeserver --log-format json`"
    for text in (served(log_format), b"192.0.2.1\tUNKNOWN -\t400\t0" + b"\t0.000001" * (log_format == "tab-timed")):
        with pytest.raises(ConfigError, match=says):
            read_log(log(text))
        with pytest.raises(ConfigError, match=says):
            read_shape(log(text), step_s=1.0)


async def test_a_replay_reaches_the_server(log, site):
    plan = make_replay(read_log(log(CSV)), seed=1, speed=100.0)
    report = await run_load(LoadConfig(url=site.url, phases=(), seed=1), plan=plan)
    assert report.sent == report.answered == 3
    assert site.requests == {"/a": 2, "/b": 1}
