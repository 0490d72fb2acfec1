"""Hours as people write them: read where they have one meaning, refused with what would be right where not."""

import contextlib
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.stores.openings import DAY_S, openings_of, parse_clock, parse_days, parse_spec, parse_times
from exporter.stores.readings import parse_date
from foundation.errors import BadRecord

H = 3600
WEEK = [date(2024, 7, 1) + timedelta(days=n) for n in range(7)]  # from a Monday


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("0", (0,)), ("6", (6,)), ("Wed", (2,)), ("SUNDAY", (6,)), ("Fridays", (4,)), ("thurs.", (3,)),
        ("Tue-Thu", (1, 2, 3)), ("sat to mon", (5, 6, 0)), ("Mo, We; Fr", (0, 2, 4)), ("Mon & Tue", (0, 1)),
        ("weekends", (5, 6)), ("1.0", (1,)), ("Mon thru Wed", (0, 1, 2)),
        ("Daily", tuple(range(7))), ("Fr\u2013Su", (4, 5, 6)),
    ],
)  # fmt: skip
def test_days_by_number_name_list_and_range(text, want):
    assert parse_days(text) == want


@pytest.mark.parametrize("text", ["7", "-1", "", "Montag", "M", "1.5", "7.0", "Mon-", "8", "Mon-Tue-Wed", "٣"])
def test_what_is_not_a_day_is_refused(text):
    with pytest.raises(BadRecord, match=r"invalid day .*expected 0 \(Monday\) to 6") as raised:
        parse_days(text)
    assert raised.value.reason == "day"


def test_days_from_1_to_7_are_read_once_someone_says_where_the_week_starts():
    assert [parse_days(str(n), "monday", from_one=True)[0] for n in range(1, 8)] == list(range(7))
    assert [parse_days(str(n), "sunday", from_one=True)[0] for n in range(1, 8)] == [6, 0, 1, 2, 3, 4, 5]
    assert [parse_days(str(n), "sunday")[0] for n in range(7)] == [6, 0, 1, 2, 3, 4, 5]
    with pytest.raises(BadRecord, match="days 1 to 7: name --week-starts"):
        parse_days("1", from_one=True)


CLOCKS = {
    "9:00 AM": 9 * H, "9am": 9 * H, "9 p.m.": 21 * H, "9.30 a.m.": 9 * H + 1800, "12:00 AM": 0, "12:30 am": 1800,
    "12 PM": 12 * H, "12 noon": 12 * H, "12:00 Noon": 12 * H, "midday": 12 * H, "Midnight": 0, "7:30a": 7 * H + 1800,
    "7p": 19 * H, "24:00": DAY_S, "7:05": 7 * H + 300, "09:00:30.5": 9 * H + 30,
    "8h30": 8 * H + 1800, "0900": 9 * H, "5:00\u202fPM": 17 * H, "\uff19:\uff10\uff10": 9 * H,
}  # fmt: skip


@pytest.mark.parametrize("text", CLOCKS)
def test_clocks_of_12_and_24_hours(text):
    assert parse_clock(text) == CLOCKS[text]


@pytest.mark.parametrize("text", ["9", "13:00 PM", "0 am", "9:5", "9:60", "24:01", "25:00", "9.30", "", "9-17", "nan"])
def test_what_may_be_another_time_is_refused(text):
    with pytest.raises(BadRecord, match="expected a time such as"):
        parse_clock(text)


@given(st.integers(0, 23), st.integers(0, 59))
def test_both_clocks_show_one_time(hour, minute):
    half = f"{(hour + 11) % 12 + 1}:{minute:02} {'AM' if hour < 12 else 'PM'}"
    assert parse_clock(half) == parse_clock(f"{hour}:{minute:02}") == hour * H + minute * 60


@pytest.mark.parametrize(
    ("start", "end", "want"),
    [
        ("22:00", "02:00", (22 * H, 26 * H)), ("9am", "12:00 AM", (9 * H, DAY_S)), ("00:00", "23:59:59", (0, DAY_S)),
        ("", "", None), ("Always open", "", (0, DAY_S)),
        ("closed", "", None), ("Closed", "closed", None), ("24 hours", "", (0, DAY_S)),
        ("00:00", "00:00", (0, DAY_S)),
    ],
)  # fmt: skip
def test_an_opening_has_both_times_or_none(start, end, want):
    assert parse_times(start, end) == want


@pytest.mark.parametrize(("start", "end"), [("9am", ""), ("closed", "17:00"), ("24:00", "25:00"), ("24:00", "02:00")])
def test_half_an_opening_is_refused(start, end):
    with pytest.raises(BadRecord):
        parse_times(start, end)


def hours_of(text):
    """Day of the week -> hours open, of a week."""
    found = dict.fromkeys(range(7), 0.0)
    for day, start, end, doubt in openings_of(parse_spec(text), WEEK):
        assert not doubt
        found[date.fromordinal(day).weekday()] += (end - start) / H
    return list(found.values())


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Mo-Fr 09:00-17:00", [8, 8, 8, 8, 8, 0, 0]),
        ("Mo-Fr 09:00-12:00,13:00-17:30; Sa 10:00-14:00", [7.5] * 5 + [4, 0]),
        ("Mo-Fr 09:00-17:00; We off", [8, 8, 0, 8, 8, 0, 0]),
        ("24/7", [24] * 7),
        ("Fr 20:00-02:00", [0, 0, 0, 0, 4, 2, 0]),
        ("Mon-Fri 9:00 AM - 5:00 PM", [8, 8, 8, 8, 8, 0, 0]),
        ("Monday to Thursday 9am-9pm", [12, 12, 12, 12, 0, 0, 0]),
        ("Jul Mo-Su 10:00-12:00; Jan-Jun off", [2] * 7),
        ("Jul 4 off; Mo-Su 10:00-12:00", [2] * 7),
        ("Mo-Su 10:00-12:00; Jul 4 off", [2, 2, 2, 0, 2, 2, 2]),
        ("Open 24 hours", [24] * 7),
        ("Monday: 9:00 AM \u2013 5:00 PM, Tuesday: 10 AM \u2013 noon", [8, 2, 0, 0, 0, 0, 0]),
        ("Mon thru Fri: noon - midnight;", [12, 12, 12, 12, 12, 0, 0]),
        ("weekdays 7a-12:00 noon; Weekends closed", [5, 5, 5, 5, 5, 0, 0]),
    ],
)
def test_opening_hours_of_openstreetmap(text, want):
    assert hours_of(text) == want


def test_what_opening_hours_call_unknown_is_in_doubt():
    assert list(openings_of(parse_spec("We 09:00-10:00 unknown"), WEEK)) == [(WEEK[2].toordinal(), 9 * H, 10 * H, 1)]


@pytest.mark.parametrize(
    "text",
    [
        "sunrise-sunset",
        "10:00+",
        "Mo 09:00-10:00 || We 09:00-10:00",
        "when we feel like it",
        "",
        "Mo-Fr 9-5",
        "Mo 25:00-26:00",
    ],
)
def test_opening_hours_that_name_no_times_are_refused(text):
    with pytest.raises(BadRecord, match="invalid opening_hours"):
        parse_spec(text)


@pytest.mark.parametrize(
    "text", ["2024-12-25", "20241225", "2024/12/25", "2024-12-25T00:00:00Z", "2024-12-25 00:00:00"]
)
def test_dates(text):
    assert parse_date(text) == date(2024, 12, 25)


@pytest.mark.parametrize("text", ["25.12.2024", "12/25/2024", "2024-13-01", "2024-02-30", "", "2024-12-25 09:00"])
def test_dates_that_may_be_others_are_refused(text):
    with pytest.raises(BadRecord, match="expected a date such as"):
        parse_date(text)


@given(st.text(max_size=30), st.sampled_from([parse_days, parse_clock, parse_spec, parse_date]))
def test_any_text_is_read_or_refused(text, read):
    with contextlib.suppress(BadRecord):
        read(text)
