"""Interval algebra against sets of integers, and the laws that reports rest on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.timeline import (
    Span,
    complement,
    contains,
    cut,
    duration,
    durations,
    follow,
    intersect,
    merge,
    paint,
    subtract,
    union,
    where,
)

WINDOW = (0, 30)
intervals = st.lists(st.tuples(st.integers(-5, 35), st.integers(-5, 35)), max_size=6)
windows = st.tuples(st.integers(-2, 15), st.integers(10, 32))
states = st.sampled_from("abc")


def seconds(pieces):
    return {second for start, end in pieces for second in range(start, end)}


def is_normal(pieces):
    edges = [edge for piece in pieces for edge in piece]
    return edges == sorted(set(edges))


@given(intervals, intervals)
def test_sets_of_time_behave_as_sets_of_seconds(a, b):
    for got, want in (
        (union(a, b), seconds(a) | seconds(b)),
        (intersect(a, b), seconds(a) & seconds(b)),
        (subtract(a, b), seconds(a) - seconds(b)),
        (complement(a, WINDOW), set(range(*WINDOW)) - seconds(a)),
    ):
        assert seconds(got) == want
        assert is_normal(got)
        assert duration(got) == len(want)


@given(intervals, st.integers(-6, 36))
def test_contains_is_membership(a, time):
    assert contains(union(a), time) == (time in seconds(a))


@given(windows, st.lists(st.tuples(states, intervals), max_size=4))
def test_painted_states_partition_the_window_and_the_last_layer_wins(window, layers):
    spans = paint(window, "base", *layers)
    want = {}
    for second in range(*window):
        over = [state for state, pieces in layers if second in seconds(pieces)]
        want[second] = over[-1] if over else "base"
    assert {t: span.state for span in spans for t in range(span.start, span.end)} == want
    assert sum(durations(spans).values()) == max(0, window[1] - window[0])
    assert merge(spans) == spans


@given(windows, st.lists(st.tuples(st.integers(-5, 35), states), max_size=6))
def test_following_changes_takes_the_last_change_at_or_before_each_second(window, changes):
    spans = follow(changes, window, "before")
    for second in range(*window):
        past = [change for change in changes if change[0] <= second]
        last = max(change[0] for change in past) if past else None
        want = [state for time, state in past if time == last][-1] if past else "before"
        assert [span.state for span in spans if span.start <= second < span.end] == [want]


@given(windows, st.lists(st.tuples(states, intervals), max_size=4), st.integers(0, 30))
def test_durations_are_additive_under_a_cut(window, layers, at):
    spans = paint(window, "base", *layers)
    left, right = cut(spans, (window[0], at)), cut(spans, (at, window[1]))
    assert durations(left) + durations(right) == durations(spans)


@pytest.mark.parametrize(
    ("spans", "want"),
    [
        pytest.param([Span(0, 1, "a"), Span(1, 2, "a")], [Span(0, 2, "a")], id="neighbours"),
        pytest.param([Span(0, 1, "a"), Span(2, 3, "a")], [Span(0, 1, "a"), Span(2, 3, "a")], id="gap-stays"),
        pytest.param([Span(0, 1, "a"), Span(1, 1, "b"), Span(1, 2, "a")], [Span(0, 2, "a")], id="empty-span"),
    ],
)
def test_merge_joins_what_touches(spans, want):
    assert merge(spans) == want


def test_where_gives_the_time_of_one_state():
    assert where([Span(0, 1, "a"), Span(1, 3, "b"), Span(3, 4, "a")], "a") == [(0, 1), (3, 4)]
