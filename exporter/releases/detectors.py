"""Three ways to decide that a code has become worse, behind one interface.

A detector is fed the closed bins of one candidate build against the baseline, in order, and answers with what became
active or inactive. It does no I/O, knows no clock and no other build.

- `MeanThreshold` is the rule of the task's text: the mean of per-second ratios over five bins above 1.25. It alarms on
  noise (docs/releases.md has the figures) and is there for comparison.
- `Evidence` is the e-value of `statistics.log_evidence`: at most `alpha` false alarms over all codes, for ever.
- `Onset` is a CUSUM, for a change in mid stream, which the evidence, looking at all of the past, finds late.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from exporter.releases.statistics import log_evidence, rate_ratios


class Second(NamedTuple):
    """One second that had records of any build and code."""

    time_s: int
    baseline: Mapping[int, int]  # code -> count
    candidate: Mapping[int, int]


class Bin(NamedTuple):
    """One closed bin `[start_s, start_s + width_s)`: the seconds in it that had records, and their sums."""

    start_s: int
    width_s: int
    seconds: Sequence[Second]
    baseline: Mapping[int, int]
    candidate: Mapping[int, int]


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
    """Fed closed bins in the order of time."""

    name: str

    @property
    def state(self) -> Any:
        """What it must remember over a restart: a msgspec Struct."""

    @state.setter
    def state(self, value: Any) -> None: ...

    def step(self, closed: Bin, codes: Sequence[int]) -> list[Change]:
        """What this bin changes; `codes` are those watched so far, in order."""


def second_ratio(candidate: int, baseline: int, width_s: int) -> float:
    """A second's ratio under the task's rule: 0/0 is 1; n/0 adds 0.05 x the bin's width to the bin's mean."""
    if baseline == 0:
        return 1.0 if candidate == 0 else 0.05 * width_s * width_s
    return candidate / baseline


class MeanState(msgspec.Struct):
    """What `MeanThreshold` must remember."""

    starts: list[int] = []
    windows: dict[int, list[float]] = {}
    values: dict[int, float] = {}
    active: dict[int, Alert] = {}


class MeanThreshold:
    """The task's rule. Each window of `bins` bins whose mean is above `threshold` is an alert of its own."""

    name = "mean-threshold"

    def __init__(self, *, bins: int = 5, threshold: float = 1.25) -> None:
        """`bins` to a window; the mean of their values must be above `threshold`."""
        self._bins = bins
        self.threshold = threshold
        self.state = MeanState()

    def step(self, closed: Bin, codes: Sequence[int]) -> list[Change]:
        """What this bin changes: an alert for each code's window that is above the threshold."""
        starts = self.state.starts
        starts.append(closed.start_s)
        del starts[: -self._bins]
        changes: list[Change] = []
        for code in codes:
            window = self.state.windows.setdefault(code, [])
            window.append(_mean_bin(closed, code))
            del window[: -self._bins]
            if len(window) < self._bins:
                continue
            value = self.state.values[code] = sum(window) / self._bins
            changes += self._compare(code, value, closed)
        return changes

    def _compare(self, code: int, value: float, closed: Bin) -> list[Change]:
        was = self.state.active.pop(code, None)
        changes = [Change("inactive", was)] if was else []
        if value > self.threshold:
            alert = Alert(
                self.name,
                code,
                self.state.starts[0],
                closed.start_s,
                value,
                self.threshold,
                f"mean of {self._bins} bins of {closed.width_s} s",
            )
            self.state.active[code] = alert
            changes.append(Change("active", alert))
        return changes


def _mean_bin(closed: Bin, code: int) -> float:
    total = 0.0
    for second in closed.seconds:
        ratio = second_ratio(second.candidate.get(code, 0), second.baseline.get(code, 0), closed.width_s)
        total += ratio / closed.width_s
    return total


class EvidenceState(msgspec.Struct):
    """What `Evidence` must remember.

    totals: code -> (candidate, baseline) since the start. cleared: those totals when the code's last alert ended; the
    count begins anew there. recent: the same by bin, newest last. logs, peaks: log evidence now, and the highest.
    """

    totals: dict[int, tuple[int, int]] = {}
    cleared: dict[int, tuple[int, int]] = {}
    recent: dict[int, list[tuple[int, int]]] = {}
    logs: dict[int, float] = {}
    peaks: dict[int, float] = {}
    active: dict[int, Alert] = {}


class Evidence:
    """The anytime-valid test: an alarm when a code's e-value reaches codes / alpha.

    watched: codes to hold the error over; None: as many as are seen, which holds only if `codes` never grows.
    """

    name = "evidence"

    def __init__(
        self,
        *,
        alpha: float = 0.05,
        ratio: float = 1.0,
        exposure: float = 1.0,
        watched: int | None = None,
        clear_bins: int = 30,
        clear_ratio: float = 1.25,
    ) -> None:
        self._alpha = alpha
        self._ratio = ratio
        self._exposure = exposure
        self._watched = watched
        self._clear_ratio = clear_ratio
        self._clear_bins = clear_bins
        self.state = EvidenceState()

    def threshold(self, codes: int) -> float:
        """The natural log of the evidence at which a code alarms, when `codes` are watched."""
        return math.log((self._watched or max(1, codes)) / self._alpha)

    def step(self, closed: Bin, codes: Sequence[int]) -> list[Change]:
        """Which codes' evidence crossed the threshold in this bin, and which have recovered."""
        if not codes:
            return []
        for code in codes:
            self._count(code, closed.candidate.get(code, 0), closed.baseline.get(code, 0))
        pairs = [self._since(code) for code in codes]
        logs = log_evidence([x for x, _ in pairs], [y for _, y in pairs], self._ratio, self._exposure)
        threshold = self.threshold(len(codes))
        changes = []
        for code, log_e, pair in zip(codes, logs.tolist(), pairs, strict=True):
            self.state.logs[code] = log_e
            self.state.peaks[code] = max(log_e, self.state.peaks.get(code, 0.0))
            changes += self._compare(code, log_e, threshold, pair, closed)
        return changes

    def _count(self, code: int, x: int, y: int) -> None:
        before = self.state.totals.get(code, (0, 0))
        self.state.totals[code] = (before[0] + x, before[1] + y)
        recent = self.state.recent.setdefault(code, [])
        recent.append((x, y))
        del recent[: -self._clear_bins]

    def _since(self, code: int) -> tuple[int, int]:
        x, y = self.state.totals[code]
        x0, y0 = self.state.cleared.get(code, (0, 0))
        return x - x0, y - y0

    def _compare(self, code: int, log_e: float, threshold: float, pair: tuple[int, int], closed: Bin) -> list[Change]:
        end_s = closed.start_s + closed.width_s
        active = self.state.active.get(code)
        if active is None and log_e >= threshold:
            value = math.exp(min(log_e, 700.0))
            text = f"{pair[0]} errors against {pair[1]}"
            alert = Alert(self.name, code, closed.start_s, None, value, math.exp(threshold), text)
            self.state.active[code] = alert
            return [Change("active", alert)]
        if active is not None and self._recovered(code):
            del self.state.active[code]
            self.state.cleared[code] = self.state.totals[code]
            return [Change("inactive", msgspec.structs.replace(active, stop_s=end_s))]
        return []

    def _recovered(self, code: int) -> bool:
        """Whether the last bins show no more than `clear_ratio`, with confidence, or no errors at all."""
        recent = self.state.recent[code]
        if len(recent) < self._clear_bins:
            return False
        x, y = sum(a for a, _ in recent), sum(b for _, b in recent)
        if x == 0:
            return True
        return bool(rate_ratios(x, y, self._exposure).high < self._clear_ratio)


class OnsetState(msgspec.Struct):
    """What `Onset` must remember. rising: code -> start of the bin in which its score last left zero."""

    scores: dict[int, float] = {}
    rising: dict[int, int] = {}
    active: dict[int, Alert] = {}


class Onset:
    """CUSUM of the log likelihood ratio "the rate is `ratio` times as high" against "equal" (Page, 1954).

    The threshold is set by simulation (docs/releases.md): at 10, of 33 codes for an hour with equal builds, fewer than
    5 % of hours had any alarm.
    """

    name = "onset"

    def __init__(self, *, ratio: float = 2.0, threshold: float = 10.0, exposure: float = 1.0) -> None:
        """`ratio` is the smallest change worth finding."""
        r = ratio
        e = exposure
        self._up = math.log(r * (1 + e) / (1 + r * e))
        self._down = math.log((1 + r * e) / (1 + e))
        self.threshold = threshold
        self.state = OnsetState()

    def step(self, closed: Bin, codes: Sequence[int]) -> list[Change]:
        """Which codes' scores reached the threshold in this bin, and which fell back to zero."""
        changes = []
        for code in codes:
            before = self.state.scores.get(code, 0.0)
            gain = closed.candidate.get(code, 0) * self._up - closed.baseline.get(code, 0) * self._down
            score = self.state.scores[code] = min(max(0.0, before + gain), 2 * self.threshold)
            if before == 0.0:
                self.state.rising[code] = closed.start_s
            changes += self._compare(code, score, closed)
        return changes

    def _compare(self, code: int, score: float, closed: Bin) -> list[Change]:
        active = self.state.active.get(code)
        if active is None and score >= self.threshold:
            text = f"rising since {self.state.rising[code]} s"
            alert = Alert(self.name, code, self.state.rising[code], None, score, self.threshold, text)
            self.state.active[code] = alert
            return [Change("active", alert)]
        if active is not None and score == 0.0:
            del self.state.active[code]
            return [Change("inactive", msgspec.structs.replace(active, stop_s=closed.start_s + closed.width_s))]
        return []
