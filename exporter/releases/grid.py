"""A tally as arrays, bin by bin: what the detectors are fed. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from exporter.releases.detectors import Bin, Counts
from exporter.releases.tally import Tally


class Slice(NamedTuple):
    """One bin of all builds: the seconds in it that had records. counts: (seconds, builds, codes)."""

    start_s: int
    width_s: int
    counts: Counts

    def pair(self, baseline: int, candidate: int) -> Bin:
        """Two builds, by their places, as detectors take them."""
        return Bin(self.start_s, self.width_s, self.counts[:, baseline, :], self.counts[:, candidate, :])


def slices(tally: Tally, builds: list[str], codes: list[int], width_s: int) -> Iterator[Slice]:
    """The whole bins between the first and the last record of any build, empty ones included.

    A last bin that the input does not fill is left out: the task's hour ends with one second of it.
    """
    if not tally.counts:
        return
    build_at = {build: i for i, build in enumerate(builds)}
    code_at = {code: i for i, code in enumerate(codes)}
    table = np.array([(s, build_at[b], code_at[c], n) for (s, b, c), n in tally.counts.items()], np.int64)
    table = table[np.argsort(table[:, 0], kind="stable")]
    first, last = int(table[0, 0]), int(table[-1, 0])
    starts = np.arange(first // width_s * width_s, (last + 1) // width_s * width_s, width_s)
    edges = np.searchsorted(table[:, 0], [*starts, starts[-1] + width_s] if len(starts) else [0])
    for start, left, right in zip(starts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        rows = table[left:right]
        seconds, place = np.unique(rows[:, 0], return_inverse=True)
        counts = np.zeros((len(seconds), len(builds), len(codes)), np.int64)
        np.add.at(counts, (place, rows[:, 1], rows[:, 2]), rows[:, 3])
        yield Slice(start, width_s, counts)
