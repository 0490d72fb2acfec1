"""One record's text: the times that a receiver takes."""

import pytest

from exporter.releases.parse import CLOCK_LIMIT_S, check_time, code_key, parse_code
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
