"""Logs of web servers as a stranger would bring them: what `infer` makes of them, to the last number."""
# ruff: noqa: E501, lines stand as they are in logs

import pytest
from guessing import counted

from exporter.accesslog.infer import infer

LOGS = [
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/2.0" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /b HTTP/3.0" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /c HTTP/2" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "PRI * HTTP/2.0" 400 157 "-" "-"',
        ],
        (4, 172, None, 0),
        id="h2h3",
    ),
    pytest.param(
        [
            'fe80::1%eth0 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '2001:db8::1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '::ffff:192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (3, 15, None, 0),
        id="ipv6zone",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" ""',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "" ""',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "-"',
        ],
        (3, 15, None, 0),
        id="emptyua",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "\\x16\\x03\\x01\\x02\\x00\\x01\\x00\\x01\\xFC\\x03\\x03" 400 157 "-" "-"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "" 400 0 "-" "-"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "-" 408 - "-" "-"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "\\x05\\x01\\x00" 400 157 "-" "-"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (5, 319, None, 0),
        id="tlsgarbage",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "a \\x22b\\x22"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /q\\x22 HTTP/1.1" 200 5 "http://x/\\x22" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (2, 10, None, 0),
        id="quotesx22",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "a \\"b\\" c"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a\\"b HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "back\\\\"',
        ],
        (3, 15, None, 0),
        id="quotesbs",
    ),
    pytest.param(
        b'192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"\r\n192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"\r\n192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"\r\n',
        (3, 15, None, 0),
        id="crlf",
    ),
    pytest.param(
        [
            '\ufeff192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (2, 10, None, 0),
        id="bom",
    ),
    pytest.param(
        b'192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET / HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"\n192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /\xff\xfe\xe9 HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"\n',
        (2, 10, None, 0),
        id="badutf8",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "a\tb"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a\tb HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (2, 10, None, 0),
        id="tabs",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:01:30:48 -0500] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '192.0.2.1 - - [22/Nov/2026:12:00:48 +0530] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (2, 10, None, 0),
        id="negtz",
    ),
    pytest.param(
        [
            '192.0.2.1 - john doe [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '192.0.2.1 - "j d" [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '192.0.2.1 - DOM\\\\user [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (3, 15, None, 0),
        id="user-space",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" "2.34"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" "-"',
        ],
        (2, 10, None, 0),
        id="ratio-nginx",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" "203.0.113.9, 10.0.0.1"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" "-"',
        ],
        (2, 10, None, 0),
        id="nginx-main-xff",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" "-" rt=0.123 uct="0.000" uht="0.100" urt="0.120"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" "-" rt=1.000 uct="-" uht="-" urt="-"',
        ],
        (2, 10, 1123000000, 0),
        id="nginx-timing",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" 0.300 0.100, 0.200 .',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" 0.001 - .',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" 0.005 0.004 p',
        ],
        (3, 15, 306000000, 0),
        id="nginx-timing-list",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" 372',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" 12345',
        ],
        (2, 10, None, 0),
        id="apache-us",
    ),
    pytest.param(
        [
            'www.example.org:443 192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" 372',
            'www.example.org:443 192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" 99',
        ],
        (2, 10, None, 0),
        id="apache-us-vhost",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" **0/372**',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" **1/1000372**',
        ],
        (2, 10, None, 0),
        id="apache-s-us",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" 0,123',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" 1,500',
        ],
        (2, 10, None, 0),
        id="comma-decimals",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" 12ms',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" 1.5ms',
        ],
        (2, 10, 13500000, 0),
        id="ms-suffix",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" 850µs',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)" 1.2ms',
        ],
        (2, 10, 2050000, 0),
        id="unicode-micro",
    ),
    pytest.param(
        [
            '1.1.1.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a;jsessionid=AB HTTP/1.1" 200 5 12',
            '1.1.1.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 - 7',
        ],
        (2, 5, None, 0),
        id="tomcat-D",
    ),
    pytest.param(
        ['172.17.0.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8" kong_request_id: "abc"'],
        (1, 5, None, 0),
        id="kong",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            "[Sun Nov 22 06:30:48 2026] [error] x",
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (3, 15, None, 1),
        id="apache-error-mixed",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "a\\nb"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /\\x0a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (2, 10, None, 0),
        id="escaped-newline",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET http://h:80/a?x HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "CONNECT h:443 HTTP/1.1" 405 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "OPTIONS * HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (3, 15, None, 0),
        id="proxy-absolute",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "get /a HTTP/1.1" 400 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "PROPFIND /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "M-SEARCH * HTTP/1.1" 400 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (4, 20, None, 0),
        id="lowercase-method",
    ),
    pytest.param(
        [
            '- - - [22/Nov/2026:06:30:48 +0000] "-" - - "-" "-"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (3, 10, None, 0),
        id="dashes",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 123456789012345 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (2, 123456789012350, None, 0),
        id="big-numbers",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            "",
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            "   ",
        ],
        (2, 10, None, 2),
        id="blank-lines",
    ),
    pytest.param(
        b'192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"\n192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        (2, 10, None, 0),
        id="no-newline",
    ),
    pytest.param(
        [
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
            '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (2, 10, None, 1),
        id="nul",
    ),
    pytest.param(
        [
            '1.1.1.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl" request_time:0.305 upstream_response_time:0.300',
            '1.1.1.1 - - [22/Nov/2026:06:30:48 +0000] "GET /b HTTP/1.1" 200 5 "-" "curl" request_time:0.005 upstream_response_time:-',
        ],
        (2, 10, 310_000_000, 0),
        id="names-before-colons",
    ),
]
"""Each log, and what `counted` makes of it."""


@pytest.mark.parametrize(("log", "want"), LOGS)
def test_what_infer_finds_counts_what_the_lines_say(log, want):
    assert counted(log) == want


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"#Fields: date time c-ip\n2026-11-22 06:30:48 1.1.1.1\n", id="w3c-smtp"),
        pytest.param(
            b'Started GET "/a" for 127.0.0.1 at 2026-11-22 06:30:48 +0000\nCompleted 200 OK in 12ms (Views: 1.0ms)\n',
            id="rails-dev",
        ),
        pytest.param(b"2026/11/22 06:30:48 [error] 1#1: *1 open() failed\n", id="nginx-error"),
        pytest.param(
            b"2026-11-22T06:30:48.000 [200 OK] s3.GetObject h/a 1.1.1.1 1.2ms\n2026-11-22T06:30:48.000 [200 OK] s3.GetObject h/a 1.1.1.1 1.2ms\n",
            id="minio-trace",
        ),
        pytest.param(
            b"info: Microsoft.AspNetCore.Hosting.Diagnostics[2]\n      Request finished HTTP/1.1 GET http://h/a - 200 5 text/plain 12.3456ms\ninfo: Microsoft.AspNetCore.Hosting.Diagnostics[2]\n      Request finished HTTP/1.1 GET http://h/b - 404 0 - 1.5ms\n",
            id="kestrel",
        ),
        pytest.param(b"312 200 GET /a x 7\n404 200 GET /b x 9\n" * 2, id="two-may-be-the-status"),
    ],
)
def test_what_is_no_access_log_is_not_taken_for_one(line):
    assert infer(line) is None
