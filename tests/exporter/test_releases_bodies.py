"""Bodies to lines: each line is told by the number that its sender knows it by."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.releases.ingest import bodies
from exporter.releases.parse import Record, parse_line
from foundation.errors import BadRecord

GOOD = b'{"timestamp": 5, "build_version": "5.1", "error_code": 3}'


def read_body(body, content_type, size=2):
    """What comes of a body, put together from its pieces: lines, numbers, and the whole."""
    got = bodies.read_body(body, content_type)
    lines, numbers = [], []
    for some, theirs in got.pieces(size):
        assert len(some) == len(theirs) <= size
        lines += some
        numbers += theirs
    assert got.line_count == len(lines)
    return lines, numbers, got


@pytest.mark.parametrize(
    ("body", "want"),
    [
        (b"", ([], [])),
        (b"a\nb\n", ([b"a", b"b"], [1, 2])),
        (b"a\r\nb", ([b"a", b"b"], [1, 2])),
        (b"\xef\xbb\xbfTimestamp\tBuild\tCode\r\ra\r\rb\r", ([b"a", b"b"], [3, 5])),
        (b"\n\ntime,build,code\na", ([b"a"], [4])),
    ],
    ids=["empty", "plain", "no-last-end", "bom-header-blank-cr", "header-after-blank-lines"],
)
def test_text(body, want):
    lines, numbers, got = read_body(body, "text/plain")
    assert ((lines, numbers), got.bad_count) == (want, 0)


def test_a_line_that_is_no_json_is_told_and_the_others_are_taken():
    body = b"\n".join([GOOD, b"", b"{", GOOD, b'{"timestamp": 5, "build_version": "5.1", "error_code": null}', b" "])
    lines, numbers, got = read_body(body, "application/x-ndjson")
    assert (lines, numbers, got.bad_count) == ([b"5\t5.1\t3"] * 2, [1, 4], 2)
    assert [(one.line, one.reason) for one in got.bad] == [(3, "json"), (5, "json")]
    assert "$.error_code" in got.bad[1].text


def test_only_the_first_bad_lines_are_told():
    _, _, got = read_body(b"{\n" * 1000, "application/x-ndjson")
    assert (got.bad_count, len(got.bad)) == (1000, 20)


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
@pytest.mark.parametrize(
    "timestamp", [b"1e400", b"9" * 5000, b'"\\ud800"', b'"1\\t5.1\\t3"', b"NaN", b"true", b"[" * 100_000]
)
def test_json_that_is_no_record_is_refused_and_never_raises_anything_else(kind, timestamp):
    body = b'{"timestamp": %s, "build_version": "5.1", "error_code": 3}' % timestamp
    try:
        lines, _, got = read_body(b"[%s]" % body if kind == "application/json" else body, kind)
    except BadRecord:
        return
    if lines:
        with pytest.raises(BadRecord):
            parse_line(lines[0])
    assert len(lines) + got.bad_count == 1


@given(st.lists(st.sampled_from([b"5\t5.1\t3", b"", b"x", b"7,5.2,-4"]), max_size=30), st.integers(1, 40))
def test_numbers_lead_back_to_the_lines(lines, size):
    found, numbers, _ = read_body(b"\n".join(lines), "text/plain", size)
    assert [lines[number - 1] for number in numbers] == found == [line for line in lines if line]


@pytest.mark.parametrize("body", [b"x\n" * 50_000, b"\n" * 100_000])
def test_many_tiny_lines_are_not_held_one_by_one(body):
    tracemalloc.start()
    try:
        for _ in bodies.read_body(body, "text/plain").pieces(1000):
            pass
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 6 * len(body)


def test_the_three_spellings_are_one():
    text, *_ = read_body(b"5\t5.1\t3\n", "")
    assert read_body(GOOD, "application/jsonl")[0] == read_body(b"[%s]" % GOOD, "application/json")[0] == text
    assert parse_line(text[0]) == Record(5, "5.1", "3")
