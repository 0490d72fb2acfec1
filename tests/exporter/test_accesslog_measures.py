"""Histograms beside the duration's: what servers behind took, and sizes. By hand, and in both engines the same."""

import re
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_accesslog_columnar import HOSTILE

from exporter.accesslog.metrics import families
from exporter.accesslog.parse import reader as reader_module
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.selftest import check_source
from exporter.accesslog.source import Example, Source
from exporter.accesslog.state import Traffic
from exporter.accesslog.tally import BUCKETS, BYTES, COUNT, Buckets

NGINX = (
    '$remote_addr [$time_local] "$request" $status $body_bytes_sent $request_length $request_time '
    '"$upstream_response_time" "$upstream_connect_time"'
)
LINE = '192.0.2.1 [22/Nov/2026:06:30:48 +0000] "GET / HTTP/1.1" 200 {size} {length} 0.5 "{upstream}" "{connect}"'
UPSTREAM, CONNECT = "tidewatch_http_upstream_duration_seconds", "tidewatch_http_upstream_connect_seconds"
REQUEST, RESPONSE = "tidewatch_http_request_size_bytes", "tidewatch_http_response_size_bytes"


def source(**more):
    return Source(source="site", paths=("/x",), **{"format": NGINX, "buckets": (0.01, 0.1, 1.0), **more})


def line(**values):
    return LINE.format(**{"size": 10, "length": 300, "upstream": "0.050", "connect": "0.001", **values})


@pytest.mark.parametrize(
    ("lines", "samples"),
    [
        (
            [line()],
            {f"{UPSTREAM}_sum": 0.05, f'{UPSTREAM}_bucket{{le="0.1"}}': 1, f'{UPSTREAM}_bucket{{le="0.01"}}': 0},
        ),
        ([line(), line(connect="0.2")], {f"{CONNECT}_sum": 0.201, f"{CONNECT}_count": 2}),
        # several servers were tried: the request waited for all of them
        ([line(upstream="0.050, 0.025 : 0.005")], {f"{UPSTREAM}_sum": 0.08, f"{UPSTREAM}_count": 1}),
        ([line(upstream="-, 0.025")], {f"{UPSTREAM}_sum": 0.025, f"{UPSTREAM}_count": 1}),
        # none was asked
        ([line(), line(upstream="-", connect="-")], {f"{UPSTREAM}_count": 1, "tidewatch_http_requests_total": 2}),
        ([line(), line(upstream="")], {f"{UPSTREAM}_count": 1, "tidewatch_http_request_duration_seconds_count": 2}),
    ],
)
def test_times_of_the_servers_behind(lines, samples):
    assert check_source(source(tests=(Example(lines=tuple(lines), samples=samples),))) == []


@pytest.mark.parametrize(
    ("format_", "text", "samples"),
    [
        (
            "haproxy",
            '192.0.2.1:1 [x] front back/web1 0/0/3/40/50 200 9 - - ---- 1/1/0/0/0 0/0 "GET / HTTP/1.1"',
            {f"{UPSTREAM}_sum": 0.04, f"{CONNECT}_sum": 0.003},
        ),
        (
            "json",
            '{"method":"GET","path":"/","status":200,"upstream_response_time":"0.050"}',
            {f"{UPSTREAM}_sum": 0.05},
        ),
        ("json", '{"method":"GET","path":"/","status":200,"upstream_service_time":50}', {f"{UPSTREAM}_sum": 0.05}),
        (r"(?P<code>\d+) (?P<upstream_response_time>\S+)", "200 0.05", {f"{UPSTREAM}_sum": 0.05}),
    ],
)
def test_formats_that_have_times_of_servers_behind(format_, text, samples):
    tests = (Example(lines=(text,), samples=samples),)
    assert check_source(source(format=format_, upstream=True, tests=tests)) == []


def test_what_is_no_time_is_no_value_and_the_request_counts():
    one = source(format=r"(?P<code>\d+) (?P<upstream_response_time>\S+)")
    traffic = counted(one, f"200 0.05\n200 x\n200 {'9' * 30}")
    assert [measured.counts for measured in traffic.measured.values()] == [(0, 1, 0, 0)]
    assert (sum(series.count for series in traffic.requests.values()), traffic.totals.failed) == (3, {})


def test_haproxy_says_by_minus_one_that_nobody_answered():
    lines = '192.0.2.1:1 [x] front back/<NOSRV> 0/-1/-1/-1/50 503 9 - - SC-- 1/1/0/0/0 0/0 "GET / HTTP/1.1"'
    traffic = counted(source(format="haproxy"), lines)
    assert traffic.measured == {}
    assert traffic.requests["site", "GET", "other", "503"].count == 1


@pytest.mark.parametrize(
    ("lines", "samples"),
    [
        (
            [line(size=100, length=1), line(size=101, length=10**9)],
            {
                f'{RESPONSE}_bucket{{le="100.0"}}': 1,
                f"{RESPONSE}_sum": 201,
                f"{REQUEST}_sum": 10**9 + 1,
                f'{REQUEST}_bucket{{le="100000000.0"}}': 1,
                f"{REQUEST}_count": 2,
            },
        ),
        ([line(size="-"), line(length="-")], {f'{RESPONSE}_bucket{{le="100.0"}}': 2, f"{REQUEST}_count": 1}),
    ],
)
def test_sizes_where_they_are_asked_for(lines, samples):
    tests = (Example(lines=tuple(lines), samples=samples),)
    assert check_source(source(sizes=("request", "response"), tests=tests)) == []


def names_of(traffic):
    return {family.metric.name for family in families(traffic)} & {UPSTREAM, CONNECT, REQUEST, RESPONSE}


def counted(one, text):
    traffic = Traffic(one, 1.0)
    reader = Reader(one.parsed_format(), Buckets(one.buckets), measures=one.measures(), ignore=one.ignoring())
    traffic.add(reader.read(f"{text}\n".encode()), 1.0)
    return traffic


def test_what_the_log_does_not_have_or_nobody_asks_for_is_absent():
    assert names_of(counted(source(), line())) == {UPSTREAM, CONNECT}
    assert names_of(counted(source(upstream=False), line())) == set()
    assert names_of(counted(source(format="combined"), "x")) == set()
    record = '{"method":"GET","path":"/","status":200,"upstream_response_time":"0.050"}'
    assert names_of(counted(source(format="json"), record)) == set()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"format": "combined", "upstream": True},
            "upstream: the format has no time of an upstream server; it has",
        ),
        ({"format": "combined", "sizes": ("request",)}, "sizes: the format has no size of the request; it has method"),
        ({"size_buckets": (2, 1)}, "size_buckets: expected ascending numbers, for example 100, 1000, 10000"),
    ],
)
def test_what_cannot_be_measured_is_refused(given, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        source(**given)


def test_histograms_go_on_over_restarts_and_begin_anew_with_other_buckets():
    one = source(sizes=("response",))
    traffic = counted(one, "\n".join([line(), line(upstream="0.5")]))
    saved = {key: msgspec.json.encode(value) for key, value in traffic.changes(everything=True).items()}
    again = Traffic(one, 2.0, saved)
    assert again.unreadable == {}
    assert again.measured == traffic.measured
    place = ("upstream", ("site", "GET", "/"))
    assert msgspec.structs.astuple(again.measured[place]) == ((10**7, 10**8, 10**9), (0, 1, 1, 0), 550_000_000, 1.0)
    other = Traffic(source(buckets=(1.0,)), 3.0, saved)
    assert msgspec.structs.astuple(other.measured[place]) == ((10**9,), (0, 0), 0, 3.0)


# Both engines.

BOTH = Buckets((0.001, 0.1, 2.5))
MEASURED = {
    "nginx": source(sizes=("request", "response")),
    "haproxy": source(format="haproxy"),
    "json": source(format="json", upstream=True, sizes=("request", "response")),
    "logfmt": source(format="logfmt", upstream=True, sizes=("response",)),
}
GOOD = {
    "nginx": [line(), line(upstream="0.1, 0.2", connect="-"), line(size="-", length="0")],
    "haproxy": [
        '192.0.2.1:1 [x] front back/web1 0/0/3/40/50 200 9 - - ---- 1/1/0/0/0 0/0 "GET / HTTP/1.1"',
        '192.0.2.1:1 [x] front back/<NOSRV> 0/-1/-1/-1/50 503 9 - - SC-- 1/1/0/0/0 0/0 "GET / HTTP/1.1"',
    ],
    "json": [
        '{"method":"GET","path":"/","status":200,"bytes":7,"upstream_response_time":"0.05","request_length":12}',
        '{"method":"GET","path":"/a","status":500,"bytes":7,"upstream_response_time":0.05,"request_length":"12"}',
    ],
    "logfmt": ["method=GET path=/ status=200 bytes=7 upstream_response_time=0.05"],
}


@cache
def readers(name):
    one = MEASURED[name]
    return tuple(Reader(one.parsed_format(), BOTH, measures=one.measures()) for _ in range(2))


def spoilt(name):
    good = st.sampled_from([text.encode() for text in GOOD[name]])
    bad = st.builds(
        lambda text, hostile, at: text[:at] + hostile + text[at:], good, st.sampled_from(HOSTILE), st.integers(0, 130)
    )
    return st.lists(st.one_of(good, bad), max_size=8).map(lambda lines: b"".join(one + b"\n" for one in lines))


def check(name, text):
    scalar, bulk = readers(name)
    one = scalar.read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader_module, "BULK_BYTES", 0)
        assert bulk.read(text) == one
    measures = MEASURED[name].measures()
    for numbers in one.hits.values():
        for at, measure in enumerate(measures.measures):
            total, *counts = measures.part(at, numbers)
            assert sum(counts) <= numbers[COUNT]
            assert measure.kind != "response_size" or not measure.is_size_of_format or total in (0, numbers[BYTES])
        assert len(numbers) == BUCKETS + 4 + sum(measure.width for measure in measures.measures)


@pytest.mark.parametrize("name", sorted(GOOD))
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_both_engines_measure_the_same(name, data):
    check(name, data.draw(spoilt(name)))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(GOOD))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_both_engines_measure_the_same_of_much(name, data):
    check(name, data.draw(spoilt(name)))
