"""Logs in formats of their own: what `infer` proposes reads them, with the right numbers, or says what it left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.accesslog.describe import describe
from exporter.accesslog.formats import find_format
from exporter.accesslog.infer import Guess, infer, refusal
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.proposal import propose
from exporter.accesslog.tally import BUCKETS, BYTES, COUNT, DURATION_NS, Buckets

CLF, ISO, AGENT = "22/Nov/2026:06:30:48 +0000", "2026-11-22T06:30:48+00:00", "Mozilla/5.0 (X11; Linux x86_64), like"
MILLIS = 1_000_000


def read(data, guess):
    """Requests, bytes, nanoseconds and how many requests were timed, as the guess reads them; no line is bad."""
    tally = Reader(find_format(guess.format), Buckets((1.0,)), envelope=guess.envelope or "none").read(data)
    assert tally.failed == {}
    rows = tally.hits.values()
    return (
        sum(row[COUNT] for row in rows),
        sum(row[BYTES] for row in rows),
        sum(row[DURATION_NS] for row in rows),
        sum(sum(row[BUCKETS:]) for row in rows),
    )


COMMON = f'192.0.2.1 - - [{CLF}] "GET /a?b HTTP/1.1"'


@pytest.mark.parametrize(
    ("lines", "want"),
    [
        (
            [f"{ISO}|192.0.2.1|GET|/a?b|200|3|0.123|-|-", f"{ISO}|192.0.2.1|POST|/|404|-|0.000|0.000|curl"],
            (2, 3, 123, 2),
        ),
        ([f'{CLF};192.0.2.1;"GET /a HTTP/2";200;3;0.250;"{AGENT}"'], (1, 3, 250, 1)),
        ([f'{ISO} | GET | /a | 200 | 3 | 0.250 | "{AGENT}"'], (1, 3, 250, 1)),
        ([f'{ISO},192.0.2.1,GET,/a,200,3,0.250,"{AGENT}"'], (1, 3, 250, 1)),
        ([f"{ISO}\t192.0.2.1\tGET\t/a\t200\t3\t0.250\t{AGENT}"], (1, 3, 250, 1)),
        ([f"time:{CLF}\treq:GET /a HTTP/1.1\tstatus:200\tsize:3\treqtime:0.250\tapptime:-"], (1, 3, 250, 1)),
        ([f"GET|/a|200|3|0.250|{AGENT} | more"] * 12 + ["POST|/b|200|3|0.250|curl"], (13, 39, 3250, 13)),
        (
            [
                f'{COMMON} 200 3 "-" "{AGENT}" rt=0.000 uct="-" urt="-"',
                f'{COMMON} 200 3 "-" "{AGENT}" rt=0.305 uct="-, 0.000" urt="0.000, 0.305"',
            ],
            (2, 6, 305, 2),
        ),
        (
            [f"{COMMON} 200 3 rt=0.305 urt=0.000, 0.305 cs=MISS", f"{COMMON} 200 3 rt=0.001 urt=- cs=HIT"],
            (2, 6, 306, 2),
        ),
        ([f'{COMMON} 200 3 urt="0.100, 0.205"'], (1, 3, 305, 1)),
        ([f'{COMMON} 200 3 "x" "-, 0.004" "0.005"', f'{COMMON} 200 3 "x" "0.001" "0.001"'], (2, 6, 6, 2)),
        ([f"{COMMON} 200 3 192.0.2.1:80, 192.0.2.2:80 0, 9 0.001, 0.002 502, 200"], (1, 3, 3, 1)),
        ([f"{COMMON} 200 3 took_ms=17", f"{COMMON} 200 3 took_ms=3"], (2, 6, 20, 2)),
        ([f"{COMMON} 200 3 t=17ms", f"{COMMON} 200 3 t=3ms"], (2, 6, 20, 2)),
        ([f'{COMMON} 200 3 "-" "curl" 3.500 ms', f'{COMMON} 200 3 "-" "curl" 1.500 ms'], (2, 6, 5, 2)),
        ([f"[{ISO}] GET www.example.org/a 200 3 0.250"], (1, 3, 250, 1)),
        ([f"[{ISO}] | https://www.example.org/a?b | 200 | 3 | 0.250"], (1, 3, 250, 1)),
        (['200 3 0.250 "GET / HTTP/1.1"', '400 9 0.000 "-"', '200 3 0.250 "GET /b HTTP/1.1"'], (3, 15, 500, 3)),
    ],
)
def test_what_infer_proposes_reads_every_line(lines, want):
    data = "\n".join(lines).encode() + b"\n"
    requests, size, millis, timed = want
    assert read(data, infer(data)) == (requests, size, millis * MILLIS, timed)


@given(data=st.data())
def test_fields_in_any_order_with_any_separator_are_found(data):
    gap = data.draw(st.sampled_from([" ", "|", " | ", ";", ",", "\t"]))
    ms = data.draw(st.lists(st.integers(0, 99_999), min_size=2, max_size=8))
    named = data.draw(st.booleans())
    pieces = [
        f"[{CLF}]",
        '"{method} /users/{i} HTTP/1.1"',
        gap.join(("{code}", "{size}")),  # bytes behind the code, as servers have them
        "rt={seconds:.3f}" if named else "{seconds:.3f}",
        f'"{AGENT}"',
        "192.0.2.{i}",
    ]
    layout = gap.join(data.draw(st.permutations(pieces)))
    rows = [
        layout.format(i=i, method=("GET", "POST")[i % 2], code=(200, 404)[i % 2], size=1000 + i, seconds=one / 1000)
        for i, one in enumerate(ms)
    ]
    log = "\n".join(rows).encode()
    size = sum(1000 + i for i in range(len(ms)))
    assert read(log, infer(log)) == (len(ms), size, sum(ms) * MILLIS, len(ms))


@pytest.mark.parametrize(
    ("lines", "want"),
    [
        ([f"{COMMON} 200 3 x {n}" for n in (372, 9, 12345)], "$field8 (372, 9, 12345)"),
        ([f"{COMMON} 200 3 t={n} x" for n in (372, 9)], "t= (372, 9)"),
        ([f"{COMMON} 200 3 0.01234{n} x" for n in (1, 2)], "$field7 (0.012341, 0.012342)"),
        ([f'[{ISO}] 192.0.2.1 "GET /a HTTP/2" 200 - {n} 64 12 x' for n in (7, 120)], "$field5 (7, 120)"),
    ],
)
def test_numbers_whose_unit_nobody_tells_are_left_out_and_named(lines, want):
    data = "\n".join(lines).encode()
    guess = infer(data)
    assert read(data, guess)[3] == 0
    assert want in guess.left_out
    assert f"# Not used: {', '.join(guess.left_out)}: numbers that may be" in propose("a.log", data, guess)


@pytest.mark.parametrize(
    ("line", "want"),
    [
        (f'{COMMON} 200 3 "-" "curl" 0.305', "the number at the end, because it has a point"),
        (f"{COMMON} 200 3 0.305", "the number at the end, because it has a point"),
        (f"{COMMON} 200 3 0.305123", "the number at the end, because it has a point"),
        ("192.0.2.1\tGET /a\t200\t3\t17", "the number at the end, because Tidewatch's time server"),
        (f"{COMMON} 200 3 x 0.305", "$request_time (0.305), because nginx"),
        (f"{COMMON} 200 3 rt=0.305 x", "rt= (0.305), because nginx"),
        (f"{COMMON} 200 3 0.1, 0.305 urt=0.100, 0.205", "urt= (0.100, 0.205), because nginx"),
        (f"{COMMON} 200 3 request_time=0.305 x", None),
        (f"{COMMON} 200 3 t=17ms x", None),
        (f"{COMMON} 200 3 rt=- x", None),
        (f'{COMMON} 200 3 "-" "curl" 372', None),
        (f'{COMMON} 200 3 "-" "curl"', None),
        ('{"method": "GET", "path": "/a", "status": 200, "request_time": 0.305}', None),
    ],
)
def test_seconds_that_are_a_guess_are_said(line, want):
    data = f"{line}\n{line}\n".encode()
    guess = infer(data)
    text = propose("a.log", data, guess)
    assert text.count("# Assumed to be seconds: ") == (want is not None)
    if want:
        assert f"# Assumed to be seconds: {want}" in text
        assert "# If that is wrong, add `time_unit: ms` (or us, ns).\n" in text
        assert "# Assumed to be seconds" not in propose("a.log", data, guess, time_unit="ms")


def test_bytes_that_came_are_not_taken_for_bytes_that_went():
    start = f'[{ISO}] 192.0.2.1 "GET /a HTTP/2"'
    data = f"{start} 200 - 7 64 12 x\n{start} 503 UF 120 9 3 x".encode()
    assert read(data, infer(data))[1] == 0


@pytest.mark.parametrize(
    "line",
    [
        b"192.0.2.1:56918 [26/Nov/2026:12:08:56.703] f4 t/x 1/0/4 38 -- 2/1/0/0/0 0/0",
        b"Nov 26 12:08:56 lb haproxy[7]: 192.0.2.1:56918 [26/Nov/2026:12:08:56.703] f4 t/x 1/0/4 38 -- 2/1/0/0/0 0/0",
    ],
)
def test_a_log_without_codes_is_refused_with_the_reason(line):
    assert infer(line) is None
    assert "set `option httplog`" in refusal(line)


def test_a_program_that_fits_wins_over_a_description():
    data = f'{COMMON} 200 3 "-" "curl"\n'.encode()
    assert infer(data) == Guess("combined", 1.0)


@pytest.mark.parametrize(
    "unit", ['"', "[", "\\", '\\"', " ", "a", "a=", 'a="', "|", '|"', "| ", ",", ", ", ";", "\t", "a b", "=["]
)
def test_hostile_lines_are_described_in_linear_time(unit):
    """A quadratic pattern would run into the test's time limit."""
    junk = unit * (200_000 // len(unit))
    data = f"{ISO}|GET|/a|200|3|0.250\n{junk}\n{ISO}|GET|/{junk}|200|3|0.250\n".encode()
    list(describe(data))
    guess = infer(data)
    assert guess is None or guess.fits >= 0.6


@pytest.mark.parametrize(
    ("line", "want"),
    [
        ('[{i}] "GET /a" 200 /srv/a.php 12.{i} 2048', "(others: $field0 (1, 2), $field5 (2048))"),
        ('x "GET /a" 200 - {i}x', "right behind the status.\n"),
    ],
)
def test_numbers_that_may_be_bytes_are_not_taken_for_them(line, want):
    data = "\n".join(line.format(i=i) for i in (1, 2)).encode()
    guess = infer(data)
    assert read(data, guess)[1] == 0
    assert "# Bytes are not counted: no number is " in propose("a.log", data, guess)
    assert want in propose("a.log", data, guess)


def test_bytes_may_have_their_unit():
    line = '"GET http://h/a HTTP/1.1" from 192.0.2.1:1 - 200 5B in 1.5ms'
    data = f"{line}\n{line}\n".encode()
    assert read(data, infer(data)) == (2, 10, 3 * MILLIS, 2)
    assert "Bytes are not counted" not in propose("a.log", data, infer(data))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_blank_lines_hide_no_format(blanks):
    data = "".join(f'{COMMON} 200 3 "-" "curl"\n' + "\n" * count for count in blanks).encode()
    assert infer(data) == Guess("combined", 1.0)


def test_what_stands_in_quotes_is_a_request_only_with_a_method():
    line = '0.250 "GET /users/1 HTTP/1.1" 192.0.2.1 [22/Nov/2026:06:30:48 +0000] "Mozilla/5.0 (X11), like" 200 7\n'
    data = (line * 3).encode()
    assert read(data, infer(data)) == (3, 21, 750 * MILLIS, 3)
