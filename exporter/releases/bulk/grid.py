"""A table as arrays, bins in a row: the input of the detectors. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from exporter.releases.bulk.table import Table
from exporter.releases.compare.detectors import Bins, Counts, sums_by_bin
from exporter.releases.compare.pair import Pair

MARGIN_BINS = 1000
"""Maximum number of bins at either end of a long gap: one record with a wrong year must not make millions."""

_CELLS = 1_000_000  # of a block: seconds, builds and codes multiplied


class Block(NamedTuple):
    """Bins of all builds in a row, and the seconds in them that had records.

    size: number of bins. place: the bin of each second, ascending, (seconds,). counts: (seconds, builds, codes).
    """

    start_s: int
    bin_s: int
    size: int
    place: Counts
    counts: Counts

    def pair(self, builds: Pair[int]) -> Bins:
        """Two builds, by their places, as detectors take them."""
        counts = Pair(*(self.counts[:, build] for build in builds))
        return Bins(self.start_s, self.bin_s, self.size, self.place, counts)

    def sums(self) -> Counts:
        """Counts by bin. (bins, builds, codes)."""
        return sums_by_bin(self.counts, self.place, self.size)


def blocks(table: Table, bin_s: int) -> Iterator[Block]:
    """The whole bins between the first and the last record of any build, empty ones included.

    An incomplete last bin is dropped: the task's hour ends with one second of it.
    """
    if not len(table.second):
        return
    bins = table.second // bin_s
    end = (int(table.second[-1]) + 1) // bin_s
    most = max(1, _CELLS // (bin_s * len(table.builds) * len(table.codes)))
    for start, stop in _stretches(bins, end):
        for first in range(start, stop, most):
            last = min(first + most, stop)
            left, right = np.searchsorted(bins, [first, last]).tolist()
            yield _block(table, bin_s, (first, last), slice(left, right))


def _stretches(bins: Counts, end: int) -> Iterator[tuple[int, int]]:
    """Bins without the middles of long gaps, as half-open ranges. bins: ascending."""
    gaps = np.flatnonzero(np.diff(bins) > 2 * MARGIN_BINS)
    starts = [int(bins[0]), *(bins[gaps + 1] - MARGIN_BINS).tolist()]
    stops = [*(bins[gaps] + 1 + MARGIN_BINS).tolist(), end]
    for start, stop in zip(starts, stops, strict=True):
        if start < min(stop, end):
            yield start, min(stop, end)


def _block(table: Table, bin_s: int, bins: tuple[int, int], rows: slice) -> Block:
    second = table.second[rows]
    seconds, nth = np.unique(second, return_inverse=True)
    counts = np.zeros((len(seconds), len(table.builds), len(table.codes)), np.int64)
    counts[nth, table.build[rows], table.code[rows]] = table.count[rows]
    return Block(bins[0] * bin_s, bin_s, bins[1] - bins[0], seconds // bin_s - bins[0], counts)
