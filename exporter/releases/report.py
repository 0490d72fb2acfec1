"""A table of counts to an analysis: totals, exact ratios, alerts.

Closed bins go, in order, through the same detectors as those of a running stream.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from exporter.releases.bulk.grid import blocks
from exporter.releases.bulk.overlap import Overlap
from exporter.releases.bulk.reading import Input
from exporter.releases.bulk.series import TableSeries
from exporter.releases.bulk.table import Table
from exporter.releases.caveats import (
    NewCode,
    Silence,
    Unsteady,
    common_rise,
    new_codes,
    quiet,
    unsteady,
)
from exporter.releases.compare.alike import Alike
from exporter.releases.compare.detectors import Alert, Bins, Counts, Detector
from exporter.releases.compare.exposure import ALIKE, Exposure
from exporter.releases.compare.names import DETECTORS
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.series import Series
from exporter.releases.compare.settings import Settings, choose_baseline, make_detectors
from exporter.releases.compare.statistics import Floats, log_evidence, p_values, q_values, rate_ratios
from exporter.releases.compare.varying import Strata
from exporter.releases.parse import code_key
from exporter.releases.versions import are_versions


class CodeResult(msgspec.Struct, frozen=True, kw_only=True):
    """One code in one candidate build against the baseline. Times in seconds as the records have them."""

    code: str
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


class BuildAlert(msgspec.Struct, frozen=True, gc=False):
    """An alert and the build it is about."""

    build: str
    alert: Alert


class _Figures(NamedTuple):
    """The basis of the comparison of a build's codes: errors in the bins shared with the baseline. (codes,) each."""

    errors: Pair[Counts]
    dispersion: Floats
    strata: Strata | None = None
    """Where the exposure varies."""


class Users(NamedTuple):
    """Ratio of candidate users to baseline users over the bins compared; None without any.

    unknown_bins: bins that were not compared because the users were unknown, or one build had none.
    """

    least: float | None
    most: float | None
    unknown_bins: int


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """The analysis of a whole input."""

    baseline: str | None
    builds: dict[str, int]
    codes: list[CodeResult] = []
    alerts: list[BuildAlert] = []
    new: list[NewCode] = []
    silent: list[Silence] = []
    unsteady: list[Unsteady] = []
    alike: dict[str, Alike[str]] = {}
    """The common rise of each candidate that has one, if the users were not given."""
    unordered: bool = False
    """Whether the builds are not versions, and the first one is the baseline."""
    bins: int = 0
    users: dict[str, Users] = {}
    """The users of each candidate, if shares were given."""
    compared: dict[str, int] = {}
    """Bins of each candidate that it shares with the baseline, out of `bins`."""


class Report(NamedTuple):
    """The input, the settings, and the analysis."""

    given: Input
    settings: Settings
    analysis: Analysis
    exposure: Exposure = ALIKE


def analyse(
    table: Table,
    settings: Settings,
    *,
    baseline: str | None = None,
    detectors: Sequence[str] = DETECTORS,
    exposure: Exposure = ALIKE,
) -> Analysis:
    """Compare every other build with the baseline. Raises ConfigError when there is no such baseline.

    `detectors`: the detectors of the alerts; the evidence is always used, because the verdict is based on it.
    `exposure`: of the candidates; where it has no shares over time, the number is that of the settings.
    """
    base = choose_baseline(table.builds, baseline)
    totals = table.totals()
    analysis = Analysis(
        baseline=base,
        builds=dict(zip(table.builds, totals.sum(1).tolist(), strict=True)),
        unordered=baseline is None and not are_versions(table.builds),
    )
    if base is None:
        return analysis
    candidates = [place for place, build in enumerate(table.builds) if build != base]
    watched = len(table.codes) * len(candidates)
    run = dict.fromkeys(["evidence", *detectors])
    logs = {place: AlertLog(make_detectors(settings, watched, run)) for place in candidates}
    at = table.builds.index(base)
    overlap = Overlap(table, at, settings.bin_s, exposure)
    for block in blocks(table, settings.bin_s):
        overlap.add(block)
        for place, log in logs.items():
            log.step(overlap.pair(block, place), table.codes)
    analysis = msgspec.structs.replace(analysis, bins=len(overlap.starts))
    for place in candidates:
        build, alerts = table.builds[place], logs[place].alerts()
        analysis.alerts.extend(BuildAlert(build, alert) for alert in alerts if alert.detector in detectors)
        errors = Pair(*(totals[[at, place]] - overlap.apart[place]))
        figures = _Figures(errors, overlap.moments[place].dispersion(), overlap.strata(place))
        analysis.codes.extend(_compare(build, table.codes, figures, settings, _alarms(alerts)))
        analysis.compared[build] = overlap.bins(place)
        if (users := overlap.users(place)) is not None:
            analysis.users[build] = _users(users, overlap.unknown[place])
        _qualify(analysis, TableSeries(table, overlap, Pair(at, place), settings.users), settings, watched, exposure)
    return analysis


def _qualify(analysis: Analysis, series: Series, settings: Settings, watched: int, exposure: Exposure) -> None:
    """The notes on a build's comparison."""
    analysis.new.extend(new_codes(series))
    analysis.silent.extend(quiet(series, alpha=settings.alpha, least_bins=settings.bins))
    analysis.unsteady.extend(unsteady(series, math.log(watched / settings.alpha)))
    if not exposure.named and (alike := common_rise(series, settings.alpha)):
        analysis.alike[series.names.candidate] = alike


class AlertLog:
    """Detectors of one candidate, and all the alerts they gave."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        """`detectors`: of the candidate, none of which has seen a bin."""
        self._detectors = detectors
        self._ended: list[Alert] = []

    def step(self, closed: Bins, codes: Sequence[str]) -> None:
        """Feed bins to each detector."""
        for detector in self._detectors:
            self._ended += [alert for kind, alert in detector.step(closed, codes) if kind == "inactive"]

    def alerts(self) -> list[Alert]:
        """All alerts by their start; those still active have no end."""
        active = [alert for detector in self._detectors for alert in detector.active.values()]
        return sorted([*self._ended, *active], key=lambda a: (a.start_s, a.detector, code_key(a.code)))


def _alarms(alerts: Iterable[Alert]) -> dict[str, int]:
    """Start of each code's first alert by evidence. alerts: in order."""
    alarms: dict[str, int] = {}
    for alert in alerts:
        if alert.detector == "evidence":
            alarms.setdefault(alert.code, alert.start_s)
    return alarms


def _compare(
    build: str, codes: Sequence[str], figures: _Figures, settings: Settings, alarms: Mapping[str, int]
) -> Iterator[CodeResult]:
    """One build's codes. alarms: start of each code's first alert by evidence."""
    errors, strata = figures.errors, figures.strata
    ratios = strata.rate_ratios() if strata else rate_ratios(errors, settings.users)
    p = strata.p_values() if strata else p_values(errors, exposure=settings.users)
    q = q_values(p)
    logs = strata.log_evidence() if strata else log_evidence(errors, exposure=settings.users)
    for i, code in enumerate(codes):
        yield CodeResult(
            code=code,
            candidate_build=build,
            baseline=int(errors.baseline[i]),
            candidate=int(errors.candidate[i]),
            rate_ratio=_finite(ratios.ratio[i]),
            rate_ratio_low=float(ratios.low[i]),
            rate_ratio_high=_finite(ratios.high[i]),
            p_value=float(p[i]),
            q_value=float(q[i]),
            evidence=math.exp(min(float(logs[i]), 700.0)),
            log_evidence=float(logs[i]),
            dispersion=_finite(figures.dispersion[i]),
            alarm_at=alarms.get(code),
        )


def _users(ratios: Floats, unknown: int) -> Users:
    known = ratios[np.isfinite(ratios)]
    return Users(float(known.min()), float(known.max()), unknown) if len(known) else Users(None, None, unknown)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
