"""Interval algebra against sets of integers."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.timeline import intersect, union

intervals = st.lists(st.tuples(st.integers(-5, 35), st.integers(-5, 35)), max_size=6)


def seconds(pieces):
    return {second for start, end in pieces for second in range(start, end)}


def is_normal(pieces):
    edges = [edge for piece in pieces for edge in piece]
    return edges == sorted(set(edges))


@given(intervals, intervals)
def test_sets_of_time_behave_as_sets_of_seconds(a, b):
    for got, want in ((union(a, b), seconds(a) | seconds(b)), (intersect(a, b), seconds(a) & seconds(b))):
        assert seconds(got) == want
        assert is_normal(got)
        assert sum(end - start for start, end in got) == len(want)
