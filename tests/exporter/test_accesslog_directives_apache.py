"""Format strings in the letters of Apache, which other servers took over: what their lines mean."""
# ruff: noqa: E501, strings and lines stand as in manuals

import pytest
from line_meaning import T, read

ROWS = [
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
        'CustomLog "|/usr/bin/rotatelogs /x/%Y 86400" "%h %t \\"%r\\" %>s %b %D"',
        f'a {T} "GET /a HTTP/1.1" 200 5 9',
        ("GET /a 200", 5, 9000),
        id="apache-piped",
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
        '%h %V %u %t "%r" %>s %b %X %I %O %T',
        f'a h - {T} "GET /a HTTP/1.1" 200 5 + 99 120 1',
        ("GET /a 200", 5, 1000000000),
        id="lighttpd-X",
    ),
]


@pytest.mark.parametrize(("text", "line", "want"), ROWS)
def test_a_format_string_means_what_its_server_writes(text, line, want):
    assert read(text, line) == want
