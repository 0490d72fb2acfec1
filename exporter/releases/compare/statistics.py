"""The arithmetic of comparing two builds' counts of one error code. Pure functions on arrays.

X errors of the candidate and Y of the baseline, exposures in the ratio `exposure` (candidate to baseline; 1: equal
numbers of users). If the ratio of the rates is r0, then given X + Y, X is Binomial(X + Y, theta0) with
theta0 = exposure r0 / (1 + exposure r0). Every test below conditions on X + Y, so none needs a model of how rates vary
over the day: what both builds share cancels.
"""

import math
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincc, betaincinv, betaln

from exporter.releases.compare.pair import Pair

Floats = NDArray[np.float64]

PRIOR_A = PRIOR_B = 1.0
_ROUNDING = 1e-6  # far above that of the sums in a bound


class Ratios(NamedTuple):
    """Rate ratios, candidate to baseline, with an exact interval. Shapes: as the counts."""

    ratio: Floats  # inf where the baseline is 0, nan where both are
    low: Floats
    high: Floats


@overload
def theta(ratio: float, exposure: float = 1.0) -> float: ...
@overload
def theta(ratio: float, exposure: float | Floats) -> float | Floats: ...
def theta(ratio: float, exposure: float | Floats = 1.0) -> float | Floats:
    """The chance that an error is the candidate's, if its rate is `ratio` times the baseline's."""
    return exposure * ratio / (1 + exposure * ratio)


def p_values(errors: Pair[ArrayLike], ratio: float = 1.0, exposure: float | Floats = 1.0) -> Floats:
    """Exact one-sided P(X >= x | X + Y), for one look at the data; the binomial tail as an incomplete beta.

    exposure: one for all, or of each code.
    """
    x, y = _x_and_y(errors)
    tail = betainc(np.maximum(x, 1), y + 1, theta(ratio, exposure))
    return np.where(x == 0, 1.0, tail)


def rate_ratios(errors: Pair[ArrayLike], exposure: float | Floats = 1.0, level: float = 0.95) -> Ratios:
    """Ratios with Clopper-Pearson intervals, carried over from the binomial share q by q / (1 - q).

    exposure: one for all, or of each code.
    """
    x, y = _x_and_y(errors)
    half = (1 - level) / 2
    low = np.where(x == 0, 0.0, betaincinv(np.maximum(x, 1), y + 1, half))
    high = np.where(y == 0, 1.0, betaincinv(x + 1, np.maximum(y, 1), 1 - half))
    with np.errstate(divide="ignore", invalid="ignore"):
        return Ratios(x / y / exposure, low / (1 - low) / exposure, high / (1 - high) / exposure)


def q_values(p: ArrayLike) -> Floats:
    """Benjamini and Hochberg's adjusted p-values (1995), in the order of `p`."""
    p = np.asarray(p, np.float64)
    order = np.argsort(p)[::-1]
    ranks = np.arange(len(p), 0, -1)
    adjusted = np.minimum.accumulate(np.minimum(p[order] * len(p) / ranks, 1.0)) if len(p) else p
    result = np.empty_like(p)
    result[order] = adjusted
    return result


def log_evidence(errors: Pair[ArrayLike], ratio: float = 1.0, exposure: float = 1.0) -> Floats:
    """Natural log of the e-value against "the rate ratio is at most `ratio`", valid at every look.

    The binomial likelihood at theta0 is compared with its mixture over theta > theta0 under a Beta(1, 1) prior cut off
    at theta0 (Lindon and Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022, arXiv 2011.03567,
    in its one-sided form). P(E ever reaches 1/alpha) <= alpha while the ratio is at most `ratio` (Ville).
    """
    x, y = _x_and_y(errors)
    t0 = theta(ratio, exposure)
    a, b = PRIOR_A + x, PRIOR_B + y
    prior_tail = math.log(float(betaincc(PRIOR_A, PRIOR_B, t0)))
    likelihood = x * math.log(t0) + y * math.log1p(-t0)
    return np.asarray(
        betaln(a, b) + _log_upper_tail(a, b, t0) - float(betaln(PRIOR_A, PRIOR_B)) - prior_tail - likelihood
    )


def log_evidence_bound(errors: Pair[ArrayLike], ratio: float = 1.0, exposure: float = 1.0) -> Floats:
    """A bound above `log_evidence`, at a fraction of its cost.

    The mixture's upper tail is taken as 1; and where the share of the candidate is theta0 or less, no likelihood in the
    mixture is above that at theta0, so the bound is 0. Near an alarm it is close.
    """
    x, y = _x_and_y(errors)
    t0 = theta(ratio, exposure)
    constant = float(betaln(PRIOR_A, PRIOR_B)) + math.log(float(betaincc(PRIOR_A, PRIOR_B, t0)))
    bound = betaln(PRIOR_A + x, PRIOR_B + y) - constant - (x * math.log(t0) + y * math.log1p(-t0))
    return np.asarray(np.where(x * (1 - t0) <= y * t0, np.minimum(bound, 0.0), bound) + _ROUNDING)


def _x_and_y(errors: Pair[ArrayLike]) -> tuple[Floats, Floats]:
    """X and Y of the formulas."""
    return np.asarray(errors.candidate, np.float64), np.asarray(errors.baseline, np.float64)


def _log_upper_tail(a: Floats, b: Floats, t0: float) -> Floats:
    """Log of the regularised incomplete beta's upper tail I'(t0; a, b).

    Where the tail is too small for a float (the candidate is far better), its series
    (1-t0)^b t0^a / (b B(a, b)) * 2F1(a+b, 1; b+1; 1-t0) is bounded from above by a geometric one: the evidence there
    is nil whatever the bound's looseness.
    """
    tail = np.asarray(betaincc(a, b, t0))
    deep = tail < 1e-290
    with np.errstate(divide="ignore", invalid="ignore"):
        step = (1 - t0) * (a + b) / (b + 1)
        lead = b * math.log1p(-t0) + a * math.log(t0) - np.log(b) - betaln(a, b)
        return np.asarray(np.where(deep, lead - np.log1p(-np.minimum(step, 1 - 1e-9)), np.log(tail)))


class Moments:
    """Sums of counts in bins and of their squares, whole numbers, as bins come."""

    def __init__(self, codes: int) -> None:
        """`codes`: counts to a bin."""
        self.bins = 0
        self._sum = np.zeros(codes, np.int64)
        self._squares = np.zeros(codes, np.int64)

    def add(self, counts: NDArray[np.int64]) -> None:
        """Take in bins. (bins, codes)."""
        self.bins += len(counts)
        self._sum += counts.sum(0)
        self._squares += np.square(counts).sum(0)

    def dispersion(self) -> Floats:
        """Variance over mean: about 1 if errors come independently, more if they come in storms; nan without any."""
        if self.bins < 2:
            return np.full(self._sum.shape, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self._sum / self.bins
            variance = (self._squares - self._sum * mean) / (self.bins - 1)
            return np.maximum(variance, 0.0) / mean
