"""A running comparison: counts as they come in, bins as they close, alerts as they turn. Pure: no I/O, no clock.

A bin closes once the stream's newest time is `lateness_s` past its end; until then records may come in any order. A
record for a closed bin is counted as late and changes nothing else. All that must outlive a restart is in
`StreamState`; the same records in the same bins give the same state, whatever the order and the cuts.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from exporter.releases.analysis import Settings, choose_baseline, close_bin, make_detectors
from exporter.releases.detectors import Alert, Change, Detector, EvidenceState, MeanState, OnsetState, Second
from exporter.releases.records import DAY_S

OTHER_BUILD = "other"
OTHER_CODE = 1_000_000_000  # no record can have it: codes have at most nine digits
WINDOW_BINS = 30
MOST_EMPTY_BINS = 1000  # a stream that jumps years ahead closes no millions of empty bins
ALERTS_KEPT = 1000


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a stream may ask of the process."""

    lateness_s: int = 30
    max_builds: int = 20
    max_codes: int = 200


class CandidateState(msgspec.Struct):
    """What is known of one candidate. window: (candidate, baseline) counts by code of the last bins, newest last."""

    mean: MeanState
    evidence: EvidenceState
    onset: OnsetState
    window: list[tuple[dict[int, int], dict[int, int]]] = []


class StreamState(msgspec.Struct):
    """Everything that outlives a restart.

    totals: build -> code -> accepted records. open: second -> build -> code -> count, of bins that are not closed.
    closed_to_s: start of the first open bin. newest_s, last_s: newest record's time, of all and by build.
    transitions: (build, code, detector, active or inactive) -> how often.
    """

    totals: dict[str, dict[int, int]] = {}
    open: dict[int, dict[str, dict[int, int]]] = {}
    closed_to_s: int | None = None
    newest_s: int | None = None
    last_s: dict[str, int] = {}
    accepted: int = 0
    late: int = 0
    folded: dict[str, int] = {}
    baseline: str | None = None
    candidates: dict[str, CandidateState] = {}
    transitions: dict[tuple[str, int, str, str], int] = {}
    alerts: list[tuple[str, Alert]] = []


class Turn(NamedTuple):
    """A change of one candidate's alerts."""

    build: str
    change: Change


class Taken(NamedTuple):
    """What became of some records."""

    accepted: int
    late: int


class Stream:
    """One source's running comparison."""

    def __init__(
        self,
        settings: Settings,
        limits: Limits,
        *,
        baseline: str | None = None,
        state: StreamState | None = None,
    ) -> None:
        """`state` is an earlier run's."""
        self.settings = settings
        self._limits = limits
        self._named_baseline = baseline
        self.state = state or StreamState()
        self._known_codes = {code for totals in self.state.totals.values() for code in totals if code != OTHER_CODE}
        self._detectors: dict[str, list[Detector]] = {}
        self._choose_baseline()

    def expect(self, builds: Sequence[str], codes: Sequence[int]) -> None:
        """Builds and codes that are known beforehand: born at 0, and never folded."""
        self._known_codes.update(codes)
        for build in builds:
            self.state.totals.setdefault(build, {})
        for totals in self.state.totals.values():
            for code in self._known_codes:
                totals.setdefault(code, 0)
        self._choose_baseline()

    def take(self, counts: Mapping[tuple[int, str, int], int]) -> tuple[Taken, list[Turn]]:
        """Count records by (time, build, code), and close the bins that they complete."""
        state = self.state
        accepted = late = 0
        for (time_s, build, code), count in counts.items():
            placed = self._place(time_s)
            if state.closed_to_s is not None and placed < state.closed_to_s:
                late += count
                continue
            accepted += count
            self._count(placed, *self._fold(build, code, count), count)
        state.accepted += accepted
        state.late += late
        return Taken(accepted, late), self._close_due()

    def flush(self) -> list[Turn]:
        """Close every bin that has records: the stream ended, or was quiet for longer than records are late."""
        if self.state.newest_s is None:
            return []
        width = self.settings.bin_s
        return self._close_to(self.state.newest_s // width * width + width)

    def codes(self) -> list[int]:
        """The codes compared, in order; the folded ones are not."""
        return sorted(self._known_codes)

    def detectors(self, build: str) -> list[Detector]:
        """The detectors of one candidate, with their state."""
        if build not in self._detectors:
            made = make_detectors(self.settings, max(self._limits.max_codes, len(self._known_codes)))
            kept = self.state.candidates.get(build)
            if kept is None:
                states = MeanState(), EvidenceState(), OnsetState()
                kept = self.state.candidates[build] = CandidateState(*states)
            for detector, state in zip(made, (kept.mean, kept.evidence, kept.onset), strict=True):
                detector.state = state
            self._detectors[build] = made
        return self._detectors[build]

    def candidates(self) -> list[str]:
        """The builds compared with the baseline."""
        return [build for build in self.state.totals if build not in (self.state.baseline, OTHER_BUILD)]

    def _place(self, time_s: int) -> int:
        """A clock time on the day that brings it nearest to the newest; others as they are."""
        newest = self.state.newest_s
        if newest is None or time_s >= DAY_S:
            return time_s
        return time_s + max(0, round((newest - time_s) / DAY_S)) * DAY_S

    def _fold(self, build: str, code: int, count: int) -> tuple[str, int]:
        totals = self.state.totals
        if build not in totals:
            if len(totals) >= self._limits.max_builds:
                self.state.folded["build"] = self.state.folded.get("build", 0) + count
                build = OTHER_BUILD
            if build not in totals:
                totals[build] = dict.fromkeys(self._known_codes, 0)
                self._choose_baseline()
        if code not in self._known_codes:
            if len(self._known_codes) >= self._limits.max_codes:
                self.state.folded["code"] = self.state.folded.get("code", 0) + count
                return build, OTHER_CODE
            self._known_codes.add(code)
            for by_code in totals.values():
                by_code.setdefault(code, 0)
        return build, code

    def _count(self, time_s: int, build: str, code: int, count: int) -> None:
        state = self.state
        totals = state.totals[build]
        totals[code] = totals.get(code, 0) + count
        by_code = state.open.setdefault(time_s, {}).setdefault(build, {})
        by_code[code] = by_code.get(code, 0) + count
        if state.newest_s is None or time_s > state.newest_s:
            state.newest_s = time_s
        state.last_s[build] = max(time_s, state.last_s.get(build, time_s))

    def _choose_baseline(self) -> None:
        """Keep the baseline up to date; a new one makes every comparison begin anew."""
        builds = [build for build in self.state.totals if build != OTHER_BUILD]
        named = self._named_baseline
        chosen = named if named in builds else choose_baseline(builds) if named is None else None
        if chosen != self.state.baseline:
            self.state.baseline = chosen
            self.state.candidates.clear()
            self._detectors.clear()

    def _close_due(self) -> list[Turn]:
        if self.state.newest_s is None:
            return []
        return self._close_to(
            (self.state.newest_s - self._limits.lateness_s) // self.settings.bin_s * self.settings.bin_s
        )

    def _close_to(self, end_s: int) -> list[Turn]:
        state, width = self.state, self.settings.bin_s
        if state.closed_to_s is None:
            if not state.open:
                return []
            first = min(state.open) // width * width
            if end_s <= first:
                return []
            state.closed_to_s = first
        turns: list[Turn] = []
        empty = 0
        while state.closed_to_s < end_s:
            seconds = [s for s in range(state.closed_to_s, state.closed_to_s + width) if s in state.open]
            empty = 0 if seconds else empty + 1
            if empty > MOST_EMPTY_BINS:
                ahead = min(state.open, default=end_s)
                state.closed_to_s = max(state.closed_to_s, min(ahead // width * width, end_s))
                empty = 0
                continue
            turns += self._close_one(state.closed_to_s, seconds)
            state.closed_to_s += width
        return turns

    def _close_one(self, start_s: int, seconds: Iterable[int]) -> list[Turn]:
        rows = [(second, self.state.open.pop(second)) for second in seconds]
        turns: list[Turn] = []
        baseline = self.state.baseline
        if baseline is None:
            return turns
        codes = self.codes()
        for build in self.candidates():
            of_build = [Second(s, row.get(baseline, {}), row.get(build, {})) for s, row in rows]
            closed = close_bin(start_s, self.settings.bin_s, of_build)
            for detector in self.detectors(build):
                turns += [Turn(build, change) for change in detector.step(closed, codes)]
            window = self.state.candidates[build].window
            window.append((dict(closed.candidate), dict(closed.baseline)))
            del window[:-WINDOW_BINS]
        self._remember(turns)
        return turns

    def _remember(self, turns: Iterable[Turn]) -> None:
        for build, (kind, alert) in turns:
            key = (build, alert.code, alert.detector, kind)
            self.state.transitions[key] = self.state.transitions.get(key, 0) + 1
            if alert.detector != "mean-threshold":  # that one alarms all the time; its windows are not worth keeping
                self.state.alerts.append((build, alert))
        del self.state.alerts[:-ALERTS_KEPT]


def window_counts(state: CandidateState, codes: Sequence[int]) -> tuple[list[int], list[int]]:
    """Candidate's and baseline's counts over the last bins, in the order of `codes`."""
    x, y = Counter[int](), Counter[int]()
    for candidate, baseline in state.window:
        x.update(candidate)
        y.update(baseline)
    return [x[code] for code in codes], [y[code] for code in codes]
