"""Flags of collector and plot say what is allowed."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.stats.options import parse_columns, parse_duration, parse_time


@pytest.mark.parametrize(
    ("text", "want"),
    [("90", 90), ("0.5", 0.5), ("90s", 90), ("1m30s", 90), ("500ms", 0.5), ("1h", 3600), ("1d12h", 129600)],
)
def test_lengths_of_time(text, want):
    assert parse_duration(text) == want


@pytest.mark.parametrize("text", ["", "0", "0s", "-5", "nan", "inf", "1e3", "5 s", "5x", "s", "٣", "9" * 400])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(ValueError, match=r"is no length of time|must be more than nothing"):
        parse_duration(text)


@given(st.text("0159.smhd -", max_size=12))
def test_any_text_is_a_length_or_an_error(text):
    try:
        assert parse_duration(text) > 0
    except ValueError:
        return


def test_times_are_unix_seconds_or_iso_in_the_zone():
    berlin = ZoneInfo("Europe/Berlin")
    assert parse_time("1795328999", berlin) == 1795328999
    assert parse_time("2026-11-22T06:29:59Z", berlin) == 1795328999
    assert parse_time("2026-11-22T07:29:59", berlin) == 1795328999
    with pytest.raises(ValueError, match="1795328999 and 2026-11-22T06:30 are"):
        parse_time("yesterday", berlin)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("200,404", "must name time and at least one series"),
        ("time", "must name time and at least one series"),
        ("time,,404", "a name that is empty"),
        ("time,a b", "a name that is empty or has a blank"),
        ("time,404,404", "names a column twice"),
    ],
)
def test_columns_that_cannot_be(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse_columns(text)


def test_columns_in_any_order():
    assert parse_columns("time, 500,200 ,404") == ("time", "500", "200", "404")
