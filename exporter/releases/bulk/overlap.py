"""Which bins of a whole input two builds have in common. Pure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from exporter.releases.bulk.grid import Block
from exporter.releases.bulk.table import Table
from exporter.releases.compare.detectors import Bins, Counts
from exporter.releases.compare.exposure import Exposure
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.presence import Presence
from exporter.releases.compare.statistics import Floats, Moments
from exporter.releases.compare.varying import Strata


class Overlap:
    """The bins that each build shares with the baseline, and what is kept of all once the detectors have seen them.

    Not shared are the bins before a build's first whole one, those in which the baseline has gone, and those with
    unknown users, or without users of one of the two.

    moments: of each build, over the bins that it shares. apart: errors of the baseline and of each build in the other
    ones. (builds, pair, codes). unknown: bins of each build that are not shared only because of the users.
    """

    def __init__(self, table: Table, baseline: int, bin_s: int, exposure: Exposure) -> None:
        """`baseline`: its place among the builds of `table`.

        `bin_s`: the width of a bin. `exposure`: the users.
        """
        self._baseline = baseline
        self._builds, self.bin_s, self._exposure = table.builds, bin_s, exposure
        builds, codes = len(table.builds), len(table.codes)
        self.apart = np.zeros((builds, 2, codes), np.int64)
        self.moments = [Moments(codes) for _ in range(builds)]
        self.unknown = [0] * builds
        self.starts: list[int] = []
        self._users = np.ones((0, builds))
        self._strata: list[list[Strata]] = [[] for _ in range(builds)]
        self._users_seen: list[Floats] = []
        self._by_block: list[NDArray[np.bool_]] = []
        self._presence = Presence()
        self._shared = np.zeros((0, builds), np.bool_)
        first = table.second[np.unique(table.build, return_index=True)[1]]
        begin = table.second[0] // bin_s * bin_s
        first = np.where(first < begin + bin_s, begin, first)  # who comes in the first bin was there before
        self._since = np.maximum(first, first[baseline])

    def add(self, block: Block) -> None:
        """Add the next bins."""
        sums = block.sums()
        starts = np.arange(block.start_s, block.start_s + block.size * block.bin_s, block.bin_s)
        self.starts += starts.tolist()
        there = [self._step(bin_) for bin_ in sums.sum(2)]
        self._shared = np.array(there)[:, None] & (starts[:, None] >= self._since)
        if self._exposure.shares is not None:
            self._weigh(starts.tolist())
        self._by_block.append(self._shared)
        for place, shared in enumerate(self._shared.T):
            self.moments[place].add(sums[shared, place])
            if not shared.all():
                self.apart[place] += sums[~shared][:, [self._baseline, place]].sum(0)
            if self._exposure.shares is not None and shared.any() and place != self._baseline:
                came = Pair(sums[shared, self._baseline], sums[shared, place])
                self._strata[place].append(Strata.of(came, self._users[shared, place]))

    def _weigh(self, starts: Sequence[int]) -> None:
        """Remove the bins with unknown or no users. Returns the users of the others, (bins, builds)."""
        users = np.ones((len(starts), len(self._builds)))
        for place, build in enumerate(self._builds):
            if place != self._baseline:
                builds = Pair(self._builds[self._baseline], build)
                users[:, place] = self._exposure.ratios(builds, starts, self.bin_s, alone=len(self._builds) == 2)
        usable = np.isfinite(users) & (users > 0)
        for place, lost in enumerate((self._shared & ~usable).sum(0).tolist()):
            self.unknown[place] += lost
        self._shared &= usable
        self._users = np.where(usable, users, 1.0)
        self._users_seen.append(np.where(self._shared, users, np.nan))

    def _step(self, by_build: Counts) -> bool:
        """Whether the baseline was present in a bin. A bin without any records is not evidence. by_build: (builds,)."""
        if not by_build.any():
            return not self._presence.gone
        return self._presence.step(int(by_build[self._baseline]))

    def pair(self, block: Block, place: int) -> Bins:
        """The baseline and a build in the block that was added last; bins that they do not share are empty."""
        pair = block.pair(Pair(self._baseline, place))
        if self._exposure.shares is not None:
            pair = pair._replace(exposure=self._users[:, place])
        shared = self._shared[:, place]
        if shared.all():
            return pair
        rows = shared[pair.place]
        return pair._replace(place=pair.place[rows], counts=Pair(*(counts[rows] for counts in pair.counts)))

    def strata(self, place: int) -> Strata | None:
        """A build's errors and the baseline's by exposure, where that varies and they share a bin."""
        return Strata.merged(self._strata[place]) if self._strata[place] else None

    def users(self, place: int) -> Floats | None:
        """Users of a build per user of the baseline in each bin, if they vary; nan where the bin is not shared."""
        if self._exposure.shares is None:
            return None
        return np.concatenate([np.zeros(0), *(part[:, place] for part in self._users_seen)])

    def bins(self, place: int) -> int:
        """Bins that a build shares with the baseline."""
        return self.moments[place].bins

    def shared(self, place: int) -> NDArray[np.bool_]:
        """Which of the bins a build shares with the baseline. (bins,)."""
        return np.concatenate([np.zeros(0, np.bool_), *(part[:, place] for part in self._by_block)])
