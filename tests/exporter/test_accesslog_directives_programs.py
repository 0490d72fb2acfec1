"""Format strings of application servers and IIS, and headers of tables: what their lines mean."""
# ruff: noqa: E501, strings and lines stand as in manuals

import pytest
from line_meaning import T, read

ROWS = [
    pytest.param("method,path,status,bytes", 'GET,"/a,b?c",200,5', ("GET /a,b 200", 5, None), id="header-of-csv"),
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
    pytest.param(":method :url :status :response-time[3]ms", "GET /a 200 1.5ms", ("GET /a 200", 0, 1500000), id="koa"),
    pytest.param(
        ':remote-addr - :remote-user [:date[clf]] ":method :url HTTP/:http-version" :status :res[content-length] ":referrer" ":user-agent"',
        f'a - - {T} "GET /a HTTP/1.1" 200 5 "-" "x"',
        ("GET /a 200", 5, None),
        id="morgan-common",
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
]


@pytest.mark.parametrize(("text", "line", "want"), ROWS)
def test_a_format_string_means_what_its_server_writes(text, line, want):
    assert read(text, line) == want
