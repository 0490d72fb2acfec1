"""What counts as uptime: every rule on a world small enough to be worked out by hand. Monday is 2023-01-23."""

import csv

import pytest

from exporter.stores.report import header

pytestmark = pytest.mark.slow

UTC_HOURS = ["s,0,09:00:00,12:00:00"]
ZONE = ["s,UTC"]


def polls(*pairs):
    return [f"s,{'active' if up == '+' else 'inactive'},2023-01-{at} UTC" for at, up in pairs]


def day(found, store="s"):
    return {part: found[store][f"{part}_day"] for part in ("uptime", "downtime", "unknown", "assumed", "business")}


def test_the_tasks_own_example_fills_the_business_hours(stores_world):
    stores_world.load(hours=UTC_HOURS, timezones=ZONE, status=polls(("23 10:14:00", "+"), ("23 11:15:00", "-")))
    got = day(stores_world.report("2023-01-23 12:00"))
    # The state changes half way, at 10:44:30; 09:00 and 12:00 are within an hour and a half of a poll.
    assert got == {"uptime": 1.7417, "downtime": 1.2583, "unknown": 0, "assumed": 0, "business": 3}


def test_interpolations_differ_only_between_two_polls(stores_world):
    stores_world.load(hours=UTC_HOURS, timezones=ZONE, status=polls(("23 10:14:00", "+"), ("23 11:15:00", "-")))
    found = {}
    for interpolation in ("nearest", "previous", "next"):
        row = stores_world.report("2023-01-23 12:00", interpolation=interpolation)["s"]
        found[interpolation] = row["uptime_day"], row["downtime_day"]
    assert found == {"nearest": (1.7417, 1.2583), "previous": (2.25, 0.75), "next": (1.2333, 1.7667)}


def test_time_far_from_any_poll_is_filled_and_called_assumed(stores_world):
    stores_world.load(hours=["s,0,00:00:00,10:00:00"], timezones=ZONE, status=polls(("23 02:00:00", "+")))
    got = day(stores_world.report("2023-01-23 12:00"))
    assert got == {"uptime": 10, "downtime": 0, "unknown": 0, "assumed": 7, "business": 10}


def test_polls_outside_business_hours_are_no_evidence(stores_world):
    stores_world.load(hours=UTC_HOURS, timezones=ZONE, status=polls(("23 08:59:59", "+"), ("23 12:00:00", "+")))
    got = day(stores_world.report("2023-01-23 13:00"))
    assert got == {"uptime": 0, "downtime": 0, "unknown": 3, "assumed": 0, "business": 3}


def test_a_poll_at_the_moment_of_opening_counts(stores_world):
    stores_world.load(hours=UTC_HOURS, timezones=ZONE, status=polls(("23 09:00:00", "-")))
    assert day(stores_world.report("2023-01-23 13:00"))["downtime"] == 3


def test_a_segment_without_polls_borrows_the_last_one_for_a_day_and_no_longer(stores_world):
    hours = ["s,0,09:00:00,12:00:00", "s,1,09:00:00,12:00:00"]
    stores_world.load(hours=hours, timezones=ZONE, status=polls(("23 10:30:00", "-")))
    got = day(stores_world.report("2023-01-24 13:00"))
    assert got == {"uptime": 0, "downtime": 1.5, "unknown": 1.5, "assumed": 1.5, "business": 3}


def test_a_store_without_any_poll_is_unknown_and_still_told(stores_world):
    stores_world.load(hours=UTC_HOURS, timezones=[*ZONE, "t,UTC"])
    found = stores_world.report("2023-01-23 13:00")
    assert day(found) == {"uptime": 0, "downtime": 0, "unknown": 3, "assumed": 0, "business": 3}
    assert day(found, "t") == {"uptime": 0, "downtime": 0, "unknown": 24, "assumed": 0, "business": 24}


def test_a_store_of_any_of_the_three_files_is_in_the_report(stores_world):
    stores_world.load(hours=["a,0,09:00,12:00"], timezones=["b,UTC"], status=["c,active,2023-01-23 10:00:00 UTC"])
    assert list(stores_world.report("2023-01-23 13:00")) == ["a", "b", "c"]


def test_a_store_without_hours_never_closes_and_one_with_some_is_closed_on_other_days(stores_world):
    rows = ["s,active,2023-01-24 10:00:00 UTC", "t,active,2023-01-24 10:00:00 UTC"]
    stores_world.load(hours=UTC_HOURS, timezones=ZONE, status=rows)
    found = stores_world.report("2023-01-25 00:00")
    assert day(found)["business"] == 0
    assert day(found, "t") == {"uptime": 24, "downtime": 0, "unknown": 0, "assumed": 21, "business": 24}


HOURS_OF_A_MONDAY = {
    "overlap": (["0,09:00:00,11:00:00", "0,10:00:00,12:00:00"], 3),
    "touch": (["0,09:00:00,10:30:00", "0,10:30:00,12:00:00"], 3),
    "two": (["0,09:00:00,10:00:00", "0,11:00:00,12:00:00"], 2),
    "twice": (["0,09:00:00,10:00:00"] * 2, 1),
    "59:59": (["0,00:00:00,23:59:59"], 24),
    "59:00": (["0,00:00:00,23:59:00"], 23.9833),
    "equal": (["0,00:00:00,00:00:00"], 24),
    "24:00": (["0,00:00:00,24:00:00"], 24),
    "overnight": (["0,22:00:00,02:00:00"], 2),
    "sunday night": (["6,22:00:00,02:00:00"], 2),
    "tuesday": (["1,00:00:00,02:00:00"], 0),
}


def test_hours_of_a_monday(stores_world):
    rows = [f"{name},{row}" for name, (hours, _) in HOURS_OF_A_MONDAY.items() for row in hours]
    stores_world.load(hours=rows, timezones=[f"{name},UTC" for name in HOURS_OF_A_MONDAY])
    found = stores_world.report("2023-01-24 00:00")
    assert {name: found[name]["business_day"] for name in found} == {
        n: want for n, (_, want) in HOURS_OF_A_MONDAY.items()
    }


def test_an_overnight_segment_is_one_so_its_evening_poll_speaks_for_its_morning(stores_world):
    stores_world.load(hours=["s,6,22:00:00,02:00:00"], timezones=ZONE, status=polls(("22 23:30:00", "-")))
    assert day(stores_world.report("2023-01-23 02:00"))["downtime"] == 4


def test_weekdays_and_hours_are_those_of_the_stores_own_zone(stores_world):
    # 22:00 of Monday in Los Angeles is 06:00 of Tuesday in UTC.
    stores_world.load(hours=["s,0,22:00:00,23:00:00"], timezones=["s,America/Los_Angeles"])
    assert day(stores_world.report("2023-01-24 06:30"))["business"] == 0.5


def test_without_a_usable_zone_a_store_is_in_chicago(stores_world):
    hours = [f"{store},0,09:00:00,12:00:00" for store in ("missing", "unknown")]
    stores_world.load(hours=hours, timezones=["unknown,Mars/Olympus"])
    found = stores_world.report("2023-01-23 16:00")  # 10:00 there
    assert (day(found, "missing")["business"], day(found, "unknown")["business"]) == (1, 1)


@pytest.mark.parametrize(
    ("as_of", "sundays"),
    [
        (
            "2023-03-13 12:00-05:00",
            {
                "00:00:00,24:00:00": 23,
                "02:30:00,04:00:00": 1,  # opens when the clock jumps from 2 to 3
                "01:00:00,02:30:00": 1,
                "02:10:00,02:50:00": 0,
            },
        ),
        (
            "2023-11-06 12:00-06:00",
            {
                "00:00:00,24:00:00": 25,
                "01:30:00,03:00:00": 2.5,  # opens at the first half past one
                "00:30:00,01:30:00": 2,  # closes at the second
            },
        ),
    ],
    ids=["forward", "back"],
)
def test_clocks_set_forward_and_back(stores_world, as_of, sundays):
    stores = {f"s{n}": hours for n, hours in enumerate(sundays)}
    stores_world.load(
        hours=[f"{store},6,{hours}" for store, hours in stores.items()],
        timezones=[f"{store},America/Chicago" for store in stores],
    )
    found = stores_world.report(as_of)
    assert {hours: found[store]["business_week"] for store, hours in stores.items()} == sundays


def test_calendar_windows_are_the_last_complete_local_hour_day_and_week(stores_world):
    stores_world.load(timezones=["k,Asia/Kolkata", "c,America/Chicago"], status=["k,active,2023-03-10 00:00:00 UTC"])
    found = stores_world.report("2023-03-15 12:20", windows="calendar")
    # The week from Monday 6 to Monday 13 March holds Chicago's short Sunday; Kolkata's polls are of its first days.
    assert (found["c"]["business_week"], found["k"]["business_week"]) == (167, 168)
    assert (found["c"]["business_hour"], found["k"]["business_hour"]) == (60, 60)
    assert found["k"]["uptime_week"] == 48


def test_polls_after_the_moment_of_the_report_do_not_change_it(stores_world):
    stores_world.load(hours=UTC_HOURS, timezones=ZONE, status=polls(("23 10:14:00", "+")))
    before = stores_world.report("2023-01-23 11:00")
    stores_world.load(status=polls(("23 11:15:00", "-")))
    assert stores_world.report("2023-01-23 11:00") == before


def test_a_late_poll_restates_the_next_report(stores_world):
    stores_world.load(hours=UTC_HOURS, timezones=ZONE, status=polls(("23 11:15:00", "+")))
    assert day(stores_world.report("2023-01-23 12:00"))["downtime"] == 0
    stores_world.load(status=polls(("23 10:14:00", "-")))
    assert day(stores_world.report("2023-01-23 12:00"))["downtime"] == 1.7417


def test_parts_add_up_in_the_digits_of_the_file(stores_world):
    rows = polls(*((f"23 {h:02}:{m:02}:{m:02}.{m:03}7", "+-"[m % 2]) for h in (9, 10, 11) for m in range(1, 60, 7)))
    stores_world.load(hours=UTC_HOURS, timezones=ZONE, status=rows)
    found = stores_world.report("2023-01-23 11:31:17.33")["s"]
    for window in ("hour", "day", "week"):
        parts = sum(found[f"{part}_{window}"] for part in ("uptime", "downtime", "unknown"))
        assert parts == pytest.approx(found[f"business_{window}"], abs=1e-9)


def test_the_official_columns_and_their_typo():
    official = [
        "store_id",
        "uptime_last_hour(in minutes)",
        "uptime_last_day(in hours)",
        "uptime_last_week(in hours)",
        "downtime_last_hour(in minutes)",
        "downtime_last_day(in hours)",
        "downtime_last_week(in hours)",
    ]
    assert header() == official
    assert header(official_typo=True) == [*official[:3], "update_last_week(in hours)", *official[4:]]
    assert csv.reader([",".join(header(columns="all"))]).__next__()[:7] == official
