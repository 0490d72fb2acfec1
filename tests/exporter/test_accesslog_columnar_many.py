"""Both engines agree on many lines with few and many targets, some of them hostile, targets counted or routes."""

import random
import uuid
from operator import add

import msgspec
import pytest

from exporter.accesslog.formats import PRESETS
from exporter.accesslog.parse.columnar import Columnar
from exporter.accesslog.parse.scalar import tally_normal, tally_scalar
from exporter.accesslog.routes import Router
from exporter.accesslog.tally import Buckets

BUCKETS = Buckets((0.001, 0.1, 2.5))
COMBINED = '{client} - {user} [22/Nov/2026:06:30:59 +0000] "{request} HTTP/1.1" {code} {size} "{referer}" "{agent}"'
LINES = {
    "combined": COMBINED,
    "combined-timed": COMBINED + " {time}",
    "common": '{client} - {user} [22/Nov/2026:06:30:59 +0000] "{request} HTTP/1.1" {code} {size}',
    "tab-timed": "{client}\t{request}\t{code}\t{size}\t{time}",
    "elb": "2026-11-22T06:30:59Z lb {client}:1 192.0.2.9:80 {time} {time} {time} {code} 200 0 {size} "
    '"{request} HTTP/1.1" "{agent}" - -',
    "logfmt": 'method={method} path={target} status={code} bytes={size} duration={time}s msg="{referer}"',
}
PLAIN = {"client": "192.0.2.1", "user": "-", "referer": "https://example.org/a?b", "agent": "Mozilla/5.0 (X11; é)"}
ODD = {
    "client": ["", "a b", "a]b", '"x"', "[::1]"],
    "user": ["ann", "ann lee", "a]b", '"', "[x", " - - [x"],
    "referer": ["", "-", r"a\"b", r"a\x22b", 'a"b', '"', '""', "a\tb", "\0", "a\rb", "\\"],
    "agent": ["", "-", r"\"x\" \"y\"", 'x" "y', 'x" 200 1 "y', "x\t", "\udcff", "\x01", "é\udce9", "x\\"],
    "method": ["", "-", "GE?T", 'G"', "G\\", "GET POST", "É"],
    "target": [
        "",
        "*",
        "/a b",
        "/?",
        "/a?b c",
        "/a;b=1/2",
        "http://example.org/7",
        '/"',
        r"/\x22",
        "/\udcff",
        "/é/7",
        "/a\tb",
    ],
    "code": ["", "-", "-1", "0", "20", "2000", "2e2", "é"],
    "size": ["", "-", "-1", "+1", "1.5", "9" * 15, "9" * 16, "9" * 40, "0x1", " "],
    "time": ["", "-", "-0.5", "0.1, 0.2", "1e3", "nan", "9" * 20, "0.0005", "12ms", "7"],
}


def targets(count, draw):
    """Ids, UUIDs, hashes, built assets and words."""
    kinds = (
        lambda: f"/users/{draw.randrange(10**7)}/orders/{draw.randrange(10**6)}",
        lambda: f"/sessions/{uuid.UUID(int=draw.getrandbits(128))}",
        lambda: f"/static/main.{draw.getrandbits(32):08x}.js",
        lambda: f"/assets/index-{''.join(draw.choices('abcdefXYZ0123_-', k=8))}.css?v={draw.randrange(9)}",
        lambda: f"/items/red-shoe-{draw.randrange(10**6)}",
        lambda: f"/blog/{'-'.join(draw.choices(('red', 'blue', 'green'), k=3))}",
    )
    return [draw.choice(kinds)() for _ in range(count)]


def log(name, count, lines, draw):
    """Lines of a format with so many targets, one in a hundred hostile, one in five hundred cut short or doubled."""
    some = targets(count, draw)
    made = []
    for _ in range(lines):
        fields = PLAIN | {"method": draw.choice(("GET", "GET", "POST")), "target": draw.choice(some)}
        fields |= {"code": str(draw.choice((200, 200, 404))), "size": str(draw.randrange(9000))}
        fields["time"] = f"{draw.random():.3f}"
        if draw.random() < 0.01:
            field = draw.choice(list(ODD))
            fields[field] = draw.choice(ODD[field])
        line = LINES[name].format(request=f"{fields['method']} {fields['target']}", **fields)
        if draw.random() < 0.002:
            line = draw.choice((line[: draw.randrange(len(line))], f"{line} {line}", line + ' "x"', ""))
        made.append(line)
    return "\n".join(made).encode("utf-8", "surrogateescape")


def by_route(tally, router):
    routed = msgspec.structs.replace(tally, hits={})
    for (method, target, code), numbers in tally.hits.items():
        key = (method, router.route(target), code)
        routed.hits[key] = list(map(add, routed.hits.get(key, [0] * len(numbers)), numbers))
    return routed


@pytest.mark.slow
@pytest.mark.parametrize("count", [5, 3000, 200_000])
@pytest.mark.parametrize("name", LINES)
def test_both_engines_agree_on_many_lines(name, count, monkeypatch):
    seen = []

    def spy(data, *rest):
        seen.append(data.count(b"\n"))
        return tally_normal(data, *rest)

    data = log(name, count, 6000 if count < 100_000 else 20_000, random.Random(f"{name} {count}"))
    want = tally_scalar(data, PRESETS[name], BUCKETS)
    assert want.requests > 0.95 * want.lines
    monkeypatch.setattr("exporter.accesslog.parse.columnar.tally_normal", spy)
    assert Columnar(PRESETS[name], BUCKETS).tally(data) == want
    for router in (
        Router([]),
        Router(["/users/{id}/orders/{order}", "/items/{name}"]),
        Router(["/blog/{a}"], only_declared=True),
    ):
        assert by_route(Columnar(PRESETS[name], BUCKETS, router=router).tally(data), router) == by_route(want, router)
    assert max(seen) < 0.05 * want.lines  # or it is compared with itself


@pytest.mark.slow
@pytest.mark.parametrize("name", ["combined", "combined-timed", "common"])
def test_usual_lines_are_taken_apart_at_their_quotes(name, monkeypatch):
    monkeypatch.setattr("exporter.accesslog.parse.columnar_sql.by_regex", None)
    data = log(name, 50, 3000, random.Random(7))
    assert Columnar(PRESETS[name], BUCKETS).tally(data) == tally_scalar(data, PRESETS[name], BUCKETS)


@pytest.mark.slow
def test_lines_with_other_quotes_than_their_format_are_read_by_its_regex():
    data = b"\n".join([COMBINED.format(request="GET /a", code=200, size=1, **PLAIN).encode() + b' "more"'] * 100)
    data += b"\n" + COMBINED.format(request="GET /a", code=200, size=1, **PLAIN).encode()
    assert Columnar(PRESETS["combined"], BUCKETS).tally(data) == tally_scalar(data, PRESETS["combined"], BUCKETS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "line", "more"),
    [
        ("tab", "192.0.2.1\tGET /\t200\t7", "\t"),
        ("tab", "192.0.2.1\tGET /\t200\t7", "\t\t"),
        ("common", '192.0.2.1 - - [t] "GET / HTTP/1.1" 200 7', '"'),
    ],
)
def test_an_empty_field_too_many_makes_a_line_bad(name, line, more):
    tally = Columnar(PRESETS[name], BUCKETS).tally(f"{line}\n{line}{more}\n".encode())
    assert (tally.lines, tally.requests, tally.failed) == (2, 1, {"format": 1})


def test_what_comes_first_does_not_depend_on_threads(monkeypatch):
    """Limits give places to those that come first: the same log has the same series in each run."""
    draw = random.Random(7)
    data = b"".join(b"method=GET path=/p%x status=200 took=%dms\n" % (one % 97, one) for one in range(3000))
    ask, found = Columnar._ask, []

    def shuffled(self, sql):
        rows = ask(self, sql)
        draw.shuffle(rows or [])
        return rows

    monkeypatch.setattr(Columnar, "_ask", shuffled)
    for _ in range(3):
        tally = Columnar(PRESETS["logfmt"], Buckets((0.5, 1.0)), router=Router([])).tally(data)
        found.append(list(tally.hits))
    assert len(found[0]) > 50
    assert found[1:] == found[:1] * 2
