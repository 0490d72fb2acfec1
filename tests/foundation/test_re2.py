"""RE2's regexes: what is refused is refused with its reason, and no text takes long."""

import pytest

from foundation import re2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(", "missing"),
        ("(?=a)b", "invalid perl operator"),
        (r"(a)\1", "invalid escape sequence"),
        ("a{1001}", "invalid repetition size"),
        (r"(?:\pL{30}){30}", "too large"),
        ("\ud800", "not valid Unicode"),
    ],
)
def test_a_regex_that_re2_does_not_take_is_refused_with_the_reason(text, reason, capfd):
    with pytest.raises(ValueError, match=reason):
        re2.compiled(text)
    assert capfd.readouterr() == ("", "")


def test_texts_are_searched_and_matched_whole():
    regex = re2.compiled(r"(?P<letter>\pL)(\d)")
    assert (regex.groups, regex.groupindex) == (2, {"letter": 1})
    found = regex.search("-é7-")
    assert found is not None
    assert (found[0], found[1], found[2]) == ("é7", "é", "7")
    assert regex.fullmatch("é7") is not None
    assert regex.fullmatch("é7-") is None


def test_what_makes_re_backtrack_is_matched_at_once():
    assert re2.compiled("(a+)+b").fullmatch("a" * 100_000) is None
