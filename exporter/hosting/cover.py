"""Sets of time for queries with very many times. Pure."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from exporter.timeline import Interval, union

Ints: TypeAlias = npt.NDArray[np.int64]


class Cover:
    """A set of time as arrays, for queries with very many times."""

    def __init__(self, intervals: Iterable[Interval]) -> None:
        """`intervals`: half-open, in Unix seconds, in any order; they may overlap."""
        self._hold(*np.array(union(intervals), np.int64).reshape(-1, 2).T)

    @classmethod
    def of(cls, start: Ints, end: Ints) -> "Cover":
        """That of intervals in normal form, as arrays."""
        made = cls([])
        made._hold(start, end)
        return made

    def _hold(self, start: Ints, end: Ints) -> None:
        self.start, self.end, self.empty = start, end, not len(start)
        self._before = np.concatenate([[0], np.cumsum(self.end - self.start)])

    def until(self, time_s: Ints) -> Ints:
        """Seconds of the set before each time."""
        return self._gathered(time_s, self._before, lambda at: at)

    def gathered(self, total: Callable[[Ints], Ints], time_s: Ints) -> Ints:
        """The increase of a running total inside the set before each time."""
        return self._gathered(time_s, np.concatenate([[0], np.cumsum(total(self.end) - total(self.start))]), total)

    def _gathered(self, time_s: Ints, before: Ints, total: Callable[[Ints], Ints]) -> Ints:
        if self.empty:
            return np.zeros(len(time_s), np.int64)
        begun = np.searchsorted(self.start, time_s, side="right")
        last = np.maximum(begun - 1, 0)
        inside = total(np.minimum(time_s, self.end[last])) - total(self.start)[last]
        return np.where(begun > 0, before[last] + inside, 0)
