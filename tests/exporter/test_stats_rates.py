"""Rates are exact: by example, against a slow twin, and by laws."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.stats.plot.bulk import read_records
from exporter.stats.plot.rates import broken, find_gaps, in_order, lone, outline, rates

SHARED = Path(os.environ.get("TIDEWATCH_SHARED", Path(__file__).resolve().parents[2] / ".." / "shared"))
REAL = SHARED / "data" / "003-website-monitoring"
NAN = float("nan")


def make(rows):
    """Series of one counter from (time, count) pairs."""
    table = np.array(rows, float).reshape(-1, 2)
    return in_order(table[:, 0], table[:, 1:])[0]


def one(rows, delta_s):
    return [None if np.isnan(value) else value for value in rates(make(rows), delta_s)[:, 0].tolist()]


@pytest.mark.parametrize(
    ("rows", "delta_s", "want"),
    [
        pytest.param([(0, 0), (10, 50), (20, 70)], 10, [None, 5, 2], id="exact"),
        pytest.param([(0, 0), (10, 50), (20, 70)], 20, [None, None, 3.5], id="longer"),
        pytest.param([(0, 0), (10, 50), (20, 70)], 5, [None, 5, 2], id="shorter-than-a-step"),
        pytest.param([(0, 0), (11, 22), (20, 40)], 10, [None, 2, 2], id="between-rows"),
        pytest.param([(0, 100), (10, 150), (20, 30)], 10, [None, 5, 3], id="reset-counts-from-zero"),
        pytest.param([(20, 70), (0, 0), (10, 50)], 10, [None, 5, 2], id="unordered"),
        pytest.param([(0, 0), (10, 49), (10, 50), (20, 70)], 10, [None, 5, 2], id="twice"),
        pytest.param([(0, 7), (10, 7), (20, 7)], 10, [None, 0, 0], id="constant"),
        pytest.param([(0, 0), (10, 10), (20, 20), (60, 60), (70, 70)], 10, [None, 1, 1, None, 1], id="gap"),
        pytest.param(
            [(0, 0), (10, 10), (20, 20), (60, 60), (70, 70)], 40, [None, None, None, 1, 1], id="gap-not-longer"
        ),
        pytest.param([(0, 0), (10, 10), (20, 20), (50, 50), (60, 60)], 10, [None, 1, 1, 1, 1], id="three-steps-no-gap"),
        pytest.param([(0, 5)], 10, [None], id="one-row"),
        pytest.param([], 10, [], id="no-row"),
    ],
)
def test_rates_by_example(rows, delta_s, want):
    assert one(rows, delta_s) == want


def test_resets_are_marked_where_the_counter_fell():
    assert make([(0, 100), (10, 150), (20, 30), (30, 30), (40, 0)]).resets[:, 0].tolist() == [
        False,
        False,
        True,
        False,
        True,
    ]


def test_each_record_knows_the_row_of_its_time():
    series, row_of = in_order(np.array([5.0, 3.0, 5.0, 4.0]), np.array([[1.0], [2.0], [3.0], [4.0]]))
    assert (series.times.tolist(), row_of.tolist()) == ([3, 4, 5], [0, 1, 2, 2])
    assert series.grown[:, 0].tolist() == [2, 4, 7]  # 2, then 4, then reset to 3, the last one given for its time


def twin(rows, delta_s):
    """The definition, word by word."""
    latest = dict(rows)
    times = sorted(latest)
    grown, total, before = {}, 0.0, 0.0
    for time in times:
        count = latest[time]
        total += count - before if count >= before else count
        before = count
        grown[time] = total
    steps = sorted(b - a for a, b in itertools.pairwise(times))
    result = []
    for time in times:
        moment = time - delta_s
        left = max((t for t in times if t <= moment), default=None)
        if left is None or len(times) < 2:
            result.append(None)
        elif left == moment:
            result.append((grown[time] - grown[left]) / delta_s)
        else:
            right = min(t for t in times if t > moment)
            step = right - left
            usual = (steps[(len(steps) - 1) // 2] + steps[len(steps) // 2]) / 2
            if step > delta_s and step > 3 * usual:
                result.append(None)
            else:
                then = grown[left] + (moment - left) / step * (grown[right] - grown[left])
                result.append((grown[time] - then) / delta_s)
    return result


rows_of_any_kind = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=12)


@given(rows_of_any_kind, st.integers(1, 30))
def test_rates_are_those_of_the_definition(rows, delta_s):
    assert one(rows, delta_s) == pytest.approx(twin(rows, delta_s))


@given(rows_of_any_kind, st.integers(1, 30), st.randoms())
def test_the_order_of_rows_does_not_matter(rows, delta_s, random):
    rows = list(dict(rows).items())
    shuffled = random.sample(rows, len(rows))
    assert one(rows, delta_s) == one(shuffled, delta_s)


@given(st.lists(st.integers(1, 30), min_size=2, max_size=20), st.integers(1, 50), st.integers(1, 100))
def test_a_steady_counter_has_a_steady_rate(steps, delta_s, per_second):
    times = np.cumsum(steps)
    got = [value for value in one([(time, time * per_second) for time in times], delta_s) if value is not None]
    assert got == pytest.approx([per_second] * len(got))


values = st.one_of(st.just(NAN), st.floats(0, 1e6))


@given(st.lists(values, min_size=1, max_size=200), st.integers(1, 20))
def test_an_outline_keeps_peaks_ends_and_is_short(values, bins):
    times, values = np.arange(len(values), dtype=float), np.array(values)
    line = outline(times, values, bins)
    assert len(line.times) <= max(4 * bins, 1)
    assert (np.diff(line.times) >= 0).all()
    np.testing.assert_array_equal(
        [np.nanmin(line.values, initial=np.inf), np.nanmax(line.values, initial=-np.inf), line.values[-1]],
        [np.nanmin(values, initial=np.inf), np.nanmax(values, initial=-np.inf), values[-1]],
    )


def test_an_outline_keeps_a_gap():
    times = np.concatenate([np.arange(0.0, 100), np.arange(500.0, 600)])
    values = np.where(times == 500, NAN, 1.0)
    line = outline(times, values, 20)
    assert np.isnan(line.values[np.searchsorted(line.times, 500)])


def test_gauges_are_as_they_are_and_in_the_order_of_time():
    times, counts = np.array([3.0, 1.0, 2.0, 2.0]), np.array([[7.0, 5], [-4, 1], [9, 9], [2, 3]])
    series, _ = in_order(times, counts, gauges=[0])
    assert (series.gauges.tolist(), series.grown.tolist(), series.resets.any()) == (
        [[-4], [2], [7]],
        [[1], [3], [5]],
        False,
    )


@given(st.lists(st.integers(1, 9), min_size=1, max_size=400), st.sampled_from([1, 10, 60]))
def test_no_step_near_the_usual_one_is_a_gap_and_one_far_from_it_is(steps, interval_s):
    steps = np.array(steps) * 0.2 * interval_s + interval_s  # within 1.2 to 2.8 intervals
    assert not find_gaps(np.cumsum(np.append(0.0, steps))).any()
    steps[len(steps) // 2] = 9 * interval_s
    if len(steps) > 2:
        assert np.flatnonzero(find_gaps(np.cumsum(np.append(0.0, steps)))).tolist() == [len(steps) // 2]


@pytest.mark.parametrize("counts", [(65, 65), (100, 65), (500, 97), (70, 400)])
@pytest.mark.parametrize("intervals_s", [(10, 60), (60, 10), (1, 3600)])
def test_a_change_of_the_interval_is_no_gap(counts, intervals_s):
    times = np.cumsum(np.repeat(np.array(intervals_s, float), counts))
    series, _ = in_order(times, times[:, None])
    assert not series.gaps.any()
    assert np.isfinite(rates(series, 5.0)[times >= times[0] + 5]).all()


def test_no_line_leads_over_a_gap_and_what_stands_alone_is_known():
    times, values = np.array([0.0, 10, 20, 100, 110]), np.array([1.0, 2, 3, 4, 5])
    apart, line = broken(times, values, find_gaps(times))
    assert (apart.tolist(), line.tolist()[:3], line.tolist()[4:]) == ([0, 10, 20, 60, 100, 110], [1, 2, 3], [4, 5])
    assert np.isnan(line[3])
    assert lone(np.array([1.0, NAN, 2, 3, NAN, NAN, 4])).tolist() == [0, 6]
    assert lone(np.array([5.0])).tolist() == [0]


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/data is absent")
@pytest.mark.parametrize(
    ("file", "rows", "overall", "exact", "means"),
    [
        pytest.param(
            "kilgore-output.tsv", 381, ["4.4679", "4.4132", "8.8246"], 347, ["4.4751", "4.4164", "8.8193"], id="kilgore"
        ),
        pytest.param(
            "stanton-output-86d8c61.tsv",
            302,
            ["19.8278", "454.5514", "24.7196"],
            272,
            ["19.8439", "455.1718", "24.7789"],
            id="stanton",
        ),
    ],
)
def test_real_files_give_their_known_rates_to_the_last_digit(file, rows, overall, exact, means):
    with (REAL / file).open("rb") as stream:
        records = read_records(stream, ("time", "500", "200", "404"), file)
    series, _ = in_order(records.times, records.counts)
    assert (len(records.times), records.problems, series.resets.any()) == (rows, [], False)
    span_s = series.times[-1] - series.times[0]
    assert [f"{rate:.4f}" for rate in (series.grown[-1] - series.grown[0]) / span_s] == overall
    minutes = rates(series, 60.0)[np.isin(series.times - 60, series.times)]
    assert len(minutes) == exact
    assert [f"{mean:.4f}" for mean in minutes.mean(axis=0)] == means


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/data is absent")
def test_a_real_file_with_a_reset_in_a_long_gap():
    with (REAL / "stanton-output-ae0d1dc.tsv").open("rb") as stream:
        records = read_records(stream, ("time", "500", "200", "404"), "x")
    series, _ = in_order(records.times, records.counts)
    (reset,) = np.flatnonzero(series.resets.any(axis=1))
    assert (series.times[reset] - series.times[reset - 1], records.unreadable) == (141577, 3)
    minute = rates(series, 60.0)
    assert np.isnan(minute[reset]).all()
    assert np.nanmax(minute) < 25
