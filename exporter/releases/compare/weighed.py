"""Rate ratios of a stream whose users vary, out of sums that grow bin by bin. Pure functions on arrays.

The ratio is that of Mantel and Haenszel for person-time, its variance that of Greenland and Robins (Biometrics 41,
1985): both are sums over bins, so a stream needs six numbers per code, whatever the changes of users. `varying`
has the exact arithmetic, which needs every exposure that there was. Where the exposure does not vary, ratio and
interval are those of `statistics`.
"""

import numpy as np
from numpy.typing import NDArray

from exporter.releases.compare.pair import Pair
from exporter.releases.compare.statistics import Floats, Ratios, p_values, rate_ratios

ROWS = 6


def weigh(came: Pair[NDArray[np.int64]], exposure: Floats) -> Floats:
    """The contribution of bins to the sums. came: (bins, codes) each.

    exposure: candidate users per baseline user, (bins,). Back: (`ROWS`, codes): the errors of baseline and candidate,
    each of them weighed, the mean of the candidate's at equal rates and its variance.
    """
    share = (exposure / (1 + exposure))[:, None]
    both = came.baseline + came.candidate
    rows = (
        came.baseline,
        came.candidate,
        came.baseline * share,
        came.candidate * (1 - share),
        both * share,
        both * share * (1 - share),
    )
    return np.stack([np.asarray(row, np.float64).sum(0) for row in rows])


def weighed_ratios(sums: Floats) -> Ratios:
    """Ratios with 95 % intervals. sums: as `weigh` has them."""
    baseline, candidate, base, own, _, variance = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = own / base
        exposure = candidate / (baseline * ratio)
        scale = (1 / baseline + 1 / candidate) * own * base / variance
    both = (baseline > 0) & (candidate > 0)
    scale = np.where(both, np.minimum(scale, 1.0), 1.0)
    exposure = np.where(both, exposure, _equal(sums))
    _, low, high = rate_ratios(Pair(baseline * scale, candidate * scale), exposure)
    return Ratios(np.where(baseline + candidate > 0, ratio, np.nan), low, high)


def weighed_p_values(sums: Floats) -> Floats:
    """One-sided P(X >= x) at equal rates, from above: bins of other exposures spread less than those of their mean.

    Source: Hoeffding, "On the distribution of the number of successes in independent trials", 1956, theorem 5.
    """
    return p_values(Pair(sums[0], sums[1]), exposure=_equal(sums))


def _equal(sums: Floats) -> Floats:
    """The exposure that gives the candidate's mean at equal rates; 1 where there are no errors. (codes,)."""
    rest = sums[0] + sums[1] - sums[4]
    return np.where(sums[4] > 0, sums[4] / np.where(rest > 0, rest, 1.0), 1.0)
