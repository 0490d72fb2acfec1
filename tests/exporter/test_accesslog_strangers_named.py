"""Logs whose records name their fields, or whose first lines do: what `infer` makes of them, to the last number."""
# ruff: noqa: E501, lines stand as they are in logs

import pytest
from guessing import counted

LOGS = [
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
        [
            '{"time":"2026-11-22T06:30:48.1Z","id":"","remote_ip":"::1","host":"h","method":"GET","uri":"/a","user_agent":"x","status":200,"error":"","latency":123456,"latency_human":"123.456µs","bytes_in":0,"bytes_out":5}'
        ],
        (1, 5, 123456, 0),
        id="echo-json",
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
        ['{"level": "info", "message": "GET /a 200 5 - 1.234 ms", "timestamp": "2026"}'],
        (1, 5, 1_234_000, 0),
        id="json-winston-morgan",
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
"""Each log, and what `counted` makes of it."""


@pytest.mark.parametrize(("log", "want"), LOGS)
def test_what_infer_finds_counts_what_the_lines_say(log, want):
    assert counted(log) == want
