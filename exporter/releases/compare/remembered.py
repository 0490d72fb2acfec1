"""The last bins that a running stream keeps, so that bursts and common rises are judged as in a report. Pure.

A bin is kept as bytes: so it costs as much in memory as on disk, and a commit writes only the bins that are new.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from exporter.releases.compare.bursts import BEFORE_BINS, may_burst
from exporter.releases.compare.detectors import Counts
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.series import Series

KEPT_BINS: Final = 2160
"""Six hours of 10-second bins."""
KEPT_CELLS: Final = 4_000_000
"""Of bins, codes, and two for each candidate: 16 MiB, whatever the limits of a stream are."""
LEAST_BINS: Final = 72
"""That are kept of even more codes: six minutes on both sides of a burst."""
_CELL = np.dtype("<u4")
_MOST = 2**32 - 1
"""Of one code in a bin; more errors are kept as that many."""


class Bin(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A bin that a candidate shares with the baseline.

    users: of the candidate per user of the baseline.
    counts: of both builds, (pair, codes) as bytes.
    seconds: of each
    code that may be in a burst: whether it is the candidate's, its place, its seconds with errors, how many each.
    """

    users: float
    counts: bytes
    seconds: list[tuple[bool, int, list[int], list[int]]] = []


class Remembered(Series):
    """The bins of one candidate that are remembered."""

    def __init__(
        self, bins: Mapping[int, Mapping[str, Bin]], names: Pair[str], codes: Sequence[str], bin_s: int
    ) -> None:
        """`bins`: by start, in order, and by candidate; `names`: of the two builds."""
        found = [(start_s, row[names.candidate]) for start_s, row in bins.items() if names.candidate in row]
        self.names, self.codes, self.bin_s = names, codes, bin_s
        self.starts = np.array([start_s for start_s, _ in found], np.int64)
        self.users = np.array([one.users for _, one in found])
        self.counts = _stacked([one for _, one in found], len(codes))
        self._found = found

    def by_bin(self, code: int | None, *, candidate: bool) -> Counts:
        """As in `Series`."""
        side = self.counts[:, int(candidate)]
        return np.asarray(side.sum(1) if code is None else side[:, code])

    def wide(self, bins: int) -> Pair[Counts]:
        """As in `Series`."""
        edges = np.arange(0, len(self.counts), bins)
        sums = np.add.reduceat(self.counts, edges, axis=0) if len(edges) else self.counts
        return Pair(sums[:, 0], sums[:, 1])

    def seconds(self, code: int, start_s: int, stop_s: int, *, candidate: bool) -> Pair[Counts]:
        """As in `Series`, of a burst."""
        first, last = np.searchsorted(self.starts, [start_s, stop_s]).tolist()
        rows = [
            row
            for _, one in self._found[first:last]
            for of_candidate, place, *row in one.seconds
            if (of_candidate, place) == (candidate, code)
        ]
        return Pair(*(np.array([n for row in rows for n in row[side]], np.int64) for side in (0, 1)))


def remember(before: Sequence[Bin], seconds: Sequence[int], counts: Pair[Counts], users: float) -> Bin:
    """A bin to keep. before: those before it; seconds: those that have records; counts: (seconds, codes) each."""
    sums = np.stack([side.sum(0) for side in counts])
    row = np.minimum(sums, _MOST).astype(_CELL).tobytes()
    if not seconds or not sums.any():
        return Bin(users, row)
    past = _stacked(before[-BEFORE_BINS:], sums.shape[1])
    kept = []
    for candidate, side in enumerate(counts):
        for place in may_burst(past[:, candidate], sums[candidate]):
            at = np.flatnonzero(side[:, place]).tolist()
            kept.append((bool(candidate), place, [seconds[n] for n in at], side[at, place].tolist()))
    return Bin(users, row, kept)


def most_bins(codes: int, candidates: int) -> int:
    """How many bins are kept for a number of codes and candidates."""
    return min(KEPT_BINS, max(LEAST_BINS, KEPT_CELLS // max(1, 2 * codes * candidates)))


def _stacked(bins: Sequence[Bin], codes: int) -> Counts:
    """Counts of bins, which may have fewer codes. (bins, pair, codes)."""
    counts = np.zeros((len(bins), 2, codes), np.int64)
    for place, one in enumerate(bins):
        row = np.frombuffer(one.counts, _CELL).reshape(2, -1)
        counts[place, :, : row.shape[1]] = row
    return counts
