"""Clock times without a date, in the order of an input, to days: a fall by hours means midnight. Pure.

A long input whose times seldom fall is in order. A short one, or the beginning of a long one, is in order if it is so
around the clock, without a single fall: `23:59:58, 0:00:03` is, `15:00, 9:00, 21:00` is not.
"""

import numpy as np

from exporter.releases.bulk.fields import Ints
from exporter.releases.parse import CLOCK_LIMIT_S, DAY_S

FALL_S = 6 * 3600
"""An ordered input whose times fall by more has passed midnight."""
STRAGGLER_S = 23 * 3600
"""What rises by more after midnight is a late record of the day before."""
HEAD_LINES = 31
"""The beginning, which is examined as a whole: inputs may be cut only after these."""
_DISORDER_S = 60
_DISORDERED = 10  # one fall per this many lines: the input is not in order, and a fall means nothing
_MOST_DAYS = 30  # a time stays below what Unix times begin at


class Days:
    """Of one input, as its times come."""

    def __init__(self) -> None:
        self.day = 0
        self.most = 0
        """The number of days after the first."""
        self._last: int | None = None
        self._lines = self._falls = 0
        self._up = 0  # lines after the one before, around the clock, less those before it
        self._calm = True  # no fall around the clock in the beginning

    def steps(self, seconds: Ints) -> Ints:
        """By how many days each line is after the one before; Unix times and bad ones (negative) are ignored."""
        steps = np.zeros(len(seconds), np.int64)
        clock = np.flatnonzero((seconds >= 0) & (seconds < CLOCK_LIMIT_S))
        if not len(clock):
            return steps
        times = seconds[clock]
        rises = np.diff(times, prepend=times[0] if self._last is None else self._last)
        lines = np.arange(len(times)) + self._lines
        for at in np.flatnonzero(self._ordered(rises, lines) & ((rises < -FALL_S) | (rises > STRAGGLER_S))).tolist():
            step = 1 if rises[at] < 0 else -1
            if 0 <= self.day + step <= _MOST_DAYS:
                self.day += step
                steps[clock[at]] = step
                self.most = max(self.most, self.day)
        self._last = int(times[-1])
        self._lines += len(times)
        self._up += int(np.sign(_around(rises)).sum())
        return steps

    def hole(self, seconds: Ints) -> tuple[int, int] | None:
        """Of an input in no order: the longest time without a record, [start, end], where it may be the day's.

        Records of around midnight look so. None: there is none of hours, or the order decided. seconds: sorted.
        """
        clock = seconds[seconds < CLOCK_LIMIT_S]
        is_ordered = self._calm if self._lines <= HEAD_LINES else self._falls * _DISORDERED <= self._lines
        if (is_ordered and self._up >= 0) or self.most or len(clock) < 2:
            return None
        gaps = np.diff(clock)
        at = int(gaps.argmax())
        return (int(clock[at]), int(clock[at + 1])) if gaps[at] > FALL_S else None

    def _ordered(self, rises: Ints, lines: Ints) -> Ints:
        """Whether the input is in order, at each line. rises: from the line before; lines: numbers. (lines,) all."""
        head = rises[lines < HEAD_LINES]
        self._calm = self._calm and not (_around(head) < -_DISORDER_S).any()
        disorder = rises < -_DISORDER_S
        falls = np.cumsum(disorder) - disorder + self._falls
        self._falls += int(disorder.sum())
        return np.where(lines < HEAD_LINES, self._calm, falls * _DISORDERED <= lines)


def _around(rises: Ints) -> Ints:
    """Rises around the clock, the short way."""
    return (rises + DAY_S // 2) % DAY_S - DAY_S // 2
