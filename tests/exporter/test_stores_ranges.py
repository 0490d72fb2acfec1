"""Any range: how it is named, whose clock it goes by, and that ranges which meet share no time."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.stores.calendar import to_us
from exporter.stores.ranges import Range, Wanted, find_range
from foundation.errors import ConfigError

AS_OF = to_us(datetime(2026, 11, 20, 12, tzinfo=UTC))
CHICAGO, BERLIN, HOWE = (ZoneInfo(name) for name in ("America/Chicago", "Europe/Berlin", "Australia/Lord_Howe"))
HOUR_US = 3_600_000_000


def hours(found, zone):
    start_us, end_us = found.bounds_us(zone)
    return (end_us - start_us) / HOUR_US


@pytest.mark.parametrize(
    ("named", "zone", "want"),
    [
        ({"month": "2026-10"}, CHICAGO, ("2026-10-01T05:00", "2026-11-01T05:00")),
        ({"month": "2026-10"}, BERLIN, ("2026-09-30T22:00", "2026-10-31T23:00")),
        ({"month": "2026-10", "zone": BERLIN}, CHICAGO, ("2026-09-30T22:00", "2026-10-31T23:00")),
        ({"month": "2025-12"}, ZoneInfo("UTC"), ("2025-12-01T00:00", "2026-01-01T00:00")),
        ({"quarter": "2026-Q3"}, CHICAGO, ("2026-07-01T05:00", "2026-10-01T05:00")),
        ({"quarter": "2026q4"}, CHICAGO, ("2026-10-01T05:00", "2027-01-01T06:00")),
        ({"start": "2026-10-24", "end": "2026-10-26"}, BERLIN, ("2026-10-23T22:00", "2026-10-25T23:00")),
        ({"start": "2026-10-24T06:30", "end": "2026-10-24T09:00+02:00"}, CHICAGO, None),
        ({"start": "2026-10-24T06:30", "end": "2026-10-24T19:00Z"}, CHICAGO, ("2026-10-24T11:30", "2026-10-24T19:00")),
        ({"start": "2026-11-20"}, BERLIN, ("2026-11-19T23:00", "2026-11-20T12:00")),
        ({"start": "1793491200", "end": "1793494800"}, BERLIN, ("2026-11-01T00:00", "2026-11-01T01:00")),
        ({"last": "36h"}, BERLIN, ("2026-11-19T00:00", "2026-11-20T12:00")),
    ],
)
def test_a_range_is_of_the_clock_that_people_expect(named, zone, want):
    if want is None:  # 11:30 to 07:00 UTC in Chicago
        found = find_range(Wanted(**named), AS_OF)
        assert found.windows(zone, AS_OF).week[0] > found.windows(zone, AS_OF).week[1]
        return
    edges = tuple(to_us(datetime.fromisoformat(f"{text}+00:00")) for text in want)
    assert find_range(Wanted(**named), AS_OF).bounds_us(zone) == edges


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"month": "2026-13"}, "invalid month '2026-13': expected for example 2026-10"),
        ({"month": "October"}, "expected for example 2026-10"),
        ({"month": "9999-01"}, "expected for example 2026-10"),
        ({"quarter": "2026-Q5"}, "invalid quarter '2026-Q5': expected for example 2026-Q3"),
        ({"start": "noon"}, "invalid time 'noon'"),
        ({"start": "1900-01-01", "end": "2026-01-01"}, "expected the years 1970 to 9997"),
        ({"end": "2026-10-01"}, "an end needs a start"),
        ({"last": "soon"}, "soon"),
        ({"month": "2026-10", "last": "1d"}, "more than one range"),
        ({"start": "2026-10-02", "end": "2026-10-01"}, "expected an end after the start"),
        ({"start": "2026-10-02", "end": "2026-10-02"}, "expected an end after the start"),
        ({"start": "1980-01-01", "end": "2026-10-02"}, "expected at most 3660 days"),
        ({"zone": BERLIN}, "needs a range"),
    ],
)
def test_what_is_no_range_is_refused_with_what_would_be(named, words):
    with pytest.raises(ConfigError, match="(?s)" + words):
        find_range(Wanted(**named), AS_OF)


def test_nothing_named_is_no_range():
    assert find_range(Wanted(), AS_OF) is None


def test_a_month_has_the_hours_that_its_clock_shows():
    assert hours(find_range(Wanted(month="2026-03"), AS_OF), CHICAGO) == 31 * 24 - 1
    assert hours(find_range(Wanted(month="2026-11"), AS_OF), CHICAGO) == 30 * 24 + 1
    assert hours(find_range(Wanted(month="2026-04"), AS_OF), HOWE) == 30 * 24 + 0.5
    assert hours(find_range(Wanted(month="2026-10"), AS_OF), ZoneInfo("Asia/Kolkata")) == 31 * 24


@given(st.dates(date(1990, 1, 1), date(2035, 1, 1)), st.integers(1, 400), st.sampled_from([CHICAGO, BERLIN, HOWE]))
def test_ranges_that_meet_share_no_time_and_leave_none_out(first, days, zone):
    edges = [datetime.combine(first + timedelta(days=n), datetime.min.time()) for n in (0, days, 401)]
    whole, *parts = (Range(*pair, name="").bounds_us(zone) for pair in ((edges[0], edges[2]), edges[:2], edges[1:]))
    assert parts[0][1] == parts[1][0]
    assert (parts[0][0], parts[1][1]) == whole


@given(st.integers(0, 800))
def test_a_range_ends_where_the_polls_do(days):
    as_of_us = AS_OF - days * 24 * HOUR_US
    for start_us, end_us in find_range(Wanted(month="2026-10"), AS_OF).windows(CHICAGO, as_of_us):
        assert start_us <= end_us <= as_of_us
