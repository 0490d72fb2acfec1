"""The report against a model that looks at every minute of a random world, one by one.

Polls lie on even minutes, so that the midpoint of two is a minute, and every minute has one state.
"""

import functools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.stores.calendar import to_us
from exporter.stores.engine import Policy
from exporter.stores.ranges import Range
from exporter.stores.report import make_report
from exporter.stores.state import Database

MINUTE = timedelta(minutes=1)
DOWN, UP, UNKNOWN = range(3)
CARRY, REACH = timedelta(hours=24), timedelta(minutes=90)
WINDOWS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
# No time of day that a change of the clocks leaves out or repeats: those have tests of their own.
TIMES_S = [0, 4 * 3600, 9 * 3600, 9 * 3600 + 60, 12 * 3600 + 1800, 17 * 3600 + 840, 22 * 3600, 86340, 86400]
ZONES = ["America/Chicago", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]
AS_OF = [datetime(2024, 3, 13, 15, 30, tzinfo=UTC), datetime(2024, 11, 6, 3, 0, tzinfo=UTC)]
"""Both some days after Chicago's clocks changed."""


class Model:
    """One store, by the rules as they are written down and nothing else."""

    def __init__(self, zone, hours, polls, as_of, interpolation, *, outside=False, within=None):
        self.zone, self.as_of, self.interpolation = ZoneInfo(zone), as_of, interpolation
        self.periods, self.exceptions = hours
        self.outside = outside
        self.first = as_of - WINDOWS["week"]
        if within:
            self.first = self.moment_of(within[0])
            self.as_of = as_of = min(as_of, max(self.first, self.moment_of(within[1])) + CARRY)
        horizon = self.first - CARRY
        minutes = [horizon - timedelta(days=2) + n * MINUTE for n in range(11 * 1440)]
        opened = {at: self.is_open(at) for at in minutes}
        self.segment = {}
        number = 0
        for before, at in zip([None, *minutes], minutes, strict=False):
            if opened[at]:
                number += before is None or before not in self.segment
                self.segment[at] = number
        self.business = {at for at in minutes if opened[at] is not False}
        self.polls = sorted(
            (at, up) for at, up in polls.items() if horizon <= at <= as_of and (outside or self.is_open(at))
        )

    def moment_of(self, edge):
        return edge.replace(tzinfo=edge.tzinfo or self.zone).astimezone(UTC)

    def is_within(self, at, start, end):
        """By the wall clock where an edge is one."""
        local = at.astimezone(self.zone).replace(tzinfo=None)
        return (at if start.tzinfo else local) >= start and (at if end.tzinfo else local) < end

    def is_open(self, at):
        """None where nobody knows."""
        local = at.astimezone(self.zone)
        second = local.hour * 3600 + local.minute * 60
        today, yesterday = (self.openings(local.date() - timedelta(days=n)) for n in (0, 1))
        if (None, None) in today:
            return None
        late = [end - 86400 for _, end in yesterday if end is not None]
        return any(start <= second < end for start, end in today) or any(second < end for end in late)

    @functools.cache  # noqa: B019, a model lives as long as its example
    def openings(self, day):
        """Those that begin on a date, without times where they are not known."""
        if day in self.exceptions:
            return self.exceptions[day]
        if not self.periods:
            return [(0, 86400)]
        began = [first for first in self.periods if first <= day]
        if not began:
            return [(None, None)]
        return [row[1:] for row in self.periods[max(began)] if row[0] == day.weekday()]

    def speaker(self, at):
        """The poll that speaks for this minute."""
        inside = self.polls_of(self.segment[at])
        if not inside:
            before = [p for p in self.polls if p[0] < at]
            return before[-1] if before else None
        if self.interpolation == "previous":
            return next((p for p in reversed(inside) if p[0] <= at), inside[0])
        if self.interpolation == "next":
            return next((p for p in inside if p[0] > at), inside[-1])
        return min(inside, key=lambda p: (abs(p[0] - at), -p[0].timestamp()))

    @functools.cache  # noqa: B019
    def polls_of(self, segment):
        """Those that may speak for a segment."""
        return [p for p in self.polls if self.outside or self.segment.get(p[0]) == segment]

    def times(self, length):
        """Microseconds (up, down, assumed, business) of the last `length`."""
        return self.sums(self.as_of - length + n * MINUTE for n in range(length // MINUTE))

    def sums(self, minutes):
        up = down = assumed = business = 0
        for at in minutes:
            business += at in self.business
            poll = self.speaker(at) if at in self.segment else None
            if poll is None or poll[1] == UNKNOWN or not poll[0] - CARRY <= at < poll[0] + CARRY:
                continue
            up, down = up + (poll[1] == UP), down + (poll[1] == DOWN)
            assumed += not poll[0] - REACH <= at < poll[0] + REACH
        return tuple(n * MINUTE // timedelta(microseconds=1) for n in (up, down, assumed, business))


@st.composite
def openings(draw):
    start = draw(st.sampled_from(TIMES_S[:-1]))
    end = draw(st.sampled_from(TIMES_S))
    return draw(st.integers(0, 6)), start, end if end > start else end + 86400


unreadable = st.tuples(st.integers(0, 6), st.none(), st.none())


@st.composite
def hours_of(draw, as_of):
    """The hours from each date on, and those of single dates."""
    dates = st.integers(-1, 11).map(lambda n: as_of.date() - timedelta(days=n))
    rows = st.sets(st.one_of(openings(), openings(), unreadable), min_size=1, max_size=6)
    periods = draw(st.dictionaries(dates, rows, max_size=3)) if draw(st.booleans()) else {}
    if always := draw(st.sets(openings(), max_size=6)):
        periods[date(1, 1, 1)] = always
    of_dates = st.lists(openings().map(lambda row: row[1:]), max_size=2)
    return periods, draw(st.dictionaries(dates, of_dates, max_size=3))


@st.composite
def a_store(draw, as_of):
    """A zone, hours and polls."""
    moments = st.integers(-600, 9 * 720).map(lambda n: as_of - n * 2 * MINUTE)
    polls = draw(st.dictionaries(moments, st.sampled_from([DOWN, UP, UP, UNKNOWN]), max_size=30))
    return draw(st.sampled_from(ZONES)), draw(hours_of(as_of)), polls


@st.composite
def worlds(draw, most=8):
    """A moment, and stores that are in one database: a report takes longer than their number adds."""
    as_of = draw(st.sampled_from(AS_OF))
    return as_of, draw(st.lists(a_store(as_of), min_size=1, max_size=most))


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    with Database(tmp_path_factory.mktemp("model") / "stores.duckdb") as opened:
        yield opened


def put(database, stores):
    """`stores`: (zone, hours, polls as pairs); the store_id of each is its place."""
    rows = {name: [] for name in ("stores", "hours", "exceptions", "polls")}
    for n, (zone, (periods, exceptions), polls) in enumerate(stores, 1):
        rows["stores"].append((n, f"{n:02}", zone))
        for first, of_period in periods.items():
            for weekday, start, end in of_period:
                times = (0, 86400, 1) if start is None else (start, end, 0)
                rows["hours"].append((n, weekday, *times, 0 if first.year == 1 else first.toordinal()))
        for day, of_date in exceptions.items():
            rows["exceptions"] += [(n, day.toordinal(), *times) for times in of_date or [(None, None)]]
        rows["polls"] += [(n, to_us(at), up, 1) for at, up in polls]
    columns = {
        "hours": "(store, weekday, start_s, end_s, doubt, from_day)",
        "exceptions": "(store, day, start_s, end_s)",
    }
    with database.writing() as cursor:
        for table, found in rows.items():
            cursor.execute(f"DELETE FROM {table}")
            if found:
                marks = ", ".join(f"({', '.join('?' * len(found[0]))})" for _ in found)
                cursor.execute(f"INSERT INTO {table} {columns.get(table, '')} VALUES {marks}", sum(found, ()))


def report(database, world, policy, within=None):
    """For each store and window, (up, down, assumed, business)."""
    as_of, stores = world
    put(database, [(zone, hours, polls.items()) for zone, hours, polls in stores])
    rows = make_report(database, policy, to_us(as_of), within).rows
    assert rows["store_id"].tolist() == [f"{n:02}" for n in range(1, len(stores) + 1)]
    parts = ("up", "down", "assumed", "business")
    return {
        window: list(zip(*(rows[f"{part}_{window}"].tolist() for part in parts), strict=True)) for window in WINDOWS
    }


def check(database, world, interpolation, *, outside):
    got = report(database, world, Policy(interpolation, use_outside_polls=outside))
    as_of, stores = world
    for n, (zone, hours, polls) in enumerate(stores):
        model = Model(zone, hours, polls, as_of, interpolation, outside=outside)
        for window, length in WINDOWS.items():
            assert got[window][n] == model.times(length), (n, window)


@st.composite
def ranges(draw, as_of):
    """Edges are whole days of a wall clock, or moments; also after the newest poll."""
    edges = st.one_of(
        st.integers(-7, 3).map(lambda n: datetime.combine(as_of.date(), datetime.min.time()) + n * WINDOWS["day"]),
        st.integers(-7 * 720, 2000).map(lambda n: as_of + n * 2 * MINUTE),
    )
    start = draw(edges)
    length = draw(st.sampled_from([2 * MINUTE, WINDOWS["hour"], WINDOWS["day"], 3 * WINDOWS["day"]]))
    return start, start + length


def check_range(database, world, interpolation, start, end, *, outside):
    got = report(database, world, Policy(interpolation, use_outside_polls=outside), Range(start, end, ""))["week"]
    as_of, stores = world
    for n, (zone, hours, polls) in enumerate(stores):
        model = Model(zone, hours, polls, as_of, interpolation, outside=outside, within=(start, end))
        want = model.sums(at for at in model.business if at < as_of and model.is_within(at, start, end))
        assert got[n] == want, n


INTERPOLATIONS = st.sampled_from(["nearest", "previous", "next"])


@pytest.mark.slow
@given(worlds(), INTERPOLATIONS, st.booleans())
@settings(max_examples=20)
def test_the_report_is_what_a_look_at_every_minute_finds(database, world, interpolation, outside):
    check(database, world, interpolation, outside=outside)


@pytest.mark.slow
@given(st.data(), worlds(4), INTERPOLATIONS, st.booleans())
@settings(max_examples=5)
def test_any_range_is_what_a_look_at_every_minute_finds(database, data, world, interpolation, outside):
    check_range(database, world, interpolation, *data.draw(ranges(world[0])), outside=outside)


@pytest.mark.slow
@given(worlds(), st.randoms())
@settings(max_examples=3)
def test_the_order_of_polls_does_not_matter(database, world, random):
    as_of, stores = world
    found = []
    for _ in range(2):
        orders = [(zone, hours, random.sample(list(polls.items()), len(polls))) for zone, hours, polls in stores]
        put(database, orders)
        rows = make_report(database, Policy(), to_us(as_of)).rows
        found.append({name: values.tolist() for name, values in rows.items()})
    assert found[0] == found[1]
