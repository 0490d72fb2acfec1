"""Format strings as the manuals of their servers have them: what their lines mean, and what their times count."""
# ruff: noqa: E501, strings and lines stand as in manuals

import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.formats import UNITS_NS, find_format
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.tally import BUCKETS, BYTES, DURATION_NS, Buckets

T = "[22/Nov/2026:06:30:48 +0000]"
AT_S = 1795329048


find = cache(find_format)  # it takes longer than a line


def read(text, line, **more):
    """The key of a line's one request, its bytes, and its nanoseconds, None where it was not timed."""
    tally = Reader(find(text, **more), Buckets((1.0,))).read(line.encode())
    assert tally.failed == {}
    ((key, numbers),) = tally.hits.items()
    timed = sum(numbers[BUCKETS:])
    return b" ".join(key).decode(), numbers[BYTES], numbers[DURATION_NS] if timed else None


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
    pytest.param("method,path,status,bytes", 'GET,"/a,b?c",200,5', ("GET /a,b 200", 5, None), id="header-of-csv"),
    pytest.param(
        "%rm %ru %>ru %>Hs", "GET http://h/made http://h/sent 200", ("GET http://h/sent 200", 0, None), id="squid-sent"
    ),
    pytest.param(
        'LogFormat "%h %l %u %t \\"%r\\" %>s %b" common',
        f'a - - {T} "GET /a HTTP/1.1" 200 5',
        ("GET /a 200", 5, None),
        id="apache-common",
    ),
    pytest.param(
        'LogFormat "%h %l %u %t \\"%r\\" %>s %b %{us}T" x',
        f'a - - {T} "GET /a HTTP/1.1" 200 5 1500',
        ("GET /a 200", 5, 1500000),
        id="apache-us",
    ),
    pytest.param(
        '%h %l %u %t "%r" %>s %b %{s}T',
        f'a - - {T} "GET /a HTTP/1.1" 200 5 2',
        ("GET /a 200", 5, 2000000000),
        id="apache-s",
    ),
    pytest.param(
        '%h %t "%r" %>s %b **%T/%D**',
        f'a {T} "GET /a HTTP/1.1" 200 5 **0/372**',
        ("GET /a 200", 5, 372000),
        id="apache-T/D",
    ),
    pytest.param(
        '%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"',
        f'h:80 a - - {T} "GET /a HTTP/1.1" 200 5 "-" "x"',
        ("GET /a 200", 5, None),
        id="apache-vhost",
    ),
    pytest.param(
        '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %I %O',
        f'a - - {T} "GET /a HTTP/1.1" 200 5 "-" "x" 77 99',
        ("GET /a 200", 5, None),
        id="apache-logio",
    ),
    pytest.param("%{Referer}i -> %U %s", "http://x/ -> /a 200", (" /a 200", 0, None), id="apache-ifmod"),
    pytest.param(
        '%h "%{sid}C" %t "%r" %>s %b %{c}a %L %k %{X-Request-Id}o %{UNIQUE_ID}e %{ratio}n',
        f'a "-" {T} "GET /a HTTP/1.1" 200 5 a - 0 - - -',
        ("GET /a 200", 5, None),
        id="apache-cookie",
    ),
    pytest.param(
        '%h %{%Y-%m-%dT%H:%M:%S%z}t "%r" %>s %b',
        'a 2026-11-22T06:30:48+0000 "GET /a HTTP/1.1" 200 5',
        ("GET /a 200", 5, None),
        id="apache-strftime",
    ),
    pytest.param(
        '%{begin:%d/%b/%Y:%T}t.%{msec_frac}t "%r" %>s %b',
        '22/Nov/2026:06:30:48.123 "GET /a HTTP/1.1" 200 5',
        ("GET /a 200", 5, None),
        id="apache-begin",
    ),
    pytest.param(
        'LogFormat "{ \\"time\\":\\"%{%Y-%m-%dT%H:%M:%S}t\\", \\"req\\":\\"%r\\", \\"status\\":\\"%>s\\", \\"us\\":%D }" j',
        '{ "time":"2026-11-22T06:30:48", "req":"GET /a HTTP/1.1", "status":"200", "us":17 }',
        ("GET /a 200", 0, 17000),
        id="apache-json",
    ),
    pytest.param('%h "%r" %>s %S', 'a "GET /a HTTP/1.1" 200 99', ("GET /a 200", 0, None), id="apache-S"),
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
        '%h %l %u %t "%r" %s %b "%{Referer}i" "%{User-agent}i" %D %{VCL_Log:key}x %{Varnish:handling}x',
        f'a - - {T} "GET http://h/a HTTP/1.1" 200 5 "-" "x" 917 v hit',
        ("GET http://h/a 200", 5, 917000),
        id="varnish",
    ),
    pytest.param(
        "varnishncsa -a -w /var/log/varnish/access.log -F '%h %t \"%r\" %s %b %D %{Varnish:handling}x'",
        f'a {T} "GET http://h/a HTTP/1.1" 200 5 917 hit',
        ("GET http://h/a 200", 5, 917000),
        id="varnish-cmd",
    ),
    pytest.param(
        '%h %t "%r" %s %b %{ms}T %{Varnish:vxid}x %{VSL:Timestamp:Resp[2]}x',
        f'a {T} "GET http://h/a HTTP/1.1" 200 5 9 123 0.01',
        ("GET http://h/a 200", 5, 9000000),
        id="varnish-T",
    ),
    pytest.param("%h\\t%m\\t%U%q\\t%s\\t%b\\t%D", "a\tGET\t/a?b\t200\t-\t5", ("GET /a 200", 0, 5000), id="varnish-tab"),
    pytest.param(
        '{"t":"%{%Y-%m-%dT%H:%M:%S%z}t","m":"%m","u":"%U","q":"%q","s":%s,"b":%O,"us":%D,"v":"%{Varnish:hitmiss}x"}',
        '{"t":"2026-11-22T06:30:48+0000","m":"GET","u":"/a","q":"?b=1","s":200,"b":7,"us":9,"v":"hit"}',
        ("GET /a 200", 7, 9000),
        id="varnish-json",
    ),
    pytest.param(
        'accesslog.format = "%h %V %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\""',
        f'a h - {T} "GET /a HTTP/1.1" 200 5 "-" "x"',
        ("GET /a 200", 5, None),
        id="lighttpd",
    ),
    pytest.param(
        'accesslog.format = "%h %V %u %t \\"%r\\" %>s %b %D"',
        f'a h - {T} "GET /a HTTP/1.1" 200 5 12',
        ("GET /a 200", 5, 12000),
        id="lighttpd-D",
    ),
    pytest.param(
        '%h %V %u %t "%r" %>s %b %{ms}T %{begin:sec}t %{end:usec_frac}t',
        f'a h - {T} "GET /a HTTP/1.1" 200 5 12 1795329048 77',
        ("GET /a 200", 5, 12000000),
        id="lighttpd-ms",
    ),
    pytest.param(
        'pattern="%h %l %u %t &quot;%r&quot; %s %b"',
        f'a - - {T} "GET /a HTTP/1.1" 200 5',
        ("GET /a 200", 5, None),
        id="tomcat",
    ),
    pytest.param(
        'pattern="%h %l %u %t &quot;%r&quot; %s %b %D"',
        f'a - - {T} "GET /a HTTP/1.1" 200 5 12',
        ("GET /a 200", 5, None),
        id="tomcat-D",
    ),
    pytest.param(
        'pattern="%h %l %u %t &quot;%r&quot; %s %b %T"',
        f'a - - {T} "GET /a HTTP/1.1" 200 5 0.012',
        ("GET /a 200", 5, 12000000),
        id="tomcat-T",
    ),
    pytest.param(
        'pattern="%h %t &quot;%r&quot; %s %b %{ms}T %I %S"',
        f'a {T} "GET /a HTTP/1.1" 200 5 12 http-nio-8080-exec-1 ABC',
        ("GET /a 200", 5, 12000000),
        id="tomcat-ms",
    ),
    pytest.param(
        'pattern="%h %t &quot;%r&quot; %s %b %{ns}T"',
        f'a {T} "GET /a HTTP/1.1" 200 5 12',
        ("GET /a 200", 5, 12),
        id="tomcat-ns",
    ),
    pytest.param(
        'pattern="%h %t &quot;%r&quot; %s %b %{fracsec}T"',
        f'a {T} "GET /a HTTP/1.1" 200 5 0.012',
        ("GET /a 200", 5, 12000000),
        id="tomcat-fracsec",
    ),
    pytest.param(
        "pattern=\"%{yyyy-MM-dd'T'HH:mm:ss.SSSZ}t %h %m %U%q %s %B\"",
        "2026-11-22T06:30:48.123+0000 a GET /a?x 200 5",
        ("GET /a 200", 5, None),
        id="tomcat-iso",
    ),
    pytest.param(
        '<Valve className="org.apache.catalina.valves.AccessLogValve" directory="logs"\n prefix="localhost_access_log" suffix=".txt"\n pattern="%h %l %u %t &quot;%r&quot; %s %b" />',
        f'a - - {T} "GET /a HTTP/1.1" 200 5',
        ("GET /a 200", 5, None),
        id="tomcat-xml",
    ),
    pytest.param(
        'pattern="%h %t &quot;%r&quot; %s %b %{Referer}i %{JSESSIONID}c %{x}r %{y}s"',
        f'a {T} "GET /a HTTP/1.1" 200 5 - - - -',
        ("GET /a 200", 5, None),
        id="tomcat-hdr",
    ),
    pytest.param(
        '%{client}a - %u %t "%r" %s %O "%{Referer}i" "%{User-Agent}i"',
        f'a - - {T} "GET /a HTTP/1.1" 200 5 "-" "x"',
        ("GET /a 200", 5, None),
        id="jetty",
    ),
    pytest.param(
        '%{client}a - %u %t "%r" %s %{CLF}O %{ms}T',
        f'a - - {T} "GET /a HTTP/1.1" 200 5 7',
        ("GET /a 200", 5, 7000000),
        id="jetty-clf",
    ),
    pytest.param(
        '%{client}a %{yyyy-MM-dd HH:mm:ss|UTC}t "%r" %s %{CLF}O',
        'a [2026-11-22 06:30:48] "GET /a HTTP/1.1" 200 5',
        ("GET /a 200", 5, None),
        id="jetty-t",
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
        '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"',
        f'a - - {T} "GET /a HTTP/1.1" 200 5 "-" "x"',
        ("GET /a 200", 5, None),
        id="gunicorn-def",
    ),
    pytest.param(
        "access_log_format = '%(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(s)s %(b)s %(D)s'",
        f'a - - {T} "GET /a HTTP/1.1" 200 5 17',
        ("GET /a 200", 5, 17000),
        id="gunicorn-py",
    ),
    pytest.param(
        "--access-logformat '%(h)s %(t)s \"%(r)s\" %(s)s %(b)s %(L)s'",
        f'a {T} "GET /a HTTP/1.1" 200 5 0.012345',
        ("GET /a 200", 5, 12345000),
        id="gunicorn-cli",
    ),
    pytest.param(
        '%(h)s "%(r)s" %(s)s %(B)s %(M)sms',
        'a "GET /a HTTP/1.1" 200 5 17ms',
        ("GET /a 200", 5, 17000000),
        id="gunicorn-M",
    ),
    pytest.param(
        '%(h)s "%(r)s" %(s)s %(B)s %(T)s', 'a "GET /a HTTP/1.1" 200 5 2', ("GET /a 200", 5, 2000000000), id="gunicorn-T"
    ),
    pytest.param(
        '%({x-forwarded-for}i)s %(p)s "%(r)s" %(s)s %(b)s',
        '1.1.1.1, 2.2.2.2 <12> "GET /a HTTP/1.1" 200 5',
        ("GET /a 200", 5, None),
        id="gunicorn-hdr",
    ),
    pytest.param(
        '%(h)s %(l)s %(l)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"',
        f'a:1 - - {T} "GET /a 1.1" 200 5 "-" "x"',
        ("GET /a 200", 5, None),
        id="hypercorn",
    ),
    pytest.param(
        "%(h)s %(R)s %(s)s %(st)s %(D)s %(Uq)s",
        "a GET /a 1.1 200 OK 17 /a?b",
        ("GET /a 200", 0, 17000),
        id="hypercorn-st",
    ),
    pytest.param(
        '%a %t "%r" %s %b "%{Referer}i" "%{User-Agent}i" %Tf',
        f'a {T} "GET /a HTTP/1.1" 200 5 "-" "x" 0.0123',
        ("GET /a 200", 5, 12300000),
        id="aiohttp",
    ),
    pytest.param(
        '%a %t "%r" %s %b %D', f'a {T} "GET /a HTTP/1.1" 200 5 123', ("GET /a 200", 5, 123000), id="aiohttp-D"
    ),
    pytest.param(
        '[%(time)s] %(addr)s - "%(method)s %(path)s %(protocol)s" %(status)d %(dt_ms).3f',
        '[2026-11-22 06:30:48 +0000] 1.2.3.4 - "GET /a HTTP/1.1" 200 12.345',
        ("GET /a 200", 0, 12345000),
        id="granian",
    ),
    pytest.param(
        "#Fields: date time s-sitename s-computername s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs-version cs(User-Agent) cs(Cookie) cs(Referer) cs-host sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken",
        "2026-11-22 06:30:48 W3SVC1 WEB 1.1.1.1 GET /a - 80 - 2.2.2.2 HTTP/1.1 curl - - h 200 0 0 5 99 15",
        ("GET /a 200", 5, 15000000),
        id="iis",
    ),
    pytest.param(
        "log_format m '$msec $request_method \"$request_uri\" $status $bytes_sent $request_time';",
        '1795329048.123 GET "/a?b" 200 7 0.5',
        ("GET /a 200", 7, 500000000),
        id="nginx-msec",
    ),
    pytest.param(
        'CustomLog "|/usr/bin/rotatelogs /x/%Y 86400" "%h %t \\"%r\\" %>s %b %D"',
        f'a {T} "GET /a HTTP/1.1" 200 5 9',
        ("GET /a 200", 5, 9000),
        id="apache-piped",
    ),
    pytest.param(
        "log_format x escape=none '$remote_addr $status $request_method $request_uri ${request_time}s';",
        "a 200 GET /a 0.5s",
        ("GET /a 200", 0, 500000000),
        id="openresty",
    ),
    pytest.param(":method :url :status :response-time[3]ms", "GET /a 200 1.5ms", ("GET /a 200", 0, 1500000), id="koa"),
    pytest.param(
        ':remote-addr - :remote-user [:date[clf]] ":method :url HTTP/:http-version" :status :res[content-length] ":referrer" ":user-agent"',
        f'a - - {T} "GET /a HTTP/1.1" 200 5 "-" "x"',
        ("GET /a 200", 5, None),
        id="morgan-common",
    ),
    pytest.param(
        '%h %l %u %t "%r" %s %b "%{i,Referer}" "%{i,User-Agent}" %D',
        f'a - - {T} "GET /a HTTP/1.1" 200 5 "-" "x" 12',
        ("GET /a 200", 5, 12000000),
        id="undertow",
    ),
    pytest.param(
        'pattern="%h %l %u %t &quot;%r&quot; %s %b %{i,Referer} %D"',
        f'a - - {T} "GET /a HTTP/1.1" 200 5 - 12',
        ("GET /a 200", 5, 12000000),
        id="wildfly",
    ),
    pytest.param(
        '$remote_addr - - [$time_local] "$request_line" $status $body_bytes_sent "$header_referer" "$header_user_agent"',
        f'a - - {T} "GET /a HTTP/1.1" 200 5 "-" "x"',
        ("GET /a 200", 5, None),
        id="nginx-unit",
    ),
    pytest.param(
        '%h %l %u %t "%r" %s %b "%{Referer}i" "%{User-agent}i" %{duration}x',
        f'a - - {T} "GET /a HTTP/2" 200 5 "-" "x" 0.000123',
        ("GET /a 200", 5, 123000),
        id="h2o",
    ),
    pytest.param(
        '%h %t "%r" %s %b %{total-time}x %{request-total-time}x',
        f'a {T} "GET /a HTTP/2" 200 5 0.000123 0.0001',
        ("GET /a 200", 5, 123000),
        id="h2o-total",
    ),
    pytest.param(
        '%h %l %u %t "%r" %>s %b %{time.elapsed.usec}V %{req.http.X}V',
        f'a - - {T} "GET /a HTTP/2" 200 5 17 x',
        ("GET /a 200", 5, 17000),
        id="fastly-vcl",
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
    pytest.param('%h "%r" %>s %D', 'a "GET /a HTTP/1.1" 200 -5', ("GET /a 200", 0, None), id="apache-D-neg"),
    pytest.param('%h "%r" %s %>s %b', 'a "GET /a HTTP/1.1" 302 200 5', ("GET /a 200", 5, None), id="apache->s-and-s"),
    pytest.param('%I %O "%r" %>s', '99 7 "GET /a HTTP/1.1" 200', ("GET /a 200", 7, None), id="apache-I-O"),
    pytest.param('%B %O "%r" %>s', '5 7 "GET /a HTTP/1.1" 200', ("GET /a 200", 5, None), id="apache-B-O"),
    pytest.param('%h "%r" %>s %T %D', 'a "GET /a HTTP/1.1" 200 0 1500', ("GET /a 200", 0, 1500000), id="apache-T-ms"),
    pytest.param('%h "%r" %>s %b %^FB', 'a "GET /a HTTP/1.1" 200 5 1500', ("GET /a 200", 5, None), id="apache-FB"),
    pytest.param(
        '%h %l %u %t "%r" %>s %b',
        f'a - john doe {T} "GET /a HTTP/1.1" 200 5',
        ("GET /a 200", 5, None),
        id="apache-user-blank",
    ),
    pytest.param("%m %U%q %H %>s", "GET /a?b HTTP/1.1 200", ("GET /a 200", 0, None), id="apache-U"),
    pytest.param('"%r" %>s %b', '"-" 408 -', ("  408", 0, None), id="apache-r-bad"),
    pytest.param('"%r" %>s %b', '"\\x16\\x03\\x01" 400 226', ("  400", 226, None), id="apache-r-tls"),
    pytest.param(
        '{"r":"%r","s":%>s,"us":%D,"ua":"%{User-Agent}i"}',
        '{"r":"GET /a HTTP/1.1","s":200,"us":5,"ua":"x \\"y\\" \\xe4"}',
        ("GET /a 200", 0, 5000),
        id="apache-json-%r",
    ),
    pytest.param("%h|%t|%r|%>s|%b|%D", f"a|{T}|GET /a HTTP/1.1|200|5|9", ("GET /a 200", 5, 9000), id="apache-pipe"),
    pytest.param(
        '"%v" "%h" "%r" "%>s" "%D"', '"h" "a" "GET /a HTTP/1.1" "200" "5"', ("GET /a 200", 0, 5000), id="vhost-quoted"
    ),
    pytest.param(
        '%h %l %u %t "%r" %>s %b "%{X-Forwarded-For}i" %{X-Forwarded-Proto}i',
        f'a - - {T} "GET /a HTTP/1.1" 200 5 "1.1.1.1, 2.2.2.2" https',
        ("GET /a 200", 5, None),
        id="elb-X",
    ),
    pytest.param(
        '%{X-Forwarded-For}i %l %u %t "%r" %>s %b',
        f'1.1.1.1, 2.2.2.2 - - {T} "GET /a HTTP/1.1" 200 5',
        ("GET /a 200", 5, None),
        id="xff-first",
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
        '%(h)s %({REMOTE_USER}e)s %(t)s "%(r)s" %(s)s %(b)s',
        f'a - {T} "GET /a HTTP/1.1" 200 5',
        ("GET /a 200", 5, None),
        id="gunicorn-{X}e",
    ),
    pytest.param(
        '%(h)s "%(r)s" %(s)s %(b)s %(L)s',
        'a "GET /a HTTP/1.1" 304 - 0.000123',
        ("GET /a 304", 0, 123000),
        id="gunicorn-b-dash",
    ),
    pytest.param(
        '{"m":"%(m)s","u":"%(U)s","q":"%(q)s","s":"%(s)s","us":"%(D)s"}',
        '{"m":"GET","u":"/a","q":"b","s":"200","us":"12"}',
        ("GET /a 200", 0, 12000),
        id="gunicorn-json",
    ),
    pytest.param(
        "#Fields: date time cs-method cs-uri-stem sc-status time-taken",
        "2026-11-22 06:30:48 GET /a 200 15",
        ("GET /a 200", 0, 15000000),
        id="iis-ms",
    ),
    pytest.param(
        "#Fields: date time cs-method cs-uri sc-status sc-bytes",
        "2026-11-22 06:30:48 GET http://h/a?b 200 5",
        ("GET http://h/a 200", 5, None),
        id="w3c-cs-uri",
    ),
    pytest.param(
        ":date[iso] :method :url :status :response-time ms",
        "2026-11-22T06:30:48.160Z GET /a 200 1.5 ms",
        ("GET /a 200", 0, 1500000),
        id="morgan-iso",
    ),
    pytest.param(
        ":date[web] :method :url :status :res[content-length] - :response-time ms",
        "Sun, 22 Nov 2026 06:30:48 GMT GET /a 200 5 - 1.5 ms",
        ("GET /a 200", 5, 1500000),
        id="morgan-web",
    ),
    pytest.param(
        '{"method":":method","url":":url","status":":status","ms":":response-time"}',
        '{"method":"GET","url":"/a","status":"200","ms":"1.5"}',
        ("GET /a 200", 0, 1500000),
        id="morgan-json",
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
    pytest.param(
        '%h %V %u %t "%r" %>s %b %X %I %O %T',
        f'a h - {T} "GET /a HTTP/1.1" 200 5 + 99 120 1',
        ("GET /a 200", 5, 1000000000),
        id="lighttpd-X",
    ),
]


@pytest.mark.parametrize(("text", "line", "want"), ROWS)
def test_a_format_string_means_what_its_server_writes(text, line, want):
    assert read(text, line) == want


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
