"""Histograms: error, merging, size."""

import pickle

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trafficgen.meter.histogram import BOUNDS_S, Histogram

times = st.lists(st.integers(0, 3_600_000_000_000), max_size=50)


def of(values):
    histogram = Histogram()
    histogram.record(values)
    return histogram


def told(histogram):
    return (
        histogram.counts.tolist(), histogram.classic.tolist(), histogram.count, histogram.sum_ns, histogram.max_ns
    )  # fmt: skip


@settings(max_examples=25)
@given(times)
def test_count_sum_and_maximum_are_exact_of_a_list_and_of_an_array(values):
    assert told(of(np.array(values, dtype=np.int64))) == told(of(values))
    assert told(of(values))[2:] == (len(values), sum(values), max(values, default=0))


@settings(max_examples=25)
@given(times, times)
def test_merging_is_recording_together(first, second):
    merged = of(first)
    merged.merge(of(second))
    assert told(merged) == told(of(second + first))


@settings(max_examples=25)
@given(times)
def test_a_pickled_histogram_is_the_same(values):
    assert told(pickle.loads(pickle.dumps(of(values)))) == told(of(values))


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99, 0.999])
def test_quantiles_are_within_half_a_percent(q):
    values = (10 ** np.random.default_rng(1).uniform(4, 10, 20_000)).astype(int)
    exact = np.sort(values)[int(q * len(values))] / 1e9
    assert of(values.tolist()).quantile_s(q) == pytest.approx(exact, rel=0.005)


def test_no_quantile_exceeds_the_maximum_and_without_values_there_is_none():
    assert of([1_000_000]).quantile_s(0.99) <= 0.001
    nothing = of([])
    assert (nothing.quantile_s(0.99), nothing.mean_s(), nothing.most_s()) == (None, None, None)


def test_classic_buckets_are_exact_at_their_bounds():
    bounds_ns = [round(bound * 1e9) for bound in BOUNDS_S]
    assert of(bounds_ns).classic.tolist() == [1] * len(BOUNDS_S) + [0]
    assert of([ns + 1 for ns in bounds_ns]).classic.tolist() == [0] + [1] * len(BOUNDS_S)
    assert of([1, 100_000_000, 100_000_001, 10**13]).above(0.1) == 2


def test_memory_does_not_grow_with_the_count():
    histogram = Histogram()
    size = histogram.counts.nbytes
    for _ in range(10):
        histogram.record(list(range(0, 10**10, 10**6)))
    assert histogram.counts.nbytes == size < 64_000
    assert histogram.count == 100_000


@settings(max_examples=25)
@given(st.lists(st.sampled_from([10**6, 10**9]), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_a_quantile_is_slow_where_the_share_above_it_is(values, q):
    slow = values.count(10**9) / len(values)
    assume(abs(slow - (1 - q)) > 1e-9 or q == 0.5)  # a share that is no binary fraction is met by neither side exactly
    assert (of(values).quantile_s(q) > 0.5) is (slow >= 1 - q)


@pytest.mark.parametrize("q", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_the_slow_share_itself_is_enough(q):
    slow = round((1 - q) * 1000)
    assert of([10**6] * (1000 - slow) + [10**9] * slow).quantile_s(q) == pytest.approx(1.0, rel=0.005)


def test_what_was_counted_since_a_copy():
    histogram = of([10**9] * 9)
    copy = histogram.copy()
    histogram.record([10**6] * 4)
    later = histogram.since(copy)
    assert (copy.count, later.count, later.sum_ns) == (9, 4, 4 * 10**6)
    assert later.quantile_s(0.99) == pytest.approx(0.001, rel=0.005)
    assert later.above(0.1) == 0
    assert histogram.since(histogram.copy()).quantile_s(0.5) is None
