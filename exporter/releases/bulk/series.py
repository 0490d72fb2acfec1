"""Two builds of a table bin by bin. Pure."""

import math
from itertools import pairwise
from typing import Any

import numpy as np

from exporter.releases.bulk.overlap import Overlap
from exporter.releases.bulk.table import Table
from exporter.releases.compare.detectors import Counts
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.series import Series
from exporter.releases.compare.statistics import Floats


class TableSeries(Series):
    """Of a whole input; calculated for one code at a time."""

    def __init__(self, table: Table, overlap: Overlap, builds: Pair[int], exposure: float) -> None:
        """`exposure`: the users where they do not vary."""
        self._table, self.codes = table, table.codes
        self.names = Pair(*(table.builds[place] for place in builds))
        shared = overlap.shared(builds.candidate)
        starts = np.array(overlap.starts, np.int64)
        self.bin_s = overlap.bin_s
        self.starts = starts[shared]
        varying = overlap.users(builds.candidate)
        self.users: Floats = np.full(len(self.starts), exposure) if varying is None else varying[shared]
        start = table.second // self.bin_s * self.bin_s
        place = np.searchsorted(self.starts, start) if len(self.starts) else np.zeros(len(start), np.int64)
        place = np.minimum(place, max(0, len(self.starts) - 1))
        inside = self.starts[place] == start if len(self.starts) else np.zeros(len(start), np.bool_)
        self._place = place
        self._rows = Pair(*(self._by_code(inside & (table.build == build)) for build in builds))

    def _by_code(self, mine: Any) -> list[Counts]:
        """Rows of one build by code, in order of time."""
        rows = np.flatnonzero(mine)
        code = self._table.code[rows]
        order = np.argsort(code, kind="stable")
        edges = np.searchsorted(code[order], np.arange(len(self.codes) + 1))
        return [rows[order[a:b]] for a, b in pairwise(edges)]

    def _side(self, *, candidate: bool) -> list[Counts]:
        """The table's rows of a build, by code."""
        return self._rows.candidate if candidate else self._rows.baseline

    def by_bin(self, code: int | None, *, candidate: bool) -> Counts:
        """As in `Series`."""
        side = self._side(candidate=candidate)
        rows = np.concatenate(side) if code is None else side[code]
        return np.bincount(self._place[rows], self._table.count[rows], len(self.starts)).astype(np.int64)

    def seconds(self, code: int, start_s: int, stop_s: int, *, candidate: bool) -> Pair[Counts]:
        """As in `Series`."""
        rows = self._side(candidate=candidate)[code]
        second = self._table.second[rows]
        rows = rows[(second >= start_s) & (second < stop_s)]
        return Pair(self._table.second[rows], self._table.count[rows])

    def wide(self, bins: int) -> Pair[Counts]:
        """As in `Series`."""
        size, codes = math.ceil(len(self.starts) / bins), len(self.codes)

        def counted(side: list[Counts]) -> Counts:
            """Counts of one side, shaped (size, codes)."""
            rows = np.concatenate(side)
            flat = self._place[rows] // bins * codes + self._table.code[rows]
            return np.bincount(flat, self._table.count[rows], size * codes).astype(np.int64).reshape(size, codes)

        return Pair(*map(counted, self._rows))
