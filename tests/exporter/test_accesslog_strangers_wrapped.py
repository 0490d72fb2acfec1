"""Logs inside those of something else: what `infer` makes of them, to the last number."""
# ruff: noqa: E501, lines stand as they are in logs

import pytest
from guessing import counted

LOGS = [
    pytest.param(
        [
            '<190>Nov 22 06:30:48 web nginx: 192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '<190>Nov 22 06:30:49 web nginx: 192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (2, 10, None, 0),
        id="syslog-nginx",
    ),
    pytest.param(
        [
            'Nov 22 06:30:48 web app[12]: {"method": "GET", "path": "/a", "status": 200, "duration_ms": 5}',
            'Nov 22 06:30:48 web app[12]: {"method": "GET", "path": "/a", "status": 200, "duration_ms": 5}',
        ],
        (2, 0, 10000000, 0),
        id="journal-short",
    ),
    pytest.param(
        [
            'I1122 06:30:48.123456       1 httplog.go:132] "HTTP" verb="GET" URI="/healthz" latency="1.234ms" userAgent="x" srcIP="1.1.1.1:1" resp=200',
            'I1122 06:30:48.123456       1 httplog.go:132] "HTTP" verb="GET" URI="/healthz" latency="1.234ms" userAgent="x" srcIP="1.1.1.1:1" resp=200',
        ],
        (2, 0, 2468000, 0),
        id="k8s-klog",
    ),
    pytest.param(
        [
            '{"log": "<134>Nov 22 06:30:48 haproxy[7]: 1.1.1.1:5 [22/Nov/2026:06:30:48.160] f b/s 0/0/1/2/30 200 9 - - ---- 1/1/0/0/0 0/0 \\"GET /a HTTP/1.1\\"\\n", "stream": "stdout", "time": "2026-11-22T06:30:48Z"}',
            '{"log": "<134>Nov 22 06:30:48 haproxy[7]: 1.1.1.1:5 [22/Nov/2026:06:30:48.160] f b/s 0/0/1/2/30 200 9 - - ---- 1/1/0/0/0 0/0 \\"GET /a HTTP/1.1\\"\\n", "stream": "stdout", "time": "2026-11-22T06:30:48Z"}',
        ],
        (2, 18, 60000000, 0),
        id="docker-haproxy",
    ),
    pytest.param(
        [
            '2026-11-22T06:30:48.1Z stdout P 1.1.1.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HT',
            '2026-11-22T06:30:48.2Z stdout F TP/1.1" 200 5 "-" "x"',
            "2026-11-22T06:30:48.3Z stderr F oops",
            '2026-11-22T06:30:48.2Z stdout F 1.1.1.1 - - [22/Nov/2026:06:30:48 +0000] "GET /b HTTP/1.1" 200 7 "-" "x"',
        ],
        (2, 12, None, 0),
        id="cri-split",
    ),
    pytest.param(
        [
            '{"__REALTIME_TIMESTAMP": "1795329048000000", "MESSAGE": "1.1.1.1 - - [22/Nov/2026:06:30:48 +0000] \\"GET /a HTTP/1.1\\" 200 5 \\"-\\" \\"x\\"", "_SYSTEMD_UNIT": "x", "SYSLOG_IDENTIFIER": "nginx"}',
            '{"__REALTIME_TIMESTAMP": "1795329048000000", "MESSAGE": "1.1.1.1 - - [22/Nov/2026:06:30:48 +0000] \\"GET /a HTTP/1.1\\" 200 5 \\"-\\" \\"x\\"", "_SYSTEMD_UNIT": "x", "SYSLOG_IDENTIFIER": "nginx"}',
        ],
        (2, 10, None, 0),
        id="journal",
    ),
    pytest.param(
        [
            '<190>1 2026-11-22T06:30:48.1Z web nginx - - [x@1 a="b"] 192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '<190>1 2026-11-22T06:30:48.1Z web nginx - - [x@1 a="b"] 192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (2, 10, None, 0),
        id="rfc5424",
    ),
    pytest.param(
        [
            '2026-11-22T06:30:48.123456+00:00 web nginx: 192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '2026-11-22T06:30:48.123456+00:00 web nginx: 192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (2, 10, None, 0),
        id="rsyslog-iso",
    ),
    pytest.param(
        [
            '<158>1 2026-11-22T06:30:48.1+00:00 host heroku router - at=info method=GET path="/a" host=h request_id=1 fwd="1.1.1.1" dyno=web.1 connect=1ms service=18ms status=200 bytes=1548 protocol=https',
            '<158>1 2026-11-22T06:30:48.1+00:00 host heroku router - at=info method=GET path="/a" host=h request_id=1 fwd="1.1.1.1" dyno=web.1 connect=1ms service=18ms status=200 bytes=1548 protocol=https',
        ],
        (2, 3096, 36000000, 0),
        id="heroku-drain",
    ),
    pytest.param(
        [
            '2026-11-22T06:30:48.123456789Z 192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            '2026-11-22T06:30:48.123456789Z 192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (2, 10, None, 0),
        id="kubectl-ts",
    ),
    pytest.param(
        [
            'web-1  | 192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
            'web-1  | 192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        ],
        (2, 10, None, 0),
        id="docker-compose",
    ),
    pytest.param(
        [
            '2026-11-22 06:30:48,123 - werkzeug - INFO - 127.0.0.1 - - [22/Nov/2026 06:30:48] "GET /a HTTP/1.1" 200 -',
            '2026-11-22 06:30:48,123 - werkzeug - INFO - 127.0.0.1 - - [22/Nov/2026 06:30:48] "GET /a HTTP/1.1" 200 -',
        ],
        (2, 0, None, 0),
        id="python-logging",
    ),
    pytest.param(
        [
            "[1b2c] method=GET path=/a format=html controller=A action=b status=200 duration=12.34 view=1.0 db=2.0 location=http://h/x",
            "[1b2c] method=GET path=/a format=html controller=A action=b status=200 duration=12.34 view=1.0 db=2.0 location=http://h/x",
        ],
        (2, 0, 24680000, 0),
        id="lograge-tagged",
    ),
    pytest.param(
        [
            '2026/11/22 06:30:48.123\tinfo\thttp.log.access\thandled request\t{"request":{"remote_ip":"1.1.1.1","proto":"HTTP/2.0","method":"GET","host":"h","uri":"/a","headers":{}},"bytes_read":0,"duration":0.00123,"size":5,"status":200,"resp_headers":{}}',
            '2026/11/22 06:30:48.123\tinfo\thttp.log.access\thandled request\t{"request":{"remote_ip":"1.1.1.1","proto":"HTTP/2.0","method":"GET","host":"h","uri":"/a","headers":{}},"bytes_read":0,"duration":0.00123,"size":5,"status":200,"resp_headers":{}}',
        ],
        (2, 10, 2460000, 0),
        id="caddy-console",
    ),
    pytest.param(
        [
            'Nov 22 06:30:48 lb haproxy[7]: 1.1.1.1:5 [22/Nov/2026:06:30:48.160] f~ b/s 0/0/1/2/+30 200 +9 - - LR-- 1/1/0/0/0 0/0 {h|curl} {} "GET /a HTTP/2.0"',
            'Nov 22 06:30:48 lb haproxy[7]: 1.1.1.1:5 [22/Nov/2026:06:30:48.160] f~ f/<NOSRV> -1/-1/-1/-1/0 400 0 - - PR-- 1/1/0/0/0 0/0 {|} "<BADREQ>"',
            "Nov 22 06:30:48 lb haproxy[7]: Proxy f started.",
        ],
        (2, 9, 30000000, 0),
        id="haproxy-clf+",
    ),
]
"""Each log, and what `counted` makes of it."""


@pytest.mark.parametrize(("log", "want"), LOGS)
def test_what_infer_finds_counts_what_the_lines_say(log, want):
    assert counted(log) == want
