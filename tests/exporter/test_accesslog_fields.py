"""Lines whose fields have names: which field is the duration, and in what unit, and what hides what."""

import json
from functools import cache

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.formats import find_format
from exporter.accesslog.infer import infer, refusal
from exporter.accesslog.parse.columnar import Columnar
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.parse.scalar import tally_scalar
from exporter.accesslog.proposal import propose
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
    assert ("# Not used: " in text) == (want is not None)
    if want:
        assert f"# Not used: {want}: numbers that may be how long each request took.\n" in text
        assert "add `fields: {duration: ITS_NAME}` and `time_unit: ms`" in text


@pytest.mark.parametrize("more", [{"duration": "PT0.012S"}, {"duration": {"s": 0}}, {"duration_ms": 10**14}], ids=str)
def test_json_that_is_not_read_as_json_is_not_cut_at_its_blanks(more):
    data = json.dumps(START | more).encode() + b"\n"
    assert infer(data * 3) is None
    assert "read as JSON: b" in refusal(data)
    assert "is not a time" in refusal(data) or "is too long a time" in refusal(data)


def test_json_without_a_request_is_refused_with_what_is_missing():
    without_code = refusal(b'{"Method":"GET","Path":"/a","StatusCode":200}\n')
    assert "read as JSON: no status code: expected one of the keys status, code" in without_code
    assert "read as JSON: no method and path found" in refusal(b'{"verb":"GET","Path":"/a","status":200}\n')


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


OWN = {
    "method": ("httpMethod", "verb", "reqMethod", "properties.httpMethod", "request_method"),
    "path": ("requestUri", "resourcePath", "reqPath", "properties.requestUri", "requested_uri"),
    "code": ("httpStatus", "StatusCode", "rspCode", "properties.httpStatusCode", "status"),
    "bytes": ("sentBytes", "rspContentLen_bytes", "properties.responseBytes", "bytes"),
    "duration": ("http.duration_ms", "took_ms", "req.elapsedMs", "properties.responseTimeMs", "latencyMs"),
}
NOISE = {
    "referer": "/x",
    "referrer_url": "https://www.example.org/x",
    "id": 200,
    "receivedBytes": 99,
    "requestSize": 7,
    "db_ms": 3,
    "upstream.latency_ms": 5,
    "msg": "GET it",
    "port": 443,
    "level": "info",
    "tls": True,
    "n": None,
}


def nested(pairs):
    """The pairs as an object, with one object inside for each name before a point."""
    tree = {}
    for path, value in pairs:
        *steps, last = path.split(".")
        inside = tree
        for step in steps:
            inside = inside.setdefault(step, {})
        inside[last] = value
    return tree


@settings(max_examples=30)
@given(data=st.data())
def test_unusual_names_are_found_or_nothing_is_read_into_them(data):
    names = {field: data.draw(st.sampled_from(some)) for field, some in OWN.items()}
    noise = data.draw(st.lists(st.sampled_from(sorted(NOISE)), unique=True))
    rows = [("GET", "/users/1", "200", 5, 12), ("POST", "/b?x=1", "404", 0, 7)]
    lines = []
    for row in rows:
        values = dict(zip(names.values(), row, strict=True)) | {name: NOISE[name] for name in noise}
        order = data.draw(st.permutations(sorted(values)))
        lines.append(json.dumps(nested((name, values[name]) for name in order)).encode())
    log = b"\n".join(lines)
    guess = infer(log)
    if guess is None:
        assert refusal(log)
        return
    tally = Reader(guess.parsed(), Buckets((1.0,))).read(log)
    assert tally.failed == {}
    assert set(tally.hits) == {(b"GET", b"/users/1", b"200"), (b"POST", b"/b", b"404")}
    assert sum(numbers[BYTES] for numbers in tally.hits.values()) in (5, 0)
    assert sum(numbers[DURATION_NS] for numbers in tally.hits.values()) in (19_000_000, 0)


@pytest.mark.parametrize(
    ("line", "want"),
    [
        (
            {"httpMethod": "GET", "resourcePath": "/a", "status": "200", "responseLength": "5"},
            {"method": "httpMethod", "path": "resourcePath", "code": "status", "bytes": "responseLength"},
        ),
        (
            {"p": {"httpMethod": "GET", "requestUri": "/a", "httpStatus": 200, "sentBytes": 5, "receivedBytes": 9}},
            {"method": "p.httpMethod", "path": "p.requestUri", "code": "p.httpStatus", "bytes": "p.sentBytes"},
        ),
        (
            {"first": {"requestLine": "GET /a HTTP/1.1"}, "rsp": {"statusCode": 200}},
            {"request": "first.requestLine", "code": "rsp.statusCode"},
        ),
        ({"method": "GET", "path": "/a", "status": 200, "http": {"duration_ms": 5}}, {"duration": "http.duration_ms"}),
        ({"method": "GET", "path": "/a", "status": 200, "db": {"duration_ms": 5}}, None),
        ({"a": "GET", "b": "/a", "c": 200}, False),
        ({"httpMethod": "GET", "page": "/a", "httpStatus": 200}, False),
        ({"httpMethod": "GET", "uri": "/a", "httpStatus": 200, "grpcStatus": 200}, False),
    ],
)
def test_the_proposal_names_the_fields_that_it_found(line, want):
    data = json.dumps(line).encode() + b"\n"
    guess = infer(data)
    if want is False:
        assert guess is None
        return
    text = propose("a.log", data, guess)
    assert yaml.safe_load(text)["accesslog"][0].get("fields") == want
    assert ("# The names in `fields` are found by what they say" in text) == (want is not None)


def test_every_tool_reads_the_fields_that_infer_proposes(run, tmp_path):
    line = {"httpMethod": "GET", "resourcePath": "/a", "httpStatus": "200", "sentBytes": "5", "http": {"took_ms": 7}}
    log = tmp_path / "a.log"
    log.write_text(f"{json.dumps(line)}\n" * 2)
    assert "  bytes=5  duration=0.007s\n" in run("explain", log)[1]
    assert json.loads(run("summary", "--json", log)[1])["requests"][0]["count"] == 2
    assert "/a\t200\t" in run("qps", log, "--once", "--from-start", "--interval", "0.1")[1]
    run("infer", log, "--output", tmp_path / "exporter.yml")
    assert run("check", tmp_path / "exporter.yml")[0] == 0
