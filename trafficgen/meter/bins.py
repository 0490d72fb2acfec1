"""What each part of a run came to: counts and times in at most 64 bins of equal width. Pure.

Bins hold what ended in them. Past 64 seconds they are widened, twofold each time: constant memory.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

MAX_BINS = 64


class BinCounts(NamedTuple):
    """Of requests; those of a bin, or of a run until now."""

    planned: int = 0
    sent: int = 0
    answered: int = 0
    unexpected: int = 0
    server_errors: int = 0
    client_errors: int = 0
    no_answer: int = 0
    dropped: int = 0


COUNTED = BinCounts._fields


class Bin(NamedTuple):
    """`times`: latencies from the plan, counts by the numbers of their buckets; see `histogram`."""

    counts: BinCounts
    times: dict[int, int]


class Bins:
    """Filled second by second with what the run has counted until then."""

    def __init__(self, width_s: int = 1, rows: Sequence[Bin] = ()) -> None:
        """`width_s`: of a bin, a power of 2. `rows`: the bins that are there already."""
        self.width_s = width_s
        self._rows = list(rows)
        self._open: list[Bin] = []
        self._before, self._times_before = BinCounts(), np.zeros(0, dtype=np.int64)

    def close_second(self, counts: BinCounts, times: npt.NDArray[np.int64]) -> None:
        """A second is over: `counts` and `times` (by bucket) of all until now."""
        if not len(self._times_before):
            self._times_before = np.zeros_like(times)
        new = times - self._times_before
        used = np.flatnonzero(new)
        self._open.append(
            Bin(
                BinCounts(*(now - before for now, before in zip(counts, self._before, strict=True))),
                dict(zip(used.tolist(), new[used].tolist(), strict=True)),
            )
        )
        self._before, self._times_before = counts, times.copy()
        if len(self._open) == self.width_s:
            self._rows.append(added(self._open))
            self._open.clear()
        if len(self._rows) >= MAX_BINS:
            self._rows = [added(self._rows[at : at + 2]) for at in range(0, MAX_BINS, 2)]
            self.width_s *= 2

    def rows(self) -> list[Bin]:
        """All bins, the unfinished one at the end included."""
        return [*self._rows, added(self._open)] if self._open else list(self._rows)

    def merge(self, other: "Bins") -> None:
        """Add what another worker of the same run counted."""
        width_s = max(self.width_s, other.width_s)
        mine, more = self.rows_of(width_s), other.rows_of(width_s)
        empty = [Bin(BinCounts(), {})]
        length = max(len(mine), len(more))
        pairs = zip(mine + empty * (length - len(mine)), more + empty * (length - len(more)), strict=True)
        self._rows, self._open, self.width_s = [added(pair) for pair in pairs], [], width_s

    def rows_of(self, width_s: int) -> list[Bin]:
        """All bins, in bins of `width_s`, a power of 2 times as many seconds."""
        rows, bunch = self.rows(), width_s // self.width_s
        return [added(rows[at : at + bunch]) for at in range(0, len(rows), bunch)]


def added(rows: Sequence[Bin]) -> Bin:
    """The sum of bins."""
    times: dict[int, int] = {}
    for row in rows:
        for bucket, count in row.times.items():
            times[bucket] = times.get(bucket, 0) + count
    return Bin(BinCounts(*(sum(values) for values in zip(*(row.counts for row in rows), strict=True))), times)
