"""Stretches in which a build sent nothing although errors were expected, beyond chance. Pure."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from exporter.releases.compare.detectors import Counts
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.statistics import Floats

AROUND_BINS = 30
"""Before and after a silence, what was usual there."""
KEPT_BINS = 360
"""Bins of a running stream, an hour of 10 s each: a longer silence is judged by this part of it."""


class Quiet(NamedTuple):
    """Bins `[start, stop)` without an error of the candidate, where `expected` were; its ends are bins with others."""

    start: int
    stop: int
    expected: float


def silences(
    counts: Pair[Counts], users: Floats, *, alpha: float, least_bins: int, others: Pair[Counts] | None = None
) -> Iterator[Quiet]:
    """Stretches that have a chance of at most `alpha` in all, were the candidate there as in all the other bins.

    counts: (bins,) each; users: of the candidate for one of the baseline, (bins,). Each error of the baseline has one
    of the candidate beside it at the lowest ratio that there was: over all bins, silent ones included, and over those
    before and after. So neither more users later on nor a burst of errors turns the usual into a silence. A code
    that the candidate never has is expected at the ratio of `others`, all codes. Bins without errors of either are
    skipped.
    """
    spoke = np.flatnonzero(counts.baseline + counts.candidate)
    usual = counts if counts.candidate.any() or others is None else others
    usual, (baseline, candidate) = (Pair(*(side[spoke] for side in pair)) for pair in (usual, counts))
    users = users[spoke]
    sums = _sums(usual, users)
    if not sums.baseline[-1] or not sums.candidate[-1]:
        return
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (candidate == 0).astype(np.int8), [0]])))
    overall = float(sums.candidate[-1] / sums.baseline[-1])
    for start, stop in edges.reshape(-1, 2).tolist():
        if stop - start < least_bins:
            continue
        ratio = min([overall, *_around(sums, start, stop)])
        if _is_improbable(baseline[start:stop], users[start:stop], ratio, alpha / len(candidate)):
            expected = float((baseline[start:stop] * users[start:stop]).sum() * ratio)
            yield Quiet(int(spoke[start]), int(spoke[stop - 1]) + 1, expected)


class Listening(msgspec.Struct):
    """A running stream's bins of one build, and whether it is silent now by the law of `silences`.

    bins: all with an error. due: errors of the baseline times `users`, came: errors of the build, both in all of them.
    recent: the last `KEPT_BINS` bins: errors of the baseline, of the build, and its users for one of the baseline.
    """

    bins: int = 0
    due: float = 0.0
    came: int = 0
    recent: list[tuple[int, int, float]] = []

    def step(self, baseline: int, candidate: int, users: float) -> None:
        """Take in the next bin that both share; one without errors is ignored."""
        if not baseline and not candidate:
            return
        self.bins += 1
        self.due += baseline * users
        self.came += candidate
        self.recent = [*self.recent[1 - KEPT_BINS :], (baseline, candidate, users)]

    def is_silent(self, *, alpha: float, least_bins: int) -> bool:
        """Whether `silences` of all bins so far would have one that has not ended."""
        quiet = next((n for n, (_, came, _) in enumerate(reversed(self.recent)) if came), len(self.recent))
        if quiet < least_bins or not self.due or not self.came:
            return False
        baseline, candidate, users = map(np.array, zip(*self.recent, strict=True))
        start, stop = len(self.recent) - quiet, len(self.recent)
        ratio = min([self.came / self.due, *_around(_sums(Pair(baseline, candidate), users), start, stop)])
        return _is_improbable(baseline[start:], users[start:], ratio, alpha / self.bins)


def _sums(counts: Pair[Counts], users: Floats) -> Pair[Floats]:
    """Errors until each bin, those of the baseline times the users. (bins + 1,) each."""
    return Pair(*(np.concatenate([[0.0], np.cumsum(side)]) for side in (counts.baseline * users, counts.candidate)))


def _around(sums: Pair[Floats], start: int, stop: int) -> list[float]:
    """Errors of the candidate per error of the baseline before a silence and after it, where there were any."""
    wide, end = max(AROUND_BINS, stop - start), len(sums.baseline) - 1
    ratios = []
    for a, b in ((max(0, start - wide), start), (stop, min(end, stop + wide))):
        base, other = (float(side[b] - side[a]) for side in sums)
        if base > 0:
            ratios.append(other / base)
    return ratios


def _is_improbable(baseline: Counts, users: Floats, ratio: float, chance: float) -> bool:
    """Whether zero errors have at most this chance, given the baseline's errors and the candidate's ratio to it."""
    return bool(baseline @ np.log1p(ratio * users) >= -math.log(chance))
