"""What RE2 says of lines that take `re` long: where it says no, `re` finds no match."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter import memory
from exporter.accesslog.formats import custom
from exporter.accesslog.formats.custom import custom_format
from exporter.accesslog.formats.linear import CannotMatch
from exporter.accesslog.parse.scalar import tally_normal
from exporter.accesslog.tally import Buckets
from foundation.errors import BadRecord

BUCKETS = Buckets((0.1, 1.0))
BACKTRACKS = r"(?P<method>\S+) (?P<path>(?:a+)+)b (?P<code>\d+)"
HOSTILE = b"GET " + b"a" * 40 + b"X 200\n"

ATOMS = [
    "a", "b", ".", "[ab]", "[^a]", r"\d", r"\s", r"\S", r"\w", r"\W", r"\b", "^", "$", "()", "'", r"\t", " ",
    "[[:alpha:]]", "[]a]", r"\x41", "(?i:A)", "é",
]  # fmt: skip
PATTERNS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("(?:{}){}".format, inner, st.sampled_from(["*", "+?", "?", "{2}", "{,2}", "{1,}", "*+"])),
    ),
    max_leaves=5,
)


def compiled(pattern):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)  # of sets that Python may read otherwise one day
        try:
            return re.compile(pattern.encode())
        except re.error:
            return None


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(PATTERNS, st.lists(st.text("ab1A.[]:'{,2} \t\x0bé", max_size=5), min_size=1, max_size=5))
def test_where_it_says_no_there_is_no_match(pattern, texts):
    regex = compiled(pattern)
    cannot_match = CannotMatch(pattern)
    for line in [text.encode() for text in texts]:
        if regex is not None and cannot_match(line):
            assert not regex.fullmatch(line)


@pytest.mark.parametrize(
    ("pattern", "line", "want"),
    [
        (r"(a+)+b", b"a" * 200, True),
        (r"(a+)+b", b"aab", False),
        (r"it's", b"its", True),
        (r"(a+)+(?!c)b", b"aaaa", False),  # no pattern of RE2's
        (r"[[:alpha:]]b", b"ab", False),  # another meaning
        (r"a{,2}", b"aa", False),
        (r"(é+)+b", "éé".encode(), False),
        (r"(a+)+b", "aaé".encode(), False),
        (r"a\sb", b"a\x0bb", False),
    ],
)
def test_what_is_known_of_a_line(pattern, line, want):
    cannot_match = CannotMatch(pattern)
    assert cannot_match(line) is want
    assert cannot_match(line) is want


def test_it_needs_no_memory_to_spare(monkeypatch):
    monkeypatch.setattr(memory, "left", lambda: memory.Left(1, None))
    assert CannotMatch("a")(b"b") is True


def test_a_flood_of_lines_that_backtrack_is_bad_by_their_format_and_soon(monkeypatch):
    """The limit is never reached: it would take the test an hour."""
    monkeypatch.setattr(custom, "LIMIT_RINGS", 10_000)
    tally = tally_normal((HOSTILE * 3 + b"GET aab 200\n") * 100, custom_format(BACKTRACKS), BUCKETS)
    assert (tally.failed, tally.hits) == ({"format": 300}, {(b"GET", b"aa", b"200"): [100, 0, 0]})


def test_after_a_line_that_took_long_re2_is_asked_first_for_a_while():
    limited = custom._Limited(re.compile(b"(a+)+b").fullmatch, "(a+)+b")
    for line, matches, suspects in (
        (b"a" * 40, False, custom._SUSPECTS),
        (b"aab", True, custom._SUSPECTS - 1),
        (b"a" * 40, False, custom._SUSPECTS),
    ):
        assert (limited(line) is not None, limited._suspects) == (matches, suspects)


def test_so_it_is_where_re2_knows_nothing():
    limited = custom._Limited(re.compile(b"(a+)+(?!c)b").fullmatch, "(a+)+(?!c)b")
    with pytest.raises(BadRecord, match="of processor time"):
        limited(b"a" * 40)
    assert limited._suspects == custom._SUSPECTS - 1


def test_usual_lines_ask_nobody(monkeypatch):
    monkeypatch.delattr("exporter.accesslog.formats.linear.CannotMatch")
    tally = tally_normal(b"GET aab 200\n" * 60_000, custom_format(BACKTRACKS), BUCKETS)
    assert tally.hits == {(b"GET", b"aa", b"200"): [60_000, 0, 0]}
