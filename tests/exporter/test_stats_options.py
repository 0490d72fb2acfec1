"""Flags of collector and plot say what is allowed."""

import pytest

from exporter.stats.options import parse_columns


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("200,404", "must name time and at least one series"),
        ("time", "must name time and at least one series"),
        ("time,,404", "a name that is empty"),
        ("time,a\tb", "has a control character, such as a TAB, in it"),
        ('time,"a', "is not a list of names"),
        ("time,404,404", "has a duplicate column"),
    ],
)
def test_columns_that_cannot_be(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse_columns(text)


def test_columns_in_any_order():
    assert parse_columns("time, 500,200 ,404") == ("time", "500", "200", "404")


def test_names_may_have_blanks_and_in_quotes_commas():
    assert parse_columns("time,Total Accesses") == ("time", "Total Accesses")
    assert parse_columns('time, "a, b", listen queue len') == ("time", "a, b", "listen queue len")
