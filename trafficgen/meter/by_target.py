"""What each target's requests came to: times in constant memory, and those that failed, by reason.

One table for all targets, filled a batch at a time, as the work must not grow with the number of targets.
"""

import copy
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from trafficgen.meter.histogram import BUCKETS, Histogram, Nanoseconds, buckets_of

Codes: TypeAlias = tuple[tuple[int, int], ...]
"""Ranges of status codes, both ends included."""
SERVER_ERROR = 500  # the first code of those that no target should answer with


class ByTarget:
    """Times and failures by target. `target_numbers`: of each kind of request, its target."""

    def __init__(self, targets: int, target_numbers: Sequence[int] | None = None) -> None:
        """`targets`: how many there are. Without `target_numbers` each kind of request has its own."""
        self._target_numbers = np.array(range(targets) if target_numbers is None else target_numbers, dtype=np.int64)
        self.counts = np.zeros((targets, BUCKETS), dtype=np.int64)
        self.count = np.zeros(targets, dtype=np.int64)
        self.sum_ns = np.zeros(targets, dtype=np.float64)
        self.max_ns = np.zeros(targets, dtype=np.int64)
        self.failed: list[dict[str, int]] = [{} for _ in range(targets)]  # by reason: no answer, or dropped

    def fail(self, number: int, reason: str) -> None:
        """Count a request that was given up or dropped; `number` as in `record`."""
        failed = self.failed[self._target_numbers[number % len(self._target_numbers)]]
        failed[reason] = failed.get(reason, 0) + 1

    def record(self, numbers: list[int], values_ns: Sequence[int] | Nanoseconds) -> None:
        """Count times of requests, whose kinds are `numbers` modulo the number of kinds."""
        if not numbers:
            return
        targets = self._target_numbers[np.array(numbers, dtype=np.int64) % len(self._target_numbers)]
        values = np.asarray(values_ns, dtype=np.int64)
        np.add.at(self.counts.reshape(-1), targets * BUCKETS + buckets_of(values.astype(np.float64)), 1)
        self.count += np.bincount(targets, minlength=len(self.count))
        self.sum_ns += np.bincount(targets, weights=values, minlength=len(self.count))
        np.maximum.at(self.max_ns, targets, values)

    def histogram(self, target: int) -> Histogram:
        """The times of one target, without classic buckets."""
        found = Histogram()
        found.counts = self.counts[target]
        found.count, found.sum_ns = int(self.count[target]), round(self.sum_ns[target])
        found.max_ns = int(self.max_ns[target])
        return found

    def without_times(self) -> "ByTarget":
        """The same counts without the distributions, which are large; shares its parts with this one."""
        slim = copy.copy(self)
        slim.counts = np.zeros((len(self.count), BUCKETS), dtype=np.int64)
        return slim

    def merge(self, other: "ByTarget") -> None:
        """Add what another worker has counted."""
        self.counts += other.counts
        self.count += other.count
        self.sum_ns += other.sum_ns
        self.max_ns = np.maximum(self.max_ns, other.max_ns)
        for mine, others in zip(self.failed, other.failed, strict=True):
            for reason, count in others.items():
                mine[reason] = mine.get(reason, 0) + count

    def __getstate__(self) -> tuple[Any, ...]:
        """What is pickled: the buckets that hold something."""
        used = np.flatnonzero(self.counts)
        return (used, self.counts.reshape(-1)[used], self.count, self.sum_ns, self.max_ns, self.failed)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        used, counts, self.count, self.sum_ns, self.max_ns, self.failed = state
        self._target_numbers = np.arange(len(self.count))
        self.counts = np.zeros((len(self.count), BUCKETS), dtype=np.int64)
        self.counts.reshape(-1)[used] = counts


def is_expected(code: int, expected: Codes | None) -> bool:
    """Whether an answer is what its target should give; without saying so, all but server errors are."""
    if expected is None:
        return code < SERVER_ERROR
    return any(first <= code <= last for first, last in expected)
