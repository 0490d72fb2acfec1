"""Errors that come in bursts or clusters instead of one by one, and the evidence without them. Pure.

One client that repeats a failing call makes hundreds of errors out of one. The tests assume independent errors, so
p-values and e-values are not valid there.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.special import pdtrc

from exporter.releases.compare.detectors import Counts
from exporter.releases.compare.statistics import Floats

LEAST_DISPERSION = 2.0  # below it the evidence is at most halved, and chance and slow changes make as much
_LEAST_BINS = 12
_TRIMMED = 0.95  # of the differences are kept: a step or a burst is a few of them, clusters are all
_LEFT = 0.759  # of the variance of normal differences is in those
_DEVIATIONS = 5.0  # above 1, from which a dispersion is not the chance of few bins
LONGEST_BINS = 6
"""A burst lasts at most a minute of 10-second bins; a longer one is a change."""
_SIDE_BINS = 30  # on either side that a bin is compared with
UNDECIDED_BINS = 2 * LONGEST_BINS
"""A burst that began in the last bins may continue."""
BEFORE_BINS = LONGEST_BINS + _SIDE_BINS
"""Before a bin, those that say whether it may be a burst."""
_KEPT = 24  # of them, the lowest: without other bursts
_CHANCE = 1e-9
_LEAST_ERRORS = 8
_MOST_BINS = 0.05  # of all in bursts, or one burst of a short input; where more are, clusters are usual


class Burst(NamedTuple):
    """A few bins `[start, stop)` with far more errors than those around them. usual: errors expected in it."""

    start: int
    stop: int
    errors: int
    usual: float


class Calm(NamedTuple):
    """Counts of one code and build with each burst as one error. errors: the remaining ones; dispersion: of these."""

    bursts: list[Burst]
    errors: float
    before: float
    dispersion: float

    @property
    def clustered(self) -> bool:
        """Whether errors come in bursts or clusters."""
        return bool(self.bursts) or self.dispersion > 1.0


def calm(counts: Counts, *, going_on: bool = False) -> Calm:
    """A code's errors bin by bin, (bins,), without its bursts; dispersions are 1 where chance explains them.

    going_on: an excess in the last bins counts as a burst too, although it may become a change.
    """
    before = dispersion(counts)
    if before == 1.0:
        return Calm([], float(counts.sum()), 1.0, 1.0)
    found = _bursts(counts, 1.0, going_on=going_on)
    rest = dispersion(_without(counts, found), trimmed=True)
    if found and rest > 1.0:  # clusters are usual here: a burst is far above these
        found = _bursts(counts, rest, going_on=going_on)
        rest = dispersion(_without(counts, found), trimmed=True)
    errors = counts.sum() + sum(burst.usual + 1 - burst.errors for burst in found)
    return Calm(found, float(errors), before, rest)


def _without(counts: Counts, bursts: list[Burst]) -> Floats:
    """Counts with what is usual in place of each burst."""
    rest = counts.astype(np.float64)
    for burst in bursts:
        rest[burst.start : burst.stop] = burst.usual / (burst.stop - burst.start)
    return rest


def dispersion(counts: Counts | Floats, *, trimmed: bool = False) -> float:
    """Variance over mean, from the differences of bins that follow each other, so that a slow change adds nothing.

    1 where it is below `LEAST_DISPERSION` or within what Poisson counts give by chance, or the bins are few. trimmed:
    without the largest differences, so that a few steps add nothing either.
    """
    if len(counts) < _LEAST_BINS or not counts.any():
        return 1.0
    mean = float(counts.mean())
    squares = np.sort(np.square(np.diff(counts.astype(np.float64))))
    found = float(squares.mean()) / 2 / mean
    if trimmed:
        found = float(squares[: math.ceil(len(squares) * _TRIMMED)].mean()) / 2 / mean / _LEFT
    deviation = np.sqrt((3 + 0.5 / mean) / (len(counts) - 1))
    return found if found >= max(LEAST_DISPERSION, 1 + _DEVIATIONS * deviation) else 1.0


def may_burst(before: Counts, counts: Counts) -> list[int]:
    """Which codes a bin may be a burst of, by the bins before it alone. before: (bins, codes); counts: (codes,)."""
    many = np.flatnonzero(counts >= _LEAST_ERRORS)
    if not len(many):
        return []
    lowest = np.sort(before[-LONGEST_BINS - _SIDE_BINS : -LONGEST_BINS, many], axis=0)
    keep = max(len(lowest) * _KEPT // _SIDE_BINS, 1)
    high = _is_far_above(counts[many], lowest[:keep].sum(0) / keep, 1.0)
    return [int(place) for place in many[high]]


def _is_far_above(counts: Counts, usual: Floats, cluster: float) -> NDArray[np.bool_]:
    """Whether chance cannot explain the errors, given the usual number, which is not known exactly."""
    bound = usual + 3 * np.sqrt((usual + 1) / _SIDE_BINS)
    high = pdtrc(np.maximum(counts / cluster - 1, 0), bound / cluster) < _CHANCE
    return np.asarray((counts >= _LEAST_ERRORS) & high)


def _bursts(counts: Counts, cluster: float, *, going_on: bool) -> list[Burst]:
    """Bins far above both sides; `cluster`: errors that usually come at once. One near the end may go on: none yet."""
    usual = np.maximum(_side(counts, ahead=False), _side(counts, ahead=True))
    high = _is_far_above(counts, usual, cluster)
    if not going_on:
        high[-UNDECIDED_BINS:] = False
    if not high.any() or high.sum() > max(LONGEST_BINS, _MOST_BINS * len(high)):
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], high.astype(np.int8), [0]])))
    return [
        Burst(start, stop, int(counts[start:stop].sum()), float(usual[start:stop].sum()))
        for start, stop in edges.reshape(-1, 2).tolist()
    ]


def _side(counts: Counts, *, ahead: bool) -> Floats:
    """What is usual before, or after, each bin; 0 before the first. (bins,)."""
    series = (counts[::-1] if ahead else counts).astype(np.float64)
    lead = np.full(BEFORE_BINS, np.nan)
    windows = sliding_window_view(np.concatenate([lead, series]), _SIDE_BINS)[: len(series)]
    lowest = np.sort(windows, axis=1)  # nan come last
    known = np.isfinite(lowest)
    keep = known & (np.arange(_SIDE_BINS) < np.maximum(known.sum(1) * _KEPT // _SIDE_BINS, 1)[:, None])
    usual = np.where(keep, lowest, 0.0).sum(1) / np.maximum(keep.sum(1), 1)
    return np.asarray(usual[::-1] if ahead else usual)
