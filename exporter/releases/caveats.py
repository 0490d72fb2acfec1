"""What is shown beside a verdict: common rises, errors that come in bursts, silences, and codes that are new. Pure.

All of it uses the bins that a candidate shares with the baseline: of a whole input, or those that a stream keeps.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from exporter.releases.compare.alike import LEAST_ERRORS, Alike, risen_alike
from exporter.releases.compare.bursts import UNDECIDED_BINS, Burst, Calm, calm
from exporter.releases.compare.detectors import Counts
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.series import Series
from exporter.releases.compare.silence import silences
from exporter.releases.compare.statistics import log_evidence
from exporter.releases.parse import code_key

Reason: TypeAlias = Literal["bursts", "alike"]
"""Why an alarm does not count."""


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
    """A code whose errors do not come one by one, and its remaining evidence with each burst or cluster as one error.

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


def common_rise(series: Series, alpha: float) -> Alike[str] | None:
    """Of all codes, by name; only meaningful if the users were not given."""
    found = risen_alike(series.stretches(), alpha) if len(series.starts) else None
    if found is None:
        return None
    codes, more, less = ([series.codes[at] for at in places] for places in (found.codes, found.more, found.less))
    return Alike(found.factor, found.low, found.high, codes=sorted(codes, key=code_key), more=more, less=less)


def unsteady(
    series: Series, threshold: float, older: Mapping[int, Pair[int]] = MappingProxyType({})
) -> Iterator[Unsteady]:
    """Codes whose errors come in bursts or clusters in either build. threshold: of the log evidence.

    older: errors of the codes asked for, by their places, that came before the series; all codes and none where empty.
    """
    for code in older or range(len(series.codes)):
        sides = _sides(series, code)
        if any(side.any() for side in sides):
            calmed = Pair(*map(calm, sides))
            if calmed.baseline.clustered or calmed.candidate.clustered:
                yield _told(series, code, calmed, threshold, older.get(code, Pair(0, 0)))


def beginning(series: Series, code: int, threshold: float, older: Pair[int]) -> bool:
    """Whether the evidence of a code rests on a burst, or a change, that has just begun and may end or continue."""
    sides = _sides(series, code)
    calmed = Pair(calm(sides.baseline), calm(sides.candidate, going_on=True))
    if not any(burst.stop > len(series.starts) - UNDECIDED_BINS for burst in calmed.candidate.bursts):
        return False
    return _strongest(series, code, calmed, older)[1] < threshold


def _sides(series: Series, code: int) -> Pair[Counts]:
    return Pair(*(series.by_bin(code, candidate=candidate) for candidate in (False, True)))


def _strongest(series: Series, code: int, sides: Pair[Calm], older: Pair[int]) -> tuple[Pair[float], float]:
    """The remaining errors, and their log evidence: with or without older ones, whichever shows more."""
    scale = max(side.dispersion for side in sides)
    found = [Pair(*(side.errors / scale for side in sides))]
    if any(older):
        found.append(Pair(*((side.errors + count) / scale for side, count in zip(sides, older, strict=True))))
    users = series.users_of(code)
    logs = [float(log_evidence(Pair(*([side] for side in left)), exposure=users)[0]) for left in found]
    best = logs.index(max(logs))
    return found[best], logs[best]


def _told(series: Series, code: int, sides: Pair[Calm], threshold: float, older: Pair[int]) -> Unsteady:
    calmer = sides.baseline.clustered and sides.candidate.before < sides.baseline.before
    candidate = sides.candidate.clustered and not calmer
    calmed = sides.candidate if candidate else sides.baseline
    largest = max(calmed.bursts, key=lambda burst: burst.errors, default=None)
    found = _window(series, code, largest, candidate=candidate) if largest else (0, None, None)
    left, logs = _strongest(series, code, sides, older)
    return Unsteady(
        code=series.codes[code],
        candidate=series.names.candidate,
        of=series.names.candidate if candidate else series.names.baseline,
        errors=int(series.by_bin(code, candidate=candidate).sum()),
        dispersion=calmed.before if calmed.bursts else calmed.dispersion,
        bursts=len(calmed.bursts),
        in_burst=found[0],
        burst_s=found[1],
        lasted_s=found[2],
        left=left,
        log_evidence=logs,
        holds=logs >= threshold,
    )


def _window(series: Series, code: int, burst: Burst, *, candidate: bool) -> tuple[int, int, int]:
    """Errors of a burst, the second that it began in, and the seconds that it lasted: ends of usual seconds cut off."""
    start, stop = int(series.starts[burst.start]), int(series.starts[burst.stop - 1]) + series.bin_s
    second, count = series.seconds(code, start, stop, candidate=candidate)
    high = second[count > 1 + 3 * burst.usual / (stop - start)]
    if len(high):
        start, stop = int(high[0]), int(high[-1]) + 1
    return int(count[(second >= start) & (second < stop)].sum()), start, stop - start


def reasons(found: Iterable[Unsteady], alike: Alike[str] | None) -> dict[str, Reason]:
    """The codes of one candidate whose alarms do not count, and why; those without an alarm too."""
    bursts: dict[str, Reason] = {one.code: "bursts" for one in found if not one.holds}
    return bursts | dict.fromkeys(alike.codes if alike else (), "alike")


def quiet(series: Series, *, alpha: float, least_bins: int) -> Iterator[Silence]:
    """Improbable silences of the candidate, and of its codes where it was not silent itself."""
    if not len(series.starts):
        return
    build, codes = series.names.candidate, series.codes
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
    start_s, stop_s = int(series.starts.min(initial=0)), int(series.starts.max(initial=0)) + series.bin_s
    for place, code in enumerate(series.codes):
        errors = int(series.by_bin(place, candidate=True).sum())
        if errors and not series.by_bin(place, candidate=False).any():
            first, _ = series.seconds(place, start_s, stop_s, candidate=True)
            found.append(NewCode(series.names.candidate, code, errors, int(first[0])))
    yield from sorted(found, key=lambda new: -new.errors)
