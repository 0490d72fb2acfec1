"""Two engines, one meaning: whatever the bytes, both make the same tally."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.formats import PRESETS
from exporter.accesslog.parse.columnar import Columnar
from exporter.accesslog.parse.scalar import tally_normal, tally_scalar
from exporter.accesslog.tally import Buckets

BUCKETS = Buckets((0.001, 0.1, 2.5))
BULK = [name for name, one in PRESETS.items() if one.bulk]

HOSTILE = [
    b"",
    b"\r",
    b"\0",
    b"\x01",
    b'"',
    b"'",
    b"\\",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    "é".encode(),
    b"NULL",
    b"#",
    b" ",
    b"\t",
    b"-",
    b"-1",
    b"+1",
    b"1_0",
    b"1e3",
    b"nan",
    b"inf",
    b"9" * 15,
    b"9" * 20,
    b"0.1, 0.2",
    b"\xe2\x80\xa8",
    b"\x0b\x0c",
]
SAMPLES = Path(__file__).parent / "accesslog_samples"
GOOD = {name: (SAMPLES / f"{name}.log").read_bytes().splitlines() for name in BULK}


@cache
def engine(name):
    return Columnar(PRESETS[name], BUCKETS)


def lines_of(name: str) -> st.SearchStrategy[bytes]:
    """Good lines, good lines with something hostile put somewhere, and junk; ended in every way."""
    good = st.sampled_from(GOOD[name])
    spoiled = st.builds(
        lambda line, bad, at: line[:at] + bad + line[at:], good, st.sampled_from(HOSTILE), st.integers(0, 120)
    )
    gap = b"\t" if b"\t" in GOOD[name][-1] else b" "
    swapped = st.builds(
        lambda line, bad, at: gap.join(bad if i == at else part for i, part in enumerate(line.split(gap))),
        good,
        st.sampled_from(HOSTILE),
        st.integers(0, 20),
    )
    line = st.one_of(good, spoiled, swapped, st.binary(max_size=30))
    ended = st.builds(bytes.__add__, line, st.sampled_from([b"\n", b"\r\n"]))
    return st.builds(bytes.__add__, st.lists(ended, max_size=8).map(b"".join), st.sampled_from([b"", b"tail"]))


def same_tally(name, text):
    assert engine(name).tally(text) == tally_scalar(text, PRESETS[name], BUCKETS)


@pytest.mark.parametrize("name", sorted(BULK))
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_both_engines_make_the_same_tally(name, data):
    same_tally(name, data.draw(lines_of(name)))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BULK))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_both_engines_make_the_same_tally_of_much(name, data):
    same_tally(name, data.draw(lines_of(name)))


TAB_LINE = GOOD["tab"][0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\n\n",
        TAB_LINE + b"\r\r\n",
        b"\xef\xbb\xbf" + TAB_LINE,
        TAB_LINE + b"x" * 300_000 + b"\n" + TAB_LINE,
    ],
    ids=["nothing", "blank", "blanks", "two-returns", "byte-order-mark", "long-line"],
)
def test_the_columnar_engine_takes_odd_chunks(data):
    assert engine("tab").tally(data) == tally_scalar(data, PRESETS["tab"], BUCKETS)


def test_many_lines_take_the_columnar_way(monkeypatch):
    """Only what is odd goes to the scalar engine; otherwise the comparison above would compare it with itself."""
    seen = []

    def spy(data, *rest):
        seen.append(data)
        return tally_normal(data, *rest)

    monkeypatch.setattr("exporter.accesslog.parse.columnar.tally_normal", spy)
    data = b"\n".join([*GOOD["tab-timed"][:2], b"junk", b"nul\0", b"192.0.2.1\tGET /\t200\t7\t-\r"] * 100)
    tally = engine("tab-timed").tally(data)
    assert tally.lines == 500
    assert sorted(seen[0].splitlines()) == [b"junk"] * 100 + [b"nul\0"] * 100


def test_clean_tab_lines_need_no_regex(monkeypatch):
    data = b"a\tGET /b?c\t200\t1\t0.5\n" * 10
    want = tally_scalar(data, PRESETS["tab-timed"], BUCKETS)
    assert engine("tab-timed").tally(data + b"bad\n").lines == 11
    monkeypatch.setattr("exporter.accesslog.parse.columnar_sql.by_regex", None)
    assert engine("tab-timed").tally(data) == want


@pytest.mark.parametrize(
    "line",
    [b"a\tGET?b /c\t200\t1", b"a\tGET\t200\t1", b"a\tGET /\t\t1", b"a\tGET /\t200\t", b"a\tGET /\t200\t+1", b"\t\t\t"],
)
def test_what_columns_cannot_tell_the_regex_does(line):
    data = TAB_LINE + b"\n" + line
    assert engine("tab").tally(data) == tally_scalar(data, PRESETS["tab"], BUCKETS)
