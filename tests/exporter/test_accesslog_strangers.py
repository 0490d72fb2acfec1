"""Logs of many programs as a stranger would bring them: what `infer` makes of them, to the last number."""
# ruff: noqa: E501, lines stand as they are in logs

import pytest

from exporter.accesslog.infer import infer
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.tally import BUCKETS, BYTES, COUNT, DURATION_NS, Buckets

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
            '{"method": "GET", "path": "/a", "status": 200, "bytes": 5, "duration_ns": 1500000}',
            '{"method": "GET", "path": "/b", "status": 500, "bytes": 0, "duration_ns": 1}',
        ],
        (2, 5, 1500001, 0),
        id="json-ns",
    ),
    pytest.param(
        [
            '{"method": "GET", "path": "/a", "status": 200, "latency": "12.3ms"}',
            '{"method": "GET", "path": "/a", "status": 200, "latency": "1.2s"}',
        ],
        (2, 0, 1212300000, 0),
        id="json-latency-str",
    ),
    pytest.param(
        [
            '{"method": "GET", "path": "/a", "status": 200, "elapsed": 0.012}',
            '{"method": "GET", "path": "/a", "status": 200, "elapsed": 1.5}',
        ],
        (2, 0, None, 0),
        id="json-elapsed",
    ),
    pytest.param(
        [
            '{"method": "GET", "path": "/a", "status": "200", "bytes": "5", "request_time": "0.123"}',
            '{"method": "GET", "path": "/a", "status": "404", "bytes": "-", "request_time": "0.001"}',
        ],
        (2, 5, 124000000, 0),
        id="json-strings",
    ),
    pytest.param(
        [
            '{"ts": "2026-11-22T06:30:48Z", "http": {"request": {"method": "GET"}, "response": {"status_code": 200, "body": {"bytes": 5}}}, "url": {"path": "/a", "original": "/a?x"}, "event": {"duration": 1000000}}'
        ],
        (1, 5, 1000000, 0),
        id="json-nested",
    ),
    pytest.param(
        [
            '{"method": "GET", "path": "/a", "status": 200, "bytes": null, "duration_ms": null}',
            '{"method": "GET", "path": "/b", "status": null, "bytes": null, "duration_ms": 3}',
        ],
        (2, 0, 3000000, 0),
        id="json-null",
    ),
    pytest.param(
        [
            '{"ts": 1795329048123, "method": "GET", "uri": "/a", "status": 200, "size": 5, "took_ms": 7}',
            '{"ts": 1795329049123, "method": "GET", "uri": "/a", "status": 200, "size": 5, "took_ms": 8}',
        ],
        (2, 10, 15000000, 0),
        id="json-epoch-ms",
    ),
    pytest.param(
        [
            '{"time": "x", "request": "GET /a?b HTTP/1.1", "status": "200", "body_bytes_sent": "5", "request_time": "0.010"}'
        ],
        (1, 5, 10000000, 0),
        id="json-request-line",
    ),
    pytest.param(
        [
            '{ "method" : "GET" , "path" : "/a" , "status" : 200 , "duration_ms" : 1e1 }',
            '{ "method" : "GET" , "path" : "/a" , "status" : 200 , "duration_ms" : 1.0E+1 }',
        ],
        (2, 0, 20000000, 0),
        id="json-spaces",
    ),
    pytest.param(
        ['{"method":"GET","path":"/a","status":500,"status":200,"duration_ms":1}'],
        (1, 0, 1000000, 0),
        id="json-dup-keys",
    ),
    pytest.param(
        ['{"method": "GET", "path": "/\\u00fc\\u4e2d", "status": 200, "duration_ms": 1}'],
        (1, 0, 1000000, 0),
        id="json-esc-unicode",
    ),
    pytest.param(
        [
            '{"time":"22/Nov/2026:06:30:48 +0000","remoteIP":"192.0.2.1","request":"/a","query":"?b","method":"GET","status":"200","userAgent":"x \\"y\\"","referer":"-","duration_us":1500}'
        ],
        (1, 0, 1500000, 0),
        id="json-apache",
    ),
    pytest.param(
        [
            '{"level": "info", "ts": 1795329048.1, "caller": "x.go:1", "msg": "/a", "status": 200, "method": "GET", "path": "/a", "query": "", "ip": "1.1.1.1", "latency": 0.000123, "time": "2026"}'
        ],
        (1, 0, None, 0),
        id="json-zap",
    ),
    pytest.param(
        [
            'time=2026-11-22T06:30:48Z level=info msg="req \\"x\\"" method=GET path="/a b" status=200 bytes=5 duration=12ms',
            "time=2026-11-22T06:30:48Z level=info msg=req method=GET path=/a status=200 bytes=5 duration=1.5s bare",
        ],
        (2, 10, 1512000000, 0),
        id="logfmt-quotes",
    ),
    pytest.param(["method=GET path=/a status=500 status=200 duration_ms=1"], (1, 0, 1000000, 0), id="logfmt-dup"),
    pytest.param(
        [
            'at=info method=GET path="/a?x=1" host=h request_id=1 fwd="1.1.1.1" dyno=web.1 connect=1ms service=18ms status=200 bytes=1548 protocol=https'
        ],
        (1, 1548, 18000000, 0),
        id="logfmt-heroku",
    ),
    pytest.param(
        [
            "ts=2026-11-22T06:30:48Z caller=log.go:1 level=debug method=GET uri=/a status=200 took=1m2.5s",
            "ts=2026-11-22T06:30:48Z caller=log.go:1 level=debug method=GET uri=/a status=200 took=850µs",
        ],
        (2, 0, 62500850000, 0),
        id="logfmt-go",
    ),
    pytest.param(
        ["level=info component=web method=POST path=/api/v1/x status=204 elapsed=0.012"],
        (1, 0, None, 0),
        id="logfmt-prom",
    ),
    pytest.param(
        [
            '"2026-11-22T06:30:48Z","1.1.1.1","GET","/a,b","200","5","0.250"',
            '"2026-11-22T06:30:49Z","1.1.1.1","GET","/a","404","5","0.250"',
        ],
        (2, 10, 500000000, 0),
        id="csv-quoted",
    ),
    pytest.param(
        ["22.11.2026;1.1.1.1;GET;/a;200;5;0,250", "22.11.2026;1.1.1.1;GET;/b;404;5;0,125"],
        (2, 10, None, 0),
        id="csv-semicolon",
    ),
    pytest.param(
        [
            "time:[22/Nov/2026:06:30:48 +0000]\thost:1.1.1.1\tmethod:GET\turi:/a\tstatus:200\tsize:5\treqtime:0.123\tapptime:0.100",
            "time:[22/Nov/2026:06:30:48 +0000]\thost:1.1.1.1\tmethod:GET\turi:/b\tstatus:200\tsize:5\treqtime:0.001\tapptime:-",
        ],
        (2, 10, 124000000, 0),
        id="tsv-ltsv",
    ),
    pytest.param(
        [
            "#Software: Microsoft Internet Information Services 10.0",
            "#Version: 1.0",
            "#Date: 2026-11-22 06:30:48",
            "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken",
            "2026-11-22 06:30:48 1.1.1.1 GET /a - 80 - 2.2.2.2 curl/8 - 200 0 0 15",
            "2026-11-22 06:30:48 1.1.1.1 POST /b x=1 80 D\\u 2.2.2.2 Mozilla/5.0+(X) - 500 0 64 1003",
        ],
        (2, 0, 1018000000, 0),
        id="w3c-iis",
    ),
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
            '{"time":"2026-11-22T06:30:48.1Z","id":"","remote_ip":"::1","host":"h","method":"GET","uri":"/a","user_agent":"x","status":200,"error":"","latency":123456,"latency_human":"123.456µs","bytes_in":0,"bytes_out":5}'
        ],
        (1, 5, 123456, 0),
        id="echo-json",
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
            '{"client.addr": "1.1.1.1:1", "method": "GET", "uri": "http://h/a", "status": "200", "version": "HTTP/1.1", "timestamp": "2026-11-22T06:30:48Z", "processing_ns": "1000", "total_ns": "1500000", "request_bytes": "0", "response_bytes": "5", "user_agent": "x", "host": "h"}'
        ],
        (1, 5, 1500000, 0),
        id="linkerd",
    ),
    pytest.param(
        [
            '{"id": "1", "timestamp": 1795329048123, "source": "lambda", "proxy": {"method": "GET", "path": "/a", "statusCode": 200, "host": "h"}}'
        ],
        (1, 0, None, 0),
        id="vercel",
    ),
    pytest.param(
        [
            '{"request": {"method": "GET", "uri": "/a?x", "url": "http://h/a?x", "size": "99"}, "response": {"status": 200, "size": "5"}, "latencies": {"request": 12, "kong": 1, "proxy": 11}, "started_at": 1795329048123}'
        ],
        (1, 5, 12000000, 0),
        id="kong-json",
    ),
    pytest.param(
        [
            '{"client_ip": "1.1.1.1", "request": {"method": "GET", "uri": "/a", "size": 99}, "response": {"status": 200, "size": 5}, "latency": 12.5, "start_time": 1795329048123}'
        ],
        (1, 5, None, 0),
        id="apisix",
    ),
    pytest.param(
        [
            '{"name": "x", "level": 30, "req": {"method": "GET", "url": "/a"}, "res": {"statusCode": 200}, "latency": 12, "msg": "handled"}'
        ],
        (1, 0, None, 0),
        id="bunyan-restify",
    ),
    pytest.param(
        [
            '{"time": "x", "remote_addr": "1.1.1.1", "request_method": "GET", "request_uri": "/a", "status": 200, "body_bytes_sent": 5, "request_time": 0.3, "upstream_response_time": "0.1, 0.2", "upstream_status": "502, 200", "upstream_addr": "a, b"}'
        ],
        (1, 5, 300000000, 0),
        id="nginx-json-upstream",
    ),
    pytest.param(
        [
            '{"request_method": "GET", "request_uri": "/a", "status": "200", "upstream_response_time": "0.100, 0.200 : 0.3"}',
            '{"request_method": "GET", "request_uri": "/a", "status": "200", "upstream_response_time": "-"}',
        ],
        (2, 0, 600000000, 0),
        id="nginx-json-upstream-only",
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
            '2026-11-22 06:30:48,123 - werkzeug - INFO - 127.0.0.1 - - [22/Nov/2026 06:30:48] "GET /a HTTP/1.1" 200 -',
            '2026-11-22 06:30:48,123 - werkzeug - INFO - 127.0.0.1 - - [22/Nov/2026 06:30:48] "GET /a HTTP/1.1" 200 -',
        ],
        (2, 0, None, 0),
        id="python-logging",
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
            "#Software: Other",
            "#Fields: date time cs-method cs-uri sc-status sc-bytes time-taken",
            "2026-11-22 06:30:48 GET /a 200 5 0.012",
        ],
        (1, 5, None, 0),
        id="w3c-s",
    ),
    pytest.param(
        [
            "#Fields: date time c-ip cs-method cs-uri-stem sc-status time-taken",
            "2026-11-22 06:30:48 1.1.1.1 GET /a 200 12",
        ],
        (1, 0, 12000000, 0),
        id="w3c-ms-only",
    ),
    pytest.param(
        [
            "#Software: IIS Advanced Logging Module",
            "#Fields: date time cs-uri-stem cs-method sc-status TimeTakenMS cs(User-Agent)",
            '2026-11-22 06:30:48.123 /a GET 200 12 "Mozilla/5.0 (""x"")"',
        ],
        (1, 0, 12000000, 0),
        id="w3c-quoted",
    ),
    pytest.param(
        [
            '{"request":"GET /a\\x22b HTTP/1.1","status":200,"request_time":0.010,"size":5,"up":-}',
            '{"request":"GET /b HTTP/1.1","status":200,"request_time":0.020,"size":5,"up":0.1, 0.2}',
        ],
        (2, 10, 30000000, 0),
        id="almost-json",
    ),
    pytest.param(
        [
            '{"request":"GET /a\tb HTTP/1.1","status":200,"request_time":"0.010"}',
            '{"request":"GET /b HTTP/1.1","status":200,"request_time":"0.020"}',
        ],
        (2, 0, 30000000, 0),
        id="json-tab-raw",
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
            "\x1b[0mGET /a \x1b[32m200\x1b[0m 3.141 ms - 5\x1b[0m",
            "\x1b[0mGET /b \x1b[33m404\x1b[0m 1.000 ms - 7\x1b[0m",
        ],
        (2, 12, 4141000, 0),
        id="morgan-dev-colour",
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
    pytest.param(["1.1.1.1\tGET /a\t200\t5", "1.1.1.1\tGET /b?x\t404\t7"], (2, 12, None, 0), id="tab-server"),
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
        ['{"level": "info", "message": "GET /a 200 5 - 1.234 ms", "timestamp": "2026"}'],
        (1, 5, 1_234_000, 0),
        id="json-winston-morgan",
    ),
    pytest.param(
        [
            '1.1.1.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl" request_time:0.305 upstream_response_time:0.300',
            '1.1.1.1 - - [22/Nov/2026:06:30:48 +0000] "GET /b HTTP/1.1" 200 5 "-" "curl" request_time:0.005 upstream_response_time:-',
        ],
        (2, 10, 310_000_000, 0),
        id="names-before-colons",
    ),
    pytest.param(
        [
            "[pid: 7|app: 0|req: 1/1] 1.1.1.1 () {40 vars in 600 bytes} [Sun Nov 22 06:30:48 2026] GET /o/7?x=1 => generated 512 bytes in 58 msecs (HTTP/1.1 200) 2 headers in 80 bytes (1 switches on core 0)",
            "[pid: 7|app: 0|req: 2/2] 1.1.1.1 (bob) {40 vars in 600 bytes} [Sun Nov 22 06:30:48 2026] POST /o => generated 404 bytes in 5 micros via sendfile() (HTTP/1.1 500) 2 headers in 80 bytes (1 switches on core 0)",
        ],
        (2, 916, 58_005_000, 0),
        id="uwsgi",
    ),
    pytest.param(
        ["1.1.1.1, -, 11/22/2026, 6:30:48, W3SVC1, WEB, 10.0.0.1, 58, 300, 512, 200, 0, GET, /o/7, x=1,"],
        (1, 512, 58_000_000, 0),
        id="iis-log",
    ),
    pytest.param(
        [
            "#Version:\t1.0",
            "#Fields:\tdate\ttime\tcs-method\tcs-uri\tsc-status\tbytes\ttime-taken",
            "2026-11-22\t06:30:48\tGET\t/o/7\t200\t512\t0.058",
        ],
        (1, 512, 58_000_000, 0),
        id="weblogic",
    ),
    pytest.param(
        [
            '{"event":"response","timestamp":1795329048000,"method":"get","path":"/a","statusCode":200,"responseTime":58}'
        ],
        (1, 0, None, 0),
        id="hapi",
    ),
    pytest.param(
        [
            '{"level":30,"time":1795329048000,"reqId":"r","req":{"method":"GET","url":"/a"},"msg":"incoming request"}',
            '{"level":30,"time":1795329048000,"reqId":"r","res":{"statusCode":200},"responseTime":1.5,"msg":"request completed"}',
        ],
        (1, 0, 1_500_000, 0),
        id="fastify",
    ),
]
"""Each log as its lines or its bytes, and: requests, bytes, nanoseconds (None where nothing is timed), bad lines."""


@pytest.mark.parametrize(("log", "want"), LOGS)
def test_what_infer_finds_counts_what_the_lines_say(log, want):
    data = log if isinstance(log, bytes) else "".join(f"{line}\n" for line in log).encode()
    guess = infer(data)
    reader = Reader(guess.parsed(), Buckets((1.0,)), envelope=guess.envelope or "none")
    tally = reader.read(data)
    tally.merge(reader.finish())
    rows = tally.hits.values()
    timed = sum(sum(numbers[BUCKETS:]) for numbers in rows)
    duration_ns = sum(numbers[DURATION_NS] for numbers in rows) if timed else None
    sums = (sum(numbers[COUNT] for numbers in rows), sum(numbers[BYTES] for numbers in rows), duration_ns)
    assert (*sums, sum(tally.failed.values())) == want


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
