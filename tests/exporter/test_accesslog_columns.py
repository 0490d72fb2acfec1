"""Fields beside method, path and code: both engines read the same text, whichever server wrote the line."""

from functools import cache

import pytest
from hypothesis import given, settings
from test_accesslog_columnar import BULK, GOOD, lines_of

from exporter.accesslog.columns import Column, Columns
from exporter.accesslog.formats import NAMED, PRESETS, find_format, with_more
from exporter.accesslog.parse import vector_pieces
from exporter.accesslog.parse.columnar import Columnar
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.parse.records import Records
from exporter.accesslog.parse.scalar import tally_normal, tally_scalar
from exporter.accesslog.parse.vector import Vector
from exporter.accesslog.tally import Buckets, normal

BUCKETS = Buckets((0.001, 0.1, 2.5))
AGENT = "Mozilla/5.0 (X11; Linux x86_64)"
COMBINED = f'192.0.2.1 - ann [22/Nov/2026:06:30:48 +0000] "GET /a?b HTTP/1.1" 200 1 "https://r.example.org/" "{AGENT}"'
NGINX = '$host $remote_addr [$time_local] "$request" $status $body_bytes_sent "$http_x_id" "$upstream_addr" $my_field'
NGINX_LINE = (
    'a.example.org 192.0.2.1 [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 1 "x 1" "192.0.2.8:80, 192.0.2.9:80" m'
)
LINES = [
    ("tab", "192.0.2.1\tGET /a?b\t200\t1", {"remote_addr": "192.0.2.1", "path": "/a", "code": "200", "method": "GET"}),
    (
        "combined",
        COMBINED,
        {"user_agent": AGENT, "http_user_agent": AGENT, "referer": "https://r.example.org/", "remote_user": "ann"},
    ),
    ("combined", COMBINED, {"$http_user_agent": AGENT, "request": "GET /a?b HTTP/1.1", "status": "200"}),
    ("combined", COMBINED.replace("Linux", r"\"Linux"), {"user_agent": AGENT.replace("Linux", r"\"Linux")}),
    ("vhost-combined", f"a.example.org {COMBINED}", {"host": "a.example.org", "vhost": "a.example.org"}),
    (NGINX, NGINX_LINE, {"host": "a.example.org", "http_x_id": "x 1", "my_field": "m", "remote_addr": "192.0.2.1"}),
    (NGINX, NGINX_LINE, {"upstream_addr": "192.0.2.8:80, 192.0.2.9:80"}),
    (
        '%v %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %{X-Cache}o',
        f"a.example.org {COMBINED} HIT",
        {"host": "a.example.org", "user_agent": AGENT, "remote_user": "ann", "sent_http_x_cache": "HIT"},
    ),
    (
        "#Fields: c-ip cs-method cs-uri-stem sc-status cs(User-Agent) cs-username",
        "192.0.2.1 GET /a 200 curl ann",
        {"user_agent": "curl", "cs(User-Agent)": "curl", "remote_addr": "192.0.2.1", "remote_user": "ann", "host": ""},
    ),
    (
        "haproxy",
        '192.0.2.1:1 [x] front back/web1 0/0/0/0/12 200 9 - - ---- 1/1/0/0/0 0/0 "GET / HTTP/1.1"',
        {"frontend": "front", "backend": "back", "server": "web1", "termination_state": "----"},
    ),
    (
        "haproxy",
        'Nov 22 06:30:48 h haproxy[7]: 192.0.2.1:1 [x] front back/web1 0/0/0/0/1 200 9 - - ---- 1/1/0/0/0 0/0 "GET /"',
        {"frontend": "front", "server": "web1"},
    ),
    (
        "%RESPONSE_CODE% %REQ(:METHOD)% %REQ(:PATH)% %UPSTREAM_HOST% %REQ(USER-AGENT)%",
        "200 GET / 192.0.2.8:80 curl",
        {"upstream_host": "192.0.2.8:80", "user_agent": "curl"},
    ),
    (
        '%(h)s %(r)s %(s)s "%(a)s"',
        '192.0.2.1 GET / HTTP/1.1 200 "curl"',
        {"user_agent": "curl", "remote_addr": "192.0.2.1"},
    ),
    (":method :url :status :req[x-tenant] :user-agent", "GET / 200 shop curl", {"http_x_tenant": "shop"}),
    (
        r"(?P<tenant>\S+) (?P<method>\w+) (?P<path>\S+) (?P<code>\d+)",
        "shop GET /a 200",
        {"tenant": "shop", "path": "/a"},
    ),
    (
        "json",
        '{"method":"GET","path":"/a?b","status":200,"host":"h","n":7,"ok":true,"f":1.5,"in":{"side":"x"},"l":["one"]}',
        {"host": "h", "n": "7", "ok": "true", "f": "1.5", "in.side": "x", "l": "one", "none": "", "path": "/a"},
    ),
    ("json", '{"method":"GET","path":"/","status":200,"in":{"a":[1,2]},"z":null}', {"in": '{"a":[1,2]}', "z": ""}),
    ("logfmt", 'method=GET path=/ status=200 host="a b" zone=eu', {"host": "a b", "zone": "eu", "none": ""}),
    (
        "Client,Method,Path,Status,User Agent",
        "192.0.2.1,GET,/,200,curl",
        {"Client": "192.0.2.1", "user_agent": "curl", "User Agent": "curl"},
    ),
]


def columns_of(format_, names):
    return Columns(format_, [Column(name, list) for name in names])


@pytest.mark.parametrize(("name", "line", "want"), LINES, ids=[f"{n}-{one[0][:20]}" for n, one in enumerate(LINES)])
def test_a_field_is_found_by_its_name(name, line, want):
    format_ = find_format(name, used=want)
    columns = columns_of(format_, want)
    ((key, _),) = columns.tally(tally_scalar(line.encode(), columns.format, BUCKETS)).hits.items()
    assert dict(zip(want, (value.decode() for value in key[3:]), strict=True)) == want
    if not (format_.bulk or format_.learn or format_.same_keys) or format_.reshape:
        return
    engine = Records if format_.same_keys else Columnar
    bulk = engine(columns.format, BUCKETS, columns=columns)
    for _ in range(2):  # once with what is new, once with what is known
        assert list(bulk.tally(f"{line}\n".encode() * 3).hits) == [key]


@pytest.mark.parametrize(
    ("name", "field", "said"),
    [
        (
            "combined",
            "host",
            "the format has no field host; it has method, path, code, remote_addr, ident",
        ),
        ("tab", "user_agent", "the format has no field user_agent; it has method, path, code, remote_addr"),
        ("(?P<code>.)(?P<verb>.)", "verbs", "the format has no field verbs; it has method, path, code, verb"),
    ],
)
def test_an_unknown_field_is_told_with_those_that_there_are(name, field, said):
    with pytest.raises(ValueError, match=said):
        columns_of(find_format(name, used=["verb"]), [field])


NAMES = {"json": ("host", "req.id", "none", "status"), "logfmt": ("host", "none", "status", "msg")}


def names_of(name):
    names = PRESETS[name].names
    return (*dict.fromkeys(names),)[:12] if names is not None else NAMES.get(name, NAMES["json"])


@cache
def engine(name):
    columns = Columns(
        PRESETS[name],
        [Column(one, list, *([lambda text: text] if number % 2 else [])) for number, one in enumerate(names_of(name))],
    )
    if PRESETS[name].same_keys:
        return columns, Records(columns.format, BUCKETS, columns=columns)
    return columns, Columnar(columns.format, BUCKETS, columns=columns)


@cache
def vector(name):
    """The engine of plain lines, with those of the columns whose fields it finds; None where it finds none."""
    split = vector_pieces.split(PRESETS[name])
    if split is None:
        return None
    groups = [group for group in PRESETS[name].names.values() if group not in NAMED.values()]
    marked = vector_pieces.split(with_more(PRESETS[name], tuple(groups)))
    found = [group for group in groups if vector_pieces.where(*marked, group)]
    fields = [field for field, group in PRESETS[name].names.items() if group in (*NAMED.values(), *found)]
    columns = columns_of(PRESETS[name], fields)
    return columns, Vector(columns.format, BUCKETS, columns=columns), found


def same(name, text):
    columns, bulk = engine(name)
    assert bulk.tally(text) == columns.tally(tally_scalar(text, columns.format, BUCKETS))
    if PRESETS[name].names is not None and (plain := vector(name)):
        columns, bulk, _ = plain
        tally, odd = bulk.read(normal(text))
        tally.merge(columns.tally(tally_normal(odd, columns.format, BUCKETS)))
        want = columns.tally(tally_scalar(text, columns.format, BUCKETS))
        assert (tally.lines, tally.failed, tally.hits) == (want.lines, want.failed, want.hits)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("tab", {"x_remote_addr"}),
        ("combined", {"x_remote_addr", "x_ident", "x_remote_user", "x_referer", "x_user_agent"}),
        ("vhost-combined", {"x_host", "x_remote_addr", "x_ident", "x_remote_user", "x_referer", "x_user_agent"}),
    ],
)
def test_the_engine_of_plain_lines_finds_usual_fields(name, fields):
    columns, bulk, found = vector(name)
    assert set(found) == fields
    data = normal(b"".join(line + b"\n" for line in GOOD[name] if b"\\" not in line)) * 20
    tally, odd = bulk.read(data)
    assert tally.lines >= 20
    tally.merge(columns.tally(tally_normal(odd, columns.format, BUCKETS)))
    assert tally.hits == columns.tally(tally_scalar(data, columns.format, BUCKETS)).hits


@pytest.mark.parametrize("examples", [4, pytest.param(12, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", sorted(BULK))
def test_both_engines_read_the_same_fields(name, examples):
    @settings(max_examples=examples, deadline=None)
    @given(lines_of(name))
    def are_alike(text):
        same(name, text)

    are_alike()


@pytest.mark.parametrize("name", sorted(BULK))
def test_fields_beside_the_five_change_nothing_else(name):
    text = b"\n".join(GOOD[name]) + b"\nbad\n\n"
    _, bulk = engine(name)
    plain, more = tally_scalar(text, PRESETS[name], BUCKETS), bulk.tally(text)
    summed = Reader(PRESETS[name], BUCKETS).read(b"")
    for key, numbers in more.hits.items():
        summed.hits[key[:3]] = [
            a + b for a, b in zip(numbers, summed.hits.get(key[:3], [0] * len(numbers)), strict=True)
        ]
    assert (more.lines, more.failed, more.bad) == (plain.lines, plain.failed, plain.bad)
    assert summed.hits == plain.hits


def test_texts_that_are_new_and_texts_that_are_known_have_the_same_values():
    """More texts than DuckDB is told of, and again the first ones."""
    columns = Columns(PRESETS["vhost-common"], [Column("host", lambda texts: [text[-2:] for text in texts])])
    bulk = Columnar(columns.format, BUCKETS, columns=columns)
    rest = '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET / HTTP/1.1" 200 1'
    for start in (0, 0, 15_000, 30_000, 0):
        lines = "".join(f"h{number:06} {rest}\n" for number in range(start, start + 15_000)).encode()
        found = bulk.tally(lines)
        assert found == columns.tally(tally_scalar(lines, columns.format, BUCKETS))
        assert {key[3]: numbers[0] for key, numbers in found.hits.items()}[b"07"] == 150


def test_a_format_without_more_is_as_it_was():
    assert with_more(PRESETS["combined"], ()) is PRESETS["combined"]
    assert "x_" not in PRESETS["combined"].pattern
