"""Ticks stand on round values of the clock where clocks go forward or back, too, evenly spaced in real time."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.stats.plot.clockticks import MOST_TICKS, axis_title, clock_ticks

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_S = 3600.0
ZONES = [UTC, BERLIN, *map(ZoneInfo, ("Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia"))]


def unix_s(*parts, zone=UTC):
    return datetime(*parts, tzinfo=zone).timestamp()


def clocks(ticks):
    return [tick.label.split("\n")[0] for tick in ticks]


def test_the_hour_that_passes_twice_has_its_ticks_twice():
    start_s = unix_s(2026, 10, 25, 0, 0)
    ticks = clock_ticks(start_s, start_s + 2.5 * HOUR_S, BERLIN)
    assert clocks(ticks) == ["02:00", "02:15", "02:30", "02:45"] * 2 + ["03:00", "03:15", "03:30"]
    assert {after.at_s - before.at_s for before, after in pairwise(ticks)} == {900.0}
    assert [tick.label for tick in ticks if "\n" in tick.label] == ["02:00\n25 Oct 2026", "02:00\nCET"]
    assert axis_title(start_s, start_s + 2.5 * HOUR_S, BERLIN) == "time (CEST, then CET)"


def test_the_hour_that_is_left_out_has_none():
    start_s = unix_s(2027, 3, 28, 0, 30)
    ticks = clock_ticks(start_s, start_s + HOUR_S, BERLIN)
    assert clocks(ticks)[::3] == ["01:30", "01:45", "03:00", "03:15", "03:30"]


@pytest.mark.parametrize(
    ("span_s", "want"),
    [
        (0.0, ["00:00:00.000\n25 Nov 2026"]),
        (0.004, ["00:00:00.000\n25 Nov 2026", "00:00:00.001", "00:00:00.002", "00:00:00.003", "00:00:00.004"]),
        (3.0, ["00:00:00.000\n25 Nov 2026", *(f"00:00:0{n / 2:.3f}" for n in range(1, 7))]),
        (12 * 600, ["00:00\n25 Nov 2026", *(f"{n // 6:02}:{n % 6}0" for n in range(1, 13))]),
        (
            2 * 86_400,
            [
                "00:00\n25 Nov 2026",
                *("06:00", "12:00", "18:00", "00:00\n26 Nov"),
                *("06:00", "12:00", "18:00", "00:00\n27 Nov"),
            ],
        ),
        (8 * 86_400, ["25 Nov\n2026", "26 Nov", "27 Nov", "28 Nov", "29 Nov", "30 Nov", "1 Dec", "2 Dec", "3 Dec"]),
        (50 * 86_400, ["30 Nov\n2026", "7 Dec", "14 Dec", "21 Dec", "28 Dec", "4 Jan\n2027", "11 Jan"]),
        (
            365 * 86_400,
            ["Dec\n2026", "Jan\n2027", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov"],
        ),
    ],
)
def test_the_finest_step_that_fits(span_s, want):
    start_s = unix_s(2026, 11, 25)
    assert [tick.label for tick in clock_ticks(start_s, start_s + span_s, UTC)] == want


@given(
    st.sampled_from(ZONES),
    st.floats(0, 2e9),
    st.floats(1, 400 * 86_400),
)
def test_ticks_are_few_round_in_order_and_inside(zone, start_s, span_s):
    ticks = clock_ticks(start_s, start_s + span_s, zone)
    assert len(ticks) <= MOST_TICKS
    assert [tick.at_s for tick in ticks] == sorted({tick.at_s for tick in ticks})
    assert all(start_s <= tick.at_s <= start_s + span_s for tick in ticks)
    for tick in ticks:
        clock, at = tick.label.split("\n")[0], datetime.fromtimestamp(tick.at_s, zone)
        if ":" in clock:
            assert f"{at:%H:%M:%S.%f}".startswith(clock)
        else:
            before = datetime.fromtimestamp(tick.at_s - 1, zone)
            assert at.date() > before.date(), "the beginning of a day"


@given(st.sampled_from(ZONES), st.integers(0, 2**31 - 1), st.integers(3, 12))
def test_ticks_of_quarters_are_a_quarter_apart_whatever_clocks_do(zone, start_s, quarters):
    ticks = clock_ticks(start_s, start_s + quarters * 900.0, zone)
    offsets = {datetime.fromtimestamp(start_s + n * 60, zone).utcoffset() for n in range(quarters * 15 + 1)}
    if all(offset % timedelta(minutes=15) == timedelta(0) for offset in offsets):
        steps = {after.at_s - before.at_s for before, after in pairwise(ticks)}
        assert len(steps) <= 1


def test_a_year_has_the_zone_in_its_title():
    start_s = unix_s(2026, 1, 1)
    assert axis_title(start_s, start_s + 365 * 86_400, BERLIN) == "time (Europe/Berlin)"
    assert axis_title(start_s, start_s, UTC) == "time (UTC)"
