"""Rate curves and their integrals. Pure: no clock, no randomness.

A curve is a stream of segments in order of time. Each is smooth and knows its integral in closed form, so that
"request n is due where the integral reaches n" has one answer, however long the run is and however it is cut.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

_NEWTON_STEPS = 60  # bisection alone needs 52 for a double; Newton mostly ends after 4
_CLOSE_S = 1e-12


@dataclass(frozen=True, slots=True)
class Line:
    """A rate that is `rate_per_s` at time 0 of the shape and then changes by `slope` each second."""

    rate_per_s: float
    slope: float = 0.0

    def rate(self, at_s: float) -> float:
        """Requests per second at `at_s`."""
        return self.rate_per_s + self.slope * at_s

    def area(self, start_s: float, end_s: float) -> float:
        """Requests between the two times."""
        return (end_s - start_s) * self.rate((start_s + end_s) / 2)

    def solve(self, start_s: float, end_s: float, areas: Floats) -> Floats:
        """How long after `start_s` the area from there reaches each of `areas`: the stable root of the quadratic."""
        del end_s
        first = self.rate(start_s)
        bottom = first + np.sqrt(np.maximum(first * first + 2 * self.slope * areas, 0.0))
        return np.divide(2 * areas, bottom, out=np.zeros_like(areas), where=bottom > 0)


@dataclass(frozen=True, slots=True)
class Wave:
    """A tide: mean * (1 + amplitude * sin(2 pi (t / period + phase))), amplitude in [0, 1]."""

    mean_per_s: float
    amplitude: float
    period_s: float
    phase: float = 0.0  # of a period

    def rate(self, at_s: float) -> float:
        """Requests per second at `at_s`."""
        return self.mean_per_s * (1 + self.amplitude * math.sin(2 * math.pi * (at_s / self.period_s + self.phase)))

    def area(self, start_s: float, end_s: float) -> float:
        """Requests between the two times."""
        return float(self._areas(start_s, np.array([end_s - start_s]))[0])

    def solve(self, start_s: float, end_s: float, areas: Floats) -> Floats:
        """How long after `start_s` the area from there reaches each of `areas`: Newton, kept inside a bisection."""
        low, high = np.zeros_like(areas), np.full_like(areas, end_s - start_s)
        whole = self.area(start_s, end_s)
        guess = areas * ((end_s - start_s) / whole) if whole > 0 else low.copy()
        for _ in range(_NEWTON_STEPS):
            miss = self._areas(start_s, guess) - areas
            low, high = np.where(miss < 0, guess, low), np.where(miss >= 0, guess, high)
            slope = self._rates(start_s + guess)
            step = np.divide(miss, slope, out=np.full_like(miss, np.inf), where=slope > 0)
            better = guess - step
            better = np.where((better >= low) & (better <= high), better, (low + high) / 2)
            if np.all(np.abs(better - guess) < _CLOSE_S):
                return better
            guess = better
        return guess

    def _rates(self, at_s: Floats) -> Floats:
        return self.mean_per_s * (1 + self.amplitude * np.sin(2 * np.pi * (at_s / self.period_s + self.phase)))

    def _areas(self, start_s: float, after_s: Floats) -> Floats:
        turn = 2 * math.pi / self.period_s
        begin = turn * start_s + 2 * math.pi * self.phase
        # cos a - cos b as a product: the difference of two close cosines would lose digits
        swing = 2 * np.sin(begin + turn * after_s / 2) * np.sin(turn * after_s / 2)
        return self.mean_per_s * (after_s + self.amplitude / turn * swing)


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece [start_s, end_s) of a curve: `factor` x `shape`, whose own time 0 lies at `origin_s`."""

    start_s: float
    end_s: float  # may be infinite
    shape: Line | Wave
    origin_s: float = 0.0
    factor: float = 1.0

    def rate(self, at_s: float) -> float:
        """Requests per second at `at_s`."""
        return self.factor * self.shape.rate(at_s - self.origin_s)

    def area(self) -> float:
        """Requests in the whole segment, a real number."""
        return self.factor * self.shape.area(self.start_s - self.origin_s, self.end_s - self.origin_s)

    def when(self, areas: Floats) -> Floats:
        """The times at which the area since `start_s` reaches each of `areas`, all of them in [0, area()]."""
        if not self.factor:
            return np.full_like(areas, self.start_s)
        start, end = self.start_s - self.origin_s, self.end_s - self.origin_s
        return np.clip(self.start_s + self.shape.solve(start, end, areas / self.factor), self.start_s, self.end_s)

    def cut(self, start_s: float, end_s: float) -> "Segment":
        """The part of this segment in [start_s, end_s), which must lie inside it."""
        return replace(self, start_s=start_s, end_s=end_s)

    def scaled(self, factor: float) -> "Segment":
        """The same shape, `factor` times as high."""
        return replace(self, factor=self.factor * factor)

    def shifted(self, by_s: float) -> "Segment":
        """The same segment `by_s` later."""
        return replace(self, start_s=self.start_s + by_s, end_s=self.end_s + by_s, origin_s=self.origin_s + by_s)


def until(segments: Iterator[Segment], end_s: float) -> Iterator[Segment]:
    """The curve up to `end_s`."""
    for segment in segments:
        if segment.start_s >= end_s:
            return
        yield segment if segment.end_s <= end_s else segment.cut(segment.start_s, end_s)


def modulate(segments: Iterator[Segment], factors: Iterator[tuple[float, float]]) -> Iterator[Segment]:
    """The curve times a step function, given as (end of the step, factor), in order and without end."""
    step_end, factor = next(factors)
    for whole in segments:
        rest = whole
        while step_end < rest.end_s:
            if step_end > rest.start_s:
                yield rest.cut(rest.start_s, step_end).scaled(factor)
                rest = rest.cut(step_end, rest.end_s)
            step_end, factor = next(factors)
        yield rest.scaled(factor)
