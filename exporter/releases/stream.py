"""A running comparison: counts as they come in, bins as they close, alerts as they turn. Pure: no I/O, no clock.

A bin is due once the stream's newest time is `lateness_s` past its end; until then records may come in any order. A
record for a bin that is due is counted as late and changes nothing else. Closing a bin takes milliseconds, so a caller
on the event loop closes a few at a time (`most_bins`); the time of closing does not change the result. All that must
outlive a restart is in `StreamState`; the same records in the same bins give the same state, whatever the order and the
cuts.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, repeat
from typing import NamedTuple

import numpy as np

from exporter.releases.compare.bursts import BEFORE_BINS
from exporter.releases.compare.detectors import Bins, Change, Counts, Detector, DetectorState, grown
from exporter.releases.compare.exposure import Shares, SharesError
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.presence import Presence
from exporter.releases.compare.remembered import KEPT_BINS, Bin, Remembered, most_bins, remember
from exporter.releases.compare.settings import Settings, make_detectors
from exporter.releases.compare.silence import Listening
from exporter.releases.compare.weighed import ROWS, weigh
from exporter.releases.parse import CLOCK_LIMIT_S, DAY_S
from exporter.releases.roster import Roster
from exporter.releases.state import OTHER_BUILD, Limits, StreamState

WINDOW_BINS = 30
ALERTS_KEPT = 1000
FOLLOWS_S = 3600.0  # a stream that is further behind the clock is a replay


class Turn(NamedTuple):
    """A change of one candidate's alerts."""

    build: str
    change: Change


class Taken(NamedTuple):
    """The result of some records."""

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
        self.touched: set[int] = set()
        """Seconds of open bins whose counts changed; the writer of the state clears this."""
        self.rewritten: set[int] = set()
        """Starts of remembered bins that are new or changed; likewise."""
        self.shares: Shares | None = None
        """Of users over time; None: the settings have one number for all times."""
        self.users_to_s = math.inf
        """Bins that end later are not closed: their users are not known yet."""
        self.users_trouble = ""
        """Why the users of the last bin are unknown."""
        self._empty = 0  # bins without records, closed one after the other
        self._enough_empty = max(settings.bins, WINDOW_BINS)  # after so many, further ones change nothing
        self._limits = limits
        self.state = state or StreamState()
        self._detectors: dict[str, list[Detector]] = {}
        self._roster = Roster(self.state, limits, baseline, self._begin_anew)
        self._roster.choose_baseline()
        for build in self.state.detectors:
            self.detectors(build)
        self.state.detectors = {}  # it lives in the detectors now

    def expect(self, builds: Sequence[str], codes: Sequence[str]) -> None:
        """Builds and codes that are known beforehand: created at 0, and never counted as `other`."""
        self._roster.expect(builds, codes)

    def take(
        self, counts: Mapping[tuple[int, str, str], int], most_bins: int | None = None
    ) -> tuple[Taken, list[Turn]]:
        """Count records by (time, build, code), and close the bins that they make due, `most_bins` at most."""
        state = self.state
        accepted = late = 0
        for (time_s, build, code), count in counts.items():
            placed = self._place(time_s)
            if state.due_s is not None and placed < state.due_s:
                late += count
                continue
            accepted += count
            self._count(placed, *self._roster.fold(build, code, count), count)
        state.accepted += accepted
        state.late += late
        if state.newest_s is not None:
            self._make_due(state.newest_s - self._limits.lateness_s)
        return Taken(accepted, late), self.close(most_bins)

    def flush(self, most_bins: int | None = None) -> list[Turn]:
        """Make every bin due that has records: the stream ended, or was quiet for longer than records are late."""
        if self.state.newest_s is not None:
            self._make_due(self.state.newest_s + self.settings.bin_s)
        return self.close(most_bins)

    def tick(self, now_s: float, most_bins: int | None = None) -> list[Turn]:
        """Close the bins with records, once `now_s`, Unix time, is `lateness_s` past their end.

        Only for a stream with current times. The progress of a replay of older times, or of clock times, is unknown;
        their last bins wait for the next record.
        """
        newest = self.state.newest_s
        if newest is None or not newest <= now_s < newest + FOLLOWS_S:
            return []
        bin_s = self.settings.bin_s
        end_s = newest // bin_s * bin_s + bin_s
        return self.flush(most_bins) if now_s >= end_s + self._limits.lateness_s else []

    def behind(self) -> int:
        """Bins that can be closed."""
        closed = self.state.closed_to_s
        return 0 if closed is None else max(0, (self._ready_s() - closed) // self.settings.bin_s)

    def waiting(self) -> int:
        """Bins that are due and whose users are not known yet."""
        due, closed = self.state.due_s, self.state.closed_to_s
        return 0 if due is None or closed is None else (due - closed) // self.settings.bin_s - self.behind()

    def is_dated(self) -> bool:
        """Whether the records have dates; times of day count from the stream's midnight."""
        return self.state.newest_s is not None and self.state.newest_s >= CLOCK_LIMIT_S

    def open_s(self) -> int | None:
        """Start of the oldest bin that is not closed; None before the first record."""
        if self.state.closed_to_s is not None:
            return self.state.closed_to_s
        first = min(self.state.open, default=None)
        return None if first is None else first // self.settings.bin_s * self.settings.bin_s

    def close(self, most_bins: int | None = None) -> list[Turn]:
        """Close bins that are due, `most_bins` at most, in the order of time."""
        state, bin_s = self.state, self.settings.bin_s
        if state.closed_to_s is None:
            state.closed_to_s = self._first_bin()
            state.began_s = None if state.closed_to_s is None else state.closed_to_s + bin_s
        turns: list[Turn] = []
        while self.behind() and (most_bins is None or most_bins > 0):
            start_s = self._after_gap()
            self._remember_gap(start_s)
            seconds = [second for second in range(start_s, start_s + bin_s) if second in state.open]
            self._empty = 0 if seconds else self._empty + 1
            turns += self._close_one(start_s, seconds)
            state.closed_to_s = start_s + bin_s
            most_bins = most_bins and most_bins - 1
        return turns

    def codes(self) -> list[str]:
        """The codes compared, in the order in which they were first seen; without those counted as `other`."""
        return self.state.codes

    def detectors(self, build: str) -> list[Detector]:
        """The detectors of one candidate."""
        if build not in self._detectors:
            made = make_detectors(self.settings, max(self._limits.max_codes, len(self.state.codes)))
            for detector, state in zip(made, self.state.detectors.get(build, ()), strict=False):
                detector.restore(state)
            self._detectors[build] = made
        return self._detectors[build]

    def memory(self) -> dict[str, list[DetectorState]]:
        """The state of the detectors, by candidate."""
        return {build: [detector.saved() for detector in made] for build, made in self._detectors.items()}

    def recent(self, build: str) -> Pair[Counts]:
        """Counts in the last bins. (bins, codes) each."""
        rows = self.state.windows.get(build, [])
        counts = np.zeros((len(rows), len(self.state.codes)), np.int64)
        for i, row in enumerate(rows):
            counts[i, : len(row)] = row
        return Pair(baseline=counts[1::2], candidate=counts[::2])

    def remembered(self, build: str) -> Remembered:
        """The last bins that a candidate shares with the baseline."""
        state = self.state
        return Remembered(state.history, Pair(str(state.baseline), build), state.codes, self.settings.bin_s)

    def candidates(self) -> list[str]:
        """The builds compared with the baseline."""
        return self._roster.candidates()

    def _place(self, time_s: int) -> int:
        """A clock time on the day that brings it nearest to the newest; others as they are."""
        newest = self.state.newest_s
        if newest is None or time_s >= DAY_S:
            return time_s
        return time_s + max(0, round((newest - time_s) / DAY_S)) * DAY_S

    def _count(self, time_s: int, build: str, code: str, count: int) -> None:
        state = self.state
        totals = state.totals[build]
        totals[code] = totals.get(code, 0) + count
        by_code = state.open.setdefault(time_s, {}).setdefault(build, {})
        by_code[code] = by_code.get(code, 0) + count
        self.touched.add(time_s)
        if state.newest_s is None or time_s > state.newest_s:
            state.newest_s = time_s
        state.first_s[build] = min(time_s, state.first_s.get(build, time_s))
        state.last_s[build] = max(time_s, state.last_s.get(build, time_s))

    def _make_due(self, end_s: int) -> None:
        """Every whole bin before `end_s` is due."""
        due = end_s // self.settings.bin_s * self.settings.bin_s
        self.state.due_s = due if self.state.due_s is None else max(due, self.state.due_s)

    def _first_bin(self) -> int | None:
        """Start of the first bin that was ever due and had records; None before."""
        first = min(self.state.open, default=None)
        if first is None or self.state.due_s is None or first >= self.state.due_s:
            return None
        return first // self.settings.bin_s * self.settings.bin_s

    def _after_gap(self) -> int:
        """Start of the next bin to step through: a jump ahead is stepped through at its two ends only."""
        state, bin_s = self.state, self.settings.bin_s
        assert state.closed_to_s is not None
        if self._empty < self._enough_empty:
            return state.closed_to_s
        ready = self._ready_s()
        ahead = min(min(state.open, default=ready), ready) // bin_s * bin_s
        return max(state.closed_to_s, min(ahead - self._enough_empty * bin_s, ready - bin_s))

    def _ready_s(self) -> int:
        """End of the last bin that is due and whose users are known, or never will be."""
        due, bin_s = self.state.due_s or 0, self.settings.bin_s
        return due if self.users_to_s >= due else int(max(self.users_to_s, 0.0) // bin_s * bin_s)

    def _close_one(self, start_s: int, seconds: Sequence[int]) -> list[Turn]:
        """Compare, in one bin, the builds that were present in all of it: others had less time for errors."""
        state = self.state
        rows = [state.open.pop(second) for second in seconds]
        there = {build: self._columns(rows, build) for build in state.totals if self._roster.there(build, start_s)}
        records = {build: int(counts.sum()) for build, counts in there.items()}
        if seconds:  # if no build sends, the stream has stalled, and no build has gone
            for build, came in records.items():
                state.presence.setdefault(build, Presence()).step(came)
        self._retire()
        base = there.get(state.baseline or OTHER_BUILD)
        if state.baseline is None or base is None:
            return []
        candidates = [build for build in self.candidates() if build in there]
        users = {build: self._users(build, start_s) for build in candidates}
        self._listen(state.baseline, records, sum(records.values()) - records[state.baseline], _inverse(users.values()))
        gone = state.presence.get(state.baseline, Presence()).gone
        turns: list[Turn] = []
        for build, ratio in users.items():
            known = 0 < ratio < math.inf
            if not gone:
                self._listen(build, records, records[state.baseline], ratio)
                state.unknown[build] = state.unknown.get(build, 0) + (not known)
            pair = Pair(there[state.baseline], there[build])
            if known and not gone:
                self._remember(build, start_s, remember(self._before(build), seconds, pair, ratio))
            if gone or not known:
                pair = Pair(*(counts[:0] for counts in pair))
            exposure = None if self.shares is None else ratio if known else 1.0
            turns += self._compare(build, Bins.one(start_s, self.settings.bin_s, pair, exposure))
        state.alerts += [(build, alert) for build, (_, alert) in turns]
        del state.alerts[:-ALERTS_KEPT]
        self._forget_oldest()
        return turns

    def _remember(self, build: str, start_s: int, what: Bin) -> None:
        self.state.history.setdefault(start_s, {})[build] = what
        self.rewritten.add(start_s)

    def _remember_gap(self, stop_s: int) -> None:
        """The bins without records that are not stepped through, as they are in a report."""
        state, bin_s = self.state, self.settings.bin_s
        assert state.closed_to_s is not None
        if state.baseline is None or state.presence.get(state.baseline, Presence()).gone:
            return
        first_s = max(state.closed_to_s, stop_s - KEPT_BINS * bin_s)
        nothing = Pair(*np.zeros((2, 0, len(state.codes)), np.int64))
        for start_s in range(first_s, stop_s, bin_s):
            for build in self.candidates():
                if not all(self._roster.there(one, start_s) for one in (state.baseline, build)):
                    continue
                if 0 < (ratio := self._users(build, start_s)) < math.inf:
                    self._remember(build, start_s, remember([], [], nothing, ratio))

    def _before(self, build: str) -> list[Bin]:
        """The kept last bins of a candidate, oldest first."""
        rows = (row[build] for row in reversed(self.state.history.values()) if build in row)
        return list(islice(rows, BEFORE_BINS))[::-1]

    def _forget_oldest(self) -> None:
        most = most_bins(len(self.state.codes), len(self.candidates()))
        while len(self.state.history) > most:
            del self.state.history[next(iter(self.state.history))]

    def _users(self, build: str, start_s: int) -> float:
        """Ratio of candidate users to baseline users in a bin; nan, 0 or inf where the two cannot be compared."""
        if self.shares is None:
            return self.settings.users
        builds = Pair(str(self.state.baseline), build)
        known = [one for one in self.state.totals if one not in (OTHER_BUILD, *self.state.retired)]
        try:
            if self.shares.steps:
                self.shares.check_times(start_s)
            ratio = float(self.shares.ratios(builds, [start_s], self.settings.bin_s, alone=len(known) == 2)[0])
        except SharesError as exc:
            self.users_trouble = str(exc)
            return math.nan
        self.users_trouble = "" if math.isfinite(ratio) else f"no share of {build} and {builds.baseline} at {start_s}"
        return ratio

    def _listen(self, build: str, records: Mapping[str, int], others: int, users: float) -> None:
        """Take in a bin's records of a build beside those of the baseline, or of all others where it is that."""
        if 0 < users < math.inf:
            self.state.listening.setdefault(build, Listening()).step(others, records[build], users)

    def _retire(self) -> None:
        """Stop comparing builds that have been gone for long, and start again for those that return."""
        for build in self._roster.retire(self._limits.retired_s // self.settings.bin_s):
            for kept in (self.state.windows, self.state.listening, self.state.users, self.state.weighed):
                kept.pop(build, None)
            self._detectors.pop(build, None)
            self.rewritten |= {start_s for start_s, row in self.state.history.items() if row.pop(build, None)}

    def _begin_anew(self) -> None:
        """Drop comparisons with another baseline."""
        for kept in (self.state.windows, self.state.listening, self.state.users, self.state.weighed):
            kept.clear()
        self.state.history.clear()
        self.state.detectors.clear()
        self._detectors.clear()

    def _compare(self, build: str, closed: Bins) -> list[Turn]:
        """The changes by one candidate's bin. Alerts of mean-threshold are only counted: it alarms all the time."""
        turns: list[Turn] = []
        for detector in self.detectors(build):
            changes = detector.step(closed, self.state.codes)
            for kind, alert in changes:
                key = (build, alert.code, detector.name, kind)
                self.state.transitions[key] = self.state.transitions.get(key, 0) + 1
            if detector.name != "mean-threshold":
                turns += [Turn(build, change) for change in changes]
        self._weigh(build, closed)
        window = self.state.windows.setdefault(build, [])
        window += [counts.sum(0).tolist() for counts in (closed.counts.candidate, closed.counts.baseline)]
        del window[: -2 * WINDOW_BINS]
        return turns

    def _weigh(self, build: str, closed: Bins) -> None:
        """Add a bin to a candidate's sums, where the users vary."""
        state = self.state
        if closed.exposure is None:
            state.weighed.pop(build, None)
            state.users.pop(build, None)
            return
        sums = np.array(state.weighed.get(build, [[]] * ROWS))
        added = grown(sums, len(state.codes)) + weigh(closed.sums(), closed.exposure)
        state.weighed[build] = added.tolist()
        state.users[build] = [*state.users.get(build, []), float(closed.exposure[0])][-WINDOW_BINS:]

    def _columns(self, rows: Sequence[Mapping[str, Mapping[str, int]]], build: str) -> Counts:
        """One build's counts. (seconds, codes)."""
        counts = np.zeros((len(rows), len(self.state.codes) + 1), np.int64)  # the last column: folded codes
        for i, row in enumerate(rows):
            by_code = row.get(build)
            if by_code:
                counts[i, list(map(self._roster.places.get, by_code, repeat(-1)))] = list(by_code.values())
        return counts[:, :-1]


def _inverse(users: Iterable[float]) -> float:
    """Users of the baseline per user of all candidates."""
    whole = sum(users)
    return 1 / whole if whole else math.inf
