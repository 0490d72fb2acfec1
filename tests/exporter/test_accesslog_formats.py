"""Each format on lines as its server writes them: what they count as, and how strings become formats."""

import re
from pathlib import Path

import pytest

from exporter.accesslog.formats import PRESETS, UserPaths, find_format
from exporter.accesslog.formats.custom import custom_format
from exporter.accesslog.formats.instants import any_form
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.parse.scalar import tally_scalar
from exporter.accesslog.tally import BYTES, Buckets
from exporter.regexes.limit import LIMIT_S
from foundation.errors import BadRecord

SAMPLES = Path(__file__).parent / "accesslog_samples"
NONE = Buckets((1.0,))

COMBINED = {"GET /a 200": [1, 2314], "POST /users/7 404": [1, 0], r"GET /a\" 200": [1, 1], "  408": [1, 0]}
COMMON = {
    "GET /a 200": [1, 2314],
    "POST /users/7 404": [1, 0],
    r"GET /a\"b 200": [1, 1],
    "  408": [1, 0],
    "  400": [1, 157],
}
WANT = {
    "tab": {"GET / 200": [1, 2314], "POST /a 404": [1, 0], "  400": [1, 0]},
    "tab-timed": {"GET / 200": [1, 2314, 100_000_000], "POST /a 404": [1, 0, 100_001_000], "  400": [1, 0, 0]},
    "common": COMMON,
    "common-timed": {key: [*numbers, 123_000_000] for key, numbers in COMMON.items()},
    "combined": COMBINED,
    "combined-timed": {key: [*numbers, 123_000_000] for key, numbers in COMBINED.items()},
    "vhost-common": COMMON,
    "vhost-combined": COMBINED,
    "traefik": {"GET /a 200": [1, 2314, 12_000_000], "GET /b 502": [1, 0, 0]},
    "elb": {"GET http://example.com:80/a 200": [1, 29, 1_178_000], "GET http://example.com:80/ 504": [1, 0, 0]},
    "alb": {"GET https://example.com:443/a 200": [1, 366, 11_000_000], "- http://example.com:80- 400": [1, 0, 0]},
    "s3": {"GET /bucket/a/b.png 200": [1, 113, 7_000_000], "GET /bucket/x 404": [1, 243, 12_000_000]},
    "w3c": {"GET /a 200": [1, 0, 15_000_000], "POST /b 500": [1, 312, 1_003_000_000]},
    "cloudfront": {"GET /a 200": [1, 2390, 2_000_000]},
    "json": {
        "GET /a 200": [1, 2314, 123_000],
        "POST /b 500": [1, 0, 12_500_000],
        "GET /c 404": [1, 10, 250_000_000],
    },
    "caddy": {"GET /a 200": [1, 10900, 929_675]},
    "traefik-json": {"GET /a 404": [1, 19, 123_456]},
    "haproxy": {
        "GET /a 200": [1, 2314, 12_000_000],
        "POST /b 503": [1, 217, 3_004_000_000],
        "  400": [1, 0, 0],
        "GET /big 200": [1, 145, 6_000_000],
        'GET /q"d 000': [1, 0, 250_000_000],
        "GET https://www.example.org/a 200": [1, 9, 1_000_000],
    },
    "haproxy-clf": {
        "GET /a 200": [1, 2314, 12_000_000],
        "  400": [1, 0, 0],
        "POST /b 503": [1, 217, 3_004_000_000],
    },
    "squid": {
        "GET http://www.example.org/a 200": [1, 2314, 307_000_000],
        "GET http://www.example.org/b 000": [1, 0, 5_000_000],
        "CONNECT 192.0.2.9:443 200": [1, 449, 38_000_000],
        "- error:invalid-request 400": [1, 3376, 0],
    },
    "squid-combined": {"GET http://www.example.org/a 200": [1, 2314], "- error:invalid-request 400": [1, 3376]},
    "envoy": {
        "GET /a 200": [1, 512, 12_000_000],
        "POST /b 201": [1, 64, 35_000_000],
        "GET /c 504": [1, 24, 15_000_000_000],
        "GET /d 000": [1, 0, 250_000_000],
        "- - 400": [1, 11, 0],
        "GET /e 503": [1, 91, 31_000_000],
    },
    "ingress-nginx": {"GET /a 200": [1, 2314, 305_000_000], "GET /b 499": [1, 0, 1_000_000_000], "  400": [1, 0, 0]},
    "gunicorn": {"GET /a 200": [1, 2314]},
    "gin": {"GET /a 200": [1, 0, 850_123], "POST /b 500": [1, 0, 62_500_000_000], "GET /c 404": [1, 0, 0]},
    "php-fpm": {"GET /a 200": [1, 0, 12_345_000], "POST /b 500": [1, 0, 1_203_500_000]},
    "csv": {
        "GET /a 200": [1, 2314, 12_000_000],
        "POST /b,c 500": [1, 7, 500_000],
        "GET /d 000": [1, 0, 0],
    },
    "iis-log": {"GET /a 200": [1, 2314, 58_000_000], "POST /b 500": [1, 7, 0]},
    "uwsgi": {"GET /a 200": [1, 2314, 58_000_000], "POST /b 500": [1, 7, 5_000]},
    "uvicorn": {"GET /a 200": [1, 0], "POST /b 500": [1, 0], "GET /c 404": [1, 0]},
    "morgan-tiny": {"GET /a 200": [1, 2314, 3_141_000], "POST /b 500": [1, 0, 1_203_500_000], "GET /c 000": [1, 0, 0]},
    "morgan-short": {"GET /a 200": [1, 2314, 3_141_000], "POST /b 500": [1, 0, 1_203_500_000]},
    "morgan-dev": {
        "GET /a 200": [1, 2314, 3_141_000],
        "POST /b 500": [1, 0, 1_203_500_000],
        "GET /c 304": [1, 0, 500_000],
        "GET /d 000": [1, 0, 0],
        "GET /e 302": [1, 46, 3_141_000],
    },
    "cloudflare": {"GET /a 200": [1, 2314, 48_000_000], "POST /b 522": [1, 120, 15_048_000_000]},
    "envoy-json": {"GET /a 200": [1, 512, 12_000_000], "GET /b 000": [1, 0, 250_000_000]},
    "fastly": {"GET /a 200": [1, 2314], "POST /b 503": [1, 450, 1_500_000]},
    "gcp": {"GET https://www.example.org/a 200": [1, 2314, 123_456_000], "GET /b 000": [1, 0, 2_500_000_000]},
    "pino": {"GET /a 200": [1, 512, 58_000_000], "GET /b 500": [1, 0, 1_203_000_000], "GET /c 000": [1, 0, 7_000_000]},
    "lograge": {"GET /a 200": [1, 0, 58_330_000], "POST /b 500": [1, 0, 12_000_000]},
    "lograge-json": {"GET /a 200": [1, 0, 58_330_000], "POST /b 500": [1, 0, 12_000_000]},
    "logfmt": {"GET /a 200": [1, 1548, 18_000_000], "POST /b 500": [1, 0, 62_500_000_000]},
}


def counted(data, format_):
    tally = Reader(format_, NONE).read(data)
    assert tally.failed == {}
    return {b" ".join(key).decode(): numbers[:3] for key, numbers in tally.hits.items()}


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_lines_as_the_server_writes_them(name):
    want = {key: [*numbers, 0][:3] for key, numbers in WANT[name].items()}
    assert counted((SAMPLES / f"{name}.log").read_bytes(), PRESETS[name]) == want


TIMELESS = (
    "tab",
    "tab-timed",
    "uvicorn",
    "morgan-tiny",
    "morgan-short",
    "morgan-dev",
    "iis-log",
    "uwsgi",
)  # or without a zone
HEADED = ("csv",)  # no line of its own tells where its time stands


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {*TIMELESS, *HEADED}))
def test_a_line_tells_its_own_time(name):
    lines = (SAMPLES / f"{name}.log").read_bytes().splitlines()
    line = next(
        line for line in lines if re.search(rb"22.Nov|11-22[T\t]|2026/11/22 |179532904[89]|2026-11-22 06:30:48 1", line)
    )
    assert int(PRESETS[name].read_instant_s(line)) == 1795329048


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (b"1795329048", 1795329048),
        (b"1795329048.5", 1795329048.5),
        (b"1795329048500", 1795329048.5),
        (b"1795329048500000000", 1795329048.5),
        (b"22/Nov/2026:07:30:48 +0100", 1795329048),
        (b"31/Dec/2016:23:59:60 +0000", 1483228800),
        (b"2026-11-22T06:30:48Z", 1795329048),
        (b"2026-11-22 06:30:48", 1795329048),
    ],
)
def test_a_time_is_read_however_it_is_written(text, want):
    assert any_form(text) == want


@pytest.mark.parametrize("text", [b"", b"nan", b"inf", b"-1", b"1e30", b"32/Nov/2026:00:00:00 +0000", b"soon", b"\xff"])
def test_what_is_no_time_of_a_line_is_refused(text):
    with pytest.raises(ValueError, match="is not a time in"):
        any_form(text)


HTTPLOG = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"
ENVOY = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% "%REQ(USER-AGENT):9%"'
)
NGINX = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" $request_time'


@pytest.mark.parametrize(
    ("text", "line", "want"),
    [
        (NGINX, b'192.0.2.1 - - [x] "GET /a?b HTTP/1.1" 200 5 "-" 0.5', {"GET /a 200": [1, 5, 500_000_000]}),
        ("$status ${request_method} $uri", b"200 GET /a", {"GET /a 200": [1, 0, 0]}),
        ("$status|$request|$bytes_sent", b"200|GET /a HTTP/1.1|7", {"GET /a 200": [1, 7, 0]}),
        ("$request $status", b"GET /a?b HTTP/1.1 200", {"GET /a 200": [1, 0, 0]}),
        (
            '"$request" $status $upstream_response_time $request_time',
            b'"GET / HTTP/1.1" 200 0.1, 0.2 0.4',
            {"GET / 200": [1, 0, 400_000_000]},
        ),
        (
            '"$request" $status [$upstream_response_time]',
            b'"GET / HTTP/1.1" 200 [0.1, 0.2 : -]',
            {"GET / 200": [1, 0, 300_000_000]},
        ),
        (
            '"$request" $request_method $uri $status',
            b'"GET /raw HTTP/1.1" GET /index.html 200',
            {"GET /raw 200": [1, 0, 0]},
        ),
        ('$request_method $status "$request"', b'GET 200 "GET /a HTTP/1.1"', {"GET /a 200": [1, 0, 0]}),
        (r"%h %l %u %t \"%r\" %>s %O %D", b'a - - [x] "GET /a HTTP/1.1" 200 9 1500', {"GET /a 200": [1, 9, 1_500_000]}),
        ("%t %r %ST %B", b"22/Nov GET /a?b HTTP/1.1 200 7", {"GET /a 200": [1, 7, 0]}),
        ('%h "%r" %>s %^FB %b', b'a "GET /a HTTP/1.1" 200 99 7', {"GET /a 200": [1, 7, 0]}),
        ("%m %U%q %s %B %O %{ms}T %T", b"GET /a?b=c 200 7 9 15 0", {"GET /a 200": [1, 7, 15_000_000]}),
        (
            HTTPLOG,
            b'2001:db8::1:5 [x] f b/s 0/0/-1/-1/3004 503 +217 - - SC-- 1/1/0/0/+3 0/0 {a|b} "GET /a#22?x HTTP/1.1"',
            {'GET /a" 503': [1, 217, 3_004_000_000]},
        ),
        (
            r'log-format "%{+Q}o %ci %cp [%tr] %HM %HP%HQ %ST %Tt %B %hr %hs"',
            b'"192.0.2.1" 5 [x] "GET" "/a""?b=c" 200 12 49 "{h}" ',
            {"GET /a 200": [1, 49, 12_000_000]},
        ),
        (
            r"log-format %ci\ %T\ %ST\ %HM\ %HU\ %U\ %Tr\ %Tt",
            b"192.0.2.1 x 200 GET /a?b 7 11 12",
            {"GET /a 200": [1, 0, 12_000_000]},
        ),
        (
            '{"time":%Ts,"code":%ST,"method":"%HM","path":"%HP%HQ","t":%Ta,"host":"%[capture.req.hdr(0),json(utf8s)]"}',
            b'{"time":1795329048,"code":200,"method":"GET","path":"/a?b","t":5,"host":"h"}',
            {"GET /a 200": [1, 0, 5_000_000]},
        ),
        ("%[method] %[path] %[status] %Tr", b"GET /a 200 7", {"GET /a 200": [1, 0, 7_000_000]}),
        (
            ENVOY,
            b'[2026-11-22T06:30:48.160Z] "GET /a?b HTTP/2" 0 DC 7 512 12 "curl"',
            {"GET /a 000": [1, 512, 12_000_000]},
        ),
        (
            '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%({x-forwarded-for}i)s" %(L)s %(T)s',
            b'192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" 0.012345 0',
            {"GET /a 200": [1, 5, 12_345_000]},
        ),
        ("%(m)s %(U)s %(q)s %(s)s %(M)s", b"GET /a  200 12", {"GET /a 200": [1, 0, 12_000_000]}),
        ("%(m)s %(U)s %(s)s %(D)s", b"GET /a 200 12", {"GET /a 200": [1, 0, 12_000]}),
        (
            ":remote-addr :method :url :status :res[content-length] - :response-time[0] ms :total-time ms",
            b"192.0.2.1 GET /a?b 200 5 - 3 ms 4.5 ms",
            {"GET /a 200": [1, 5, 4_500_000]},
        ),
        (
            '%h %l %u %t "%r" %s %b "%{Referer}i" %{Varnish:time_firstbyte}x %{Varnish:hitmiss}x',
            b'192.0.2.1 - - [x] "GET http://h/a?b HTTP/1.1" 200 5 "-" 0.000917 miss',
            {"GET http://h/a 200": [1, 5, 917_000]},
        ),
        ('%h "%r" %>s %b %{time.elapsed.usec}V', b'a "GET /a HTTP/1.1" 200 5 17', {"GET /a 200": [1, 5, 17_000]}),
        (
            '%{client}a - %u %t "%r" %s %O %{ms}T',
            b'a - - [x] "GET /a HTTP/1.1" 200 5 17',
            {"GET /a 200": [1, 5, 17_000_000]},
        ),
        (
            '<Valve className="org.apache.catalina.valves.AccessLogValve" pattern="%h %t &quot;%r&quot; %s %b %T" />',
            b'a [x] "GET /a HTTP/1.1" 200 5 0.017',
            {"GET /a 200": [1, 5, 17_000_000]},
        ),
        (
            "#Fields: date time cs-method cs-uri-stem cs-uri-query s-computername cs(User-Agent) sc-status TimeTakenMS",
            b'2026-11-22 06:30:48.1 "GET" "/a" - "WEB 1" "Mozilla/5.0 (Windows; 200 7)" 404 15',
            {"GET /a 404": [1, 0, 15_000_000]},
        ),
        ("%!200,304{Referer}i %% %r %s", b"- % GET /a HTTP/1.0 404", {"GET /a 404": [1, 0, 0]}),
        ("#Fields: cs-method cs-uri sc-status", b"GET /a?b 200", {"GET /a 200": [1, 0, 0]}),
        (
            r"(?P<code>\d+) (?P<request>.*) (?P<duration_s>\S+)s",
            b"200 GET /a?b HTTP/1.1 0.5s",
            {"GET /a 200": [1, 0, 500_000_000]},
        ),
        (r"(?P<method>\w+) (?P<path>\S+) (?P<code>\d+)", b"GET /a?b 200", {"GET /a 200": [1, 0, 0]}),
    ],
)
def test_a_format_string_reads_its_servers_lines(text, line, want):
    assert counted(line, find_format(text)) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("combind", "did you mean combined?"),
        ("$request $body_bytes_sent", "no status code"),
        ("$request $stauts", "should $stauts be $status?"),
        ("$request$status", "$request$status without anything between"),
        ("%r%s", "anything between"),
        ("#Fields: date time", "no status code"),
        ("(?P<code>", "does not compile"),
        ("(?P<code>.)(?P<verb>.)", "unknown group verb in the regex; expected some of method"),
        ("(?P<method>.)", "needs a group (?P<code>...)"),
        ("é$status", "only ASCII"),
        ("%h %Z %s", "neither Apache's, which has no %Z, nor HAProxy's, which has no %h, %Z"),
        ("%ci %>s", "neither Apache's, which has no %c, nor HAProxy's, which has no %>s"),
        ("%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts", "no status code (HAProxy's %ST)"),
        ("%{+json}o %(code)ST %(method)HM", "write JSON or CBOR; JSON can be read"),
        ("%h %^XY %s", "neither Apache's, which has no %^XY,"),
        ("%t %s %ST %r", "can be Apache's and HAProxy's"),
        ("%ci %HM%HU %ST", "%HM%HU without anything between"),
        ("logformat referrer %ts.%03tu %>a %{Referer}>h %ru", "no status code"),
        ("%>a %>Hs %rm %zz", "'%zz', which is not a code of Squid"),
        ("%RESPONSE_CODE% %REQ(:PATH)% 5%", "'%', which is not an operator of Envoy"),
        ('{"a": "%REQ(:PATH)%"}', "no status code (%RESPONSE_CODE%)"),
        ("%>a %Ss%>Hs", "%Ss%>Hs without anything between"),
        ("%START_TIME% %PROTOCOL%", "no status code"),
        ("%(h)s %(message)s %(s)s", "has '%(message)s', which is not supported"),
    ],
)
def test_what_is_no_format_is_refused(text, want):
    with pytest.raises(ValueError, match=re.escape(want)):
        find_format(text)


def test_tomcats_valve_may_name_its_pattern():
    assert counted(b'a - - [x] "GET /a HTTP/1.1" 200 3', find_format('pattern="common"')) == {"GET /a 200": [1, 3, 0]}


def test_tomcats_time_has_no_unit_until_the_user_names_it():
    text, line = '%h %t "%r" %s %F %D', b'a [x] "GET /a HTTP/1.1" 200 3 58'
    assert counted(line, find_format(text)) == {"GET /a 200": [1, 0, 0]}
    assert find_format(text).find_unitless(line).text == b"58"
    assert counted(line, find_format(text, time_unit="ms")) == {"GET /a 200": [1, 0, 58_000_000]}


@pytest.mark.parametrize(
    "line",
    [
        b"192.0.2.1:56918 [26/Nov/2026:12:08:56.703] f4 t/x 1/0/4 38 -- 2/1/0/0/0 0/0",
        b"Connect from 192.0.2.1:33484 to 192.0.2.9:80 (web/HTTP)",
    ],
)
def test_logs_of_haproxy_without_codes_are_refused_with_the_reason(line):
    with pytest.raises(BadRecord, match="no status codes; set `option httplog` in HAProxy"):
        PRESETS["haproxy"].second_look(line)


def test_names_and_units_can_be_set():
    made = find_format("json", fields=UserPaths(path="u.p", code="c", duration="t", method="m"), time_unit="ms")
    assert counted(b'{"u":{"p":"/a"},"c":200,"t":5,"m":"GET","status":1}', made) == {"GET /a 200": [1, 0, 5_000_000]}
    assert counted(b"a\tGET /\t200\t1\t5", find_format("tab-timed", time_unit="us")) == {"GET / 200": [1, 1, 5_000]}
    with pytest.raises(ValueError, match="fields are for json and logfmt"):
        find_format("tab", fields=UserPaths())


@pytest.mark.parametrize(
    ("name", "line", "reason"),
    [
        ("json", b"[1]", "format"),
        ("json", b"{", "format"),
        ("json", b'{"method":"GET"}', "format"),
        ("json", b'{"status":true}', "code"),
        ("json", b'{"status":200,"bytes":[]}', "bytes"),
        ("json", b'{"status":200,"duration":"soon"}', "time"),
        ("json", b'{"status":200,"duration_s":1e300}', "time"),
        ("json", b'{"status":"\xff"}', "code"),
        ("json", b"[" * 20_000, "format"),
        ("logfmt", b"status", "format"),
        ("logfmt", b'a="status=200', "format"),
        ("combined", b'192.0.2.1 - - [x] "GET / HTTP/1.1" 200 1', "format"),
    ],
)
def test_a_line_that_is_not_of_the_format_fails(name, line, reason):
    assert tally_scalar(line, PRESETS[name], NONE).failed == {reason: 1}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("caddy", b'{"level":"info","ts":1795329048.5,"logger":"admin","msg":"stopped"}'),
        (
            "caddy",
            b'{"level":"error","logger":"http.log.error","msg":"dial","request":{"method":"GET","uri":"/a"},"status":502}',
        ),
        ("gcp", b'{"severity":"INFO","textPayload":"started"}'),
        ("lograge", b"job=mail queue=default took=3"),
        ("pino", b'{"level":30,"time":1795329048500,"msg":"listening"}'),
    ],
)
def test_a_programs_other_messages_are_neither_requests_nor_bad(name, line):
    tally = Reader(PRESETS[name], NONE).read(line)
    assert (tally.lines, tally.hits, tally.failed) == (1, {}, {})


def test_a_named_format_takes_a_unit_from_the_user_once():
    line = b'{"ts":1,"request":{"method":"GET","uri":"/a"},"status":200,"size":1,"duration":5}'
    assert counted(line, find_format("caddy", time_unit="ms")) == {"GET /a 200": [1, 1, 5_000_000]}


def test_a_regex_without_end_is_ended():
    slow = custom_format(r"(?P<code>\d+) (a*)*(?!c)b")  # what RE2 does not take
    tally = tally_scalar(b"200 " + b"a" * 40 + b"\n200 ab\n", slow, NONE)
    assert (tally.failed, tally.hits) == ({"slow": 1}, {(b"", b"", b"200"): [1, 0, 0]})
    assert LIMIT_S < 1


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_long_line_is_read_in_linear_time(name):
    """Much of what each format can get lost in; a quadratic pattern would run into the test's time limit."""
    for unit in (b"a", b'"', b"\\", b" ", b"[", b'a="', b"a=", b'\\"', b"0 ", b"\t"):
        tally = tally_scalar(unit * (100_000 // len(unit)), PRESETS[name], NONE)
        assert tally.lines == 1
        assert sum(tally.failed.values()) + sum(numbers[0] for numbers in tally.hits.values()) <= 1


def test_an_announcement_holds_over_pieces_and_restarts():
    lines = (SAMPLES / "w3c.log").read_bytes().splitlines(keepends=True)
    whole = Reader(PRESETS["w3c"], NONE).read(b"".join(lines), "a")
    reader, hits, total = Reader(PRESETS["w3c"], NONE), {}, 0
    for line in lines:
        tally = reader.read(line, "a")
        hits |= tally.hits
        total += tally.lines
        reader.read(b"#Fields: sc-status\n", "another file")
        reader = Reader(PRESETS["w3c"], NONE, reader.kept)
    assert (hits, total, whole.lines) == (whole.hits, whole.lines, len(lines))


def test_lines_under_an_announcement_without_a_status_fail():
    tally = Reader(PRESETS["w3c"], NONE).read(b"#Fields: date time\nx y\n#Fields: sc-status\n200\n")
    assert (tally.lines, tally.failed, tally.hits) == (4, {"format": 1}, {(b"", b"", b"200"): [1, 0, 0]})


def test_a_log_may_announce_that_its_lines_have_a_time_no_more():
    fields = b"#Fields: cs-method cs-uri-stem sc-status"
    tally = Reader(PRESETS["w3c"], NONE).read(fields + b" time-taken\nGET /a 200 15\n" + fields + b"\nGET /a 200\n")
    assert tally.hits == {(b"GET", b"/a", b"200"): [2, 0, 15_000_000, 1, 0]}


@pytest.mark.parametrize("value", ["text/html; charset=utf-8", "-", "", "a, b", "Mozilla/5.0 (X11; Linux) 500 9 0.001"])
@pytest.mark.parametrize("name", ["sent_http_content_type", "http_user_agent"])
def test_one_header_without_quotes_may_have_blanks(name, value):
    """What stands on both sides of it, blank by blank, decides where it ends, whatever the client writes into it."""
    format_ = find_format(f'$remote_addr [$time_local] "$request" $status ${name} $body_bytes_sent $request_time')
    line = f'192.0.2.1 [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 {value} 10 0.100'.encode()
    got = tally_scalar(line, format_, NONE)
    assert (got.failed, [*got.hits]) == ({}, [(b"GET", b"/a", b"200")])
    assert next(iter(got.hits.values()))[BYTES] == 10
