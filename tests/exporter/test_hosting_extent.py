"""What of a log is its body, and what a clock gone wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.hosting.caveats import cadence_s
from exporter.hosting.extent import DAY_S, Day, find_extent

MARCH = 19_783 * DAY_S


def days(*numbers, events=1440):
    return [Day(1, events, MARCH + number * DAY_S, MARCH + number * DAY_S + DAY_S - 60) for number in numbers]


@pytest.mark.parametrize(
    ("log", "first", "last", "outlying"),
    [
        pytest.param(days(0, 1, 2), 0, 2, 0, id="plain"),
        pytest.param(days(0, 1, 4), 0, 4, 0, id="an-outage-of-two-days"),
        pytest.param(days(0, 1, 20), 0, 20, 0, id="a-hole-between-large-parts"),
        pytest.param([*days(0, 1), *days(20, events=3)], 0, 1, 3, id="a-few-far-away"),
        pytest.param([*days(-4000, events=600), *days(0)], 0, 0, 600, id="many-of-another-decade"),
        pytest.param([*days(0), Day(0, 1, MARCH - DAY_S, MARCH - DAY_S)], -1, 0, 0, id="created-the-day-before"),
        pytest.param([*days(0), Day(0, 2, MARCH - 9 * DAY_S, MARCH - 9 * DAY_S)], 0, 0, 2, id="created-long-before"),
    ],
)
def test_the_body_of_a_log(log, first, last, outlying):
    found = find_extent(log)
    assert (found.first_s, found.last_s) == (MARCH + first * DAY_S, MARCH + last * DAY_S + DAY_S - 60)
    assert (found.outlying, found.pieces) == (outlying, [])


def test_two_large_parts_that_are_far_apart_are_named():
    assert [n for _, _, n in find_extent(days(0, 1, 400, 401)).pieces] == [2880, 2880]


def test_of_two_logs_the_one_in_the_bounds_is_taken():
    found = find_extent(days(0, 1, 400), MARCH + 399 * DAY_S, None)
    assert found.last_s == MARCH + 401 * DAY_S - 60


def test_customers_who_came_long_before_a_given_start_are_no_clocks_gone_wrong():
    log = [*days(0, 1), Day(0, 2, MARCH - 29 * DAY_S, MARCH - 29 * DAY_S)]
    assert find_extent(log, MARCH, None).outlying == 0
    assert find_extent([*log, *days(-400, events=2)], MARCH, None).outlying == 2  # whose heartbeats do not count


@given(st.integers(1, 40), st.integers(0, 24_000), st.integers(1, 14))
def test_one_wrong_clock_changes_nothing(length, wrong_day, lines):
    log = days(*range(length))
    wrong = Day(1, lines, wrong_day * DAY_S, wrong_day * DAY_S + 3600)
    want = find_extent(log)
    if abs(wrong.first_s - MARCH) > 50 * DAY_S:
        assert find_extent([*log, wrong])[:3] == (want.first_s, want.last_s, lines)


@pytest.mark.parametrize(
    ("gaps", "want"),
    [
        pytest.param([(60, 900), (120, 80), (3600, 1)], 60, id="with-holes"),
        pytest.param([(300, 100)], 300, id="five-minutes"),
        pytest.param([(240, 10), (300, 80), (360, 10)], 300, id="not-exact"),
        pytest.param([(300, 100), (600, 9), (900, 9), (86_400, 1)], 300, id="with-an-outage"),
        pytest.param([(300, 4)], 60, id="too-few"),
    ],
)
def test_the_interval_of_heartbeats(gaps, want):
    assert cadence_s(gaps, 60) == want
