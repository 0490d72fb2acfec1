"""Logs of frameworks and proxies, and logs in forms of their own: what `infer` makes of them, to the last number."""
# ruff: noqa: E501, lines stand as they are in logs

import pytest
from guessing import counted

LOGS = [
    pytest.param(
        ["11/22/2026 06:30:48 PM 1.1.1.1 GET /a 200 5 12 ms", "11/22/2026 06:30:49 PM 1.1.1.1 GET /b 404 5 13 ms"],
        (2, 10, 25000000, 0),
        id="am-pm",
    ),
    pytest.param(
        [
            '127.0.0.1 -  22/Nov/2026:06:30:48 +0000 "GET /index.php" 200',
            '127.0.0.1 -  22/Nov/2026:06:30:48 +0000 "POST /index.php" 500',
        ],
        (2, 0, None, 0),
        id="php-fpm",
    ),
    pytest.param(
        [
            '1.1.1.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 0.0123',
            '1.1.1.1 - - [22/Nov/2026:06:30:48 +0000] "GET /b HTTP/1.1" 404 - 0.0007',
        ],
        (2, 5, 13000000, 0),
        id="puma-rack",
    ),
    pytest.param(
        [
            '127.0.0.1 - - [22/Nov/2026 06:30:48] "GET /a HTTP/1.1" 200 -',
            '127.0.0.1 - - [22/Nov/2026 06:30:49] "POST /b HTTP/1.1" 500 -',
        ],
        (2, 0, None, 0),
        id="werkzeug",
    ),
    pytest.param(
        ['[22/Nov/2026 06:30:48] "GET /a HTTP/1.1" 200 5', '[22/Nov/2026 06:30:49] "POST /b HTTP/1.1" 500 7'],
        (2, 12, None, 0),
        id="django-runserver",
    ),
    pytest.param(
        [
            '[GIN] 2026/11/22 - 06:30:48 | 200 |     850.123µs |       127.0.0.1 | GET      "/a"',
            '[GIN] 2026/11/22 - 06:30:49 | 404 |    1.2ms |       127.0.0.1 | POST     "/b"',
        ],
        (2, 0, 2050123, 0),
        id="gin",
    ),
    pytest.param(
        [
            'http 2026-11-22T06:30:48.1Z app/x/1 1.1.1.1:1 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET http://h:80/a HTTP/1.1" "curl" - - arn:x "Root=1" "-" "-" 0 2026-11-22T06:30:48Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-"'
        ],
        (1, 366, 1000000, 0),
        id="elb-nlb",
    ),
    pytest.param(
        [
            '2026/11/22 06:30:48 [h/x-1] "GET http://h/a HTTP/1.1" from 1.1.1.1:1 - 200 5B in 123.4µs',
            '2026/11/22 06:30:49 [h/x-2] "POST http://h/b HTTP/1.1" from 1.1.1.1:1 - 500 7B in 1.2ms',
        ],
        (2, 12, 1323400, 0),
        id="chi",
    ),
    pytest.param(
        [
            "06:30:48 | 200 |    1.2ms | 127.0.0.1 | GET | /a | -",
            "06:30:49 | 404 |   850µs | 127.0.0.1 | POST | /b | -",
        ],
        (2, 0, 2050000, 0),
        id="fiber",
    ),
    pytest.param(
        [
            '[2026-11-22T06:30:48Z INFO  actix_web::middleware::logger] 127.0.0.1 "GET /a HTTP/1.1" 200 5 "-" "curl/8" 0.000123',
            '[2026-11-22T06:30:48Z INFO  actix_web::middleware::logger] 127.0.0.1 "GET /b HTTP/1.1" 404 0 "-" "curl/8" 0.000223',
        ],
        (2, 5, None, 0),
        id="actix",
    ),
    pytest.param(
        [
            "1795329048.918    307 1.1.1.1 TCP_MISS_ABORTED/000 0 GET http://h/a - HIER_DIRECT/1.2.3.4 -",
            "1795329048.918      0 1.1.1.1 TCP_DENIED/407 3999 CONNECT h:443 - HIER_NONE/- text/html",
            "1795329049.918  90012 1.1.1.1 TCP_TUNNEL/200 5678 CONNECT h:443 user HIER_DIRECT/1.2.3.4 -",
            "1795329049.918      3 1.1.1.1 NONE_NONE/400 3999 NONE error:invalid-request - HIER_NONE/- text/html",
        ],
        (4, 13676, 90322000000, 0),
        id="squid-variants",
    ),
    pytest.param(
        ["2026-11-22T06:30:48.160Z GET /a 200 512 12ms", "2026-11-22T06:30:48.160Z GET /a 200 512 12ms"],
        (2, 1024, 24000000, 0),
        id="contour-custom",
    ),
    pytest.param(
        [
            "2026-11-22T06:30:48+00:00|1.1.1.1|h|GET|/a?b|200|5|123|curl",
            "2026-11-22T06:30:48+00:00|1.1.1.1|h|GET|/b|404|5|99|curl",
        ],
        (2, 10, None, 0),
        id="pipes-us",
    ),
    pytest.param(
        [
            "2026-11-22T06:30:48+00:00|1.1.1.1|h|GET|/a|200|5|0.123|-|Mozilla/5.0 (a|b)",
            "2026-11-22T06:30:48+00:00|1.1.1.1|h|GET|/a|499|0|5.000|-|-",
        ],
        (2, 5, 5123000000, 0),
        id="pipes-missing",
    ),
    pytest.param(
        [
            "[1.1.1.1] [22/Nov/2026:06:30:48 +0000] [GET /a HTTP/1.1] [200] [5] [0.100]",
            "[1.1.1.1] [22/Nov/2026:06:30:48 +0000] [GET /a HTTP/1.1] [200] [5] [0.100]",
        ],
        (2, 10, 200000000, 0),
        id="bracketed-all",
    ),
    pytest.param(
        [
            '2026-11-22 06:30:48,123 INFO access 1.1.1.1 "GET /a HTTP/1.1" 200 5 12ms',
            '2026-11-22 06:30:48,123 INFO access 1.1.1.1 "GET /a HTTP/1.1" 200 5 12ms',
        ],
        (2, 10, 24000000, 0),
        id="time-first-no-brackets",
    ),
    pytest.param(
        [
            'INFO:aiohttp.access:127.0.0.1 [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 150 "-" "curl/8"',
            'INFO:aiohttp.access:127.0.0.1 [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 150 "-" "curl/8"',
        ],
        (2, 300, None, 0),
        id="aiohttp",
    ),
    pytest.param(
        [
            "\x1b[0mGET /a \x1b[32m200\x1b[0m 3.141 ms - 5\x1b[0m",
            "\x1b[0mGET /b \x1b[33m404\x1b[0m 1.000 ms - 7\x1b[0m",
        ],
        (2, 12, 4141000, 0),
        id="morgan-dev-colour",
    ),
    pytest.param(["1.1.1.1\tGET /a\t200\t5", "1.1.1.1\tGET /b?x\t404\t7"], (2, 12, None, 0), id="tab-server"),
    pytest.param(
        [
            "[pid: 7|app: 0|req: 1/1] 1.1.1.1 () {40 vars in 600 bytes} [Sun Nov 22 06:30:48 2026] GET /o/7?x=1 => generated 512 bytes in 58 msecs (HTTP/1.1 200) 2 headers in 80 bytes (1 switches on core 0)",
            "[pid: 7|app: 0|req: 2/2] 1.1.1.1 (bob) {40 vars in 600 bytes} [Sun Nov 22 06:30:48 2026] POST /o => generated 404 bytes in 5 micros via sendfile() (HTTP/1.1 500) 2 headers in 80 bytes (1 switches on core 0)",
        ],
        (2, 916, 58_005_000, 0),
        id="uwsgi",
    ),
]
"""Each log, and what `counted` makes of it."""


@pytest.mark.parametrize(("log", "want"), LOGS)
def test_what_infer_finds_counts_what_the_lines_say(log, want):
    assert counted(log) == want
