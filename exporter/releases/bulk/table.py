"""Counts per second for each build and code as columns: the input of analyses. Pure."""

from collections.abc import Iterator
from itertools import pairwise

import msgspec
import numpy as np

from exporter.releases.bulk.fields import Ints


class Table(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A row for each second, build and code with records, in that order and distinct.

    builds: lowest version first. codes: in order. second: as the records have it; build, code: places in the lists;
    count: records, 1 or more. All four (rows,).
    """

    builds: list[str]
    codes: list[str]
    second: Ints
    build: Ints
    code: Ints
    count: Ints

    @property
    def records(self) -> int:
        """Records counted."""
        return int(self.count.sum())

    @property
    def seconds(self) -> int:
        """Seconds that have records."""
        return int(np.count_nonzero(np.diff(self.second))) + 1 if len(self.second) else 0

    def totals(self) -> Ints:
        """Records by build and code. (builds, codes)."""
        totals = np.zeros((len(self.builds), len(self.codes)), np.int64)
        np.add.at(totals, (self.build, self.code), self.count)
        return totals

    def rows(self) -> Iterator[tuple[int, Ints]]:
        """The seconds that have records, in order, with their counts. (builds, codes)."""
        edges = [0, *(np.flatnonzero(np.diff(self.second)) + 1).tolist(), len(self.second)]
        for left, right in pairwise(edges):
            if left < right:
                counts = np.zeros((len(self.builds), len(self.codes)), np.int64)
                counts[self.build[left:right], self.code[left:right]] = self.count[left:right]
                yield int(self.second[left]), counts
