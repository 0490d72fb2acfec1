"""Counters over time to rates. Pure arithmetic on arrays.

The rate at a record is the counter now minus the counter `delta_s` ago, divided by `delta_s`. A counter that fell was
reset and counts from zero, as Prometheus has it.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

GAP_STEPS = 3  # a step this many times the usual one is a gap
_USUAL_OF = 64  # steps whose median is the usual one: an interval may change within a file


class Series(NamedTuple):
    """Counters and gauges in the order of time, each time once.

    times: (times,), Unix seconds, rising. grown: (times, counters), with their resets taken out, so that they only
    rise. resets: (times, counters), true where one had fallen since the time before. gauges: (times, gauges), as they
    are. gaps: (times,), true where the step to the next time is a gap.
    """

    times: Floats
    grown: Floats
    resets: NDArray[np.bool_]
    gauges: Floats
    gaps: NDArray[np.bool_]


def in_order(times: Floats, counts: Floats, gauges: Sequence[int] = ()) -> tuple[Series, NDArray[np.intp]]:
    """Records in any order to `Series`; of records with the same time the last one given counts.

    Args:
        times: (rows,).
        counts: (rows, series).
        gauges: which of the series are not counters.

    Returns:
        The series, and for each record, in the order of time, the index of its time in it: (rows,).
    """
    if np.any(times[1:] <= times[:-1]):
        order = np.argsort(times, kind="stable")
        times, counts = times[order], counts[order]
    last_of_time = np.append(times[1:] != times[:-1], np.ones(min(1, len(times)), bool))
    row_of = np.cumsum(last_of_time) - last_of_time
    if not last_of_time.all():
        times, counts = times[last_of_time], counts[last_of_time]
    values = counts[:, list(gauges)]
    counts = np.delete(counts, list(gauges), axis=1) if gauges else counts
    resets = np.zeros(counts.shape, bool)
    resets[1:] = counts[1:] < counts[:-1]
    grown = counts.copy()
    grown[1:] -= np.where(resets[1:], 0.0, counts[:-1])
    return Series(times, np.cumsum(grown, axis=0, out=grown), resets, values, find_gaps(times)), row_of


def find_gaps(times: Floats) -> NDArray[np.bool_]:
    """Where the step to the next time is longer than `GAP_STEPS` of the usual (median) steps around it: (times,)."""
    gaps = np.zeros(len(times), bool)
    steps = np.diff(times)
    if len(steps):
        whole = len(steps) // _USUAL_OF * _USUAL_OF
        parts = [*np.median(steps[:whole].reshape(-1, _USUAL_OF), axis=1)] if whole else []
        if whole < len(steps) or not parts:
            parts.append(np.median(steps[-_USUAL_OF:]))
        padded = np.array([parts[0], *parts, parts[-1]])
        usual = np.max([padded[:-2], padded[1:-1], padded[2:]], axis=0)  # else each change of the interval were gaps
        gaps[:-1] = steps > GAP_STEPS * np.repeat(usual, _USUAL_OF)[: len(steps)]
    return gaps


def rates(series: Series, delta_s: float) -> Floats:
    """Rates per second over the `delta_s` before each time: (times, series), NaN where there is none.

    Where no record lies exactly `delta_s` earlier the counter is interpolated between its neighbours. There is no rate
    when that moment lies before the first record, or inside a gap that is longer than `delta_s`.
    """
    times, grown = series.times, series.grown
    result = np.full(grown.shape, np.nan)
    if len(times) < 2:
        return result
    moments = times - delta_s
    left = np.searchsorted(times, moments, side="right") - 1
    steps = np.diff(times)
    known = left >= 0
    left = np.clip(left, 0, len(steps) - 1)
    into = moments - times[left]
    step = steps[left]
    in_gap = (into > 0) & (step > delta_s) & series.gaps[left]
    known &= ~in_gap
    left, share = left[known], into[known] / step[known]
    for number in range(grown.shape[1]):  # one at a time: a year at 10 s has 3 million rows
        counter = grown[:, number]
        before = counter[left] + share * (counter[left + 1] - counter[left])
        result[known, number] = (counter[known] - before) / delta_s
    return result


def broken(times: Floats, values: Floats, gaps: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """A line with a NaN inside each gap, so that nothing is drawn over it."""
    before = np.flatnonzero(gaps[:-1])
    inside = (times[before] + times[before + 1]) / 2
    return np.insert(times, before + 1, inside), np.insert(values, before + 1, np.nan)


def lone(values: Floats) -> NDArray[np.intp]:
    """The points that no line reaches, for the ones beside them are NaN."""
    missing = np.isnan(np.concatenate(([np.nan], values, [np.nan])))
    return np.flatnonzero(missing[:-2] & ~missing[1:-1] & missing[2:])


class Outline(NamedTuple):
    """A line to draw: x and y of its points."""

    times: Floats
    values: Floats


def outline(times: Floats, values: Floats, bins: int) -> Outline:
    """A line of many points as one of at most 4 x `bins` that looks the same `bins` pixels wide.

    Each pixel column keeps its first, least, greatest and last value, so no peak is lost; NaN at the beginning of a
    column stays, so gaps stay.
    """
    if len(times) <= 4 * bins:
        return Outline(times, values)
    edges = np.searchsorted(times, np.linspace(times[0], times[-1], bins + 1)[:-1])
    first = np.unique(edges)
    last = np.append(first[1:], len(times)) - 1
    missing = np.isnan(values)
    least = np.minimum.reduceat(np.where(missing, np.inf, values), first)
    greatest = np.maximum.reduceat(np.where(missing, -np.inf, values), first)
    least[np.isinf(least)] = np.nan
    greatest[np.isinf(greatest)] = np.nan
    middle = (times[first] + times[last]) / 2
    return Outline(
        np.stack([times[first], middle, middle, times[last]], axis=1).ravel(),
        np.stack([values[first], least, greatest, values[last]], axis=1).ravel(),
    )
