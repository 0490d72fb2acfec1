"""Which bins of a whole input two builds have in common. Pure."""

import numpy as np

from exporter.releases.bulk.grid import Block
from exporter.releases.bulk.table import Table
from exporter.releases.compare.detectors import Bins, Counts
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.presence import Presence
from exporter.releases.compare.statistics import Moments


class Overlap:
    """The bins that each build shares with the baseline, and what is kept of all once the detectors have seen them.

    Not shared are the bins before a build's first whole one, and those in which the baseline has gone.

    moments: of each build, over the bins that it shares. apart: errors of the baseline and of each build in the other
    ones. (builds, pair, codes).
    """

    def __init__(self, table: Table, baseline: int, bin_s: int) -> None:
        self._baseline = baseline
        builds, codes = len(table.builds), len(table.codes)
        self.apart = np.zeros((builds, 2, codes), np.int64)
        self.moments = [Moments(codes) for _ in range(builds)]
        self.starts: list[int] = []
        self._by_build: list[Counts] = []
        self._presence = Presence()
        self._shared = np.zeros((0, builds), np.bool_)
        first = table.second[np.unique(table.build, return_index=True)[1]]
        begin = table.second[0] // bin_s * bin_s
        first = np.where(first < begin + bin_s, begin, first)  # who comes in the first bin was there before
        self._since = np.maximum(first, first[baseline])

    def add(self, block: Block) -> None:
        """Take in the next bins."""
        sums = block.sums()
        starts = np.arange(block.start_s, block.start_s + block.size * block.bin_s, block.bin_s)
        self.starts += starts.tolist()
        self._by_build.append(sums.sum(2))
        there = [self._step(bin_) for bin_ in self._by_build[-1]]
        self._shared = np.array(there)[:, None] & (starts[:, None] >= self._since)
        for place, shared in enumerate(self._shared.T):
            self.moments[place].add(sums[shared, place])
            if not shared.all():
                self.apart[place] += sums[~shared][:, [self._baseline, place]].sum(0)

    def _step(self, by_build: Counts) -> bool:
        """Whether the baseline was there in a bin. One in which nobody sent is no evidence. by_build: (builds,)."""
        if not by_build.any():
            return not self._presence.gone
        return self._presence.step(int(by_build[self._baseline]))

    def pair(self, block: Block, place: int) -> Bins:
        """The baseline and a build in the block that was added last; bins that they do not share are empty."""
        pair = block.pair(Pair(self._baseline, place))
        shared = self._shared[:, place]
        if shared.all():
            return pair
        rows = shared[pair.place]
        return pair._replace(place=pair.place[rows], counts=Pair(*(counts[rows] for counts in pair.counts)))

    def bins(self, place: int) -> int:
        """Bins that a build shares with the baseline."""
        return self.moments[place].bins

    def records(self, place: int) -> Pair[list[int]]:
        """Records of the baseline and a build, bin by bin."""
        parts = [part[:, [self._baseline, place]] for part in self._by_build]
        return Pair(*np.concatenate([np.zeros((0, 2), np.int64), *parts]).T.tolist())
