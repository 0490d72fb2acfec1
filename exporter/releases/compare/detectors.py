"""The common interface of detectors: three ways to decide that a code has become worse.

A detector receives the closed bins of one candidate build against the baseline, in order, and returns alerts that
became active or inactive. It has no I/O, no clock and no other builds. Codes are in the order in which they were first
seen, so their number only grows. All arithmetic is on arrays: over the codes, and for a whole file over thousands of
bins at once. A stream feeds single bins; the division of bins into blocks changes nothing.

- `MeanThreshold` is the rule of the task's text: the mean of per-second ratios over five bins above 1.25. It alarms on
  noise (docs/releases.md has the figures) and exists for comparison.
- `Evidence` is the e-value of `statistics.log_evidence`: at most `alpha` false alarms over all codes, for ever.
- `Onset` is a CUSUM, for a change in mid stream, which the evidence finds late because it uses all of the past.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, Protocol, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from exporter.releases.compare.pair import Pair
from exporter.releases.compare.statistics import Floats

Counts = NDArray[np.int64]


class Bins(NamedTuple):
    """Closed bins in a row, the first of them `[start_s, start_s + bin_s)`, and the seconds in them that had records.

    size: number of bins. place: the bin of each second, ascending, (seconds,). counts: (seconds, codes) each.
    exposure: ratio of candidate users to baseline users, (bins,), where they vary; None: as the detector was made.
    """

    start_s: int
    bin_s: int
    size: int
    place: Counts
    counts: Pair[Counts]
    exposure: Floats | None = None

    @classmethod
    def one(cls, start_s: int, bin_s: int, counts: Pair[Counts], exposure: float | None = None) -> Self:
        """A single bin."""
        place = np.zeros(len(counts.baseline), np.int64)
        return cls(start_s, bin_s, 1, place, counts, None if exposure is None else np.array([exposure]))

    def start_of(self, place: int) -> int:
        """Start of a bin; of the one after it, its end."""
        return self.start_s + place * self.bin_s

    def sums(self) -> Pair[Counts]:
        """Errors by bin. (bins, codes) each."""
        return Pair(*(sums_by_bin(counts, self.place, self.size) for counts in self.counts))


class Alert(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One code that was worse for a while.

    stop_s: end of the last bin (exclusive), None while active; of the task's own rule the start of the last bin, as the
    task prints it. evidence: the reason, in words.
    """

    detector: str
    code: str
    start_s: int
    stop_s: int | None
    value: float
    threshold: float
    evidence: str


class Change(NamedTuple):
    """An alert that became active or inactive."""

    kind: Literal["active", "inactive"]
    alert: Alert


class Detector(Protocol):
    """Receives closed bins in the order of time, one by one or many at once.

    active: the alerts that are on, by code.
    """

    name: str
    active: dict[str, Alert]

    @property
    def scores(self) -> Floats:
        """The values that are compared with the threshold, by code's place."""

    def step(self, closed: Bins, codes: Sequence[str]) -> list[Change]:
        """The changes by these bins, in their order; `codes` name the columns of their counts."""

    def saved(self) -> "DetectorState":
        """The state to keep over a restart."""

    def restore(self, state: "DetectorState") -> None:
        """Continue from an earlier `saved`."""


class DetectorState(msgspec.Struct):
    """A detector's state: its alerts, its scores unless they follow from the rest, and its arrays as lists."""

    active: dict[str, Alert]
    scores: list[float]
    arrays: dict[str, list[list[float]]] = {}


def grown(array: NDArray[Any], codes: int, fill: float = 0.0) -> NDArray[Any]:
    """`array` with as many places in its last dimension as there are codes, new ones holding `fill`."""
    missing = codes - array.shape[-1]
    if missing <= 0:
        return array
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)], constant_values=fill)


def sums_by_bin(counts: Counts, place: Counts, size: int) -> Counts:
    """Counts of seconds, which are in the bins `place`, summed. counts: (seconds, ...); back: (size, ...)."""
    sums = np.zeros((size, *counts.shape[1:]), np.int64)
    filled, firsts = np.unique(place, return_index=True)
    if len(filled):
        sums[filled] = np.add.reduceat(counts, firsts)
    return sums


def cusum_steps(ratio: float, exposure: float, by_bin: Floats | None = None) -> Pair[Floats]:
    """What one error of each build adds to a log likelihood ratio in each bin; the baseline's is negative.

    The ratio is that of "the rate is `ratio` times as high" to "equal". (bins, 1), or (1, 1) where `by_bin` is None.
    """
    users = np.array([exposure] if by_bin is None else by_bin)[:, None]
    down = np.log((1 + ratio * users) / (1 + users))
    return Pair(baseline=-down, candidate=math.log(ratio) - down)


def as_lists(rows: Iterable[NDArray[Any]]) -> list[list[float]]:
    """Arrays as a `DetectorState` keeps them."""
    return [row.tolist() for row in rows]
