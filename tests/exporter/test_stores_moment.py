"""The moment that reports are of where the newest polls are far from all others."""

from datetime import datetime

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_reports import a_report

from exporter.stores.calendar import DAY_US, HOUR_US
from exporter.stores.engine import Policy
from exporter.stores.figures import caveats
from exporter.stores.moment import GAP_US, Apart, find_apart, usual_newest_us
from exporter.stores.report import make_report, resolve_as_of

FIRST = 1_700_000_000_000_000
hours = st.lists(st.integers(0, 24 * 20), min_size=4, max_size=30).map(sorted)
gaps = st.lists(st.integers(GAP_US, 3000 * DAY_US), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def db():
    with duckdb.connect() as found:
        found.execute(
            "CREATE TABLE polls (store BIGINT, at_us BIGINT); CREATE TABLE stores (store BIGINT, store_id VARCHAR)"
        )
        found.execute("INSERT INTO stores VALUES (1, 's')")
        yield found


def put(db, times):
    db.execute("DELETE FROM polls")
    db.execute("INSERT INTO polls SELECT 1, unnest(?)", [times])


@settings(max_examples=20)
@given(hours, gaps)
def test_single_polls_long_after_all_others_are_named(db, at, gaps):
    usual = [FIRST + hour * HOUR_US for hour in at]
    late = [usual[-1] + sum(gaps[: n + 1]) for n in range(len(gaps))]
    put(db, usual + late)
    assert usual_newest_us(db) == usual[-1]
    assert find_apart(db, usual[-1]) is None
    assert find_apart(db, late[-1]) == Apart(len(late), late[0], "s", usual[-1])


@settings(max_examples=20)
@given(hours, st.integers(1, 3000))
def test_what_is_not_few_moves_it_whatever_the_pause(db, at, days):
    usual = [FIRST + hour * HOUR_US for hour in at]
    later = [time + 30 * DAY_US + days * DAY_US for time in usual]
    put(db, usual + later)
    assert usual_newest_us(db) == later[-1]
    assert find_apart(db, later[-1]) is None


@settings(max_examples=20)
@given(hours, st.integers(0, GAP_US - 1))
def test_a_poll_within_a_month_of_the_others_moves_it(db, at, gap):
    usual = [FIRST + hour * HOUR_US for hour in at]
    put(db, [*usual, usual[-1] + gap])
    assert usual_newest_us(db) == usual[-1] + gap


def test_without_polls_the_moment_is_the_clocks(db, stores_world):
    put(db, [])
    assert usual_newest_us(db) is None
    assert resolve_as_of(stores_world.database, "max", 5)[0] == 5


def test_a_wrong_year_is_reported_beside_the_figures(stores_world):
    rows = [f"s,active,2024-03-04 {hour:02}:00:00 UTC" for hour in range(10)]
    stores_world.load(status=[*rows, "t,active,2028-03-04 09:00:00 UTC"])
    as_of_us, _ = resolve_as_of(stores_world.database, "max", 0)
    assert as_of_us == stores_world.moment("2028-03-04 09:00")
    (told,) = [line for line in caveats(make_report(stores_world.database, Policy(), as_of_us)) if "30 days" in line]
    assert told.startswith(
        "1 poll lies more than 30 days after all others (the first at 2028-03-04T09:00:00Z of store t)"
    )
    assert told.endswith("name --as-of 2024-03-04T09:00:00Z")
    named = make_report(stores_world.database, Policy(), stores_world.moment("2024-03-04 09:00"))
    assert not [line for line in caveats(named) if "30 days" in line]
    assert int(named.rows["up_hour"].sum()) == HOUR_US


def test_what_is_named_explicitly_is_the_moment(stores_world):
    stores_world.load(status=["s,active,2024-03-04 09:00:00 UTC"])
    moment = stores_world.moment(str(datetime(2025, 1, 1)))  # noqa: DTZ001, a text
    assert resolve_as_of(stores_world.database, moment, 0)[0] == moment


def test_nothing_is_said_where_nothing_stands_apart():
    assert list(caveats(a_report([("a", 90, 10, 0, 100)]))) == []


def test_rows_set_aside_count_for_the_reports_that_rest_on_their_load(stores_world):
    good = [f"s,active,2024-03-04 {hour:02}:00:00 UTC" for hour in range(24)]
    stores_world.load(status=[*good, "s,active,yesterday"], hours=["s,0,nine,17:00"], timezones=["s,UTC"])
    assert set_aside(stores_world, "2024-03-05") == {"status": (25, 1), "hours": (1, 1), "timezones": (1, 0)}
    stores_world.load(status=[row.replace("2024-03", "2024-06") for row in good], hours=["s,0,09:00,17:00"])
    assert set_aside(stores_world, "2024-06-05") == {"status": (24, 0), "hours": (1, 0), "timezones": (1, 0)}
    assert set_aside(stores_world, "2024-03-05")["status"] == (49, 1)


def set_aside(world, as_of):
    return make_report(world.database, Policy(), world.moment(as_of)).loaded
