"""The engine of plain lines counts what the scalar engine does of the same lines, and nearly all are plain."""

import random
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.columns import Column, Columns
from exporter.accesslog.formats import PRESETS, find_format
from exporter.accesslog.parse import vector, vector_names
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.parse.scalar import tally_normal, tally_scalar
from exporter.accesslog.parse.vector import Vector
from exporter.accesslog.routes import Router
from exporter.accesslog.tally import Buckets, normal

BUCKETS = Buckets((0.001, 0.1, 2.5))
SAMPLES = Path(__file__).parent / "accesslog_samples"
LINE = b'192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a?x=1 HTTP/1.1" 200 7 "-" "curl/8"'
TIMED = LINE + b" 0.250"
TAB = b"192.0.2.1\tGET /a?x=1\t200\t7"
COMMON_TIMED = b'192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 7 0.250'
OWN = '$remote_addr [$time_local] "$request" $status $body_bytes_sent "$http_referer" $request_time'
OWN_LINE = b'192.0.2.1 [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 7 "-" 0.250'
NGINX = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
)
LINES = {
    "combined": LINE,
    "combined-timed": TIMED,
    "common": LINE[: -len(b' "-" "curl/8"')],
    "common-timed": COMMON_TIMED,
    "vhost-combined": b"www.example.org " + LINE,
    "tab": TAB,
    "tab-timed": TAB + b"\t0.25",
    OWN: OWN_LINE,
    NGINX: LINE,
    f'- {NGINX} "$http_x_forwarded_for"': b"- " + LINE + b' "-"',
}
HOSTILE = [
    *(
        b"",
        b" ",
        b"  ",
        b"\t",
        b"\0",
        b"\r",
        b"\x01",
        b"\xff",
        "é".encode(),
        b'"',
        b'""',
        b'" "',
        b"\\",
        b'\\"',
        b"?",
        b"]",
    ),
    *(b"[", b"-", b"--", b"-1", b"+1", b"0", b"007", b"9" * 8, b"9" * 9, b"9" * 12, b"9" * 13, b"9" * 15, b"9" * 16),
    *(b"1e3", b"0x1", b".", b".5", b"5.", b"1.5", b"1.2.3", b"0.1, 0.2", b"-0.5", b"nan", b"12ms", b"99999.999"),
    *(
        b" - - [x",
        b"] ",
        b'] "',
        b"a b",
        b"/",
        b"//",
        b"GET",
        b"GET /b",
        b"x" * 7,
        b"x" * 8,
        b"x" * 300,
        b"\n",
        b"\n\n",
    ),
    *(b"/1", b":", b";", b" 200 ", b"200", b"\xb2", b"\xef\xbb\xbf", b"\xe2\x80\xa8"),
]


@cache
def formatted(name):
    return find_format(name)


def whole(name, data, router=None):
    """What all of the lines amount to: those that are plain, and the others line by line."""
    found, odd = Vector(formatted(name), BUCKETS, router).read(normal(data))
    found.merge(tally_normal(odd, formatted(name), BUCKETS))
    found.bad = {}
    return found


def scalar(name, data):
    return msgspec.structs.replace(tally_scalar(data, formatted(name), BUCKETS), bad={})


@pytest.mark.parametrize("name", LINES)
def test_usual_lines_are_plain(name):
    data = b"".join(LINES[name].replace(b"/a", b"/%d" % number) + b"\n" for number in range(50))
    tally, odd = Vector(formatted(name), BUCKETS).read(data)
    assert odd == b""
    assert tally == scalar(name, data)
    assert tally.requests == 50


def spoiled(name):
    """Lines with something hostile in the place of some of their bytes, or between them."""
    line = LINES[name]
    return st.builds(
        lambda bad, at, size: line[:at] + bad + line[at + size :],
        st.sampled_from(HOSTILE),
        st.integers(0, len(line)),
        st.integers(0, 4),
    )


def swapped(name):
    """Lines with something hostile in the place of a whole part."""
    gaps = [at for at, byte in enumerate(LINES[name]) if byte in b' "\t[]?']

    def made(bad, number, more):
        start, end = gaps[number], [*gaps, len(LINES[name])][min(number + more, len(gaps))]
        return LINES[name][: start + 1] + bad + LINES[name][end:]

    return st.builds(made, st.sampled_from(HOSTILE), st.integers(0, len(gaps) - 1), st.integers(1, 2))


def logs(name):
    line = st.one_of(st.just(LINES[name]), spoiled(name), swapped(name), st.binary(max_size=20))
    return st.lists(line, min_size=1, max_size=12).map(lambda lines: b"\n".join(lines) + b"\n")


@pytest.mark.parametrize("examples", [15, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", LINES)
def test_plain_lines_mean_what_they_mean_one_by_one(name, examples):
    @settings(max_examples=examples, deadline=None)
    @given(logs(name))
    def are_alike(text):
        assert whole(name, text) == scalar(name, text)

    are_alike()


@pytest.mark.slow
@pytest.mark.parametrize("name", LINES)
def test_something_hostile_at_each_place_is_read_alike(name):
    """Each hostile text at each place, alone and instead of one byte, between two good lines."""
    good = LINES[name]
    lines = [good]
    for bad in HOSTILE:
        for at in range(len(good) + 1):
            lines += [good[:at] + bad + good[at:], good[:at] + bad + good[at + 1 :], good]
    data = b"\n".join(lines) + b"\n"
    assert whole(name, data) == scalar(name, data)


@pytest.mark.parametrize("name", ["combined", "tab"])
def test_only_odd_lines_come_back_in_their_order(name):
    odd = [
        b"junk",
        b"",
        LINES[name] + b"\t" + b'"',
        LINES[name].replace(b"200", b"-"),
        LINES[name].replace(b"GET", b"x" * 9),
    ]
    lines = [line for one in odd for line in (LINES[name], one)]
    _, back = Vector(formatted(name), BUCKETS).read(b"\n".join(lines) + b"\n")
    assert back == b"\n".join(odd) + b"\n"


@pytest.mark.parametrize("pieces", [1 << 9, 1 << 19])
@pytest.mark.parametrize("templates", [None, [], ["/users/{id}"]])
def test_what_is_known_of_targets_and_methods_is_kept_and_forgotten(pieces, templates, monkeypatch):
    """Several chunks with targets of all lengths, of which few are kept."""
    monkeypatch.setattr(vector, "PIECE_BYTES", pieces)
    monkeypatch.setattr(vector_names, "MOST", 40)
    router = None if templates is None else Router(templates)
    draw = random.Random(f"{pieces} {templates}")
    engine = Vector(formatted("tab"), BUCKETS, router)
    for chunk in range(8):
        paths = [f"/users/{draw.randrange(30 * chunk + 1)}{'y' * draw.randrange(250)}" for _ in range(60)]
        paths += [f"/p{draw.choice('abc')}/{draw.randrange(9)}" for _ in range(60)]
        lines = [
            f"::1\t{draw.choice(('GET', 'PUT', ''))} {path}\t{draw.choice((200, 404))}\t{draw.randrange(10**9)}"
            for path in paths
        ]
        data = "\n".join(lines).encode() + b"\n"
        want = tally_scalar(data, formatted("tab"), BUCKETS)
        got, odd = engine.read(data)
        got.merge(tally_normal(odd, formatted("tab"), BUCKETS))
        assert len(odd) < len(data) / 4
        if router is not None:
            got, want = by_route(got, router), by_route(want, router)
        assert got == want


def by_route(tally, router):
    sums = {}
    for (method, target, code), numbers in tally.hits.items():
        key = method, router.route(target), code
        sums[key] = [a + b for a, b in zip(sums.get(key, [0] * len(numbers)), numbers, strict=True)]
    return sums


def test_too_many_methods_are_odd():
    lines = [TAB.replace(b"GET", b"M%d" % number) for number in range(100)]
    tally, odd = Vector(formatted("tab"), BUCKETS).read(b"\n".join(lines) + b"\n")
    assert (tally.lines, odd.count(b"\n")) == (64, 36)


def test_a_log_of_odd_lines_is_left_to_others_for_some_time(monkeypatch):
    looked = []
    monkeypatch.setattr(
        vector.Vector, "_piece", lambda self, piece, plan, odd: looked.append(odd.extend([b""] * 2000)) or ()
    )
    engine = Vector(formatted("tab"), BUCKETS)
    for _ in range(18):
        engine.read(TAB + b"\n")
    assert len(looked) == 2


def test_sums_beyond_exact_floats_are_exact():
    lines = [TAB[:-1] + b"%d" % (10**12 - number) for number in range(1, 20_000)]
    tally, _ = Vector(formatted("tab"), BUCKETS).read(b"\n".join(lines) + b"\n")
    assert tally.hits[b"GET", b"/a", b"200"][1] == sum(10**12 - number for number in range(1, 20_000))


def test_the_first_bad_lines_of_a_plain_log_have_their_numbers(monkeypatch):
    monkeypatch.setattr("exporter.accesslog.parse.reader.PLAIN_BYTES", 1)
    lines = [LINE] * 5 + [b"junk", b"", LINE, b"more junk", b""]
    found = Reader(PRESETS["combined"], BUCKETS).read(b"\n".join(lines))
    assert (found.lines, found.failed) == (9, {"format": 2, "blank": 1})
    assert {reason: (bad.number, bad.text) for reason, bad in found.bad.items()} == {
        "format": (6, b"junk"),
        "blank": (7, b""),
    }


def test_words_around_a_dash_are_fields():
    columns = Columns(formatted(NGINX), [Column(field, list) for field in ("remote_addr", "remote_user", "user_agent")])
    data = b"".join(
        LINE.replace(b" - -", b" - " + user).replace(b"192", b"2001:db8::", at) + b"\n"
        for at, user in enumerate((b"ann", b"-", b"x" * 20, b""))
    )
    tally, odd = Vector(columns.format, BUCKETS, None, columns).read(data * 2)
    assert odd == b""
    assert tally.hits == columns.tally(tally_scalar(data * 2, columns.format, BUCKETS)).hits
    assert {key[3:5] for key in tally.hits} == {
        (b"192.0.2.1", b"ann"),
        *((b"2001:db8::.0.2.1", user) for user in (b"-", b"x" * 20, b"")),
    }
