"""The arithmetic of `statistics` where the exposure varies. Pure functions on arrays.

In a bin with exposure e, given n errors of both builds, those of the candidate are Binomial(n, theta) with
theta = e r / (1 + e r): bins with other exposures share the ratio r, and the likelihood of r against 1 over all bins is

    L(r) = r^X * product over bins of ((1 + e) / (1 + e r))^n,    X: all errors of the candidate

(conditional likelihood of stratified Poisson rates: Breslow and Day, Statistical Methods in Cancer Research II, 1987,
section 3.3). Its mean over any distribution of r is an e-value, valid at every look, whatever the exposures were.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from exporter.releases.compare.pair import Pair
from exporter.releases.compare.statistics import Floats, Ratios

_POINTS = 64
_LOGS = np.geomspace(0.01, 7.0, _POINTS)
"""Natural logs of the ratios that are mixed: 1.01 to 1097, each so near to the next that at most 0.5 % of the log
evidence is lost between two."""
_MOST_LOG = 16.0  # beyond the ratio of any counts
_HALVINGS = 50
_CELLS = 1 << 20  # ratios, bins and codes that are worked on at once
_NEAR = 0.01  # standard deviations: nearer to its mean the formula is 0/0, and the tail is taken there


def _weights() -> Floats:
    """The share of each ratio in the mixture: that of theta uniform above 1/2, as `log_evidence` has it."""
    edges = np.concatenate([[0.0], (_LOGS[1:] + _LOGS[:-1]) / 2, [np.inf]])
    return np.asarray(np.log(np.diff(np.tanh(edges / 2))))  # (r - 1) / (r + 1), r = exp(edge)


_LOG_WEIGHTS = _weights()


class Mixture(NamedTuple):
    """The evidence of each code.

    errors: of the candidate, (codes,). spent: sum over bins of n log((1 + e r) / (1 + e)), (ratios, codes).
    """

    errors: Floats
    spent: Floats

    @classmethod
    def begin(cls, codes: int) -> "Mixture":
        """No errors yet."""
        return cls(np.zeros(codes), np.zeros((_POINTS, codes)))

    def grown(self, codes: int) -> "Mixture":
        """With as many codes; the new ones have not been seen."""
        missing = codes - len(self.errors)
        return Mixture(np.pad(self.errors, (0, missing)), np.pad(self.spent, [(0, 0), (0, missing)]))

    def log_evidence(self) -> Floats:
        """Natural log of the e-value against "the ratio is at most 1". (codes,)."""
        return np.asarray(np.logaddexp.reduce(_LOG_WEIGHTS[:, None] + _LOGS[:, None] * self.errors - self.spent))

    def step(self, came: Pair[NDArray[np.int64]], exposure: Floats) -> tuple["Mixture", Floats]:
        """After some bins, and the log evidence after each. came: (bins, codes) each; exposure: (bins,)."""
        if not len(exposure):
            return self, np.zeros((0, len(self.errors)))
        at_once = max(1, _CELLS // (_POINTS * max(1, len(self.errors))))
        mixture, logs = self, []
        for start in range(0, len(exposure), at_once):
            piece = slice(start, start + at_once)
            mixture, found = mixture._step(Pair(*(side[piece] for side in came)), exposure[piece])
            logs.append(found)
        return mixture, np.concatenate(logs)

    def _step(self, came: Pair[NDArray[np.int64]], exposure: Floats) -> tuple["Mixture", Floats]:
        """As `step`, of bins that are few. (ratios, bins, codes) inside."""
        both = (came.candidate + came.baseline).astype(np.float64)
        errors = self.errors + came.candidate.cumsum(0)
        cost = np.log1p(exposure * np.exp(_LOGS[:, None])) - np.log1p(exposure)
        spent = self.spent[:, None] + (both * cost[:, :, None]).cumsum(1)
        logs = np.logaddexp.reduce(_LOG_WEIGHTS[:, None, None] + _LOGS[:, None, None] * errors - spent)
        return Mixture(errors[-1], spent[:, -1]), np.asarray(logs)


class Strata(NamedTuple):
    """Errors by exposure. exposure: (strata,). both: of both builds, (strata, codes). errors: in all, (codes,) each."""

    exposure: Floats
    both: Floats
    errors: Pair[Floats]

    @classmethod
    def of(cls, came: Pair[NDArray[np.int64]], exposure: Floats) -> "Strata":
        """Bins to strata; exposures within 0.1 % of each other are one. came: (bins, codes) each."""
        errors = Pair(*(np.asarray(counts.sum(0), np.float64) for counts in came))
        return cls.merged([cls(exposure, (came.candidate + came.baseline).astype(np.float64), errors)])

    @classmethod
    def merged(cls, parts: "Sequence[Strata]") -> "Strata":
        """Strata of stretches that follow each other as those of the whole."""
        errors = Pair(*(np.sum([part.errors[side] for part in parts], axis=0) for side in (0, 1)))
        exposure = np.concatenate([part.exposure for part in parts])
        _, firsts, place = np.unique(np.round(np.log(exposure), 3), return_index=True, return_inverse=True)
        both = np.zeros((len(firsts), parts[0].both.shape[1]))
        np.add.at(both, place, np.concatenate([part.both for part in parts]))
        return cls(exposure[firsts], both, errors)

    def log_evidence(self) -> Floats:
        """As `Mixture.log_evidence`, of all errors at once. (codes,)."""
        users = self.exposure[:, None]
        costs = np.log1p(users * np.exp(_LOGS)) - np.log1p(users)
        return Mixture(self.errors.candidate, costs.T @ self.both).log_evidence()

    def p_values(self) -> Floats:
        """One-sided P(X >= x) at equal rates, given the errors of both in each stratum."""
        return self._tail(self.errors.candidate, np.zeros(len(self.errors.candidate)))

    def rate_ratios(self, level: float = 0.95) -> Ratios:
        """Conditional maximum likelihood, with the interval in which neither tail is below (1 - level) / 2."""
        baseline, candidate = self.errors
        half = (1 - level) / 2
        ratio = np.where(baseline == 0, np.inf, np.exp(self._estimate(candidate)))
        ratio = np.where(candidate + baseline == 0, np.nan, np.where(candidate == 0, 0.0, ratio))
        low = self._solve(lambda log_ratio: self._tail(candidate, log_ratio) >= half)
        high = self._solve(lambda log_ratio: self._tail(candidate + 1, log_ratio) >= 1 - half)
        return Ratios(ratio, np.where(candidate == 0, 0.0, np.exp(low)), np.where(baseline == 0, np.inf, np.exp(high)))

    def _share(self, log_ratio: Floats) -> Floats:
        """Theta at each code's ratio. (strata, codes)."""
        odds = self.exposure[:, None] * np.exp(log_ratio)
        return np.asarray(odds / (1 + odds))

    def _estimate(self, errors: Floats) -> Floats:
        """Log of the ratio at which so many errors of the candidate are expected."""
        return self._solve(lambda log_ratio: (self.both * self._share(log_ratio)).sum(0) >= errors)

    def _solve(self, reached: Callable[[Floats], NDArray[np.bool_]]) -> Floats:
        """The log ratio from which on `reached` holds, by halving. (codes,)."""
        low = np.full(len(self.errors.candidate), -_MOST_LOG)
        high = -low
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            there = reached(middle)
            low, high = np.where(there, low, middle), np.where(there, middle, high)
        return np.asarray((low + high) / 2)

    def _tail(self, errors: Floats, log_ratio: Floats) -> Floats:
        """P(X >= errors) at a log ratio: the saddlepoint approximation of Lugannani and Rice (1980) for whole numbers.

        The tilt that makes `errors` the mean multiplies all odds alike, so it leads to the estimate itself. The ends
        of the range, where nothing is to be approximated, are exact.
        """
        total = self.both.sum(0)
        inside = (errors > 0) & (errors < total)
        wanted = np.where(inside, errors, total / 2)
        tilt = self._estimate(wanted) - log_ratio
        share = self._share(log_ratio)
        least = _NEAR / np.sqrt(np.maximum((self.both * share * (1 - share)).sum(0), _NEAR))
        tilt = np.where(np.abs(tilt) < least, least, tilt)
        odds = self.exposure[:, None] * np.exp(log_ratio)
        cumulant = (self.both * (np.log1p(odds * np.exp(tilt)) - np.log1p(odds))).sum(0)
        share = self._share(log_ratio + tilt)
        mean, spread = (self.both * share).sum(0), np.sqrt((self.both * share * (1 - share)).sum(0))
        with np.errstate(divide="ignore", invalid="ignore"):
            root = np.sign(tilt) * np.sqrt(2 * np.maximum(tilt * mean - cumulant, 0.0))
            density = np.exp(-root * root / 2) / np.sqrt(2 * np.pi)
            tail = ndtr(-root) + density * (1 / (-np.expm1(-tilt) * spread) - 1 / root)
            all_of_it = np.exp((self.both * np.log(self._share(log_ratio))).sum(0))
        tail = np.where(errors <= 0, 1.0, np.where(errors == total, all_of_it, np.where(errors > total, 0.0, tail)))
        return np.asarray(np.clip(tail, 0.0, 1.0))
