"""Step two of two: counts to a comparison of builds: totals, exact ratios, alerts.

The same steps serve a whole file and a running stream: closed bins, in order, through the detectors.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from exporter.errors import ConfigError
from exporter.releases.detectors import Alert, Bin, Detector, Evidence, MeanThreshold, Onset, Second
from exporter.releases.records import version_key
from exporter.releases.statistics import dispersion, log_evidence, p_values, q_values, rate_ratios
from exporter.releases.tally import Tally

DETECTORS = ("mean-threshold", "evidence", "onset")
MAX_EVIDENCE = math.exp(700.0)  # near the end of a float's range


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How counts are compared. Raises ValueError where a number cannot be."""

    bin_s: int = 10
    bins: int = 5
    threshold: float = 1.25
    alpha: float = 0.05
    exposure: float = 1.0
    """Users of the candidate for one of the baseline."""

    def __post_init__(self) -> None:
        if self.bin_s < 1 or self.bins < 1:
            raise ValueError("bin_s and bins are 1 or more")
        if not 0 < self.alpha < 1:
            raise ValueError("alpha lies between 0 and 1")
        if not (self.threshold > 0 and self.exposure > 0 and math.isfinite(self.threshold * self.exposure)):
            raise ValueError("threshold and exposure are above 0")


class CodeResult(msgspec.Struct, frozen=True):
    """One code in one candidate build against the baseline. Times in seconds as the records have them."""

    code: int
    candidate_build: str
    baseline: int
    candidate: int
    rate_ratio: float | None
    rate_ratio_low: float
    rate_ratio_high: float | None  # None: no bound, the baseline has no errors
    p_value: float
    q_value: float
    evidence: float
    log_evidence: float
    dispersion: float | None
    alarm_at: int | None


class BuildAlert(msgspec.Struct, frozen=True):
    """An alert and the build it is about."""

    build: str
    alert: Alert


class Analysis(msgspec.Struct, frozen=True):
    """What a whole input says."""

    baseline: str | None
    builds: dict[str, int]
    codes: list[CodeResult]
    alerts: list[BuildAlert]
    silent: list[tuple[str, int, int]]  # (build, start, stop) in which one build sent nothing and others did


def choose_baseline(builds: Iterable[str], named: str | None = None) -> str | None:
    """The named build, or the lowest version. Raises ConfigError when the named one is not there."""
    known = sorted(builds, key=version_key)
    if named is not None and known and named not in known:
        raise ConfigError(f"--baseline {named}: no such build in the input; there are {', '.join(known)}")
    return named or (known[0] if known else None)


def make_detectors(settings: Settings, codes: int, names: Sequence[str] = DETECTORS) -> list[Detector]:
    """Fresh detectors for one candidate build; the evidence's error is held over `codes` codes."""
    makers: dict[str, Callable[[], Detector]] = {
        "mean-threshold": lambda: MeanThreshold(bins=settings.bins, threshold=settings.threshold),
        "evidence": lambda: Evidence(alpha=settings.alpha, exposure=settings.exposure, watched=codes),
        "onset": lambda: Onset(exposure=settings.exposure),
    }
    return [makers[name]() for name in names]


def bins(tally: Tally, baseline: str, candidate: str, bin_s: int) -> Iterator[Bin]:
    """The whole bins between the first and the last record of any build, empty ones included.

    A last bin that the input does not fill is left out: the task's hour ends with one second of it.
    """
    rows = list(tally.rows())
    if not rows:
        return
    start = rows[0][0] // bin_s * bin_s
    end = (rows[-1][0] + 1) // bin_s * bin_s
    at = 0
    for left in range(start, end, bin_s):
        seconds = []
        while at < len(rows) and rows[at][0] < left + bin_s:
            seconds.append(_second(*rows[at], baseline, candidate))
            at += 1
        yield close_bin(left, bin_s, seconds)


def close_bin(start_s: int, width_s: int, seconds: Sequence[Second]) -> Bin:
    """A bin from its seconds."""
    base: Counter[int] = Counter()
    other: Counter[int] = Counter()
    for second in seconds:
        base.update(second.baseline)
        other.update(second.candidate)
    return Bin(start_s, width_s, seconds, base, other)


def _second(time_s: int, row: Counter[tuple[str, int]], baseline: str, candidate: str) -> Second:
    base = {code: n for (build, code), n in row.items() if build == baseline}
    other = {code: n for (build, code), n in row.items() if build == candidate}
    return Second(time_s, base, other)


def analyse(
    tally: Tally, settings: Settings, *, baseline: str | None = None, detectors: Sequence[str] = DETECTORS
) -> Analysis:
    """Compare every other build with the baseline. Raises ConfigError when there is no such baseline."""
    builds = tally.builds()
    base = choose_baseline(builds, baseline)
    totals = dict.fromkeys(builds, 0)
    for (_, build, _), count in tally.counts.items():
        totals[build] += count
    codes = tally.codes()
    candidates = [build for build in builds if build != base]
    results: list[CodeResult] = []
    alerts: list[BuildAlert] = []
    silent: list[tuple[str, int, int]] = []
    for candidate in candidates:
        assert base is not None
        closed = list(bins(tally, base, candidate, settings.bin_s))
        running = make_detectors(settings, len(codes) * len(candidates), detectors)
        found = list(run_detectors(closed, running, codes))
        alerts += [BuildAlert(candidate, alert) for alert in found]
        results += _compare(tally, (base, candidate), closed, settings, found)
        silent += [(candidate, *gap) for gap in silences(closed, settings.bins)]
    return Analysis(base, totals, results, alerts, silent)


def run_detectors(closed: Iterable[Bin], detectors: Sequence[Detector], codes: Sequence[int]) -> Iterator[Alert]:
    """All alerts in the order of their start: those that ended with their end, those that did not without."""
    ended: list[Alert] = []
    open_alerts: dict[tuple[str, int], Alert] = {}
    for one in closed:
        for detector in detectors:
            for kind, alert in detector.step(one, codes):
                key = (alert.detector, alert.code)
                if kind == "active":
                    open_alerts[key] = alert
                else:
                    open_alerts.pop(key, None)
                    ended.append(alert)
    yield from sorted([*ended, *open_alerts.values()], key=lambda a: (a.start_s, a.detector, a.code))


def silences(closed: Sequence[Bin], least_bins: int) -> Iterator[tuple[int, int]]:
    """Stretches of at least `least_bins` bins in which the candidate sent nothing while the baseline did."""
    start: int | None = None
    for one in [*closed, None]:
        quiet = one is not None and not one.candidate and bool(one.baseline)
        if quiet and start is None:
            start = one.start_s if one else None
        elif not quiet and start is not None:
            end = one.start_s if one else closed[-1].start_s + closed[-1].width_s
            if end - start >= least_bins * closed[0].width_s:
                yield start, end
            start = None


def _compare(
    tally: Tally, pair: tuple[str, str], closed: Sequence[Bin], settings: Settings, alerts: Sequence[Alert]
) -> Iterator[CodeResult]:
    base, candidate = pair
    codes = tally.codes()
    x, y = Counter[int](), Counter[int]()
    for (_, build, code), count in tally.counts.items():
        if build == candidate:
            x[code] += count
        elif build == base:
            y[code] += count
    xs, ys = [x[c] for c in codes], [y[c] for c in codes]
    ratios = rate_ratios(xs, ys, settings.exposure)
    p = p_values(xs, ys, exposure=settings.exposure)
    q = q_values(p)
    logs = log_evidence(xs, ys, exposure=settings.exposure)
    for i, code in enumerate(codes):
        alarm = next((a.start_s for a in alerts if a.detector == "evidence" and a.code == code), None)
        yield CodeResult(
            code,
            candidate,
            ys[i],
            xs[i],
            _finite(ratios.ratio[i]),
            float(ratios.low[i]),
            _finite(ratios.high[i]),
            float(p[i]),
            float(q[i]),
            math.exp(min(float(logs[i]), 700.0)),
            float(logs[i]),
            _finite(dispersion_of(closed, code)),
            alarm,
        )


def dispersion_of(closed: Sequence[Bin], code: int) -> float:
    """Variance over mean of the candidate's counts of `code` over the bins."""
    return dispersion([one.candidate.get(code, 0) for one in closed])


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
