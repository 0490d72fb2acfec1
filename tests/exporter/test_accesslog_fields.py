"""Lines whose fields have names: which field is the duration, and in what unit, and what hides what."""

import json
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.formats import find_format
from exporter.accesslog.infer import infer, propose, refusal
from exporter.accesslog.parse.columnar import Columnar
from exporter.accesslog.parse.scalar import tally_scalar
from exporter.accesslog.tally import BUCKETS, BYTES, DURATION_NS, Buckets

EDGES = Buckets((1.0,))
START = {"method": "GET", "path": "/a", "status": 200}


def line(name, record):
    if name == "json":
        return json.dumps(record, separators=(",", ":")).encode()
    return " ".join(f"{key}={value}" for key, value in record.items()).encode()


@cache
def engine(name, time_unit):
    return Columnar(find_format(name, time_unit=time_unit), EDGES)


def tally(name, *records, time_unit=None):
    """What both engines make of the lines, which is the same."""
    data = b"".join(line(name, one) + b"\n" for one in records * 3)
    got = tally_scalar(data, find_format(name, time_unit=time_unit), EDGES)
    assert engine(name, time_unit).tally(data) == got
    return got


def timed(got):
    """How many requests have a duration, and the nanoseconds of all."""
    rows = got.hits.values()
    return sum(sum(row[BUCKETS:]) for row in rows), sum(row[DURATION_NS] for row in rows)


@pytest.mark.parametrize("key", ["request_time", "upstream_response_time"])
@pytest.mark.parametrize("name", ["json", "logfmt"])
@settings(max_examples=8, deadline=None)
@given(millis=st.integers(0, 10**7), whole=st.integers(1, 10**6))
def test_the_names_of_nginx_are_seconds_only_where_a_point_is(name, key, millis, whole):
    """nginx always writes three decimals, so a whole number was written by something else, in a unit of its own."""
    decimal, bare = ({**START, key: value} for value in (millis / 1000, whole))
    assert timed(tally(name, decimal, bare)) == (3, 3 * millis * 1_000_000)
    assert timed(tally(name, bare, decimal, time_unit="ms"))[0] == 6
    assert find_format(name).find_unitless(line(name, bare)) == (key, b"%d" % whole)
    assert find_format(name).find_unitless(line(name, decimal)) is None


PUT = {"verb": "PUT", "uri": "/orders", "response_code": 503}


@pytest.mark.parametrize(
    ("hiding", "without", "hidden"),
    [
        ({"status": "ok"}, "response_code", {"status_code": 503}),
        ({"status": "ok"}, "response_code", {"http_status": "503"}),
        ({"code": "E_OK"}, "", {}),
        ({"status": 0}, "", {}),
        ({"method": "Orders.index"}, "verb", {"http_method": "PUT"}),
        ({"method": "handle"}, "", {}),
        ({"route": "orders#show"}, "", {}),
        ({"url": "shop"}, "uri", {"request_path": "/orders?x=1"}),
        ({"request": "4f2c"}, "verb", {"request_line": "PUT /orders HTTP/1.1"}),
        ({"bytes": "few"}, "", {"bytes_sent": 12}),
        ({"service": "checkout"}, "", {"httpRequest.latency": "1.5ms"}),
        ({"duration": "short"}, "", {"elapsedTime": "1.5ms"}),
        ({"latency": 57000}, "", {"latency_human": "1.5ms"}),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["json", "logfmt"])
def test_a_value_that_cannot_be_the_field_hides_no_other(name, hiding, without, hidden):
    if " " in str(hidden.values()) and name == "logfmt":
        hidden = {key: f'"{value}"' for key, value in hidden.items()}
    got = tally(name, {**hiding, **{key: value for key, value in PUT.items() if key != without}, **hidden})
    assert (got.failed, [*got.hits]) == ({}, [(b"PUT", b"/orders", b"503")])
    assert sum(row[BYTES] for row in got.hits.values()) == (36 if "bytes_sent" in hidden else 0)
    assert timed(got)[1] == (4_500_000 if "1.5ms" in str(hidden) else 0)


@pytest.mark.parametrize(
    ("ending", "unit_ns"),
    [("_ms", 10**6), ("Ms", 10**6), ("Millis", 10**6), ("_microsec", 10**3), ("Ns", 1), ("_seconds", 10**9)],
)
@pytest.mark.parametrize("base", ["duration", "latency", "elapsed", "took", "total"])
def test_a_name_that_ends_in_a_unit_has_it(base, ending, unit_ns):
    assert timed(tally("json", {**START, base + ending: 12})) == (3, 36 * unit_ns)


def test_a_program_s_name_is_no_time():
    assert timed(tally("json", {"service": "checkout", **START})) == (0, 0)
    assert timed(tally("logfmt", {"service": "12ms", **START})) == (3, 36_000_000)


@pytest.mark.parametrize(
    ("more", "want"),
    [
        ({"spent": [12, 7], "id": [1, 2], "respBytes": [5, 6]}, "spent (12, 7)"),
        ({"app.cost": ["1.5", "2.25"], "at": [1795687200, 1795687201]}, "app.cost (1.5, 2.25)"),
        ({"spent": [3, 3], "x": ["a", "7"]}, None),
        ({"spent": [12, 7], "took_ms": [1, 2]}, None),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["json", "logfmt"])
def test_numbers_that_may_be_times_are_named_with_the_way_to_use_them(name, more, want):
    data = b"".join(line(name, START | {key: pair[i] for key, pair in more.items()}) + b"\n" for i in (0, 1))
    text = propose("a.log", data, infer(data))
    assert ("# Left out: " in text) == (want is not None)
    if want:
        assert f"# Left out: {want}: numbers that may be how long each request took.\n" in text
        assert "add `fields: {duration: ITS_NAME}` and `time_unit: ms`" in text


@pytest.mark.parametrize("more", [{"duration": "PT0.012S"}, {"duration": {"s": 0}}, {"duration_ms": 10**14}], ids=str)
def test_json_that_is_not_read_as_json_is_not_cut_at_its_blanks(more):
    data = json.dumps(START | more).encode() + b"\n"
    assert infer(data * 3) is None
    assert "as JSON, b" in refusal(data)
    assert "is not a time" in refusal(data) or "is too long a time" in refusal(data)


def test_json_without_a_request_is_refused_with_what_is_missing():
    assert "as JSON, none of status, code" in refusal(b'{"Method":"GET","Path":"/a","StatusCode":200}\n')
    assert "as JSON, there is no method and path" in refusal(b'{"verb":"GET","Path":"/a","status":200}\n')


def test_kong_and_httplog_have_their_own_places():
    kong = {"latencies": {"request": 515, "proxy": 430}, "request": {"method": "GET", "uri": "/k?x"}}
    got = tally("json", kong | {"response": {"status": 200, "size": 434}})
    assert timed(got) == (3, 3 * 515_000_000)
    ((key, row),) = got.hits.items()
    assert (key, row[BYTES]) == ((b"GET", b"/k", b"200"), 3 * 434)
    asked = {"requestMethod": "GET", "requestPath": "/hl"}
    go = tally("json", {"httpRequest": asked, "httpResponse": {"status": 200, "bytes": 5, "elapsed": 1.5}})
    assert timed(go) == (3, 4_500_000)


@pytest.mark.parametrize("texts", [("850µs", "2.5ms", "1.5s"), ("850µs", "2µs"), ("1m1.5s", "3ms")], ids="+".join)
def test_durations_that_name_units_of_their_own_are_read_as_written(texts):
    data = "".join(f"2026-11-22T06:30:48Z | GET | /a/b | 200 | 5 | {text} | x\n" for text in texts).encode()
    guess = infer(data)
    assert "| $duration_text |" in guess.format
    got = tally_scalar(data, find_format(guess.format), EDGES)
    assert timed(got)[0] == len(texts)
    bare = data.replace(texts[0].encode(), b"12")
    assert timed(tally_scalar(bare, find_format(guess.format), EDGES))[0] == len(texts) - 1
