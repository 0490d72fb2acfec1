"""One record's text: the times that a receiver takes."""

import re
from datetime import UTC, datetime

import pytest

from exporter.releases.parse import CLOCK_LIMIT_S, Years, check_time, code_key, parse_code, parse_time
from exporter.releases.source import Source
from foundation.errors import BadRecord

NOW = 1_800_000_000


@pytest.mark.parametrize("time_s", [NOW, NOW - 1, CLOCK_LIMIT_S])
def test_a_unix_time_up_to_the_horizon_is_taken(time_s):
    check_time(time_s, NOW)


@pytest.mark.parametrize(("time_s", "horizon_s"), [(NOW + 1, NOW), (CLOCK_LIMIT_S, CLOCK_LIMIT_S - 1)])
def test_a_unix_time_past_the_horizon_is_refused(time_s, horizon_s):
    with pytest.raises(BadRecord) as refused:
        check_time(time_s, horizon_s)
    assert refused.value.reason == "future"


def test_a_clock_time_has_no_horizon():
    """It is of no day, so no clock can be ahead."""
    check_time(CLOCK_LIMIT_S - 1, 0)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("3", "3"), ("+3", "3"), ("3.0", "3"), ("3.", "3"), ("-0", "0"), ("-17.00", "-17"), ("3.5", "3.5"),
        ("-2147467259", "-2147467259"), ("0x80004005", "0x80004005"), ("08001", "08001"), ("E_TIMEOUT", "E_TIMEOUT"),
        ("HTTP 502", "HTTP 502"), ("Zeitüberschreitung", "Zeitüberschreitung"), ("x" * 200, "x" * 200), ("1e3", "1e3"),
    ],
)  # fmt: skip
def test_a_code_is_text_and_a_whole_number_has_one_spelling(text, code):
    assert parse_code(text) == code
    assert parse_code(code) == code


@pytest.mark.parametrize("text", ["", "x" * 201, "ü" * 101, "a\tb", "a\nb", "\x1b[0m", "\ud800"])
def test_what_is_no_code_is_refused(text):
    with pytest.raises(BadRecord) as refused:
        parse_code(text)
    assert refused.value.reason == "code"


def test_numbers_sort_by_value_before_words():
    codes = ["E_IO", "10", "9", "-2147467259", "0x10", "HTTP 502", "0"]
    assert sorted(codes, key=code_key) == ["-2147467259", "0", "9", "10", "0x10", "E_IO", "HTTP 502"]


@pytest.mark.parametrize("code", [3, -2147467259, 3.0, "E_TIMEOUT"])
def test_a_configured_code_is_the_code_of_a_record(code):
    source = Source(source="app", http="127.0.0.1:0", codes=[code])
    assert source.known_codes() == [parse_code(str(code))]


def test_a_configured_code_that_is_none_is_refused():
    with pytest.raises(ValueError, match="invalid error code"):
        Source(source="app", http="127.0.0.1:0", codes=[""])


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2:05:11 PM", 14 * 3600 + 311),
        ("12:00:01 am", 1),
        ("12:00:01PM", 12 * 3600 + 1),
        ("01:00:00.5 a.m.", 3600),
        ("13:05:11 PM", "invalid time '13:05:11 PM': expected hours from 1 to 12 before AM or PM"),
        ("0:05:11 AM", "invalid time '0:05:11 AM': expected hours from 1 to 12 before AM or PM"),
        ("Oct  3 14:05:11", "invalid time 'Oct  3 14:05:11': no year; expected, for example, 2026-10-03T14:05:11Z"),
    ],
)
def test_clocks_of_twelve_hours_and_times_without_a_year(text, want):
    if isinstance(want, int):
        assert parse_time(text) == want
        return
    with pytest.raises(BadRecord, match=re.escape(want)):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Oct  3 14:05:11", "2026-10-03T14:05:11"),
        ("oct 3 14:05:11.250", "2026-10-03T14:05:11"),
        ("Nov 28 10:00:00", "2026-11-28T10:00:00"),
        ("Nov 28 13:00:00", "2025-11-28T13:00:00"),
        ("Dec 31 23:59:59", "2025-12-31T23:59:59"),
        ("Feb 29 00:00:00", "2024-02-29T00:00:00"),
        ("Feb 30 00:00:00", None),
        ("Oct  3 24:05:11", None),
    ],
)
def test_a_time_without_a_year_is_of_the_latest_that_is_not_in_the_future(text, want):
    """By a clock at 2026-11-27T12:00Z; a day ahead of it may be another's clock."""
    years = Years(datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp())
    if want is None:
        with pytest.raises(BadRecord, match="no year has month"):
            parse_time(text, years)
        return
    assert parse_time(text, years) == int(datetime.fromisoformat(want + "+00:00").timestamp())
    assert years.assumed == {int(want[:4])}
