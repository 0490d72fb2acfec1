"""What counts as uptime: every rule on a world small enough to be worked out by hand. Monday is 2023-01-23."""

import csv
import functools

import pytest

from exporter.stores.report import header

UTC_HOURS = ["0,09:00:00,12:00:00"]
NOON, ONE, MIDNIGHT = "2023-01-23 12:00", "2023-01-23 13:00", "2023-01-24 00:00"
ROWS = {"hours": [], "timezones": [], "status": []}


def polls(*pairs):
    return [f"{'active' if up == '+' else 'inactive'},2023-01-{at} UTC" for at, up in pairs]


def given(store, hours=(), status=(), zone="UTC"):
    """A store of the world that the tests of this module share."""
    ROWS["hours"] += [f"{store},{row}" for row in hours]
    ROWS["status"] += [f"{store},{row}" for row in status]
    ROWS["timezones"] += [f"{store},{zone}"] if zone else []


@pytest.fixture(scope="module")
def report(stores_worlds):
    """The report of the shared world as of some moment, made once for each; those of quick tests are made here."""
    world = stores_worlds()
    world.load(**ROWS)
    made = functools.cache(world.report)
    for as_of in (ONE, MIDNIGHT):
        made(as_of)
    return made


def of_s(rows):
    """Rows of the only store of a test that loads more than once."""
    return [f"s,{row}" for row in rows]


def day(found, store):
    return {part: found[store][f"{part}_day"] for part in ("uptime", "downtime", "unknown", "assumed", "business")}


given("example", UTC_HOURS, polls(("23 10:14:00", "+"), ("23 11:15:00", "-")))


def test_the_tasks_own_example_fills_the_business_hours(report):
    got = day(report(ONE), "example")
    # The state changes half way, at 10:44:30; 09:00 and 12:00 are within an hour and a half of a poll.
    assert got == {"uptime": 1.7417, "downtime": 1.2583, "unknown": 0, "assumed": 0, "business": 3}


@pytest.mark.slow
def test_interpolations_differ_only_between_two_polls(report):
    found = {}
    for interpolation in ("nearest", "previous", "next"):
        row = report(NOON, interpolation=interpolation)["example"]
        found[interpolation] = row["uptime_day"], row["downtime_day"]
    assert found == {"nearest": (1.7417, 1.2583), "previous": (2.25, 0.75), "next": (1.2333, 1.7667)}


given("early", ["0,00:00:00,10:00:00"], polls(("23 02:00:00", "+")))


def test_time_far_from_any_poll_is_filled_and_called_assumed(report):
    got = day(report(ONE), "early")
    assert got == {"uptime": 10, "downtime": 0, "unknown": 0, "assumed": 7, "business": 10}


given("outside", UTC_HOURS, polls(("23 08:59:59", "+"), ("23 12:00:00", "+")))


def test_polls_outside_business_hours_are_no_evidence(report):
    got = day(report(ONE), "outside")
    assert got == {"uptime": 0, "downtime": 0, "unknown": 3, "assumed": 0, "business": 3}


given("opening", UTC_HOURS, polls(("23 09:00:00", "-")))


def test_a_poll_at_the_moment_of_opening_counts(report):
    assert day(report(ONE), "opening")["downtime"] == 3


given("borrowing", [*UTC_HOURS, "1,09:00:00,12:00:00"], polls(("23 10:30:00", "-")))


@pytest.mark.slow
def test_a_segment_without_polls_borrows_the_last_one_for_a_day_and_no_longer(report):
    got = day(report("2023-01-24 13:00"), "borrowing")
    assert got == {"uptime": 0, "downtime": 1.5, "unknown": 1.5, "assumed": 1.5, "business": 3}


given("unpolled", UTC_HOURS)
given("unheard")


def test_a_store_without_any_poll_is_unknown_and_still_told(report):
    found = report(ONE)
    assert day(found, "unpolled") == {"uptime": 0, "downtime": 0, "unknown": 3, "assumed": 0, "business": 3}
    assert day(found, "unheard") == {"uptime": 0, "downtime": 0, "unknown": 24, "assumed": 0, "business": 24}


given("of hours", UTC_HOURS, zone=None)
given("of zones")
given("of polls", status=polls(("23 10:00:00", "+")), zone=None)


def test_a_store_of_any_of_the_three_files_is_in_the_report_once(report):
    every = {row.partition(",")[0] for rows in ROWS.values() for row in rows}
    assert {"of hours", "of zones", "of polls"} < every
    assert list(report(ONE)) == sorted(every)


given("closed today", UTC_HOURS, polls(("24 10:00:00", "+")))
given("never closed", [], polls(("24 10:00:00", "+")))


@pytest.mark.slow
def test_a_store_without_hours_never_closes_and_one_with_some_is_closed_on_other_days(report):
    found = report("2023-01-25 00:00")
    assert day(found, "closed today")["business"] == 0
    assert day(found, "never closed") == {"uptime": 24, "downtime": 0, "unknown": 0, "assumed": 21, "business": 24}


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

for name, (hours, _) in HOURS_OF_A_MONDAY.items():
    given(name, hours)


def test_hours_of_a_monday(report):
    found = report(MIDNIGHT)
    assert {name: found[name]["business_day"] for name in HOURS_OF_A_MONDAY} == {
        name: want for name, (_, want) in HOURS_OF_A_MONDAY.items()
    }


given("night", ["6,22:00:00,02:00:00"], polls(("22 23:30:00", "-")))


def test_an_overnight_segment_is_one_so_its_evening_poll_speaks_for_its_morning(report):
    assert day(report(ONE), "night")["downtime"] == 4


given("los angeles", ["0,04:00:00,06:00:00"], zone="America/Los_Angeles")


def test_weekdays_and_hours_are_those_of_the_stores_own_zone(report):
    # 05:00 of Monday in Los Angeles is 13:00 in UTC.
    assert day(report(ONE), "los angeles")["business"] == 1


given("missing", ["0,06:00:00,12:00:00"], zone=None)
given("mars", ["0,06:00:00,12:00:00"], zone="Mars/Olympus")


def test_a_store_without_a_zone_is_in_chicago_and_one_whose_zone_is_not_known_is_unknown(report):
    found = report(ONE)  # 07:00 there
    assert (day(found, "missing")["business"], day(found, "mars")["business"]) == (1, 24)
    assert day(found, "mars")["unknown"] == 24


@pytest.mark.slow
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


@pytest.mark.slow
def test_calendar_windows_are_the_last_complete_local_hour_day_and_week(stores_world):
    stores_world.load(timezones=["k,Asia/Kolkata", "c,America/Chicago"], status=["k,active,2023-03-10 00:00:00 UTC"])
    found = stores_world.report("2023-03-15 12:20", windows="calendar")
    # The week from Monday 6 to Monday 13 March holds Chicago's short Sunday; Kolkata's polls are of its first days.
    assert (found["c"]["business_week"], found["k"]["business_week"]) == (167, 168)
    assert (found["c"]["business_hour"], found["k"]["business_hour"]) == (60, 60)
    assert found["k"]["uptime_week"] == 48


@pytest.mark.slow
def test_polls_after_the_moment_of_the_report_do_not_change_it(stores_world):
    stores_world.load(hours=of_s(UTC_HOURS), timezones=["s,UTC"], status=of_s(polls(("23 10:14:00", "+"))))
    before = stores_world.report("2023-01-23 11:00")
    stores_world.load(status=of_s(polls(("23 11:15:00", "-"))))
    assert stores_world.report("2023-01-23 11:00") == before


@pytest.mark.slow
def test_a_late_poll_restates_the_next_report(stores_world):
    stores_world.load(hours=of_s(UTC_HOURS), timezones=["s,UTC"], status=of_s(polls(("23 11:15:00", "+"))))
    assert day(stores_world.report(NOON), "s")["downtime"] == 0
    stores_world.load(status=of_s(polls(("23 10:14:00", "-"))))
    assert day(stores_world.report(NOON), "s")["downtime"] == 1.7417


@pytest.mark.slow
def test_parts_add_up_in_the_digits_of_the_file(stores_world):
    rows = polls(*((f"23 {h:02}:{m:02}:{m:02}.{m:03}7", "+-"[m % 2]) for h in (9, 10, 11) for m in range(1, 60, 7)))
    stores_world.load(hours=of_s(UTC_HOURS), timezones=["s,UTC"], status=of_s(rows))
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
