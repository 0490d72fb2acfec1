"""The anytime-valid test: it may be evaluated after every bin, without end."""

import math
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np

from exporter.releases.compare.detectors import (
    Alert,
    Bins,
    Change,
    Counts,
    DetectorState,
    as_lists,
    cusum_steps,
    grown,
)
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.statistics import Floats, log_evidence, log_evidence_bound
from exporter.releases.compare.varying import Mixture

RECOVERY_RATIO = 1.5  # a CUSUM against it drifts to neither side at a ratio of 1.22: about the task's own 1.25
RECOVERED = math.log(100)


class Evidence:
    """An alarm when a code's e-value reaches `watched` / alpha.

    watched: codes over which the error is controlled; the number that may come, not the number so far. An alert ends
    when a CUSUM, `Onset` turned round, has shown at odds of 100 to 1 that the ratio is 1 and not `RECOVERY_RATIO`, or
    when the code has not come for `quiet_bins` in which its build sent others. The count then starts again, so alpha is
    the chance of a false alarm from one end to the next.
    """

    name = "evidence"

    def __init__(self, *, watched: int, alpha: float = 0.05, exposure: float = 1.0, quiet_bins: int = 30) -> None:
        """The threshold follows from `watched` and `alpha`."""
        self.threshold = math.log(max(1, watched) / alpha)
        self._exposure = exposure
        self._quiet_bins = quiet_bins
        self._mixture: Mixture | None = None
        """The evidence since the code's last alert ended, where the exposure varies."""
        self.totals = np.zeros((2, 0), np.int64)
        """Errors since the start. (pair, codes)."""
        self.peaks = np.zeros(0)
        self._cleared = np.zeros((2, 0), np.int64)  # totals when the code's last alert ended
        self._recovery = np.zeros(0)  # of codes with an alert, else 0
        self._quiet = np.zeros(0, np.int64)  # likewise
        self.active: dict[str, Alert] = {}

    @property
    def scores(self) -> Floats:
        """Natural logs of the e-values. (codes,)."""
        if self._mixture is not None:
            return self._mixture.log_evidence()
        return log_evidence(Pair(*(self.totals - self._cleared)), exposure=self._exposure)

    def since(self, place: int) -> Pair[int]:
        """Errors of a code since its last alert ended."""
        return Pair(*(self.totals[:, place] - self._cleared[:, place]).tolist())

    def step(self, closed: Bins, codes: Sequence[str]) -> list[Change]:
        """Which codes' evidence crossed the threshold in these bins, and which have recovered."""
        self._grow(len(codes))
        places = {code: place for place, code in enumerate(codes)}
        came = np.stack(closed.sums())
        totals = self.totals[:, None] + came.cumsum(1)
        if closed.exposure is None:
            self._mixture = None
            scores = self._scores(totals - self._cleared[:, None], np.minimum(self.peaks, self.threshold))
        else:
            mixture = (self._mixture or Mixture.begin(0)).grown(len(codes))
            self._mixture, scores = mixture.step(Pair(*came), closed.exposure)
        steps = cusum_steps(RECOVERY_RATIO, self._exposure, closed.exposure)
        changes: list[Change] = []
        for at in self._eventful(scores):
            step = Pair(*(float(side[at if len(side) > 1 else 0, 0]) for side in steps))
            self._follow([places[code] for code in self.active], Pair(*came[:, at]), step)
            for place in np.flatnonzero(scores[at] >= self.threshold).tolist():
                if codes[place] not in self.active:
                    since = Pair(*(totals[:, at, place] - self._cleared[:, place]))
                    text = f"{since.candidate} errors against {since.baseline}"
                    changes.append(self._begin(codes[place], closed.start_of(at), float(scores[at, place]), text))
            for code, place in self._recovered(places):
                changes.append(self._end(code, closed.start_of(at + 1)))
                self._recovery[place] = self._quiet[place] = 0
                self._clear(place, at, totals, scores)
                if closed.exposure is not None:
                    self._mix_anew(place, at, Pair(*came[:, :, [place]]), closed.exposure, scores)
        self.totals = totals[:, -1]
        self.peaks = np.maximum(self.peaks, scores.max(0))
        return changes

    def _grow(self, codes: int) -> None:
        self.totals, self._cleared = grown(self.totals, codes), grown(self._cleared, codes)
        self.peaks, self._recovery = grown(self.peaks, codes), grown(self._recovery, codes)
        self._quiet = grown(self._quiet, codes)

    def _scores(self, since: Counts, least: Floats) -> Floats:
        """Logs of e-values where they can be above `least`, -inf elsewhere.

        since: (pair, bins, codes). The exact value is slow, and not needed far from an alarm.
        """
        exact = log_evidence_bound(Pair(*since), exposure=self._exposure) > least
        scores = np.full(exact.shape, -np.inf)
        scores[exact] = log_evidence(Pair(*since[:, exact]), exposure=self._exposure)
        return scores

    def _eventful(self, scores: Floats) -> Iterator[int]:
        """The bins to look at: all while there is an alert, else those with a score that begins one."""
        at = 0
        while at < len(scores):
            if not self.active:
                high = np.flatnonzero((scores[at:] >= self.threshold).any(1))
                if not len(high):
                    return
                at += int(high[0])
            yield at
            at += 1

    def _follow(self, active: Sequence[int], came: Pair[Counts], steps: Pair[float]) -> None:
        """Carry on the recovery of the codes with an alert over one bin. came: (codes,) each."""
        candidate, baseline = came.candidate[active], came.baseline[active]
        loss = candidate * steps.candidate + baseline * steps.baseline
        self._recovery[active] = np.maximum(0.0, self._recovery[active] - loss)
        self._quiet[active] = np.where(candidate > 0, 0, self._quiet[active] + int(came.candidate.any()))

    def _recovered(self, places: Mapping[str, int]) -> list[tuple[str, int]]:
        """Codes whose alert ends, with their places."""
        return [
            (code, places[code])
            for code in self.active
            if self._recovery[places[code]] >= RECOVERED or self._quiet[places[code]] >= self._quiet_bins
        ]

    def _begin(self, code: str, start_s: int, score: float, text: str) -> Change:
        self.active[code] = Alert(
            detector=self.name,
            code=code,
            start_s=start_s,
            stop_s=None,
            value=math.exp(min(score, 700.0)),
            threshold=math.exp(self.threshold),
            evidence=text,
        )
        return Change("active", self.active[code])

    def _end(self, code: str, stop_s: int) -> Change:
        return Change("inactive", msgspec.structs.replace(self.active.pop(code), stop_s=stop_s))

    def _clear(self, place: int, at: int, totals: Counts, scores: Floats) -> None:
        """Restart a code's count after bin `at`, and its scores in the bins to come."""
        self.peaks[place] = max(self.peaks[place], scores[: at + 1, place].max())
        self._cleared[:, place] = totals[:, at, place]
        if self._mixture is not None:
            return
        since = totals[:, at:, [place]] - self._cleared[:, None, [place]]
        scores[at:, [place]] = self._scores(since, np.minimum(self.peaks[[place]], self.threshold))

    def _mix_anew(self, place: int, at: int, came: Pair[Counts], exposure: Floats, scores: Floats) -> None:
        """As `_clear`, where the exposure varies. came: of the code, (bins, 1) each."""
        assert self._mixture is not None
        after = slice(at + 1, None)
        fresh, logs = Mixture.begin(1).step(Pair(*(counts[after] for counts in came)), exposure[after])
        scores[at, place], scores[after, place] = 0.0, logs[:, 0]
        self._mixture.errors[place], self._mixture.spent[:, place] = fresh.errors[0], fresh.spent[:, 0]

    def saved(self) -> DetectorState:
        """The state to keep over a restart; the candidate comes before the baseline there."""
        arrays = {"totals": as_lists(self.totals[::-1]), "cleared": as_lists(self._cleared[::-1])}
        arrays |= {"peaks": as_lists([self.peaks]), "recovery": as_lists([self._recovery])}
        if self._mixture is not None:
            arrays |= {"errors": as_lists([self._mixture.errors]), "spent": as_lists(self._mixture.spent)}
        return DetectorState(self.active, [], arrays | {"quiet": as_lists([self._quiet])})

    def restore(self, state: DetectorState) -> None:
        """Continue from an earlier `saved`."""
        self.active = dict(state.active)
        self.totals = np.array(state.arrays["totals"], np.int64)[::-1]
        self._cleared = np.array(state.arrays["cleared"], np.int64)[::-1]
        self.peaks, self._recovery = np.array(state.arrays["peaks"][0]), np.array(state.arrays["recovery"][0])
        self._quiet = np.array(state.arrays["quiet"][0], np.int64)
        if "spent" in state.arrays:
            self._mixture = Mixture(np.array(state.arrays["errors"][0]), np.array(state.arrays["spent"]))
