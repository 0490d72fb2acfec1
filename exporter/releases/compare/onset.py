"""A change in mid stream, which the evidence finds late because it uses all of the past."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from exporter.releases.compare.detectors import Alert, Bins, Change, DetectorState, as_lists, cusum_steps, grown


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
        self._ratio, self._exposure = ratio, exposure
        self._rising = np.zeros(0)  # start of the bin in which the score last left zero
        self.active: dict[str, Alert] = {}
        self.scores = np.zeros(0)

    def step(self, closed: Bins, codes: Sequence[str]) -> list[Change]:
        """Which codes' scores reached the threshold in these bins, and which fell back to zero."""
        sums = closed.sums()
        steps = cusum_steps(self._ratio, self._exposure, closed.exposure)
        gains = sums.candidate * steps.candidate + sums.baseline * steps.baseline
        self._rising = grown(self._rising, len(codes))
        scores = grown(self.scores, len(codes))
        changes: list[Change] = []
        for at in range(closed.size):
            self._rising[scores == 0.0] = closed.start_of(at)
            scores = np.minimum(np.maximum(scores + gains[at], 0.0), 2 * self.threshold)
            if self.active or scores.max(initial=0.0) >= self.threshold:
                self.scores = scores
                changes += self._turns(closed.start_of(at + 1), codes)
        self.scores = scores
        return changes

    def _turns(self, end_s: int, codes: Sequence[str]) -> list[Change]:
        """The changes by one bin."""
        changes = []
        for place in np.flatnonzero(self.scores >= self.threshold).tolist():
            if codes[place] not in self.active:
                self.active[codes[place]] = alert = self._alert(codes[place], place)
                changes.append(Change("active", alert))
        places = {code: place for place, code in enumerate(codes)}
        for place in [places[code] for code in self.active]:
            if self.scores[place] == 0.0:
                alert = msgspec.structs.replace(self.active.pop(codes[place]), stop_s=end_s)
                changes.append(Change("inactive", alert))
        return changes

    def _alert(self, code: str, place: int) -> Alert:
        start_s = int(self._rising[place])
        return Alert(
            detector=self.name,
            code=code,
            start_s=start_s,
            stop_s=None,
            value=float(self.scores[place]),
            threshold=self.threshold,
            evidence=f"rising since {start_s} s",
        )

    def saved(self) -> DetectorState:
        """The state to keep over a restart."""
        return DetectorState(self.active, self.scores.tolist(), {"rising": as_lists([self._rising])})

    def restore(self, state: DetectorState) -> None:
        """Continue from an earlier `saved`."""
        self.active, self.scores = dict(state.active), np.array(state.scores)
        self._rising = np.array(state.arrays["rising"][0])
