"""Three ways to decide that a code has become worse, behind one interface.

A detector is fed the closed bins of one candidate build against the baseline, in order, and answers with what became
active or inactive. It does no I/O, knows no clock and no other build. Codes stand in the order in which they were first
seen, so their number only grows; all arithmetic is on arrays over the codes.

- `MeanThreshold` is the rule of the task's text: the mean of per-second ratios over five bins above 1.25. It alarms on
  noise (docs/releases.md has the figures) and is there for comparison.
- `Evidence` is the e-value of `statistics.log_evidence`: at most `alpha` false alarms over all codes, for ever.
- `Onset` is a CUSUM, for a change in mid stream, which the evidence, looking at all of the past, finds late.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from exporter.releases.statistics import Floats, log_evidence

Counts = NDArray[np.int64]

RECOVERY_RATIO = 1.5  # a CUSUM against it drifts to neither side at a ratio of 1.22: about the task's own 1.25
RECOVERED = math.log(100)


class Bin(NamedTuple):
    """One closed bin `[start_s, start_s + width_s)`, and the seconds in it that had records of any build.

    baseline, candidate: (seconds, codes).
    """

    start_s: int
    width_s: int
    baseline: Counts
    candidate: Counts


class Alert(msgspec.Struct, frozen=True):
    """One code that was worse for a while.

    stop_s: end of the last bin (exclusive), None while active; of the task's own rule the start of the last bin, as the
    task prints it. evidence: what the detector saw, in words.
    """

    detector: str
    code: int
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
    """Fed closed bins in the order of time.

    active: the alerts that are on, by code. scores: what is compared with the threshold, by code's place.
    """

    name: str
    active: dict[int, Alert]
    scores: Floats

    def step(self, closed: Bin, codes: Sequence[int]) -> list[Change]:
        """What this bin changes; `codes` name the columns of its counts."""

    def saved(self) -> "DetectorState":
        """What must be remembered over a restart."""

    def restore(self, state: "DetectorState") -> None:
        """Go on from what `saved` gave."""


class DetectorState(msgspec.Struct):
    """A detector's memory: its alerts, and its arrays as lists."""

    active: dict[int, Alert]
    scores: list[float]
    arrays: dict[str, list[list[float]]] = {}


def grown(array: NDArray[Any], codes: int, fill: float = 0.0) -> NDArray[Any]:
    """`array` with as many places in its last dimension as there are codes, new ones holding `fill`."""
    missing = codes - array.shape[-1]
    if missing <= 0:
        return array
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)], constant_values=fill)


def second_ratios(candidate: Counts, baseline: Counts, width_s: int) -> Floats:
    """Seconds' ratios under the task's rule: 0/0 is 1; n/0 adds 0.05 x the bin's width to the bin's value."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = candidate / baseline
    return np.where(baseline > 0, ratio, np.where(candidate > 0, 0.05 * width_s * width_s, 1.0))


def cusum_steps(ratio: float, exposure: float) -> tuple[float, float]:
    """What one error of the candidate adds to a log likelihood ratio, and one of the baseline takes from it.

    The ratio is that of "the rate is `ratio` times as high" to "equal".
    """
    down = math.log((1 + ratio * exposure) / (1 + exposure))
    return math.log(ratio) - down, down


def in_order(rows: Iterable[Floats], codes: int) -> Floats:
    """The sum of rows, added one after the other: the task's printed value depends on that order to the last digit."""
    total = np.zeros(codes)
    for row in rows:
        total = total + row
    return total


class MeanThreshold:
    """The task's rule. Each window of `bins` bins whose mean is above `threshold` is an alert of its own."""

    name = "mean-threshold"

    def __init__(self, *, bins: int = 5, threshold: float = 1.25) -> None:
        """`bins` to a window; the mean of their values must be above `threshold`."""
        self._bins = bins
        self._threshold = threshold
        self._starts: list[int] = []
        self._idle: list[float] = []  # the value of each bin for a code that had no error in it
        self._window: list[Floats] = []
        self.active: dict[int, Alert] = {}
        self.scores = np.ones(0)

    def step(self, closed: Bin, codes: Sequence[int]) -> list[Change]:
        """What this bin changes: an alert for each code's window that is above the threshold."""
        ratios = second_ratios(closed.candidate, closed.baseline, closed.width_s) / closed.width_s
        idle = float(in_order((np.full(1, 1.0 / closed.width_s) for _ in ratios), 1)[0])
        self._starts = [*self._starts, closed.start_s][-self._bins :]
        self._idle = [*self._idle, idle][-self._bins :]
        self._window = [*self._window, in_order(ratios, len(codes))][-self._bins :]
        was, self.active = self.active, {}
        changes = [Change("inactive", alert) for alert in was.values()]
        if len(self._window) == self._bins:
            values = in_order(
                (grown(w, len(codes), i) for w, i in zip(self._window, self._idle, strict=True)), len(codes)
            )
            self.scores = values / self._bins
            for place in np.flatnonzero(self.scores > self._threshold).tolist():
                alert = self._alert(codes[place], float(self.scores[place]), closed)
                self.active[alert.code] = alert
                changes.append(Change("active", alert))
        return changes

    def _alert(self, code: int, value: float, closed: Bin) -> Alert:
        text = f"mean of {self._bins} bins of {closed.width_s} s"
        return Alert(self.name, code, self._starts[0], closed.start_s, value, self._threshold, text)

    def saved(self) -> DetectorState:
        """What must be remembered over a restart."""
        arrays = {"starts": [list(map(float, self._starts))], "idle": [self._idle], "window": _lists(self._window)}
        return DetectorState(self.active, self.scores.tolist(), arrays)

    def restore(self, state: DetectorState) -> None:
        """Go on from what `saved` gave."""
        self.active, self.scores = dict(state.active), np.array(state.scores)
        self._starts = [int(start) for start in state.arrays["starts"][0]]
        self._idle = list(state.arrays["idle"][0])
        self._window = [np.array(row) for row in state.arrays["window"]]


class Evidence:
    """The anytime-valid test: an alarm when a code's e-value reaches `watched` / alpha.

    watched: codes over which the error is held; the number that may come, not the number seen so far. scores: natural
    logs of the e-values. An alert ends when a CUSUM, `Onset` turned round, has shown at odds of 100 to 1 that the ratio
    is 1 and not `RECOVERY_RATIO`, or when the code has not come for `quiet_bins` in which its build sent others. The
    count then begins anew, so alpha is the chance of a false alarm from one end to the next.
    """

    name = "evidence"

    def __init__(self, *, watched: int, alpha: float = 0.05, exposure: float = 1.0, quiet_bins: int = 30) -> None:
        """The threshold follows from `watched` and `alpha`."""
        self.threshold = math.log(max(1, watched) / alpha)
        self._exposure = exposure
        self._quiet_bins = quiet_bins
        self._up, self._down = cusum_steps(RECOVERY_RATIO, exposure)
        self.totals = np.zeros((2, 0), np.int64)
        """Candidate's and baseline's errors since the start. (2, codes)."""
        self.peaks = np.zeros(0)
        self._cleared = np.zeros((2, 0), np.int64)  # totals when the code's last alert ended
        self._recovery = np.zeros(0)
        self._quiet = np.zeros(0, np.int64)
        self.active: dict[int, Alert] = {}
        self.scores = np.zeros(0)

    def step(self, closed: Bin, codes: Sequence[int]) -> list[Change]:
        """Which codes' evidence crossed the threshold in this bin, and which have recovered."""
        x, y = closed.candidate.sum(0), closed.baseline.sum(0)
        self.totals = grown(self.totals, len(codes)) + np.stack([x, y])
        self._cleared = grown(self._cleared, len(codes))
        since = self.totals - self._cleared
        self.scores = log_evidence(since[0], since[1], exposure=self._exposure)
        self.peaks = np.maximum(grown(self.peaks, len(codes)), self.scores)
        self._recovery = np.maximum(0.0, grown(self._recovery, len(codes)) + y * self._down - x * self._up)
        self._quiet = np.where(x > 0, 0, grown(self._quiet, len(codes)) + int(x.any()))
        above = np.flatnonzero(self.scores >= self.threshold).tolist()
        new = [place for place in above if codes[place] not in self.active]
        changes = [self._begin(codes[place], place, since, closed) for place in new]
        for place in [codes.index(code) for code in self.active]:
            if self._recovery[place] >= RECOVERED or self._quiet[place] >= self._quiet_bins:
                alert = msgspec.structs.replace(self.active.pop(codes[place]), stop_s=closed.start_s + closed.width_s)
                self._cleared[:, place] = self.totals[:, place]
                changes.append(Change("inactive", alert))
        return changes

    def _begin(self, code: int, place: int, since: Counts, closed: Bin) -> Change:
        value = math.exp(min(float(self.scores[place]), 700.0))
        text = f"{since[0, place]} errors against {since[1, place]}"
        alert = Alert(self.name, code, closed.start_s, None, value, math.exp(self.threshold), text)
        self.active[code] = alert
        self._recovery[place] = self._quiet[place] = 0
        return Change("active", alert)

    def saved(self) -> DetectorState:
        """What must be remembered over a restart."""
        arrays = {"totals": _lists(self.totals), "cleared": _lists(self._cleared)}
        arrays |= {"peaks": _lists([self.peaks]), "recovery": _lists([self._recovery]), "quiet": _lists([self._quiet])}
        return DetectorState(self.active, self.scores.tolist(), arrays)

    def restore(self, state: DetectorState) -> None:
        """Go on from what `saved` gave."""
        self.active, self.scores = dict(state.active), np.array(state.scores)
        self.totals = np.array(state.arrays["totals"], np.int64)
        self._cleared = np.array(state.arrays["cleared"], np.int64)
        self.peaks, self._recovery = np.array(state.arrays["peaks"][0]), np.array(state.arrays["recovery"][0])
        self._quiet = np.array(state.arrays["quiet"][0], np.int64)


class Onset:
    """CUSUM of the log likelihood ratio "the rate is `ratio` times as high" against "equal" (Page, 1954).

    With equal rates a climb that begins in a given bin reaches h with a chance of at most exp(-h) (Ville), whatever the
    rates are, so h = log(watched x bins an hour / alpha) lets at most `alpha` false alarms be expected in an hour, over
    all codes. A score is cut off at twice the threshold, so that an alert ends soon after the rates are equal again.
    """

    name = "onset"

    def __init__(
        self, *, watched: int, alpha: float = 0.05, bin_s: int = 10, ratio: float = 2.0, exposure: float = 1.0
    ) -> None:
        """`ratio` is the change that is found soonest."""
        self.threshold = math.log(max(1, watched) * 3600 / bin_s / alpha)
        self._up, self._down = cusum_steps(ratio, exposure)
        self._rising = np.zeros(0)  # start of the bin in which the score last left zero
        self.active: dict[int, Alert] = {}
        self.scores = np.zeros(0)

    def step(self, closed: Bin, codes: Sequence[int]) -> list[Change]:
        """Which codes' scores reached the threshold in this bin, and which fell back to zero."""
        before = grown(self.scores, len(codes))
        gain = closed.candidate.sum(0) * self._up - closed.baseline.sum(0) * self._down
        self.scores = np.clip(before + gain, 0.0, 2 * self.threshold)
        self._rising = np.where(before == 0.0, closed.start_s, grown(self._rising, len(codes)))
        changes = []
        for place in np.flatnonzero(self.scores >= self.threshold).tolist():
            if codes[place] not in self.active:
                start = int(self._rising[place])
                text = f"rising since {start} s"
                alert = Alert(self.name, codes[place], start, None, float(self.scores[place]), self.threshold, text)
                self.active[alert.code] = alert
                changes.append(Change("active", alert))
        for place in [codes.index(code) for code in self.active]:
            if self.scores[place] == 0.0:
                alert = msgspec.structs.replace(self.active.pop(codes[place]), stop_s=closed.start_s + closed.width_s)
                changes.append(Change("inactive", alert))
        return changes

    def saved(self) -> DetectorState:
        """What must be remembered over a restart."""
        return DetectorState(self.active, self.scores.tolist(), {"rising": _lists([self._rising])})

    def restore(self, state: DetectorState) -> None:
        """Go on from what `saved` gave."""
        self.active, self.scores = dict(state.active), np.array(state.scores)
        self._rising = np.array(state.arrays["rising"][0])


def _lists(rows: Iterable[NDArray[Any]]) -> list[list[float]]:
    return [row.tolist() for row in rows]
