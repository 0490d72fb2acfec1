"""Stretches in which a build sent nothing though it should have: only those that chance does not make. Pure."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from exporter.releases.compare.detectors import Counts
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.statistics import Floats

AROUND_BINS = 30
"""Before and after a silence, what was usual there."""


class Quiet(NamedTuple):
    """Bins `[start, stop)` without an error of the candidate, where `expected` were."""

    start: int
    stop: int
    expected: float


def silences(
    counts: Pair[Counts], users: Floats, *, alpha: float, least_bins: int, others: Pair[Counts] | None = None
) -> Iterator[Quiet]:
    """Stretches that have a chance of at most `alpha` in all, were the candidate there as in all the other bins.

    counts: (bins,) each; users: of the candidate for one of the baseline, (bins,). Each error of the baseline has one
    of the candidate beside it at the lowest ratio that there was: over all bins, silent ones included, and over those
    before and after. So neither more users later on nor a storm of errors makes a silence out of what was usual. A code
    that the candidate never has is expected at the ratio of `others`, all codes.
    """
    baseline, candidate = counts
    usual = counts if candidate.any() or others is None else others
    sums = Pair(*(np.concatenate([[0.0], np.cumsum(side)]) for side in (usual.baseline * users, usual.candidate)))
    if not sums.baseline[-1] or not sums.candidate[-1]:
        return
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (candidate == 0).astype(np.int8), [0]])))
    for start, stop in edges.reshape(-1, 2).tolist():
        if stop - start < least_bins:
            continue
        ratio = _least_ratio(sums, start, stop)
        due = baseline[start:stop] * ratio * users[start:stop]
        log_chance = baseline[start:stop] @ np.log1p(ratio * users[start:stop])
        if log_chance >= math.log(len(candidate) / alpha):
            yield Quiet(start, stop, float(due.sum()))


def _least_ratio(sums: Pair[Floats], start: int, stop: int) -> float:
    """Errors of the candidate for one of the baseline: the lowest of all, before and after. sums: from 0 on."""
    wide, end = max(AROUND_BINS, stop - start), len(sums.baseline) - 1
    ratios = []
    for a, b in ((0, end), (max(0, start - wide), start), (stop, min(end, stop + wide))):
        base, other = (float(side[b] - side[a]) for side in sums)
        if base > 0:
            ratios.append(other / base)
    return min(ratios)
