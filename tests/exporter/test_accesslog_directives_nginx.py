"""Format strings of nginx and its kin: what their lines mean."""
# ruff: noqa: E501, strings and lines stand as in manuals

import pytest
from line_meaning import T, read

ROWS = [
    pytest.param(
        "log_format m '$msec $request_method \"$request_uri\" $status $bytes_sent $request_time';",
        '1795329048.123 GET "/a?b" 200 7 0.5',
        ("GET /a 200", 7, 500000000),
        id="nginx-msec",
    ),
    pytest.param(
        "log_format x escape=none '$remote_addr $status $request_method $request_uri ${request_time}s';",
        "a 200 GET /a 0.5s",
        ("GET /a 200", 0, 500000000),
        id="openresty",
    ),
    pytest.param(
        '$remote_addr - - [$time_local] "$request_line" $status $body_bytes_sent "$header_referer" "$header_user_agent"',
        f'a - - {T} "GET /a HTTP/1.1" 200 5 "-" "x"',
        ("GET /a 200", 5, None),
        id="nginx-unit",
    ),
    pytest.param(
        '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" "$upstream_addr" "$upstream_status" "$upstream_response_time"',
        f'a - - {T} "GET /a HTTP/1.1" 200 5 "-" "x" "1.1.1.1, 2.2.2.2" "10.0.0.1:80, 10.0.0.2:80" "502, 200" "0.010, 0.020"',
        ("GET /a 200", 5, 30000000),
        id="ng1",
    ),
    pytest.param(
        "$time_local $remote_addr $request_method $uri $status $request_time",
        "22/Nov/2026:06:30:48 +0000 a GET /a 200 0.5",
        ("GET /a 200", 0, 500000000),
        id="ng-time_local-bare",
    ),
    pytest.param(
        '$msec $time_local $remote_addr "$request" $status',
        '1795329048.123 22/Nov/2026:06:30:48 +0000 a "GET /a HTTP/1.1" 200',
        ("GET /a 200", 0, None),
        id="ng-two-instants",
    ),
    pytest.param(
        '$remote_addr $ssl_protocol/$ssl_cipher "$request" $status',
        'a TLSv1.3/TLS_AES_256 "GET /a HTTP/2.0" 200',
        ("GET /a 200", 0, None),
        id="ng-ssl",
    ),
    pytest.param(
        '$remote_addr $ssl_protocol $ssl_cipher "$request" $status $gzip_ratio',
        'a - - "GET /a HTTP/2.0" 200 -',
        ("GET /a 200", 0, None),
        id="ng-ssl-dash",
    ),
    pytest.param(
        '"$cookie_session" "$request" $status', '"a b" "GET /a HTTP/2.0" 200', ("GET /a 200", 0, None), id="ng-cookie"
    ),
    pytest.param(
        "$request_method $scheme://$host:$server_port$request_uri $status",
        "GET https://h:443/a?b 200",
        ("GET /a 200", 0, None),
        id="ng-args",
    ),
    pytest.param("$request_method $uri?$args $status", "GET /a?b=1 200", ("GET /a 200", 0, None), id="ng-arg2"),
    pytest.param("$request_method $uri?$args $status", "GET /a?- 200", ("GET /a 200", 0, None), id="ng-arg-empty"),
    pytest.param(
        '{"t":"$time_iso8601","m":"$request_method","u":"$request_uri","s":$status,"b":$body_bytes_sent,"rt":$request_time,"urt":"$upstream_response_time"}',
        '{"t":"2026-11-22T06:30:48+00:00","m":"GET","u":"/a?x=\\"y","s":200,"b":5,"rt":0.5,"urt":"0.1, 0.2"}',
        ("GET /a 200", 5, 500000000),
        id="ng-json",
    ),
    pytest.param(
        '{"m":"$request_method","u":"$request_uri","s":$status,"urt":$upstream_response_time}',
        '{"m":"GET","u":"/a","s":200,"urt":}',
        ("GET /a 200", 0, None),
        id="ng-json-urt-bare",
    ),
    pytest.param(
        '{"m":"$request_method","u":"$request_uri","s":$status,"urt":$upstream_response_time}',
        '{"m":"GET","u":"/a","s":200,"urt":0.1, 0.2 : 0.3}',
        ("GET /a 200", 0, 600000000),
        id="ng-json-urt-bare2",
    ),
    pytest.param(
        '{"m":"$request_method","r":"$request","s":"$status"}',
        '{"m":"","r":"","s":"400"}',
        ("  400", 0, None),
        id="ng-empty-method-json",
    ),
    pytest.param(
        '"$request" $status $bytes_sent $request_length',
        '"GET /a HTTP/1.1" 200 7 99',
        ("GET /a 200", 7, None),
        id="ng-bytes_sent",
    ),
    pytest.param(
        '"$request" $status $bytes_sent $body_bytes_sent',
        '"GET /a HTTP/1.1" 200 7 5',
        ("GET /a 200", 5, None),
        id="ng-both-sizes",
    ),
    pytest.param(
        '"$request" $status ${request_time}',
        '"GET /a HTTP/1.1" 200 0.003',
        ("GET /a 200", 0, 3000000),
        id="ng-req_time-ms?",
    ),
    pytest.param(
        '"$request" $status $upstream_connect_time $upstream_header_time $upstream_response_time $request_time',
        '"GET /a HTTP/1.1" 200 0.001, 0.002 0.1, 0.2 0.3, 0.4 0.9',
        ("GET /a 200", 0, 900000000),
        id="ng-connect",
    ),
    pytest.param(
        '"$request" $status $upstream_connect_time $upstream_header_time $upstream_response_time $request_time',
        '"GET /a HTTP/1.1" 200 - - - 0.000',
        ("GET /a 200", 0, 0),
        id="ng-connect-dashes",
    ),
    pytest.param(
        '$remote_addr $http_referer $http_user_agent "$request" $status',
        'a http://x/ Mozilla/5.0 (X11; Linux) "GET /a HTTP/1.1" 200',
        ("GET /a 200", 0, None),
        id="ng-referer-unq",
    ),
    pytest.param(
        '"$request" $status $http_x_forwarded_for',
        '"GET /a HTTP/1.1" 200 1.1.1.1, 2.2.2.2',
        ("GET /a 200", 0, None),
        id="ng-xff-tail",
    ),
    pytest.param(
        '"$request" $status $http_x_forwarded_for',
        '"GET /a HTTP/1.1" 200 ',
        ("GET /a 200", 0, None),
        id="ng-empty-tail",
    ),
    pytest.param(
        '$remote_addr $upstream_addr $upstream_status $status "$request"',
        'a 10.0.0.1:80, unix:/x.sock : 10.0.0.3:80 502, - : 200 200 "GET /a HTTP/1.1"',
        ("GET /a 200", 0, None),
        id="ng-upstream-mid",
    ),
    pytest.param('$status "$request"', '499 "GET /a HTTP/1.1"', ("GET /a 499", 0, None), id="ng-status-first"),
    pytest.param('$status "$request"', '000 "GET /a HTTP/1.1"', ("GET /a 000", 0, None), id="ng-status-000"),
    pytest.param(
        "$time_iso8601\t$remote_addr\t$request\t$status\t$body_bytes_sent\t$request_time\t$upstream_response_time\t$http_user_agent",
        "2026-11-22T06:30:48+00:00\ta\tGET /a HTTP/1.1\t200\t5\t0.100\t0.050, 0.050\tx y",
        ("GET /a 200", 5, 100000000),
        id="ng-tab",
    ),
    pytest.param(
        "$time_iso8601\\t$request\\t$status",
        "2026-11-22T06:30:48+00:00\tGET /a HTTP/1.1\t200",
        ("GET /a 200", 0, None),
        id="ng-tab-esc",
    ),
    pytest.param(
        '$remote_addr "$request" $status "$http_user_agent"',
        'a "GET /a\\x22b HTTP/1.1" 200 "\\x22x\\x22"',
        ("GET /a\\x22b 200", 0, None),
        id="ng-escx",
    ),
    pytest.param(
        "$remote_addr | $http_user_agent | $request | $status",
        "a | M (a; b) | GET /a HTTP/1.1 | 200",
        ("GET /a 200", 0, None),
        id="ng-pipes-blanks",
    ),
]


@pytest.mark.parametrize(("text", "line", "want"), ROWS)
def test_a_format_string_means_what_its_server_writes(text, line, want):
    assert read(text, line) == want
