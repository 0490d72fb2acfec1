"""Records far from all others in time, as from a clock in 1970 or 2106. Pure."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exporter.releases.bulk.fields import Ints

FAR_S = 31 * 86_400
"""The longest gap in one input; with a longer one it is in pieces."""
FEW = 100  # a piece with fewer records than this fraction of the main piece's comes from a wrong clock
LONG = 10  # so is a smaller piece, this many lengths of the main one away


class Far(NamedTuple):
    """Records that were set apart: how many, the first of them, and the range of the others. Seconds."""

    records: int
    first_s: int
    others: tuple[int, int]


def near(seconds: Ints, counts: Ints) -> NDArray[np.bool_]:
    """Which rows are not outlying. seconds: ascending; counts: records of each. (rows,) all."""
    keep = np.ones(len(seconds), np.bool_)
    edges = np.concatenate([[0], np.flatnonzero(np.diff(seconds) > FAR_S) + 1, [len(seconds)]])
    if len(edges) <= 2:
        return keep
    records = np.add.reduceat(counts, edges[:-1])
    first, last = seconds[edges[:-1]], seconds[edges[1:] - 1]
    main = int(records.argmax())
    gap = np.maximum(first - last[main], first[main] - last)
    length = last[main] - first[main]
    few = records * FEW <= records[main]
    remote = (records * 2 < records[main]) & (gap > LONG * length)
    for place in np.flatnonzero(few | remote).tolist():
        keep[edges[place] : edges[place + 1]] = False
    return keep
