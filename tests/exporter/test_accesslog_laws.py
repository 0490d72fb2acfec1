"""What holds for every format: units, requests without an answer, lists, and fields that say the same twice."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.accesslog.formats import PRESETS, UNITS_NS, UserPaths, find_format
from exporter.accesslog.formats.durations import unit_of_name
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.tally import BUCKETS, BYTES, COUNT, DURATION_NS, Buckets

units = st.sampled_from(sorted(UNITS_NS))
amounts = st.integers(0, 10**6)


def read(line, format_):
    """The one request of a line: its method, target and code, its numbers, and how many were timed."""
    tally = Reader(format_, Buckets((1.0,))).read(line if isinstance(line, bytes) else line.encode())
    assert (tally.lines, tally.failed) == (1, {})
    ((key, numbers),) = tally.hits.items()
    assert numbers[COUNT] == 1
    return tuple(part.decode() for part in key), numbers, sum(numbers[BUCKETS:])


# 1. A unit is known, or the number is not a duration.

UNTOLD = [
    ("json", '{{"method":"GET","path":"/","status":200,"duration":{}}}'),
    ("json", '{{"method":"GET","path":"/","status":200,"latency":"{}"}}'),
    ("json", '{{"req":{{"method":"GET","url":"/"}},"res":{{"statusCode":200}},"responseTime":{}}}'),
    ("logfmt", "method=GET path=/ status=200 duration={}"),
    ("logfmt", 'method=GET path=/ status=200 elapsed="{}"'),
    ("common-timed", '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET / HTTP/1.1" 200 1 {}'),
    ("combined-timed", '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET / HTTP/1.1" 200 1 "-" "curl" {}'),
    (r"(?P<method>\w+) (?P<path>\S+) (?P<code>\d+) (?P<duration>\S+)", "GET / 200 {}"),
]


@pytest.mark.parametrize(("name", "line"), UNTOLD)
@given(amount=amounts, unit=units)
def test_a_number_whose_unit_nobody_tells_is_no_duration(name, line, amount, unit):
    text, format_ = line.format(amount), find_format(name)
    assert read(text, format_)[2] == 0
    assert format_.find_unitless(text.encode()).text == b"%d" % amount
    told = find_format(name, time_unit=unit)
    assert (read(text, told)[1][DURATION_NS], read(text, told)[2]) == (amount * UNITS_NS[unit], 1)
    assert told.find_unitless(text.encode()) is None


@given(amount=amounts, unit=units, blank=st.sampled_from(["", " "]))
@pytest.mark.parametrize("name", ["json", "logfmt"])
def test_a_value_or_a_name_may_tell_the_unit(name, amount, unit, blank):
    values = {"took": f"{amount}{blank}{unit}", f"elapsed_{unit}": str(amount)}
    for key, value in values.items():
        record = {"method": "GET", "path": "/", "status": "200", key: value}
        line = json.dumps(record) if name == "json" else " ".join(f'{one}="{record[one]}"' for one in record)
        assert read(line, find_format(name))[1:] == (
            [1, 0, amount * UNITS_NS[unit], *read(line, find_format(name))[1][3:]],
            1,
        )


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        *[
            ("took_ms", "ms"),
            ("timeTakenMs", "ms"),
            ("elapsed_seconds", "s"),
            ("time.us", "us"),
            ("latency_millis", "ms"),
        ],
        *[
            ("durationNanos", "ns"),
            ("response.timeMs", "ms"),
            ("http.took_MS", "ms"),
            ("elapsed.MS", "ms"),
            ("log.tookItems", None),
            ("duration_usec", "us"),
            ("took", None),
            ("items", None),
            ("ms", None),
            ("class", None),
        ],
    ],
)
def test_a_name_that_ends_in_a_unit_tells_it(name, unit):
    assert unit_of_name(name) == unit


MILLIS = [  # formats whose name tells the unit
    ("envoy", '[2026-11-22T06:30:48Z] "GET / HTTP/2" 200 - 7 9 {} - "-" "curl"'),
    ("envoy-json", '{{"method":"GET","path":"/","response_code":200,"response_flags":"-","duration":{}}}'),
    ("haproxy", '192.0.2.1:1 [x] f b/s 0/0/0/0/{} 200 9 - - ---- 1/1/0/0/0 0/0 "GET / HTTP/1.1"'),
    ("lograge", "method=GET path=/ controller=A action=b status=200 duration={}"),
    ("morgan-dev", "GET / 200 {} ms - 9"),
    ("morgan-short", "192.0.2.1 - GET / HTTP/1.1 200 9 - {} ms"),
    ("morgan-tiny", "GET / 200 9 - {} ms"),
    ("pino", '{{"level":30,"req":{{"method":"GET","url":"/"}},"res":{{"statusCode":200}},"responseTime":{}}}'),
    ("squid", "1795329048.918 {:6} 192.0.2.1 TCP_MISS/200 9 GET http://h/ - HIER_DIRECT/192.0.2.9 -"),
    ("%ci %ST %HM %HU %Ta", "192.0.2.1 200 GET / {}"),
    ("%RESPONSE_CODE% %REQ(:METHOD)% %REQ(:PATH)% %DURATION%", "200 GET / {}"),
    ("%(s)s %(m)s %(U)s %(M)s", "200 GET / {}"),
    (":status :method :url :response-time", "200 GET / {}"),
    ("$status $request_method $uri $duration_ms", "200 GET / {}"),
    ("#Fields: sc-status cs-method cs-uri-stem TimeTakenMS", "200 GET / {}"),
]


@pytest.mark.parametrize(("name", "line"), MILLIS)
@given(amount=amounts)
def test_a_format_may_tell_the_unit(name, line, amount):
    _, numbers, timed = read(line.format(amount), find_format(name))
    assert (numbers[DURATION_NS], timed) == (amount * UNITS_NS["ms"], 1)


# 4. HAProxy's strings and Apache's are never taken for each other's.

HAPROXY = ("%ci", "%tr", "%ft", "%s", "%b", "%TR", "%Tw", "%Tc", "%Tt", "%B", "%tsc", "%rc", "%hr", "%{+Q}r")
APACHE = ("%h", "%l", "%u", "%t", '"%r"', "%b", "%O", "%D", "%{Referer}i", "%v", "%X", "%I")


@given(directives=st.permutations(HAPROXY), count=st.integers(0, len(HAPROXY)))
def test_a_string_of_haproxy_is_not_apaches(directives, count):
    try:
        found = find_format(" ".join((*directives[:count], "%ST"))).name
    except ValueError:  # it may be both
        found = None
    assert found in ("haproxy", None)


@given(directives=st.permutations(APACHE), count=st.integers(0, len(APACHE)))
def test_a_string_of_apache_is_not_haproxys(directives, count):
    assert find_format(" ".join((*directives[:count], "%>s"))).name == "apache"


# 2. A request that got no answer is a request.


@pytest.mark.parametrize("code", ["0", "-", "000", "-1"])
@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("combined", '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET / HTTP/1.1" {} 1 "-" "curl"'),
        ("$request_method $uri $status", "GET / {}"),
        ('"$request" "$status"', '"GET / HTTP/1.1" "{}"'),
        ("%m %U %>s %b", "GET / {} 1"),
        ("tab", "192.0.2.1\tGET /\t{}\t1"),
        ("json", '{{"method":"GET","path":"/","status":"{}"}}'),
        ("logfmt", "method=GET path=/ status={}"),
        ("#Fields: cs-method cs-uri sc-status", "GET / {}"),
    ],
)
def test_a_request_without_an_answer_has_the_code_000(name, line, code):
    assert read(line.format(code), find_format(name))[0] == ("GET", "/", "000")


@pytest.mark.parametrize("status", ["null", '""', "0", "-1", "000", "-", ""])
def test_a_code_that_json_has_empty_is_000(status):
    line = f'{{"method":"GET","path":"/","status":{status}}}'
    assert read(line, PRESETS["json"])[0] == ("GET", "/", "000")


# 3. A variable of nginx may be a list, empty or a dash.

numbers_of = st.integers(0, 999)
times_ms = st.integers(0, 99_999)


def lists(item):
    """What nginx writes of several upstreams: `a, b : c`."""
    return st.builds(
        lambda items, gaps: "".join(a + b for a, b in zip(items, [*gaps[: len(items) - 1], ""], strict=False)),
        st.lists(item, min_size=1, max_size=4),
        st.lists(st.sampled_from([", ", " : "]), min_size=3, max_size=3),
    )


seconds = times_ms.map(lambda ms: f"{ms / 1000:.3f}")
addresses = st.sampled_from(["192.0.2.1:80", "[2001:db8::1]:80", "unix:/run/app.sock", "app"])
EMPTY = ["-", ""]
VALUES = {
    "$upstream_addr": lists(addresses),
    "$upstream_status": lists(st.sampled_from(["200", "502", "-"])),
    "$upstream_response_length": lists(numbers_of.map(str)),
    "$upstream_connect_time": lists(st.one_of(seconds, st.just("-"))),
    "$upstream_bytes_received": lists(numbers_of.map(str)),
    "$http_x_forwarded_for": st.lists(st.sampled_from(["192.0.2.7", "2001:db8::9", "unknown"]), min_size=1).map(
        ", ".join
    ),
    "$remote_addr": st.just("192.0.2.9"),
    "$http_user_agent": st.sampled_from(["curl", "Mozilla/5.0 (X11; Linux x86_64)"]),
}


@given(data=st.data())
def test_whatever_nginx_logs_around_it_the_request_is_read(data):
    gap = data.draw(st.sampled_from([" ", "|", "\t", " | ", ";"]))
    around = data.draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True))
    ms = data.draw(st.lists(times_ms, min_size=1, max_size=3))
    own = data.draw(st.booleans())
    pieces = {
        "$status": "200",
        "$body_bytes_sent": data.draw(st.sampled_from(["5", *EMPTY])),
        "$scheme://$host$request_uri": "https://www.example.org/a/b?x=1",
        "$request_method": "GET",
        "$upstream_response_time": ", ".join(f"{one / 1000:.3f}" for one in ms),
    }
    pieces |= {"$request_time": "0.123"} if own else {}
    for name in around:
        value = data.draw(st.one_of(VALUES[name], st.sampled_from(EMPTY)))
        quoted = data.draw(st.booleans()) or (gap not in ("|", " | ") and name == "$http_user_agent")
        pieces[f'"{name}"' if quoted else name] = f'"{value}"' if quoted else value
    order = data.draw(st.permutations(sorted(pieces)))
    key, found, timed = read(gap.join(pieces[name] for name in order), find_format(gap.join(order)))
    assert key == ("GET", "/a/b", "200")
    assert found[BYTES] == (5 if pieces["$body_bytes_sent"] == "5" else 0)
    assert (found[DURATION_NS], timed) == ((123 if own else sum(ms)) * UNITS_NS["ms"], 1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("$request_method $host$uri$is_args$args $status", "GET www.example.org/a?b=1 200"),
        ("$request_method $host$uri$is_args$args $status", "GET www.example.org/a 200"),
        ("$request_method$request_uri $status", "GET/a?b 200"),
        ("$status$request_method $uri", "200GET /a"),
        ("%m %v%U%q %s", "GET www.example.org/a?b 200"),
        ('%m %{Host}i%U %s "%{X-Forwarded-For}i" %{X-Forwarded-For}i', 'GET h/a 200 "a, b" a, b'),
    ],
)
def test_neighbours_are_parted_where_the_grammar_decides(text, line):
    assert read(line, find_format(text))[0] == ("GET", "/a", "200")


# 5. One field never hides another.


@pytest.mark.parametrize(
    "line",
    [
        {"request": "GET /a?x HTTP/1.1", "uri": "/index.php"},
        {"request": "GET /a HTTP/1.1", "method": "POST", "path": "/b"},
        {"request": "/a?x=1", "method": "GET"},
        {"request": {"method": "GET", "uri": "/a"}},
        {"request": "", "method": "GET", "uri": "/a"},
        {"request": "-", "request_method": "GET", "url": "/a"},
        {"request": "\x16\x03\x01 x", "method": "GET", "uri": "/a"},
        {"method": "GET", "request_uri": "/a?b", "uri": "/index.php"},
        {"method": "", "verb": "GET", "path": None, "url": "/a"},
    ],
)
def test_what_the_client_sent_goes_before_what_the_server_made_of_it(line):
    assert read(json.dumps(line | {"status": 200}), PRESETS["json"])[0] == ("GET", "/a", "200")


def test_what_the_client_sent_goes_first_in_format_strings_too():
    assert read("/index.php GET /a?b 200", find_format("$uri $request_method $request_uri $status"))[0][1] == "/a"


# 6. Almost-JSON is read where it is certain.


@pytest.mark.parametrize(
    ("line", "want"),
    [
        (rb'{"request":"GET /a\x22b\x5C HTTP/1.1","status":200}', ("GET", '/a"b\\', "200")),
        (rb'{"request":"GET /\xC3\xA9 HTTP/1.1","status":200}', ("GET", "/é", "200")),
        (b'{"request":"GET /\xe9 HTTP/1.1","status":200}', ("GET", "/\N{REPLACEMENT CHARACTER}", "200")),
        (b'{"request":"GET /a\tb HTTP/1.1","status":200}', ("GET", "/a\tb", "200")),
        (b'{"status":000,"method":"GET","uri":"/a"}', ("GET", "/a", "000")),
        (b'{"status":200,"t":-,"method":"GET","u":,"uri":"/a"}', ("GET", "/a", "200")),
        (b'{"status":200,"method":"GET","uri":"/a","upstream_response_time":}', ("GET", "/a", "200")),
        (rb'{"request":"GET /\ud800a HTTP/1.1","status":200}', ("GET", "/\N{REPLACEMENT CHARACTER}a", "200")),
        (rb'{"uri":"/a","method":"GET","status":200,"agent":"\udc80\uDC80"}', ("GET", "/a", "200")),
        (
            rb'{"uri":"/\ud83d\ud83d\uDE00","method":"GET","status":200}',
            ("GET", "/\N{REPLACEMENT CHARACTER}\U0001f600", "200"),
        ),
        (rb'{"uri":"/\\ud800","method":"GET","status":200,"x":"\ud800"}', ("GET", r"/\ud800", "200")),
        (b'{"status":200,"method":"GET","t":NaN,"u": -Infinity,"uri":"/a"}', ("GET", "/a", "200")),
    ],
)
def test_almost_json_is_read_where_it_is_certain(line, want):
    assert read(line, PRESETS["json"])[0] == want


def test_a_bare_list_of_times_in_json_is_added_up():
    line = b'{"method":"GET","uri":"/","status":200,"upstream_response_time":0.500, 0.250 : 0.125,"x":1}'
    assert read(line, PRESETS["json"])[1][DURATION_NS] == 875_000_000


@pytest.mark.parametrize("value", ["0.500, 1.250", "0.5 : 1.25", [0.5, 1.25], ["0.5", "-", 1.25]])
def test_a_list_of_times_is_added_up_in_its_own_unit(value):
    line = json.dumps({"method": "GET", "uri": "/", "status": 200, "upstream_response_time": value, "t_ms": value})
    assert read(line, PRESETS["json"])[1][DURATION_NS] == 1_750_000_000
    assert read(line, find_format("json", fields=UserPaths(duration="t_ms")))[1][DURATION_NS] == 1_750_000


@given(st.binary(max_size=80))
def test_whatever_stands_in_a_string_is_text_and_one_line_is_one_request(raw):
    body = b"".join(b"\\x%02X" % byte if byte < 32 or byte in b'"\\' else bytes([byte]) for byte in raw)
    key, *_ = read(b'{"uri":"/' + body + b'","method":"GET","status":204}', PRESETS["json"])
    assert key == ("GET", "/" + raw.decode("utf-8", "replace").partition("?")[0], "204")
