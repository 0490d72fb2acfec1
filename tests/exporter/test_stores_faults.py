"""What published solutions of this task get wrong, one small world each, with the numbers worked out by hand.

The 23rd of January 2023 is a Monday (day 0). Figures are the CSV's: minutes for the hour, hours for day and week.
"""

import asyncio
import functools
import json
import os
import urllib.parse
from typing import NamedTuple

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from exporter.stores import inbox
from exporter.stores.api import build_api
from exporter.stores.engine import DuckEngine, Policy, prepare
from exporter.stores.live import Live, Settings
from exporter.stores.report import header, resolve_as_of
from foundation.clock import SystemClock

DAILY = tuple(range(7))
MONDAY, SUNDAY = (0,), (6,)
NOON = "2023-01-23 12:00"


class Case(NamedTuple):
    """A store: the moment of its report, polls (+ active, - inactive), hours, zone, and what has to come out."""

    as_of: str
    polls: list[str]
    hours: list[tuple[tuple[int, ...], str, str]]
    want: dict[str, float]
    zone: str | None = "UTC"
    policy: dict[str, object] = {}  # noqa: RUF012, nobody changes it

    def rows(self, name):
        """The rows of its CSV files."""
        status = {"+": "active", "-": "inactive"}
        return {
            "status": [f"{name},{status[poll[0]]},{poll[1:]} UTC" for poll in self.polls],
            "hours": [f"{name},{day},{opens},{closes}" for days, opens, closes in self.hours for day in days],
            "timezones": [f"{name},{self.zone}"] if self.zone else [],
        }


NINE_TO_TWELVE = [(MONDAY, "09:00:00", "12:00:00")]
CASES = {
    # What the published solutions do.
    "the last state is carried over half of every gap": Case(
        NOON, ["+2023-01-23 10:14:00", "-2023-01-23 11:15:00"], NINE_TO_TWELVE,
        {"uptime_day": 1.7417, "downtime_day": 1.2583},  # to 10:44:30
    ),
    "no history is down": Case(
        NOON, [], NINE_TO_TWELVE, {"uptime_day": 0, "downtime_day": 0, "unknown_day": 3}
    ),
    "24x7 ends at 23:59": Case(
        NOON, [f"+2023-01-{day} {hour}:00:00" for day in range(15, 24) for hour in ("00", "12")], [],
        {"uptime_hour": 60, "uptime_day": 24, "uptime_week": 168, "downtime_week": 0, "unknown_week": 0},
    ),
    "overnight hours are negative time": Case(
        NOON, ["+2023-01-22 23:00:00"], [(SUNDAY, "22:00:00", "02:00:00")],
        {"uptime_day": 4, "downtime_day": 0, "business_week": 4},
    ),
    "overnight hours are split at midnight and half is dropped": Case(
        "2023-01-24 00:00", ["+2023-01-23 00:05:00", "+2023-01-23 12:00:00"],
        [(MONDAY, "00:00:00", "00:10:00"), (MONDAY, "11:00:00", "23:59:00")],
        {"uptime_day": 13.15, "business_day": 13.15},
    ),
    "a day without hours is open": Case(
        "2023-01-25 12:00", ["+2023-01-24 10:00:00", "+2023-01-25 10:00:00"], NINE_TO_TWELVE,
        {"uptime_day": 0, "business_day": 0, "business_week": 3},
    ),
    "an hour in which a store opens is dropped": Case(
        "2023-01-23 10:00", ["+2023-01-23 09:45:00"], [(MONDAY, "09:30:00", "12:00:00")],
        {"uptime_hour": 30, "business_hour": 30},
    ),
    "an hour in which a store closes is dropped": Case(
        "2023-01-23 12:20", ["-2023-01-23 11:45:00"], NINE_TO_TWELVE, {"downtime_hour": 40, "business_hour": 40}
    ),
    "weekdays are those of UTC": Case(
        "2023-01-24 12:00", ["+2023-01-24 03:00:00"], [(MONDAY, "18:00:00", "20:00:00")],
        {"uptime_day": 2, "business_week": 2}, "America/Los_Angeles",  # 02:00 to 04:00 of Tuesday
    ),
    "an id is spliced into SQL": Case(
        NOON, ["+2023-01-23 10:00:00"], NINE_TO_TWELVE, {"uptime_day": 3}
    ),
    "one poll an hour is looked at": Case(
        "2023-01-23 10:00", ["+2023-01-23 09:10:00", "-2023-01-23 09:50:00"], [(MONDAY, "09:00:00", "10:00:00")],
        {"uptime_hour": 30, "downtime_hour": 30},
    ),
    "a gap of days is up": Case(
        "2023-01-23 00:00", ["+2023-01-19 00:00:00", "+2023-01-23 00:00:00"], [],
        {"uptime_week": 72, "downtime_week": 0, "unknown_week": 96},  # the 18th, 19th and 22nd
    ),
    "the last week leaves the last day out": Case(
        NOON, [f"+2023-01-{day} 09:30:00" for day in range(16, 24)], [(DAILY, "09:00:00", "10:00:00")],
        {"uptime_day": 1, "uptime_week": 7},
    ),
    "counts of polls are taken for minutes": Case(
        NOON, ["+2023-01-23 11:30:00"], [],
        {"uptime_hour": 60, "uptime_day": 24, "uptime_week": 24.5, "unknown_week": 143.5},
    ),
    "only the first of two openings counts": Case(
        NOON, ["+2023-01-23 09:30:00", "-2023-01-23 11:30:00"],
        [(MONDAY, "09:00:00", "10:00:00"), (MONDAY, "11:00:00", "12:00:00")],
        {"uptime_day": 1, "downtime_day": 1, "business_day": 2},
    ),
    "the state is forgotten at midnight": Case(
        "2023-01-23 06:00", ["-2023-01-22 22:00:00", "-2023-01-23 04:00:00"], [], {"downtime_day": 24, "unknown_day": 0}
    ),
    "a day without polls adds nothing": Case(
        "2023-01-24 13:00", ["-2023-01-23 10:30:00"], [((0, 1), "09:00:00", "12:00:00")],
        {"downtime_day": 1.5, "unknown_day": 1.5, "business_day": 3},
    ),
    "nothing is known after the last poll": Case(
        NOON, ["-2023-01-23 09:15:00"], NINE_TO_TWELVE, {"downtime_day": 3, "assumed_day": 1.25}
    ),
    "a poll speaks for half a gap on each side": Case(
        NOON, ["+2023-01-23 10:00:00", "-2023-01-23 10:20:00"], NINE_TO_TWELVE,
        {"uptime_day": 1.1667, "downtime_day": 1.8333},  # to 10:10
    ),
    "the last hour is the last gap between polls": Case(
        NOON, ["-2023-01-23 10:00:00", "-2023-01-23 11:40:00"], [], {"downtime_hour": 60}
    ),
    "a store without polls is left out": Case(
        NOON, [], [], {"uptime_day": 0, "downtime_day": 0, "unknown_day": 24}
    ),
    "an unknown zone is UTC": Case(
        "2023-01-23 17:00", ["-2023-01-23 16:00:00"], NINE_TO_TWELVE,
        {"downtime_day": 0, "unknown_day": 24}, "Mars/Base"
    ),
    "a missing zone is UTC": Case(
        "2023-01-23 17:00", ["-2023-01-23 16:00:00"], NINE_TO_TWELVE, {"downtime_day": 2, "unknown_day": 0}, None
    ),
    "a model fills what nobody polled": Case(
        NOON, [f"+2023-01-{day} 09:30:00" for day in (17, 18, 22, 23)], [(DAILY, "09:00:00", "10:00:00")],
        {"uptime_week": 4.5, "unknown_week": 2.5, "business_week": 7},  # the 19th to 09:30
    ),
    # What none of them has a test of.
    "a day of 23 hours has 24": Case(
        "2023-03-13 17:00", ["+2023-03-12 12:00:00"], [], {"uptime_day": 23, "business_day": 23},
        "America/Chicago", {"windows": "calendar"},
    ),
    "a day of 25 hours has 24": Case(
        "2023-11-06 17:00", ["+2023-11-05 18:00:00"], [], {"uptime_day": 25, "business_day": 25},
        "America/Chicago", {"windows": "calendar"},
    ),
    "opening at a time that the clock leaves out": Case(
        "2023-03-12 12:00", ["+2023-03-12 08:30:00"], [(SUNDAY, "02:30:00", "04:00:00")],
        {"uptime_day": 1, "business_day": 1}, "America/Chicago",  # 08:00 to 09:00 UTC
    ),
    "opening at a time that comes twice": Case(
        "2023-11-05 12:00", ["+2023-11-05 07:00:00"], [(SUNDAY, "01:30:00", "03:00:00")],
        {"uptime_day": 2.5, "business_day": 2.5}, "America/Chicago",  # 06:30 to 09:00 UTC
    ),
    "wall clocks are subtracted over the night of the change": Case(
        "2023-03-12 18:00", ["+2023-03-12 05:00:00"], [((5,), "22:00:00", "06:00:00")],
        {"uptime_day": 7, "business_day": 7}, "America/Chicago",
    ),
    # The other readings that the rules settle.
    "23:59:59 is a second before midnight": Case(
        "2023-01-24 00:00", ["+2023-01-23 12:00:00"], [(MONDAY, "00:00:00", "23:59:59")], {"uptime_day": 24}
    ),
    "23:59:00 is midnight": Case(
        "2023-01-24 00:00", ["+2023-01-23 12:00:00"], [(MONDAY, "00:00:00", "23:59:00")], {"uptime_day": 23.9833}
    ),
    "an end equal to the start is no time": Case(
        "2023-01-24 12:00", ["+2023-01-23 20:00:00"], [(MONDAY, "09:00:00", "09:00:00")],
        {"uptime_day": 21, "business_week": 24},
    ),
    "openings that overlap, touch and repeat count twice": Case(
        "2023-01-23 13:00", ["+2023-01-23 10:30:00"],
        [
            (MONDAY, "09:00:00", "11:00:00"), (MONDAY, "10:00:00", "12:00:00"), (MONDAY, "12:00:00", "12:30:00"),
            (MONDAY, "09:00:00", "11:00:00"),
        ],
        {"uptime_day": 3.5, "business_day": 3.5},
    ),
    "a poll before opening or at closing is evidence": Case(
        "2023-01-23 12:30", ["-2023-01-23 08:59:59", "-2023-01-23 12:00:00"], NINE_TO_TWELVE,
        {"uptime_day": 0, "downtime_day": 0, "unknown_day": 3},
    ),
    "a poll at opening is no evidence": Case(
        "2023-01-23 12:30", ["-2023-01-23 09:00:00"], NINE_TO_TWELVE, {"downtime_day": 3}
    ),
    "polls outside of hours are no evidence, asked for": Case(
        "2023-01-23 12:30", ["-2023-01-23 08:30:00", "+2023-01-23 10:30:00"], NINE_TO_TWELVE,
        {"downtime_day": 0.5, "uptime_day": 2.5}, "UTC", {"use_outside_polls": True},  # to 09:30
    ),
    "polls outside of hours add time, asked for": Case(
        "2023-01-23 14:00", ["-2023-01-23 08:00:00", "-2023-01-23 13:00:00"], NINE_TO_TWELVE,
        {"downtime_day": 3, "business_day": 3, "downtime_hour": 0}, "UTC", {"use_outside_polls": True},
    ),
    "of two polls at one instant the first wins": Case(
        "2023-01-23 10:00", ["+2023-01-23 09:30:00", "-2023-01-23 09:30:00.00"], [(MONDAY, "09:00:00", "10:00:00")],
        {"downtime_day": 1, "uptime_day": 0},
    ),
    "a window that begins within an opening has all of it": Case(
        "2023-01-23 10:30", ["+2023-01-23 10:00:00"], NINE_TO_TWELVE,
        {"uptime_hour": 60, "uptime_day": 1.5, "business_day": 1.5, "business_week": 3},
    ),
    "a poll of the future of a report speaks in it": Case(
        "2023-01-23 11:00", ["+2023-01-23 10:00:00", "-2023-01-23 11:00:01"], NINE_TO_TWELVE,
        {"uptime_day": 2, "downtime_day": 0},
    ),
}  # fmt: skip
HOSTILE = "x'); DROP TABLE polls; --"
NAMES = {name: HOSTILE if "SQL" in name else f"s{n}" for n, name in enumerate(CASES)}


@pytest.fixture(scope="module")
def everyone(stores_worlds):
    """All cases in one database, so that they also see that stores do not touch each other, and 150 more."""
    world = stores_worlds()
    rows = [case.rows(NAMES[name]) for name, case in CASES.items()]
    files = {kind: [line for each in rows for line in each[kind]] for kind in ("status", "hours", "timezones")}
    files["timezones"] += [f"more{n},UTC" for n in range(150)]
    world.load(**files)
    return world


@pytest.fixture(scope="module")
def report(everyone):
    """The report of all cases as of some moment, made once for each; that of the quick tests is made here."""
    made = functools.cache(everyone.report)
    made(NOON)
    return made


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if (case.as_of, case.policy) == (NOON, {}) else pytest.mark.slow)
        for name, case in CASES.items()
    ],
)
def test_a_fault_of_others_is_not_ours(report, name):
    case = CASES[name]
    got = report(case.as_of, **case.policy)[NAMES[name]]
    assert {column: got[column] for column in case.want} == case.want
    for window in ("hour", "day", "week"):
        parts = sum(got[f"{part}_{window}"] for part in ("uptime", "downtime", "unknown"))
        assert parts == pytest.approx(got[f"business_{window}"], abs=1e-9)


def test_all_stores_are_told_not_the_first_hundred(report):
    want = {*NAMES.values(), *(f"more{n}" for n in range(150))}
    assert set(report(NOON)) == want


def test_now_is_the_newest_poll_where_it_is_not_given(everyone):
    newest = "2023-11-05 18:00:00"
    assert newest == max(poll[1:] for case in CASES.values() for poll in case.polls)
    as_of_us, _ = resolve_as_of(everyone.database, "max", now_us=1)
    assert as_of_us == everyone.moment(newest)


def test_the_columns_are_the_official_ones():
    assert ",".join(header()) == (
        "store_id,uptime_last_hour(in minutes),uptime_last_day(in hours),uptime_last_week(in hours),"
        "downtime_last_hour(in minutes),downtime_last_day(in hours),downtime_last_week(in hours)"
    )


class Counting:
    """A cursor that counts statements."""

    def __init__(self, cursor):
        self.cursor, self.statements = cursor, 0

    def execute(self, *given):
        self.statements += 1
        return self.cursor.execute(*given)

    def __getattr__(self, name):
        return getattr(self.cursor, name)


@pytest.mark.slow
def test_there_is_no_query_for_each_store(stores_worlds, everyone):
    counts = []
    few = stores_worlds()
    few.load(timezones=["a,UTC"])
    for world in (few, everyone):
        with world.database.reading() as cursor:
            engine = DuckEngine(counting := Counting(cursor))
            engine.run(prepare(engine, Policy(), world.moment("2023-01-23 12:00")))
            counts.append(counting.statements)
    assert counts[0] == counts[1] < 30


@pytest.mark.slow
def test_the_refresh_of_every_hour_takes_something_in(stores_worlds, tmp_path):
    world = stores_worlds()
    box = inbox.Inbox(tmp_path)
    taken = []
    for hour in ("09", "10"):
        path = tmp_path / f"polls-{hour}.csv"
        path.write_text(f"store_id,status,timestamp_utc\na,inactive,2023-01-23 {hour}:00:00 UTC\n")
        os.utime(path, (1e9, 1e9))
        for resting in box.look().resting:
            box.take(resting, world.database, world.moment("2023-01-23 12:00"))
        taken.append(resolve_as_of(world.database, "max", 0)[0])
    assert taken == [world.moment("2023-01-23 09:00"), world.moment("2023-01-23 10:00")]


@pytest.mark.slow
async def test_an_id_is_known_once_it_is_told_and_its_report_is_running(stores_worlds):
    """Ten at a time: nobody hears `No such report Id!`, or `Pending`."""
    app = build_api(Live(stores_worlds().database, Settings(), SystemClock()))

    async def ask(path):
        request = make_mocked_request("GET", path, app=app)
        response = await app._handle(request)
        assert isinstance(response, web.Response)
        return response.status, json.loads(response.body)

    async def trigger_and_get():
        _, answer = await ask("/trigger_report")
        return await ask(f"/get_report/{answer['report_id']}")

    assert await asyncio.gather(*(trigger_and_get() for _ in range(10))) == [(202, {"status": "Running"})] * 10


@pytest.mark.slow
async def test_an_id_out_of_a_url_is_no_sql(everyone):
    app = build_api(Live(everyone.database, Settings(), SystemClock()))
    path = f"/stores/{urllib.parse.quote(HOSTILE)}"
    response = await app._handle(make_mocked_request("GET", path, app=app))
    assert isinstance(response, web.Response)
    assert (response.status, json.loads(response.body)["store_id"]) == (200, HOSTILE)


@pytest.mark.slow
def test_late_polls_change_the_next_report_and_not_the_one_that_is_made(stores_worlds):
    world = stores_worlds()
    hours, zone = ["a,0,09:00:00,12:00:00"], ["a,UTC"]
    world.load(hours=hours, timezones=zone, status=["a,active,2023-01-23 11:00:00 UTC"])
    first = world.report("2023-01-23 12:00")["a"]
    (told,) = world.load(status=["a,inactive,2023-01-23 10:00:00 UTC"])
    second = world.report("2023-01-23 12:00")["a"]
    assert (first["uptime_day"], first["downtime_day"]) == (3, 0)
    assert (second["uptime_day"], second["downtime_day"]) == (1.5, 1.5)
    assert (told.new, told.duplicate) == (1, 0)
