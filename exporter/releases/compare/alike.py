"""Whether all codes rose by the same factor, as with more users. Pure.

In a stretch of time let the candidate have N1 of all N errors, and a code n of them: if it rose as the others did, the
candidate has n N1 / N of it on average, whatever the users of both were in that stretch (Mantel and Haenszel, 1959,
over stretches). A code that rose more, or less, than the others is set apart, the worst first, until none is.
"""

from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from exporter.releases.compare.detectors import Counts
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.statistics import Floats, p_values, rate_ratios

STRETCHES = 500
"""Maximum number of stretches: in each the users of both are assumed constant."""
STRETCH_ERRORS = 20
"""Minimum errors of all codes in a stretch, on average: a single error says nothing about its code."""
LEAST_ERRORS = 10  # of both builds; a code with fewer says nothing about a factor
LEAST_CODES = 3
"""Three codes with factors of their own look alike by chance in every ninth input, two in every fourth: see
tests/bench/bench_rollouts.py."""
_MOST_APART = 1 / 3  # of the codes: the remaining ones must outnumber the others by two to one


Code = TypeVar("Code")


class Alike(NamedTuple, Generic[Code]):
    """Codes that rose by one factor, as places or names, and those that rose more or less than they did."""

    factor: float
    low: float
    high: float
    codes: list[Code]
    more: list[Code]
    less: list[Code]


def risen_alike(counts: Pair[Counts], alpha: float = 0.05) -> Alike[int] | None:
    """The common rise; None where there is none, or too few codes have errors.

    counts: (stretches, codes) each. At most `alpha` is the chance that a code is set apart from others like it. The
    rise is shown by the others alone, whichever code is left out, so one bad code makes no common rise.
    """
    totals = Pair(*(side.sum(0) for side in counts))
    core = np.flatnonzero(totals.baseline + totals.candidate >= LEAST_ERRORS).tolist()
    testable = len(core)
    more: list[int] = []
    less: list[int] = []
    while len(core) >= 2:
        scores = excess(Pair(*(side[:, core] for side in counts)))
        worst = int(np.abs(scores).argmax())
        if abs(scores[worst]) < -ndtri(alpha / 2 / len(core)):
            break
        (more if scores[worst] > 0 else less).append(core.pop(worst))
    if len(core) < LEAST_CODES or len(core) < (1 - _MOST_APART) * testable:
        return None
    of_core = Pair(*(side[core] for side in totals))
    if (p_values(Pair(*(side.sum() - side for side in of_core))) > alpha).any():
        return None
    ratio = rate_ratios(Pair(*(side.sum(keepdims=True) for side in of_core)))
    factor, low, high = (float(side[0]) for side in ratio)
    return Alike(factor, low, high, codes=core, more=more, less=less)


def excess(counts: Pair[Counts]) -> Floats:
    """By how many standard deviations each code rose more than the others, half an error nearer to none. (codes,).

    counts: (stretches, codes) each.
    """
    both: NDArray[np.float64] = (counts.baseline + counts.candidate).astype(np.float64)
    total = both.sum(1, keepdims=True)
    share = counts.candidate.sum(1, keepdims=True) / np.maximum(total, 1)
    expected = (both * share).sum(0)
    spread = (both * (1 - both / np.maximum(total, 1)) * share * (1 - share) * total / np.maximum(total - 1, 1)).sum(0)
    away = counts.candidate.sum(0) - expected
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.sign(away) * np.maximum(np.abs(away) - 0.5, 0) / np.sqrt(spread)
    return np.where(spread > 0, scores, 0.0)
