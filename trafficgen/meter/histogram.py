"""Log-linear histograms: constant memory, exact merging, 0.4 % of relative error. Pure.

The bucket of a value is the top of its double's bit pattern: exponent and 7 bits of mantissa, so 128 buckets for each
power of two. Classic buckets for Prometheus are counted beside them, as no decimal bound falls on a power of two.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Nanoseconds: TypeAlias = npt.NDArray[np.int64]

_SHIFT = 52 - 7
_LOWEST = int(np.float64(1000).view(np.int64)) >> _SHIFT  # 1 us; all below share the first bucket
BUCKETS = (int(np.float64(2**44).view(np.int64)) >> _SHIFT) - _LOWEST + 1  # up to 4.9 h

BOUNDS_S = (
    0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0, 60.0,
)  # fmt: skip
_BOUNDS_NS = np.array([round(b * 1e9) for b in BOUNDS_S], dtype=np.float64)


class Histogram:
    """Nanoseconds, counted."""

    def __init__(self) -> None:
        self.counts = np.zeros(BUCKETS, dtype=np.int64)
        self.classic = np.zeros(len(BOUNDS_S) + 1, dtype=np.int64)  # one a bound, not cumulative; the last above all
        self.count = 0
        self.sum_ns = 0
        self.max_ns = 0

    def record(self, values_ns: Sequence[int] | Nanoseconds) -> None:
        """Count all of `values_ns`."""
        if len(values_ns) == 0:
            return
        exact = np.asarray(values_ns, dtype=np.int64)
        values = exact.astype(np.float64)
        self.counts += np.bincount(buckets_of(values), minlength=BUCKETS)
        self.classic += np.bincount(np.searchsorted(_BOUNDS_NS, values), minlength=len(BOUNDS_S) + 1)
        self.count += len(values_ns)
        self.sum_ns += int(exact.sum())  # of a batch: far below 2**63
        self.max_ns = max(self.max_ns, int(exact.max()))

    def __getstate__(self) -> tuple[object, ...]:
        """What is pickled: the buckets that hold something, a few kilobytes."""
        used = np.flatnonzero(self.counts)
        return used, self.counts[used], self.classic, self.count, self.sum_ns, self.max_ns

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.counts = np.zeros(BUCKETS, dtype=np.int64)
        self.counts[state[0]] = state[1]
        self.classic, self.count, self.sum_ns, self.max_ns = state[2:]

    def merge(self, other: "Histogram") -> None:
        """Add what `other` counted; the order of merging makes no difference."""
        self.counts += other.counts
        self.classic += other.classic
        self.count += other.count
        self.sum_ns += other.sum_ns
        self.max_ns = max(self.max_ns, other.max_ns)

    def copy(self) -> "Histogram":
        """The same counts, which stay."""
        other = Histogram()
        other.merge(self)
        return other

    def since(self, earlier: "Histogram") -> "Histogram":
        """What was counted after `earlier`, a copy of this one; its largest value is at most that of both."""
        later = Histogram()
        later.counts, later.classic = self.counts - earlier.counts, self.classic - earlier.classic
        later.count, later.sum_ns, later.max_ns = self.count - earlier.count, self.sum_ns - earlier.sum_ns, self.max_ns
        return later

    def above(self, bound_s: float) -> int:
        """How many values exceed `bound_s`, one of `BOUNDS_S`."""
        return int(self.classic[BOUNDS_S.index(bound_s) + 1 :].sum())

    def quantile_s(self, q: float) -> float | None:
        """The value, in seconds, that a share 1 - `q` of all values reaches; None if there are none.

        So p95 is a slow one if 5 % of the requests are slow, though 95 % are not.
        """
        if not self.count:
            return None
        rank = min(int(q * self.count + 1e-9) + 1, self.count)  # 0.95 is not a binary fraction
        return min(float(_middle_ns(np.searchsorted(np.cumsum(self.counts), rank))), float(self.max_ns)) / 1e9

    def mean_s(self) -> float | None:
        """The mean in seconds; None if there are no values."""
        return self.sum_ns / self.count / 1e9 if self.count else None

    def most_s(self) -> float | None:
        """The largest value in seconds; None if there are no values."""
        return self.max_ns / 1e9 if self.count else None

    def points(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """(middles of the buckets in seconds, counts), those with a count only."""
        used = np.flatnonzero(self.counts)
        return _middle_ns(used) / 1e9, self.counts[used]


def buckets_of(values_ns: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The number of the bucket of each value."""
    buckets = (np.maximum(values_ns, 1000.0).view(np.int64) >> _SHIFT) - _LOWEST
    found: npt.NDArray[np.int64] = np.minimum(buckets, BUCKETS - 1)
    return found


def middle_s(bucket: int) -> float:
    """The middle of a bucket, in seconds."""
    return float(_middle_ns(np.int64(bucket))) / 1e9


def _middle_ns(bucket: npt.NDArray[np.intp] | np.intp) -> npt.NDArray[np.float64]:
    bits = ((np.asarray(bucket, dtype=np.int64) + _LOWEST) << _SHIFT) + (1 << (_SHIFT - 1))
    return bits.view(np.float64)
