"""Whole lines are cut from a buffer, and too long ones dropped, however the bytes come."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from exporter.sources.lines import Cut, cut_lines, first_lines


@pytest.mark.parametrize(
    ("buffer", "skipping", "want"),
    [
        pytest.param(b"", False, Cut(b"", 0, 0, 0, False), id="nothing"),
        pytest.param(b"a\nbc", False, Cut(b"a\n", 2, 0, 0, False), id="partial-stays"),
        pytest.param(b"a\r\n\0\xff\n", False, Cut(b"a\r\n\0\xff\n", 6, 0, 0, False), id="untouched"),
        pytest.param(b"12345\n", False, Cut(b"12345\n", 6, 0, 0, False), id="at-the-limit"),
        pytest.param(b"123456\n", False, Cut(b"", 7, 7, 1, False), id="over-the-limit"),
        pytest.param(b"a\n123456\nb\n", False, Cut(b"a\nb\n", 11, 7, 1, False), id="between"),
        pytest.param(b"a\n123456", False, Cut(b"a\n", 8, 6, 1, True), id="over-without-end"),
        pytest.param(b"789", True, Cut(b"", 3, 3, 0, True), id="goes-on"),
        pytest.param(b"789\na\n", True, Cut(b"a\n", 6, 4, 0, False), id="ends"),
    ],
)
def test_cut(buffer, skipping, want):
    assert cut_lines(buffer, 5, skipping=skipping) == want


@settings(max_examples=40)
@given(
    st.lists(st.text("ab", max_size=12).map(str.encode), max_size=20),
    st.lists(st.integers(1, 30), min_size=1, max_size=40),
    st.integers(1, 8),
)
def test_any_cuts_give_the_short_lines_once_and_count_the_long(lines, sizes, limit):
    whole = b"".join(line + b"\n" for line in lines)
    got, too_long, skipping, pending, at = b"", 0, False, b"", 0
    for size in [*sizes, *[7] * len(whole)]:
        pending, at = pending + whole[at : at + size], at + size
        cut = cut_lines(pending, limit, skipping=skipping)
        got, too_long, skipping = got + cut.data, too_long + cut.too_long, cut.skipping
        pending = pending[cut.consumed :]
    assert got == b"".join(line + b"\n" for line in lines if len(line) <= limit)
    assert too_long == sum(len(line) > limit for line in lines)
    assert (pending, skipping) == (b"", False)


@given(st.lists(st.text("ab", max_size=12).map(str.encode), max_size=20), st.binary(max_size=5), st.integers(1, 40))
def test_the_first_lines_are_as_many_whole_ones_as_fit_and_one_at_least(lines, rest, size):
    buffer = b"".join(line + b"\n" for line in lines) + rest.replace(b"\n", b"")
    got = first_lines(buffer, size)
    assert buffer.startswith(got)
    if len(buffer) <= size or b"\n" not in buffer:
        assert got == buffer
    else:
        assert got.endswith(b"\n")
        assert len(got) <= size or got.count(b"\n") == 1
        following = buffer[len(got) :].partition(b"\n")
        assert len(got) + len(following[0]) + 1 > size or not following[1]
