"""Format strings as the manuals of their servers have them: when a line was, and what its times count."""
# ruff: noqa: E501, strings and lines stand as in manuals

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from line_meaning import T, find, read

from exporter.accesslog.formats import UNITS_NS, find_format

AT_S = 1795329048


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('%h %{%Y-%m-%dT%H:%M:%S%z}t "%r" %>s %b', 'a 2026-11-22T06:30:48+0000 "GET /a HTTP/1.1" 200 5'),
        (
            "%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt",
            "1795329048.918    307 192.0.2.1 TCP_MISS/200 9 GET http://h/a?b - HIER_DIRECT/192.0.2.9 text/html",
        ),
        (
            "logformat squid      %ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt",
            "1795329048.918    307 192.0.2.1 TCP_MISS/200 9 GET http://h/a?b - HIER_DIRECT/192.0.2.9 text/html",
        ),
        (
            'logformat common     %>a %[ui %[un [%tl] "%rm %ru HTTP/%rv" %>Hs %<st %Ss:%Sh',
            f'a - - {T} "GET http://h/a HTTP/1.1" 200 9 TCP_MISS:HIER_DIRECT',
        ),
        (
            "logformat mine %{%Y-%m-%dT%H:%M:%S%z}tl %tr %>a %http::>Hs %http::<st %http::rm %http::>ru %<tt %dt %{X-Id}>h",
            "2026-11-22T06:30:48+0000 17 a 304 0 GET http://h/a 5 - -",
        ),
        ('%tS %tr "%rm %>ru" %>Hs %<st', '1795329048.918 3 "GET http://h/a" 200 9'),
        (
            "pattern=\"%{yyyy-MM-dd'T'HH:mm:ss.SSSZ}t %h %m %U%q %s %B\"",
            "2026-11-22T06:30:48.123+0000 a GET /a?x 200 5",
        ),
        (
            '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\\n',
            '[2026-11-22T06:30:48.160Z] "GET /a HTTP/2" 200 - 0 512 12 9 "-" "curl" "id" "h" "1.2.3.4:80"',
        ),
        (
            "%START_TIME(%s.%3f)% %REQ(:METHOD)% %REQ_WITHOUT_QUERY(:PATH)% %RESPONSE_CODE% %BYTES_SENT% %DURATION%",
            "1795329048.160 GET /a 200 512 12",
        ),
        (
            '[%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%] "%REQ(:METHOD)% %REQ(:PATH):100% %PROTOCOL%" %RESPONSE_CODE% %DURATION%',
            '[2026-11-22T06:30:48.160Z] "GET /a HTTP/2" 200 12',
        ),
        (
            '{"method":"%REQ(:METHOD)%","path":"%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%","code":"%RESPONSE_CODE%","bytes":"%BYTES_SENT%","took":"%DURATION%","at":"%START_TIME%"}',
            '{"code":200,"at":"2026-11-22T06:30:48.160Z","bytes":5,"took":12,"method":"GET","path":"/a"}',
        ),
        ('%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"', f'a - - {T} "GET /a HTTP/1.1" 200 5 "-" "x"'),
        (
            "#Fields: date time s-sitename s-computername s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs-version cs(User-Agent) cs(Cookie) cs(Referer) cs-host sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken",
            "2026-11-22 06:30:48 W3SVC1 WEB 1.1.1.1 GET /a - 80 - 2.2.2.2 HTTP/1.1 curl - - h 200 0 0 5 99 15",
        ),
        (
            "log_format m '$msec $request_method \"$request_uri\" $status $bytes_sent $request_time';",
            '1795329048.123 GET "/a?b" 200 7 0.5',
        ),
        (
            "$time_local $remote_addr $request_method $uri $status $request_time",
            "22/Nov/2026:06:30:48 +0000 a GET /a 200 0.5",
        ),
        (
            '$msec $time_local $remote_addr "$request" $status',
            '1795329048.123 22/Nov/2026:06:30:48 +0000 a "GET /a HTTP/1.1" 200',
        ),
        (
            '{"t":"$time_iso8601","m":"$request_method","u":"$request_uri","s":$status,"b":$body_bytes_sent,"rt":$request_time,"urt":"$upstream_response_time"}',
            '{"t":"2026-11-22T06:30:48+00:00","m":"GET","u":"/a?x=\\"y","s":200,"b":5,"rt":0.5,"urt":"0.1, 0.2"}',
        ),
        (
            "$time_iso8601\t$remote_addr\t$request\t$status\t$body_bytes_sent\t$request_time\t$upstream_response_time\t$http_user_agent",
            "2026-11-22T06:30:48+00:00\ta\tGET /a HTTP/1.1\t200\t5\t0.100\t0.050, 0.050\tx y",
        ),
        (":date[iso] :method :url :status :response-time ms", "2026-11-22T06:30:48.160Z GET /a 200 1.5 ms"),
    ],
)
def test_the_time_of_a_line_is_read_in_the_form_of_its_string(text, line):
    assert int(find_format(text).read_instant_s(line.encode())) == AT_S


DOCS = Path(__file__).parents[2] / "docs" / "accesslog.md"
STRINGS = {  # a string with the directive in it, whose line is `GET / 200` and a number
    "nginx": "$request_method $request_uri $status {}",
    "Apache": "%m %U %>s {}",
    "lighttpd": "%m %U %s {}",
    "varnishncsa": "%m %U %s {}",
    "Jetty": "%m %U %s {}",
    "H2O": "%m %U %s {}",
    "Fastly": "%m %U %s {}",
    "aiohttp": "%r %s {}",
    "Tomcat": 'pattern="%m %U %s {}"',
    "Undertow": "server.undertow.accesslog.pattern=%m %U %s {}",
    "Quarkus": "quarkus.http.access-log.pattern=%m %U %s {}",
    "Squid": "logformat x %rm %ru %>Hs {}",
    "HAProxy": "%HM %HU %ST {}",
    "Envoy": "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% {}",
    "gunicorn": "%(m)s %(U)s %(s)s {}",
    "hypercorn": "%(m)s %(U)s %(s)s {}",
    "granian": "%(method)s %(path)s %(status)d {}",
    "PHP-FPM": 'access.format = "%m %r %s {}"',
    "morgan": ":method :url :status {}",
    "IIS": "#Fields: cs-method cs-uri-stem sc-status {}",
    "Caddy": "{request>method} {request>uri} {status} {}",
    "Traffic Server": "%<cqhm> %<cquc> %<pssc> {}",
}
UNIT_ROWS = [
    (server, directive, unit)
    for row in re.findall(r"^\| ([A-Za-z, 2-]+) \| (`.*`) \| (.*) \|$", DOCS.read_text(), re.MULTILINE)
    for server in row[0].split(", ")
    if server in STRINGS
    for directive in re.findall(r"`([^`]+)`", row[1])
    for unit in [row[2]]
]


def test_the_documentation_has_the_units_of_every_server():
    assert {server for server, *_ in UNIT_ROWS} == set(STRINGS)


@pytest.mark.parametrize(("server", "directive", "unit"), UNIT_ROWS)
@settings(max_examples=10)
@given(amount=st.integers(0, 10**6))
def test_a_directive_counts_what_the_documentation_says(server, directive, unit, amount):
    text, line = STRINGS[server].replace("{}", directive), f"GET / 200 {amount}"
    key, _, duration_ns = read(text, line)
    assert key == "GET / 200"
    assert duration_ns == (amount * UNITS_NS[unit] if unit in UNITS_NS else None)
    found = find(text).find_unitless(line.encode())
    assert (found.text if found else None) == (str(amount).encode() if unit == "not known" else None)
    for told in UNITS_NS if unit == "not known" else ():
        assert read(text, line, time_unit=told)[2] == amount * UNITS_NS[told]
