"""Estimators and tests, on arrays, of whether a series of choices depends on the workload of the options.

The model is the conditional logit: of the servers offered at decision t (`offer[t, s]` > 0), s is chosen with a
probability proportional to offer[t, s] * exp(constant[s] + beta * workload[t, s]). The constants are the manager's
fixed preferences; beta = 0 is "does not depend". Every array is (decisions, servers), decisions in order of time.

Sources: McFadden 1974 for the model, Rao's score with estimated constants (Cox and Hinkley, Theoretical Statistics,
9.3), Clopper and Pearson 1934 for exact intervals, Holm 1979.
"""

from math import erfc, exp, inf, sqrt
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

MIN_LAG = 20  # decisions; nearer ones see much the same workload
MIN_PER_CONSTANT = 5  # decisions for each estimated constant
MIN_SHIFTS = 60  # fewer cannot give a p-value that is small enough after Holm over three questions
_Z95 = 1.959964  # two-sided 95 %
_Z80 = 0.841621  # so that a true effect is found 8 times out of 10
_MAX_STEPS = 60
_CONVERGED = 1e-6  # decisions: expected and observed counts agree to this
_MAX_LOGIT_STEP = 2.0
_NOTHING = 1e-9  # information below this is rounding
_SEPARATED = 60.0  # a workload's logit beyond this: the workload decides alone, and beta has no finite estimate


class Choices(NamedTuple):
    """Decisions of one kind. Rows whose choice was not on offer must be removed before."""

    workload: Floats  # NaN where a server was silent
    offer: Floats  # 0: could not be chosen; else the weight of the server apart from preference
    chosen: Ints  # (decisions,) column of the chosen server
    time_s: Ints  # (decisions,)

    @property
    def n(self) -> int:
        """How many decisions."""
        return len(self.chosen)


class Fit(NamedTuple):
    """A fitted model: probabilities (decisions, servers), beta, and the variance of the score of beta."""

    p: Floats
    beta: float
    information: float  # about beta, with the constants estimated


class Outcome(NamedTuple):
    """The result of one test. None where it is unknown."""

    statistic: float | None
    p_value: float | None
    effect: float | None = None
    low: float | None = None
    high: float | None = None


def fit(choices: Choices, *, with_beta: bool) -> Fit:
    """Maximum likelihood by Newton's method; the constants alone, or with beta."""
    w = _filled(choices)
    n, servers = w.shape
    with np.errstate(divide="ignore"):
        base = np.log(choices.offer)
    counts = np.bincount(choices.chosen, minlength=servers).astype(float)
    base[:, counts == 0] = -inf  # never chosen: its constant is minus infinity
    with np.errstate(divide="ignore", invalid="ignore"):
        constants = np.log(counts / choices.offer.sum(axis=0))  # exact where everything is always on offer alike
    constants[~np.isfinite(constants)] = 0.0
    beta, picked = 0.0, w[np.arange(n), choices.chosen].sum()
    for _ in range(_MAX_STEPS):
        p = _softmax(base + constants + beta * w)
        used, info, k, curvature = _information(p, w)
        gradient = (counts - p.sum(axis=0))[used]
        if with_beta:
            gradient = np.append(gradient, picked - (p * w).sum())
            info = np.block([[info, k[:, None]], [k[None, :], np.array([[curvature]])]])
        if np.abs(gradient).max() < _CONVERGED:
            break
        step = np.clip(_inverse(info) @ gradient, -_MAX_LOGIT_STEP, _MAX_LOGIT_STEP)
        constants[used] += step[: len(used)]
        beta += float(step[-1]) if with_beta else 0.0
        if abs(beta) * _spread(w) > _SEPARATED:
            break
    p = _softmax(base + constants + beta * w)
    _, info, k, curvature = _information(p, w)
    return Fit(p, beta, float(curvature - k @ _inverse(info) @ k))


def score_test(choices: Choices, null: Fit) -> Outcome:
    """Rao's score test of beta = 0 with estimated constants; the effect is the odds ratio per +0.1 workload.

    Its terms are martingale differences, so earlier choices may have changed later workloads. Decisions of
    one second are one batch: then the variance is that of the sums over batches, if that is larger.
    """
    if null.information <= _NOTHING:
        return Outcome(None, None)
    w = _filled(choices)
    terms = _efficient_terms(choices, null.p, w)
    inflation = max(1.0, _batch_variance(terms, choices.time_s) / null.information)
    z = float(terms.sum()) / sqrt(null.information * inflation)
    full = fit(choices, with_beta=True)
    if abs(full.beta) * _spread(w) > _SEPARATED or full.information <= _NOTHING:
        return Outcome(z, _two_sided(z), 0.0 if full.beta < 0 else None)
    half = _Z95 * sqrt(inflation / full.information)
    odds = [exp(min(0.1 * b, 700.0)) for b in (full.beta, full.beta - half, full.beta + half)]
    return Outcome(z, _two_sided(z), *odds)


def score_test_within(choices: Choices, strata: Ints) -> Outcome:
    """The score test with separate constants in every stratum (for example the server chosen before).

    A manager that rotates chooses the server without a new account for longest, so its choices follow the workload
    without using it. Within the strata of the choice before, this effect disappears. None where decisions are too few
    for the constants.
    """
    if choices.n < MIN_PER_CONSTANT * len(np.unique(strata)) * (choices.offer.shape[1] - 1):
        return Outcome(None, None)
    terms, information = np.zeros(choices.n), 0.0
    for stratum in np.unique(strata):
        rows = strata == stratum
        some = Choices(*(column[rows] for column in choices))
        null = fit(some, with_beta=False)
        if null.information > _NOTHING:
            terms[rows] = _efficient_terms(some, null.p, _filled(some))
            information += null.information
    if information <= _NOTHING:
        return Outcome(None, None)
    inflation = max(1.0, _batch_variance(terms, choices.time_s) / information)
    z = float(terms.sum()) / sqrt(information * inflation)
    return Outcome(z, _two_sided(z))


def detectable_odds_ratio(null: Fit) -> float | None:
    """The odds ratio per +0.1 workload, above 1, that the score test would find 8 times out of 10; None if none."""
    if null.information <= _NOTHING:
        return None
    return exp(min(0.1 * (_Z95 + _Z80) / sqrt(null.information), 700.0))


def shift_test(choices: Choices, null: Fit) -> Outcome:
    """The score against itself with the workloads shifted, circularly, along the decisions.

    A shift breaks the tie between choices and workloads and keeps the order of each, so rotation or slow drift mislead
    it less than a test that assumes independent decisions. All shifts by MIN_LAG batches or more are taken.
    """
    scores, observed, shifted = shift_scores(choices, null)
    if not scores:
        return Outcome(None, None)
    p_value = (1 + int((np.abs(shifted) >= abs(observed) - 1e-9).sum())) / (1 + len(shifted))
    return Outcome(observed, p_value)


def shift_scores(choices: Choices, null: Fit) -> tuple[int, float, Floats]:
    """The number of shifts, the observed score, and the score under every shift; no shifts where decisions are few."""
    w = _filled(choices)
    surprise = -null.p.copy()
    surprise[np.arange(choices.n), choices.chosen] += 1
    starts = np.flatnonzero(np.diff(choices.time_s, prepend=-1))
    surprise, w = np.add.reduceat(surprise, starts, axis=0), w[starts]
    batches = len(starts)
    if batches < 2 * MIN_LAG + MIN_SHIFTS:
        return 0, float((surprise * w).sum()), np.empty(0)
    spectrum = np.conj(np.fft.rfft(surprise, axis=0)) * np.fft.rfft(w - w.mean(axis=0), axis=0)
    by_lag = np.fft.irfft(spectrum, n=batches, axis=0).sum(axis=1)
    return batches, float(by_lag[0]), by_lag[MIN_LAG : batches - MIN_LAG + 1]


def transition_test(choices: Choices, null: Fit, before: Ints) -> Outcome:
    """Whether a choice follows from the one before it: chi-square of the transitions against the fitted constants.

    `before` (decisions,) is the server chosen before each. The effect is Cramer's V: 0 none, 1 the next is certain.
    """
    servers = choices.offer.shape[1]
    used = len(np.unique(choices.chosen))
    if used < 2:
        return Outcome(None, None)
    rows, row = np.unique(before, return_inverse=True)
    expected, observed = np.zeros((2, len(rows), servers))
    np.add.at(expected, row, null.p)
    np.add.at(observed, (row, choices.chosen), 1)
    cells = expected > 0
    statistic = float(((observed - expected)[cells] ** 2 / expected[cells]).sum())
    p_value = float(special.chdtrc((used - 1) ** 2, statistic))
    return Outcome(statistic, p_value, min(1.0, sqrt(statistic / (choices.n * (used - 1)))))


def extreme_share(choices: Choices, *, largest: bool) -> tuple[Outcome, float]:
    """How often the least (or most) loaded server on offer was chosen, with the exact 95 % interval; ties are shared.

    Returns the outcome (an effect, not a test) and the share that drawing by offer alone would give.
    """
    w = np.where(choices.offer > 0, choices.workload, np.nan)
    edge = np.nanmax(w, axis=1) if largest else np.nanmin(w, axis=1)
    tied = w == edge[:, None]
    hits = float((tied[np.arange(choices.n), choices.chosen] / tied.sum(axis=1)).sum())
    by_chance = float(((choices.offer * tied).sum(axis=1) / tied.sum(axis=1) / choices.offer.sum(axis=1)).mean())
    low = float(special.betaincinv(hits, choices.n - hits + 1, 0.025)) if hits > 0 else 0.0
    high = float(special.betaincinv(hits + 1, choices.n - hits, 0.975)) if hits < choices.n else 1.0
    return Outcome(None, None, hits / choices.n, low, high), by_chance


def paired_test(difference: Floats) -> Outcome:
    """Student's paired t-test; the effect is the mean difference with its 95 % interval."""
    n = len(difference)
    if n < 2 or float(np.ptp(difference)) == 0:
        return Outcome(None, None)
    mean, error = float(difference.mean()), float(difference.std(ddof=1)) / sqrt(n)
    half = float(special.stdtrit(n - 1, 0.975)) * error
    return Outcome(mean / error, float(2 * special.stdtr(n - 1, -abs(mean / error))), mean, mean - half, mean + half)


def holm(p_values: list[float]) -> list[float]:
    """P-values adjusted for several questions at once (Holm's step-down)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, worst = [1.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = worst
    return adjusted


def _two_sided(z: float) -> float:
    return erfc(abs(z) / sqrt(2))


def _filled(choices: Choices) -> Floats:
    """Workloads with each server's mean where it was silent; such a server is not on offer, or is shifted into."""
    w = choices.workload
    missing = np.isnan(w)
    if not missing.any():
        return w
    known = np.maximum((~missing).sum(axis=0), 1)
    return np.where(missing, np.where(missing, 0, w).sum(axis=0) / known, w)


def _spread(w: Floats) -> float:
    return float(np.ptp(w)) if w.size else 0.0


def _softmax(logits: Floats) -> Floats:
    logits = logits - logits.max(axis=1, keepdims=True)
    e = np.exp(logits)
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _information(p: Floats, w: Floats) -> tuple[Ints, Floats, Floats, float]:
    """Fisher's information about the constants, between them and beta, and about beta.

    First the servers with information: a server that is never chosen has none, and a fleet may have thousands.
    """
    used = np.flatnonzero(p.any(axis=0))
    if len(used) < p.shape[1]:
        p, w = np.take(p, used, axis=1), np.take(w, used, axis=1)
    mean = (p * w).sum(axis=1)
    constants = np.diag(p.sum(axis=0)) - p.T @ p
    k = (p * (w - mean[:, None])).sum(axis=0)
    return used, constants, k, float((p * (w - mean[:, None]) ** 2).sum())


def _inverse(info: Floats) -> Floats:
    """The constants are known up to a common shift, which is the information's null space."""
    return np.asarray(np.linalg.pinv(info, rcond=1e-10, hermitian=True))


def _efficient_terms(choices: Choices, p: Floats, w: Floats) -> Floats:
    """Each decision's share of the score, less the part that the estimated constants explain."""
    used, info, k, _ = _information(p, w)
    slope = np.zeros(w.shape[1])
    slope[used] = _inverse(info) @ k
    rows = np.arange(choices.n)
    adjusted = w - slope
    return np.asarray(adjusted[rows, choices.chosen] - (p * adjusted).sum(axis=1))


def _batch_variance(terms: Floats, time_s: Ints) -> float:
    """Variance of the sum of terms, from the sums over decisions of one second; 0 where no second has two."""
    starts = np.flatnonzero(np.diff(time_s, prepend=-1))
    if len(starts) in {1, len(terms)}:
        return 0.0
    sums = np.add.reduceat(terms - terms.mean(), starts)
    return float((sums**2).sum() * len(starts) / (len(starts) - 1))
