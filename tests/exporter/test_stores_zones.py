"""Names of zones in the spellings that files have."""

from datetime import UTC, datetime, timedelta
from zoneinfo import available_timezones

import pytest

from exporter.stores.zones import find_zone, zone_label

SUMMER = datetime(2024, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "standard"),
    [
        ("America/New_York", "America/New_York"), ("europe/BERLIN", "Europe/Berlin"), ("us/pacific", "US/Pacific"),
        ("America/Los Angeles", "America/Los_Angeles"), ("W. Europe Standard Time", "Europe/Berlin"),
        ("pacific standard time", "America/Los_Angeles"), ("+05:30", "UTC+05:30"), ("UTC+2", "UTC+02:00"),
        ("GMT-3", "UTC-03:00"), ("-0930", "UTC-09:30"), ("z", "UTC"), ("utc", "UTC"),
    ],
)  # fmt: skip
def test_spellings_of_known_zones(name, standard):
    zone, fallback = find_zone(name)
    assert (str(zone), fallback, zone_label(name)) == (standard, None, standard)


@pytest.mark.parametrize(
    "name",
    [
        "CST",
        "Asia/Kolkatta",
        "Mars/Base",
        "UTC+15",
        "../etc/passwd",
        "America",
        "+1:2",
        " ",
        "localtime",
        "Factory",
        "posixrules",
        "right/UTC",
    ],
)
def test_a_zone_that_is_given_and_not_known_is_not_the_default(name):
    assert find_zone(name)[1] == "timezone_unknown"
    assert zone_label(name) == "unknown"


def test_the_default_stands_for_no_name_alone():
    assert [(str(zone), why) for zone, why in map(find_zone, (None, ""))] == [
        ("America/Chicago", "timezone_missing")
    ] * 2


def test_an_offset_has_no_summer():
    zone, _ = find_zone("UTC+5:30")
    assert SUMMER.astimezone(zone).utcoffset() == timedelta(hours=5, minutes=30)


def test_no_two_names_of_the_zone_database_differ_in_case_alone():
    names = available_timezones()
    assert len({name.casefold() for name in names}) == len(names)
