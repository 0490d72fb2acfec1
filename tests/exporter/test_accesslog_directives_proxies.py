"""Format strings of proxies: what their lines mean."""
# ruff: noqa: E501, strings and lines stand as in manuals

import pytest
from line_meaning import T, read

ROWS = [
    pytest.param(
        '%<chi> - %<caun> [%<cqtn>] "%<cqtx>" %<pssc> %<pscl> %<{User-Agent}cqh> %<ttms>',
        'a - - [22/Nov/2026:06:30:48 -0000] "GET http://h/a?b HTTP/1.1" 200 5 curl, x 37',
        ("GET http://h/a 200", 5, 37_000_000),
        id="traffic-server",
    ),
    pytest.param(
        "%<cqts> %<cqhm> %<cqup[0:80]> %<sssc> %<pssc> %<psql> %<ttmsf> %<crc>",
        "1795329048 GET a?b 200 000 0 0.058 ERR_CLIENT_ABORT",
        ("GET a 000", 0, 58_000_000),
        id="traffic-server-aborted",
    ),
    pytest.param("{common_log}", f'a - - {T} "GET /a?b HTTP/2.0" 200 5', ("GET /a 200", 5, None), id="caddy-common"),
    pytest.param(
        'format transform "{request>client_ip} \\"{request>method} {request>uri}\\" {status} {size} {duration}" {',
        'a "GET /a?b" 200 5 1.25e-05',
        ("GET /a 200", 5, 12_500),
        id="caddy-tiny-duration",
    ),
    pytest.param(
        "format transform `{ts}|{request>headers>X-Forwarded-For>[0]|request>remote_ip}|{request>method}|{request>uri}|{status}`",
        "1795329048.5|1.1.1.1, 2.2.2.2|GET|/a?b|0",
        ("GET /a 000", 0, None),
        id="caddy-alternatives",
    ),
    pytest.param(
        "%rm %ru %>ru %>Hs", "GET http://h/made http://h/sent 200", ("GET http://h/sent 200", 0, None), id="squid-sent"
    ),
    pytest.param(
        "%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt",
        "1795329048.918    307 192.0.2.1 TCP_MISS/200 9 GET http://h/a?b - HIER_DIRECT/192.0.2.9 text/html",
        ("GET http://h/a 200", 9, 307000000),
        id="squid-native",
    ),
    pytest.param(
        "logformat squid      %ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt",
        "1795329048.918    307 192.0.2.1 TCP_MISS/200 9 GET http://h/a?b - HIER_DIRECT/192.0.2.9 text/html",
        ("GET http://h/a 200", 9, 307000000),
        id="squid-line",
    ),
    pytest.param(
        'logformat common     %>a %[ui %[un [%tl] "%rm %ru HTTP/%rv" %>Hs %<st %Ss:%Sh',
        f'a - - {T} "GET http://h/a HTTP/1.1" 200 9 TCP_MISS:HIER_DIRECT',
        ("GET http://h/a 200", 9, None),
        id="squid-common",
    ),
    pytest.param(
        'logformat combined   %>a %[ui %[un [%tl] "%rm %ru HTTP/%rv" %>Hs %<st "%{Referer}>h" "%{User-Agent}>h" %Ss:%Sh',
        f'a - - {T} "GET http://h/a HTTP/1.1" 200 9 "-" "x \\"y\\"" TCP_MISS:HIER_DIRECT',
        ("GET http://h/a 200", 9, None),
        id="squid-combined",
    ),
    pytest.param(
        "logformat mine %{%Y-%m-%dT%H:%M:%S%z}tl %tr %>a %http::>Hs %http::<st %http::rm %http::>ru %<tt %dt %{X-Id}>h",
        "2026-11-22T06:30:48+0000 17 a 304 0 GET http://h/a 5 - -",
        ("GET http://h/a 304", 0, 17000000),
        id="squid-own",
    ),
    pytest.param(
        "%-6tr|%>Hs|%rm|%ru|%<st", "17    |200|GET|http://h/a|9", ("GET http://h/a 200", 9, 17000000), id="squid-left"
    ),
    pytest.param(
        '{"t":"%ts.%03tu","ms":%tr,"code":%>Hs,"m":"%rm","u":"%>ru","b":%<st}',
        '{"t":"1795329048.918","ms":5,"code":200,"m":"GET","u":"http://h/a","b":9}',
        ("GET http://h/a 200", 9, 5000000),
        id="squid-json",
    ),
    pytest.param(
        "%>a %>Hs %rm %ru %<tt", "a 200 GET http://h/a 12", ("GET http://h/a 200", 0, 12000000), id="squid-no-tr"
    ),
    pytest.param(
        "%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru",
        "1795329048.918     -1 192.0.2.1 NONE/000 0 - error:x",
        ("- error:x 000", 0, None),
        id="squid-neg",
    ),
    pytest.param(
        '%tS %tr "%rm %>ru" %>Hs %<st',
        '1795329048.918 3 "GET http://h/a" 200 9',
        ("GET http://h/a 200", 9, 3000000),
        id="squid-tS",
    ),
    pytest.param(
        "%tl %Hs %rm %ru",
        "22/Nov/2026:06:30:48 +0000 200 GET http://h/a",
        ("GET http://h/a 200", 0, None),
        id="squid-Hs",
    ),
    pytest.param(
        '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\\n',
        '[2026-11-22T06:30:48.160Z] "GET /a HTTP/2" 200 - 0 512 12 9 "-" "curl" "id" "h" "1.2.3.4:80"',
        ("GET /a 200", 512, 12000000),
        id="envoy-ex",
    ),
    pytest.param(
        'text_format_source:\n  inline_string: "[%START_TIME%] %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %BYTES_SENT% %DURATION%\\n"\n',
        "[2026-11-22T06:30:48.160Z] GET /a 200 512 12",
        ("GET /a 200", 512, 12000000),
        id="envoy-yaml",
    ),
    pytest.param(
        "inline_string: |\n  [%START_TIME%] %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %BYTES_SENT% %DURATION%\n",
        "[2026-11-22T06:30:48.160Z] GET /a 200 512 12",
        ("GET /a 200", 512, 12000000),
        id="envoy-yaml-block",
    ),
    pytest.param(
        "%START_TIME(%s.%3f)% %REQ(:METHOD)% %REQ_WITHOUT_QUERY(:PATH)% %RESPONSE_CODE% %BYTES_SENT% %DURATION%",
        "1795329048.160 GET /a 200 512 12",
        ("GET /a 200", 512, 12000000),
        id="envoy-start-fmt",
    ),
    pytest.param(
        '[%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%] "%REQ(:METHOD)% %REQ(:PATH):100% %PROTOCOL%" %RESPONSE_CODE% %DURATION%',
        '[2026-11-22T06:30:48.160Z] "GET /a HTTP/2" 200 12',
        ("GET /a 200", 0, 12000000),
        id="envoy-start-iso",
    ),
    pytest.param(
        "%REQ(:METHOD)% %PATH(NQ)% %RESPONSE_CODE% %BYTES_SENT% %COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
        "GET /a 200 5 12",
        ("GET /a 200", 5, 12000),
        id="envoy-common-dur",
    ),
    pytest.param(
        "%REQ(:METHOD)% %PATH(NQ)% %RESPONSE_CODE% %BYTES_SENT% %COMMON_DURATION(US_CX_BEG:US_CX_END:us)% %DURATION%",
        "GET /a 200 5 3 12",
        ("GET /a 200", 5, 12000000),
        id="envoy-common-dur-part",
    ),
    pytest.param(
        "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %BYTES_SENT% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
        "GET /a 200 5 12",
        ("GET /a 200", 5, None),
        id="envoy-resp-time",
    ),
    pytest.param(
        '{"method":"%REQ(:METHOD)%","path":"%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%","code":"%RESPONSE_CODE%","bytes":"%BYTES_SENT%","took":"%DURATION%","at":"%START_TIME%"}',
        '{"code":200,"at":"2026-11-22T06:30:48.160Z","bytes":5,"took":12,"method":"GET","path":"/a"}',
        ("GET /a 200", 5, 12000000),
        id="envoy-json",
    ),
    pytest.param(
        'json_format:\n  method: "%REQ(:METHOD)%"\n  path: "%REQ(:PATH)%"\n  status: "%RESPONSE_CODE%"\n  ms: "%DURATION%"\n  sent: "%BYTES_SENT%"\n',
        '{"status":200,"ms":12,"sent":5,"method":"GET","path":"/a"}',
        ("GET /a 200", 5, 12000000),
        id="envoy-json-yaml",
    ),
    pytest.param(
        "%REQUEST_HEADER(:METHOD)% %REQUEST_HEADER(:PATH)% %RESPONSE_CODE% %BYTES_SENT% %DURATION%",
        "GET /a 200 5 12",
        ("GET /a 200", 5, 12000000),
        id="envoy-hdr",
    ),
    pytest.param(
        'log-format "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"',
        '1.2.3.4:5 [22/Nov/2026:06:30:48.160] f b/s 0/0/1/2/30 200 9 - - ---- 1/1/0/0/0 0/0 "GET /a HTTP/1.1"',
        ("GET /a 200", 9, 30000000),
        id="haproxy-line",
    ),
    pytest.param(
        "%ci [%t] %ft %ST %B %Tt %HM %HU",
        "1.2.3.4 [22/Nov/2026:06:30:48.160] f 200 9 30 GET /a",
        ("GET /a 200", 9, 30000000),
        id="haproxy-Tt-us?",
    ),
    pytest.param(
        'log-format \'{"time":"%tr","code":%ST,"m":"%HM","u":"%[capture.req.uri,json(utf8s)]","ms":%Ta,"b":%B}\'',
        '{"time":"22/Nov/2026:06:30:48.160","code":200,"m":"GET","u":"/a","ms":30,"b":9}',
        ("GET /a 200", 9, 30000000),
        id="haproxy-json",
    ),
    pytest.param(
        'log-format "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r %[ssl_fc_sni] %[unique-id]"',
        '1.2.3.4:5 [22/Nov/2026:06:30:48.160] f b/s 0/0/1/2/30 200 9 - - ---- 1/1/0/0/0 0/0 "GET /a HTTP/1.1" - x',
        ("GET /a 200", 9, 30000000),
        id="haproxy-3",
    ),
    pytest.param(
        "%ci %HM %HP %ST %B %[txn.timer.total]", "1.2.3.4 GET /a 200 9 30", ("GET /a 200", 9, 30000000), id="haproxy-us"
    ),
    pytest.param(
        "client=%ci method=%HM path=%HP status=%ST bytes=%B time=%Tt ua=%[capture.req.hdr(0)]",
        "client=1.1.1.1 method=GET path=/a status=200 bytes=9 time=30 ua=curl/8 x",
        ("GET /a 200", 9, 30000000),
        id="haproxy-kv",
    ),
    pytest.param(
        "%ID %ci %{+Q}r %ST %B %Ta",
        'x-1 1.1.1.1 "GET /a?b HTTP/1.1" 200 9 30',
        ("GET /a 200", 9, 30000000),
        id="haproxy-ID",
    ),
    pytest.param(
        "%ci %HM %HU %HV %ST %Ta",
        "1.1.1.1 GET https://h/a?b HTTP/2.0 200 30",
        ("GET https://h/a 200", 0, 30000000),
        id="haproxy-HU-full",
    ),
    pytest.param(
        '%REQ(:METHOD)% "%REQ(:PATH)%" %RESPONSE_CODE% %DURATION% "%RESP(CONTENT-TYPE)%"',
        'GET "/a?b=\\"c" 200 12 "x"',
        ("GET /a 200", 0, 12000000),
        id="envoy-q",
    ),
    pytest.param(
        "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %DURATION%",
        "GET /a 0 12",
        ("GET /a 000", 0, 12000000),
        id="envoy-0",
    ),
    pytest.param(
        "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %DURATION%",
        "GET /a 503 -",
        ("GET /a 503", 0, None),
        id="envoy---dur",
    ),
    pytest.param(
        "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %RESPONSE_CODE%", "/a 200", (" /a 200", 0, None), id="envoy-x-envoy-orig"
    ),
    pytest.param(
        "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %UPSTREAM_TRANSPORT_FAILURE_REASON% %DYNAMIC_METADATA(com.x:y:z)% %DURATION%",
        "GET /a 200 - - 12",
        ("GET /a 200", 0, 12000000),
        id="envoy-us",
    ),
    pytest.param(
        '%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %DURATION%',
        'GET /a 503 "TLS error: x y" 12',
        ("GET /a 503", 0, 12000000),
        id="envoy-failure-blanks",
    ),
    pytest.param(
        "%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt",
        "1795329048.918    307 1.1.1.1 TCP_MISS/200 9 GET http://h/a%20b - HIER_DIRECT/- text/html; charset=utf-8",
        ("GET http://h/a%20b 200", 9, 307000000),
        id="squid-url-blanks",
    ),
    pytest.param(
        "%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt [%>h] [%<h]",
        "1795329048.918    307 1.1.1.1 TCP_MISS/200 9 GET http://h/a - HIER_DIRECT/- text/html [Host: h%0d%0a] [x: y]",
        ("GET http://h/a 200", 9, 307000000),
        id="squid-mime",
    ),
    pytest.param(
        "%>a %>Hs %rm %ru %tr %{User-Agent}>h",
        "a 200 GET http://h/a 5 Mozilla/5.0 (X11)",
        ("GET http://h/a 200", 0, 5000000),
        id="squid-ua-bare",
    ),
    pytest.param(
        "%/{User-Agent}>h %>Hs %rm %ru",
        '"Mozilla/5.0 (X11; \\"q\\")" 200 GET http://h/a',
        ("GET http://h/a 200", 0, None),
        id="squid-shell",
    ),
    pytest.param(
        "%#{User-Agent}>h %>Hs %rm %ru",
        "Mozilla/5.0%20(X11) 200 GET http://h/a",
        ("GET http://h/a 200", 0, None),
        id="squid-#",
    ),
]


@pytest.mark.parametrize(("text", "line", "want"), ROWS)
def test_a_format_string_means_what_its_server_writes(text, line, want):
    assert read(text, line) == want
