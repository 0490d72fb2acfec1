"""What stands beside a verdict: common rises, errors that come in bursts, silences, and codes that are new. Pure.

All of it is asked of the bins that a candidate shares with the baseline, and of a whole input at once.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np

from exporter.releases.bulk.overlap import Overlap
from exporter.releases.bulk.table import Table
from exporter.releases.compare.alike import LEAST_ERRORS, STRETCHES, Alike, risen_alike
from exporter.releases.compare.bursts import Calm, calm
from exporter.releases.compare.detectors import Counts
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.silence import silences
from exporter.releases.compare.statistics import Floats, log_evidence


class Silence(NamedTuple):
    """A stretch in which a build, or one code of it, sent nothing though `expected` errors were."""

    build: str
    start_s: int
    stop_s: int
    expected: float
    code: Any = None


class NewCode(NamedTuple):
    """A code that the baseline did not have in the bins compared."""

    build: str
    code: Any
    errors: int
    first_s: int


class Unsteady(msgspec.Struct, frozen=True, kw_only=True):
    """A code whose errors do not come one by one, and what is left of its evidence if each burst or clump is one.

    of: the build whose errors these are. in_burst: those of its largest burst, in `[burst_s, burst_s + lasted_s)`; 0
    where there is none. left: errors of the baseline and of the candidate that remain. holds: whether the evidence of
    these is above the threshold.
    """

    code: Any
    candidate: str
    of: str
    errors: int
    dispersion: float
    bursts: int
    in_burst: int
    burst_s: int | None
    lasted_s: int | None
    left: Pair[float]
    log_evidence: float
    holds: bool


class Series:
    """Two builds' errors by bin, of the bins that they share; made for the code that is asked for.

    starts: of these bins. users: of the candidate for one of the baseline in each. (bins,) both.
    """

    def __init__(self, table: Table, overlap: Overlap, builds: Pair[int], exposure: float) -> None:
        """`exposure`: the users where they do not vary."""
        self.table, self.builds = table, builds
        shared = overlap.shared(builds.candidate)
        starts = np.array(overlap.starts, np.int64)
        self.bin_s = overlap.bin_s
        self.starts = starts[shared]
        varying = overlap.users(builds.candidate)
        self.users: Floats = np.full(len(self.starts), exposure) if varying is None else varying[shared]
        start = table.second // self.bin_s * self.bin_s
        place = np.searchsorted(self.starts, start) if len(self.starts) else np.zeros(len(start), np.int64)
        place = np.minimum(place, max(0, len(self.starts) - 1))
        inside = self.starts[place] == start if len(self.starts) else np.zeros(len(start), np.bool_)
        self._place = place
        self._rows = Pair(*(self._by_code(inside & (table.build == build)) for build in builds))

    def _by_code(self, mine: Any) -> list[Counts]:
        """Rows of one build by code, in order of time."""
        rows = np.flatnonzero(mine)
        code = self.table.code[rows]
        order = np.argsort(code, kind="stable")
        edges = np.searchsorted(code[order], np.arange(len(self.table.codes) + 1))
        return [rows[order[a:b]] for a, b in pairwise(edges)]

    def rows(self, code: int, *, candidate: bool) -> Counts:
        """The table's rows of a code."""
        return (self._rows.candidate if candidate else self._rows.baseline)[code]

    def by_bin(self, code: int | None, *, candidate: bool) -> Counts:
        """Errors of a code, or of all, by bin. (bins,)."""
        side = self._rows.candidate if candidate else self._rows.baseline
        rows = np.concatenate(side) if code is None else side[code]
        return np.bincount(self._place[rows], self.table.count[rows], len(self.starts)).astype(np.int64)

    def stretches(self) -> Pair[Counts]:
        """Errors by stretch of time and code, `STRETCHES` at most. (stretches, codes) each."""
        wide = max(1, math.ceil(len(self.starts) / STRETCHES))
        size, codes = math.ceil(len(self.starts) / wide), len(self.table.codes)

        def counted(side: list[Counts]) -> Counts:
            rows = np.concatenate(side)
            flat = self._place[rows] // wide * codes + self.table.code[rows]
            return np.bincount(flat, self.table.count[rows], size * codes).astype(np.int64).reshape(size, codes)

        return Pair(*map(counted, self._rows))

    def users_of(self, code: int) -> float:
        """Users of the candidate for one of the baseline, as the baseline's errors of a code were spread."""
        errors = self.by_bin(code, candidate=False)
        return float(np.average(self.users, weights=errors if errors.any() else None))


def common_rise(series: Series, alpha: float) -> Alike[str] | None:
    """Of all codes, by their names; only to be asked for where nobody named the users."""
    found = risen_alike(series.stretches(), alpha) if len(series.starts) else None
    if found is None:
        return None
    codes, more, less = ([series.table.codes[at] for at in places] for places in (found.codes, found.more, found.less))
    return Alike(found.factor, found.low, found.high, codes=codes, more=more, less=less)


def unsteady(series: Series, threshold: float) -> Iterator[Unsteady]:
    """Codes that come in bursts or clumps in either build. threshold: of the log evidence."""
    for code in range(len(series.table.codes)):
        if sum(len(series.rows(code, candidate=candidate)) for candidate in (False, True)) == 0:
            continue
        sides = Pair(*(calm(series.by_bin(code, candidate=candidate)) for candidate in (False, True)))
        if not (sides.baseline.clumped or sides.candidate.clumped):
            continue
        scale = max(side.dispersion for side in sides)
        left = Pair(*(side.errors / scale for side in sides))
        logs = log_evidence(Pair(*([side] for side in left)), exposure=series.users_of(code))
        calmer = sides.baseline.clumped and sides.candidate.before < sides.baseline.before
        candidate = sides.candidate.clumped and not calmer
        yield _told(series, code, sides, candidate=candidate, left=left, logs=float(logs[0]), threshold=threshold)


def _told(
    series: Series, code: int, sides: Pair[Calm], *, candidate: bool, left: Pair[float], logs: float, threshold: float
) -> Unsteady:
    calmed = sides.candidate if candidate else sides.baseline
    largest = max(calmed.bursts, key=lambda burst: burst.errors, default=None)
    rows = series.rows(code, candidate=candidate)
    found = _window(series, rows, largest) if largest else (0, None, None)
    builds = Pair(*(series.table.builds[place] for place in series.builds))
    return Unsteady(
        code=series.table.codes[code],
        candidate=builds.candidate,
        of=builds.candidate if candidate else builds.baseline,
        errors=int(series.table.count[rows].sum()),
        dispersion=calmed.before if calmed.bursts else calmed.dispersion,
        bursts=len(calmed.bursts),
        in_burst=found[0],
        burst_s=found[1],
        lasted_s=found[2],
        left=left,
        log_evidence=logs,
        holds=logs >= threshold,
    )


def _window(series: Series, rows: Counts, burst: Any) -> tuple[int, int, int]:
    """Errors of a burst, the second that it began in, and the seconds that it lasted: ends of usual seconds cut off."""
    second, count = series.table.second[rows], series.table.count[rows]
    start, stop = int(series.starts[burst.start]), int(series.starts[burst.stop - 1]) + series.bin_s
    inside = (second >= start) & (second < stop)
    usual = burst.usual / (stop - start)
    high = second[inside & (count > 1 + 3 * usual)]
    if len(high):
        start, stop = int(high[0]), int(high[-1]) + 1
    return int(count[(second >= start) & (second < stop)].sum()), start, stop - start


def quiet(series: Series, *, alpha: float, least_bins: int) -> Iterator[Silence]:
    """Improbable silences of the candidate, and of its codes where it was not silent itself."""
    if not len(series.starts):
        return
    build, codes = series.table.builds[series.builds.candidate], series.table.codes
    everything = Pair(series.by_bin(None, candidate=False), series.by_bin(None, candidate=True))
    of_build = list(silences(everything, series.users, alpha=alpha, least_bins=least_bins))
    for gap in of_build:
        yield Silence(build, *_times(series, gap.start, gap.stop), gap.expected)
    for place, code in enumerate(codes):
        errors = Pair(series.by_bin(place, candidate=False), series.by_bin(place, candidate=True))
        if errors.baseline.sum() < LEAST_ERRORS:
            continue
        gaps = silences(errors, series.users, alpha=alpha / len(codes), least_bins=least_bins, others=everything)
        for gap in gaps:
            if not any(other.start < gap.stop and gap.start < other.stop for other in of_build):
                yield Silence(build, *_times(series, gap.start, gap.stop), gap.expected, code)


def _times(series: Series, start: int, stop: int) -> tuple[int, int]:
    return int(series.starts[start]), int(series.starts[stop - 1]) + series.bin_s


def new_codes(series: Series) -> Iterator[NewCode]:
    """Codes of the candidate that the baseline does not have, the most frequent first."""
    found = []
    for place, code in enumerate(series.table.codes):
        rows = series.rows(place, candidate=True)
        if len(rows) and not len(series.rows(place, candidate=False)):
            count, first = int(series.table.count[rows].sum()), int(series.table.second[rows[0]])
            found.append(NewCode(series.table.builds[series.builds.candidate], code, count, first))
    yield from sorted(found, key=lambda new: -new.errors)
