"""Clock times without a date, in the order of an input, to days: what falls by hours goes on after midnight. Pure."""

import numpy as np

from exporter.releases.bulk.fields import Ints
from exporter.releases.parse import CLOCK_LIMIT_S

FALL_S = 6 * 3600
"""An ordered input whose times fall by more has passed midnight."""
STRAGGLER_S = 23 * 3600
"""What rises by more after midnight is a late record of the day before."""
_DISORDER_S = 60
_DISORDERED = 10  # one fall in so many lines: the input is in no order, and a fall says nothing
_ENOUGH = 31  # lines before a fall says something
_MOST_DAYS = 30  # a time stays below what Unix times begin at


class Days:
    """Of one input, as its times come."""

    def __init__(self) -> None:
        self.day = 0
        self._last: int | None = None
        self._lines = self._falls = 0

    def steps(self, seconds: Ints) -> Ints:
        """By how many days each line is after the one before; Unix times and bad ones (negative) count for nothing."""
        steps = np.zeros(len(seconds), np.int64)
        clock = np.flatnonzero((seconds >= 0) & (seconds < CLOCK_LIMIT_S))
        if not len(clock):
            return steps
        times = seconds[clock]
        rises = np.diff(times, prepend=times[0] if self._last is None else self._last)
        disorder = rises < -_DISORDER_S
        falls = np.cumsum(disorder) - disorder + self._falls
        lines = np.arange(len(times)) + self._lines
        ordered = (lines >= _ENOUGH) & (falls * _DISORDERED <= lines)
        for at in np.flatnonzero(ordered & ((rises < -FALL_S) | (rises > STRAGGLER_S))).tolist():
            step = 1 if rises[at] < 0 else -1
            if 0 <= self.day + step <= _MOST_DAYS:
                self.day += step
                steps[clock[at]] = step
        self._last = int(times[-1])
        self._lines += len(times)
        self._falls += int(disorder.sum())
        return steps
