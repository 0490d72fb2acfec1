"""Backfill: the log's past as Prometheus takes it in."""

import random
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from exporter.accesslog.report.backfill import Backfill
from exporter.accesslog.source import Source

SAMPLES = Path(__file__).parent / "accesslog_samples"
SOURCE = Source(source="site", paths=("a",), format="combined-timed", buckets=(0.1, 1.0))
MINUTE = 1795329000


def line(second, code=200, path="/", size=10, time="0.5"):
    stamp = f"22/Nov/2026:{6 + (1800 + second) // 3600:02}:{(1800 + second) // 60 % 60:02}:{second % 60:02} +0000"
    return f'192.0.2.1 - - [{stamp}] "GET {path} HTTP/1.1" {code} {size} "-" "-" {time}\n'.encode()


LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(made):
    """The text's samples. Not by prometheus-client's parser, which takes no histogram with several timestamps."""
    found = []
    for text in "".join(made.lines()).splitlines():
        if not text.startswith("#"):
            series, value, at_s = text.rsplit(" ", 2)
            name, _, labels = series.partition("{")
            found.append((name, dict(LABEL.findall(labels)), float(value), int(at_s)))
    return found


def values(made, name, **labels):
    return [
        (at_s - MINUTE, value)
        for found, its, value, at_s in samples(made)
        if found == name and labels.items() <= its.items()
    ]


def backfill(*lines, step_s=60, **labels):
    made = Backfill(SOURCE, step_s, labels)
    made.add(b"".join(lines), "a")
    return made


def test_counters_begin_at_0_and_go_on_to_the_end_of_the_log():
    made = backfill(line(5), line(65), line(70, code=500), line(185))
    assert values(made, "tidewatch_http_requests_total", code="200") == [(0, 0), (60, 1), (120, 2), (180, 2), (240, 3)]
    assert values(made, "tidewatch_http_requests_total", code="500") == [(60, 0), (120, 1), (240, 1)]
    assert values(made, "tidewatch_http_response_bytes_total", code="200")[-1] == (240, 30)


def test_a_series_that_rests_has_a_sample_every_four_minutes_and_before_it_changes():
    made = backfill(line(5), line(3600 + 5), line(4000, path="/b"))
    times = [at for at, _ in values(made, "tidewatch_http_requests_total", route="/")]
    assert times == [0, 60, *range(300, 3600, 240), 3600, 3660, 3900, 4020]
    assert max(b - a for a, b in pairwise(times)) < 300


DAY_S = 86_400


def dated(day, path="/"):
    return line(0, path=path).replace(b"22/Nov/2026", day.encode())


@pytest.mark.parametrize("order", [1, -1])
def test_a_gap_of_the_log_is_not_filled(order):
    """One line of 1970 would make a sample for every four minutes of half a century, of each series."""
    lines = [dated("01/Jan/1970", "/b"), dated("22/Nov/2026"), dated("23/Nov/2026", "/b"), dated("31/Dec/9999", "/b")]
    made = backfill(*lines[::order])
    assert [gap.end - gap.start for gap in made.gaps()] == [1_795_305_540, 251_606_822_340]
    for_b = values(made, "tidewatch_http_requests_total", route="/b")
    absolute = [(at + MINUTE, value) for at, value in for_b]
    first = 6 * 3600 + 1800
    assert absolute[:3] == [(first, 0), (first + 60, 1), (MINUTE, 1)]
    assert for_b[-3:] == [
        (DAY_S + 60, 2),
        (251_606_822_340 + DAY_S + 60, 2),
        (251_606_822_340 + DAY_S + 120, 3),
    ]
    assert len(for_b) == 3 + DAY_S // 240 + 3  # one right before each change, one after it


def test_what_was_refused_before_it_was_answered_has_its_route():
    made = backfill(line(5, path="/a", code=500), line(65, path="/a"), line(70, path="/.env", code=404))
    codes = {(its["route"], its["code"]) for _, its, _, _ in samples(made) if "code" in its}
    assert codes == {("/a", "500"), ("/a", "200"), ("other", "404")}


def test_times_become_histograms():
    made = backfill(line(5, time="0.05"), line(6, time="0.5"), line(7, time="7.0"))
    assert values(made, "tidewatch_http_request_duration_seconds_bucket") == [
        *[(0, 0)] * 3,
        *[(60, 1), (60, 2), (60, 3)],
    ]
    assert values(made, "tidewatch_http_request_duration_seconds_sum") == [(0, 0), (60, 7.55)]


def test_numbers_of_unknown_unit_make_no_histogram():
    made = Backfill(SOURCE, 60, {})
    made.add(line(0, time="372") + line(1, path="/b", time="0.5"), "a")
    assert values(made, "tidewatch_http_request_duration_seconds_count", route="/") == []
    assert values(made, "tidewatch_http_request_duration_seconds_count", route="/b")[-1][1] == 1


def test_the_order_of_lines_does_not_matter():
    lines = [line(second, path=f"/{second % 3}") for second in range(0, 600, 7)]
    shuffled = random.Random(1).sample(lines, len(lines))
    assert sorted(map(str, samples(backfill(*shuffled)))) == sorted(map(str, samples(backfill(*lines))))


def test_lines_that_cannot_be_placed_are_counted():
    made = backfill(line(5), b"bad\n", line(5).replace(b"Nov", b"Nev"), b"\n")
    assert made.bad.counts == {"format": 1, "stamp": 1, "blank": 1}
    assert values(made, "tidewatch_http_requests_total")[-1] == (60, 1)


@pytest.mark.parametrize("format_", ["json", "logfmt", r"(?P<time>\S+) (?P<code>\d+)", "alb", "caddy", "w3c", "tab"])
def test_no_line_ends_the_backfill(format_):
    made = Backfill(Source(source="s", paths=("a",), format=format_), 60, {})
    made.add(b'{\nx\n\xff\n{"time":"soon","status":200}\ntime=1e999 status=200\n1e30 200\n\n#\n', "a")
    assert sum(made.bad.counts.values()) >= 6


def test_labels_can_be_added():
    made = backfill(line(5, path="/x"), job='my "site"')
    assert {its["job"] for _, its, _, _ in samples(made)} == {r"my \"site\""}


def test_an_announced_format_has_times():
    made = Backfill(Source(source="iis", paths=("a",), format="w3c"), 60, {})
    made.add((SAMPLES / "w3c.log").read_bytes(), "a")
    assert made.bad.counts == {}
    assert {its["route"] for _, its, _, _ in samples(made)} == {"/a", "other"}


@pytest.mark.e2e
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_promtool_makes_blocks_of_it(tmp_path):
    made = backfill(*(line(second) for second in range(0, 3000, 10)), job="site")
    (tmp_path / "log.om").write_text("".join(made.lines()))
    create = ["promtool", "tsdb", "create-blocks-from", "openmetrics", tmp_path / "log.om", tmp_path / "data"]
    subprocess.run(create, check=True, capture_output=True)
    (tmp_path / "data" / "wal").mkdir()  # which dump asks for
    dump = subprocess.run(["promtool", "tsdb", "dump", tmp_path / "data"], check=True, capture_output=True, text=True)
    found = re.findall(
        r'^{__name__="tidewatch_http_requests_total".* job="site".*} (\d+) (\d+)$', dump.stdout, re.MULTILINE
    )
    assert [(int(value), int(at_ms) // 1000 - MINUTE) for value, at_ms in found] == [(6 * n, 60 * n) for n in range(51)]
