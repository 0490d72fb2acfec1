"""Integrals of rate curves, and their inverses."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficgen.plan.curve import Line, Segment, Wave, modulate, until

rates = st.floats(0, 1e5)
waves = st.builds(Wave, st.floats(0.1, 1e5), st.floats(0, 1), st.floats(1, 1e5), st.floats(0, 1))
# a line that is nowhere negative in the 100 s that the segments below span
lines = st.builds(lambda first, last: Line(first, (last - first) / 100), rates, rates)
shapes = st.one_of(lines, waves)
segments = st.builds(
    lambda shape, start, length, factor: Segment(start, start + length, shape, 0.0, factor),
    shapes, st.floats(0, 50), st.floats(0.01, 50), st.floats(0.01, 10),
)  # fmt: skip


@settings(max_examples=25)
@given(segments, st.floats(0, 1))
def test_the_area_of_a_segment_is_the_sum_of_its_parts(segment, share):
    middle = segment.start_s + share * (segment.end_s - segment.start_s)
    parts = segment.cut(segment.start_s, middle).area() + segment.cut(middle, segment.end_s).area()
    assert parts == pytest.approx(segment.area(), rel=1e-9, abs=1e-9)


@settings(max_examples=25)
@given(segments, st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_when_is_the_inverse_of_the_area(segment, shares):
    areas = np.sort(np.array(shares)) * segment.area()
    times = segment.when(areas)
    assert np.all(np.diff(times) >= -1e-9)
    assert np.all((times >= segment.start_s) & (times <= segment.end_s))
    back = [segment.cut(segment.start_s, at).area() for at in times]
    assert back == pytest.approx(areas.tolist(), rel=1e-6, abs=1e-6)


@settings(max_examples=25)
@given(segments)
def test_the_area_is_the_integral_of_the_rate(segment):
    edges = np.linspace(segment.start_s, segment.end_s, 1001)
    middles = (edges[1:] + edges[:-1]) / 2
    brute = math.fsum(segment.rate(at) for at in middles) * (segment.end_s - segment.start_s) / 1000
    assert brute == pytest.approx(segment.area(), rel=1e-3, abs=1e-3)


def test_a_tide_that_touches_zero_is_still_inverted():
    segment = Segment(0, 60, Wave(100.0, 1.0, 60.0, 0.5))
    times = segment.when(np.arange(0.0, 6000.0))
    assert np.all(np.diff(times) > 0)
    assert [segment.cut(0, at).area() for at in times[::500]] == pytest.approx(list(range(0, 6000, 500)), abs=1e-6)


def test_a_rate_of_zero_has_no_area_and_ends():
    assert Segment(3, 9, Line(0.0)).area() == 0
    assert Segment(3, 9, Line(0.0)).when(np.array([0.0])).tolist() == [3.0]


def test_modulate_multiplies_piece_by_piece():
    steps = [(1.0, 2.0), (2.5, 0.0), (4.0, 1.0), (math.inf, 3.0)]
    pieces = list(modulate(iter([Segment(0, 2, Line(10.0)), Segment(2, 6, Line(20.0))]), iter(steps)))
    got = [(piece.start_s, piece.end_s, piece.rate(piece.start_s)) for piece in pieces]
    assert got == [(0, 1, 20), (1, 2, 0), (2, 2.5, 0), (2.5, 4, 20), (4, 6, 60)]


def test_until_cuts_an_endless_curve():
    curve = modulate(iter([Segment(0, math.inf, Line(1.0))]), ((float(n), 1.0) for n in itertools.count(1)))
    assert [piece.end_s for piece in until(curve, 2.5)] == [1.0, 2.0, 2.5]
