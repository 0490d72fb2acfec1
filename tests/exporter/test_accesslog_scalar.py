"""Lines to tallies: what each kind of line counts as."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.formats import find_format
from exporter.accesslog.parse.scalar import read_duration_ns, tally_scalar
from exporter.accesslog.tally import BadLine, Buckets, Tally
from foundation.errors import BadRecord

TAB = find_format("tab")
TIMED = find_format("tab-timed")
BUCKETS = Buckets((0.1, 1.0))


@pytest.mark.parametrize(
    ("line", "key", "size"),
    [
        (b"192.0.2.1\tGET /\t200\t2314", (b"GET", b"/", b"200"), 2314),
        (b"192.0.2.1\tGET /a?q=1?2\t404\t-", (b"GET", b"/a", b"404"), 0),
        (b"192.0.2.1\tGET /a b\t200\t1\r", (b"GET", b"/a b", b"200"), 1),
        (b"192.0.2.1\tGET /\xff\0\t200\t1", (b"GET", b"/\xff\0", b"200"), 1),
        (b"\t /\t200\t0", (b"", b"/", b"200"), 0),
        (b"192.0.2.1\t-\t400\t7", (b"", b"", b"400"), 7),
    ],
    ids=["plain", "query", "blank-and-crlf", "bytes", "empty", "unparsed-request"],
)
def test_a_tab_line_is_one_request(line, key, size):
    assert tally_scalar(line + b"\n", TAB, BUCKETS) == Tally(1, {}, {key: [1, size, 0]})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "blank"),
        (b" \t ", "blank"),
        (b"junk", "format"),
        (b"192.0.2.1\tGET /\t20\t1", "format"),
        (b"192.0.2.1\tGET /\t200\t1\t0.1", "format"),
        (b"192.0.2.1\tGET /\t200\t-1", "format"),
        (b"192.0.2.1\tGET /\t200\t1\0", "format"),
        (b"192.0.2.1\tGET /\t200\t" + b"9" * 16, "format"),
    ],
    ids=["empty", "white", "junk", "short-code", "a-field-more", "negative", "nul", "too-many-digits"],
)
def test_a_bad_line_is_counted_by_reason(line, reason):
    assert tally_scalar(line + b"\n", TAB, BUCKETS) == Tally(1, {reason: 1}, {}, {reason: BadLine(1, line)})


@pytest.mark.parametrize(
    ("name", "line", "reason"),
    [
        ("json", '{{"method":"GET","path":"/","status":200,"bytes":{}}}', "bytes"),
        ("json", '{{"method":"GET","path":"/","status":200,"bytes":"{}"}}', "bytes"),
        ("logfmt", "method=GET path=/ status=200 bytes={}", "bytes"),
        (r"(?P<method>\w+) (?P<path>\S+) (?P<code>\d+) (?P<bytes>\d+)", "GET / 200 {}", "bytes"),
        ("logfmt", "method=GET path=/ status=200 took={}ms", "time"),
        ("gin", '[GIN] 2026/11/22 - 06:30:48 | 200 | {}s | 192.0.2.1 | GET      "/"', "time"),
    ],
)
@pytest.mark.parametrize("digits", [400, 4300, 5000])
def test_a_number_that_no_sample_can_hold_costs_its_own_line(name, line, reason, digits):
    """Python turns at most 4300 digits into a number, or a number into so many; a sample of Prometheus has 308."""
    tally = tally_scalar(line.format("9" * digits).encode() + b"\n", find_format(name), BUCKETS)
    assert (tally.requests, tally.failed) == (0, {reason: 1} if digits < 5000 or '":{' not in line else {"format": 1})


def test_times_fall_into_the_bucket_whose_bound_they_do_not_pass():
    lines = [b"a\tGET /\t200\t1\t" + time for time in (b"0.1", b"0.100000001", b"1", b"1.5", b"0", b"-")]
    tally = tally_scalar(b"\n".join(lines), TIMED, BUCKETS)
    assert tally.hits == {(b"GET", b"/", b"200"): [6, 6, 2_700_000_001, 2, 2, 1]}


@pytest.mark.parametrize(
    ("text", "unit_ns", "want"),
    [
        (b"0.123", 10**9, 123_000_000),
        (b"123", 10**6, 123_000_000),
        (b"123456", 10**3, 123_456_000),
        (b"-", 10**9, None),
        (b"", 10**9, None),
        (b"-1", 10**9, None),
        (b"0.1, 0.2 : 0.3", 10**9, 600_000_000),
        (b"-, 0.2", 10**9, 200_000_000),
        (b"-, -", 10**9, None),
        (b"0.001 0.2 -1", 10**9, 201_000_000),
    ],
    ids=["s", "ms", "us", "dash", "empty", "negative", "upstreams", "upstream-down", "upstreams-down", "steps"],
)
def test_a_time_is_read_in_its_unit(text, unit_ns, want):
    assert read_duration_ns(text, unit_ns) == want


@pytest.mark.parametrize("text", [b"nan", b"inf", b"x", b"1e30", b"0.1, x", b"1 2 x"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(BadRecord) as caught:
        read_duration_ns(text, 10**9)
    assert caught.value.reason == "time"


@settings(max_examples=40)
@given(st.lists(st.sampled_from([b"a\tGET /\t200\t1\n", b"a\tGET /b\t404\t2\r\n", b"\n", b"x\n"])), st.integers(0, 20))
def test_pieces_of_a_log_add_up_to_the_whole(lines, cut):
    whole = tally_scalar(b"".join(lines), TAB, BUCKETS)
    parts = tally_scalar(b"".join(lines[:cut]), TAB, BUCKETS)
    parts.merge(tally_scalar(b"".join(lines[cut:]), TAB, BUCKETS))
    assert parts == whole
    assert whole.lines == len(lines)


def test_pieces_inside_are_cut_at_line_ends(monkeypatch):
    monkeypatch.setattr("exporter.accesslog.parse.scalar.PIECE_BYTES", 20)
    data = b"a\tGET /\t200\t1\n" * 5 + b"a\tGET /" + b"x" * 50 + b"\t200\t1"
    assert tally_scalar(data, TAB, BUCKETS).hits == {
        (b"GET", b"/", b"200"): [5, 5, 0],
        (b"GET", b"/" + b"x" * 50, b"200"): [1, 1, 0],
    }
