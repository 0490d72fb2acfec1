"""Patterns that are drawn: traffic that comes and goes, and cycles of changing length and height. No clock.

Draws come in rounds of about 32 cycles, and each round has exactly its length and its mean: the sum of independent
draws would wander. Where the run's length is known, rounds fill it, so that its mean is exact as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

import numpy as np

from trafficgen.plan.curve import Floats, Segment, Wave
from trafficgen.plan.jitter import BLOCK


class Bounds(NamedTuple):
    """The least and the greatest value of a uniform draw."""

    low: float
    high: float

    @property
    def mean(self) -> float:
        """What the draws have on average."""
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class Intermittent:
    """Traffic for a time, then none for a time, both exponential, with these means; the mean rate stays."""

    on_s: float
    off_s: float

    def steps(self, rng: np.random.Generator, duration_s: float | None) -> Iterator[tuple[float, float]]:
        """(end of the step, factor), in order."""
        cycle_s = self.on_s + self.off_s
        for begin_s, end_s, cycles in _rounds(cycle_s, duration_s):
            lengths = np.empty((cycles, 2))
            for column, mean_s in enumerate((self.on_s, self.off_s)):
                lengths[:, column] = _parts(rng.standard_exponential(cycles), (end_s - begin_s) * mean_s / cycle_s)
            factors = [cycle_s / self.on_s, 0.0]
            if rng.random() < self.off_s / cycle_s:  # it begins with either as often as a stranger would find it so
                lengths, factors = lengths[:, ::-1], factors[::-1]
            ends = (begin_s + np.cumsum(lengths.ravel())).tolist()
            yield from zip([*ends[:-1], end_s], factors * cycles, strict=True)
        yield from repeat((np.inf, 1.0))


@dataclass(frozen=True, slots=True)
class RandomTide:
    """Tides, each with a period and an amplitude drawn separately, and with the same mean."""

    mean_per_s: float
    amplitude: Bounds
    period_s: Bounds
    phase: float

    def segments(self, rng: np.random.Generator, duration_s: float | None) -> Iterator[Segment]:
        """Whole cycles, in order, without end where the run has none."""
        for begin_s, end_s, cycles in _rounds(self.period_s.mean, duration_s):
            periods = _parts(rng.uniform(*self.period_s, cycles), end_s - begin_s)
            ends = [*(begin_s + np.cumsum(periods[:-1])).tolist(), end_s]
            for start, end, amplitude in zip(
                [begin_s, *ends[:-1]], ends, rng.uniform(*self.amplitude, cycles).tolist(), strict=True
            ):
                wave = Wave(self.mean_per_s, amplitude, end - start, self.phase)
                yield Segment(start, end, wave, origin_s=start)


def _rounds(cycle_s: float, duration_s: float | None) -> Iterator[tuple[float, float, int]]:
    """(begin, end, cycles in it) of each round."""
    number, whole = 0, None if duration_s is None else max(1, round(duration_s / cycle_s))
    while whole is None or number < whole:
        cycles = BLOCK if whole is None else min(BLOCK, whole - number)
        unit_s = cycle_s if whole is None or duration_s is None else duration_s / whole
        end_s = duration_s if duration_s is not None and number + cycles == whole else (number + cycles) * unit_s
        yield number * unit_s, end_s, cycles
        number += cycles


def _parts(draws: Floats, whole: float) -> Floats:
    """Draws, all of them stretched alike so that their sum is `whole`."""
    parts: Floats = draws * (whole / draws.sum())
    return parts
