"""A stream's state to metric families. Pure: the comparison is made from the counts, for all codes at once."""

import math
from collections.abc import Iterator, Mapping, Sequence, Sized
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from exporter.catalogue import Family, LabelValues, Metric
from exporter.catalogue import releases as catalogue
from exporter.releases.compare.detectors import grown
from exporter.releases.compare.evidence import Evidence
from exporter.releases.compare.onset import Onset
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.statistics import Floats, Moments, Ratios, p_values, q_values, rate_ratios
from exporter.releases.compare.weighed import weigh, weighed_p_values, weighed_ratios
from exporter.releases.judging import EXPLAINED, judge
from exporter.releases.state import OTHER_CODE
from exporter.releases.stream import Stream
from exporter.sources.tail import TailStatus
from exporter.sources.tail.metrics import families as log_families

Values = dict[LabelValues, float]


class Intake(Protocol):
    """The facts of a source beside its stream."""

    @property
    def failed(self) -> Mapping[str, int]:
        """Lines that were not counted, by reason."""

    @property
    def log_status(self) -> TailStatus | None:
        """The status of the followed log; None if there is none."""

    @property
    def connections(self) -> Sized:
        """Open TCP connections."""

    @property
    def query_up(self) -> bool | None:
        """Whether the Prometheus answered last; None where none was asked."""

    @property
    def requests(self) -> Mapping[int, int]:
        """Answers to HTTP requests, by status."""


def code_name(code: str) -> str:
    """A code as a label."""
    return "other" if code == OTHER_CODE else code


def families(name: str, stream: Stream, intake: Intake) -> Iterator[Family]:
    """Everything that one source exposes."""
    found: dict[Metric, Values] = {metric: {} for metric in vars(catalogue).values() if isinstance(metric, Metric)}
    _counts(found, name, stream, intake)
    for build in stream.candidates():
        _comparison(found, name, stream, build)
    for metric, series in found.items():
        if series:
            yield metric.family(series)
    if intake.log_status:
        yield from log_families(catalogue.LOG, {name: intake.log_status})


def _counts(found: dict[Metric, Values], name: str, stream: Stream, intake: Intake) -> None:
    state = stream.state
    for build, totals in state.totals.items():
        for code, count in totals.items():
            key = (name, build, code_name(code))  # a record may have the code "other", too
            found[catalogue.ERRORS][key] = found[catalogue.ERRORS].get(key, 0) + count
    found[catalogue.RECORDS][name,] = state.accepted
    for reason, count in _failed(intake).items():
        found[catalogue.RECORDS_FAILED][name, reason] = count
    for label in ("build", "code"):
        found[catalogue.FOLDED][name, label] = state.folded.get(label, 0)
    found[catalogue.LAST_RECORD][name,] = state.last_record_s
    found[catalogue.CONNECTIONS][name,] = len(intake.connections)
    if intake.query_up is not None:
        found[catalogue.QUERY_UP][name,] = int(intake.query_up)
    for status in {200, 503, *intake.requests}:
        found[catalogue.REQUESTS][name, str(status)] = intake.requests.get(status, 0)
    if state.closed_to_s is not None:
        found[catalogue.WATERMARK][name,] = state.closed_to_s
    if state.baseline is not None:
        found[catalogue.BASELINE][name, state.baseline] = 1
    if stream.shares is not None:
        for build in stream.candidates():
            found[catalogue.USERS_UNKNOWN][name, build] = state.unknown.get(build, 0)
            if users := state.users.get(build):
                found[catalogue.USERS][name, build] = users[-1]
    for build, silent in _silent(stream).items():
        found[catalogue.BUILD_SILENT][name, build] = silent
    for (build, code, detector, transition), count in state.transitions.items():
        found[catalogue.ALERTS][name, build, code_name(code), detector, transition] = count


def _failed(intake: Intake) -> dict[str, int]:
    """Lines that were not counted, by reason, with those that the log's reader dropped for their length."""
    failed = {"late": 0, "too_long": 0, **intake.failed}
    if intake.log_status:
        failed["too_long"] += intake.log_status.too_long_lines
    return failed


def _silent(stream: Stream) -> dict[str, int]:
    """1 for each build that sends nothing now although errors were expected, 0 for the others."""
    settings, listening = stream.settings, stream.state.listening
    return {
        build: int(one.is_silent(alpha=settings.alpha, least_bins=settings.bins)) for build, one in listening.items()
    }


def _comparison(found: dict[Metric, Values], name: str, stream: Stream, build: str) -> None:
    codes = stream.codes()
    mean, evidence, onset = stream.detectors(build)
    assert isinstance(evidence, Evidence)
    assert isinstance(onset, Onset)
    if not codes or not evidence.scores.size:
        return
    labels = [(name, build, code_name(code)) for code in codes]
    recent = stream.recent(build)
    if build in stream.state.weighed:
        ratios, p = _weighed(stream, build)
    else:
        exposure, everything = stream.settings.users, Pair(*grown(evidence.totals, len(codes)))
        windows = {"all": everything, "recent": Pair(*(counts.sum(0) for counts in recent))}
        ratios = {window: rate_ratios(errors, exposure) for window, errors in windows.items()}
        p = p_values(everything, exposure=exposure)
    for window, triple in ratios.items():
        for metric, values in zip((catalogue.RATIO, catalogue.RATIO_LOW, catalogue.RATIO_HIGH), triple, strict=True):
            found[metric].update(_with(labels, window, values))
    found[catalogue.Q_VALUE].update(zip(labels, q_values(p).tolist(), strict=True))
    found[catalogue.P_VALUE].update(_with(labels, "fixed", p))
    found[catalogue.P_VALUE].update(_with(labels, "anytime", np.exp(-np.maximum(evidence.peaks, 0.0))))
    moments = Moments(len(codes))
    moments.add(recent.candidate)
    for label, ratio in zip(labels, moments.dispersion().tolist(), strict=True):
        if not math.isnan(ratio):
            found[catalogue.DISPERSION][label] = ratio
    found[catalogue.EVIDENCE_THRESHOLD][name,] = evidence.threshold
    found[catalogue.ONSET_THRESHOLD][name,] = onset.threshold
    for metric, detector in (
        (catalogue.MEAN_RATIO, mean),
        (catalogue.LOG_EVIDENCE, evidence),
        (catalogue.ONSET_SCORE, onset),
    ):
        found[metric].update(zip(labels, detector.scores.tolist(), strict=False))
        active = np.array([int(code in detector.active) for code in codes])
        found[catalogue.ALERT_ACTIVE].update(_with(labels, detector.name, active))
    judged = judge(stream, build)
    for reason in EXPLAINED:
        by_code = np.array([int(judged.explained.get(code) == reason) for code in codes])
        found[catalogue.ALERT_EXPLAINED].update(_with(labels, reason, by_code))
    if judged.alike is not None:
        found[catalogue.COMMON_RISE][name, build] = judged.alike.factor


def _weighed(stream: Stream, build: str) -> tuple[dict[str, Ratios], Floats]:
    """Ratios by window, and p-values, where the users vary."""
    state = stream.state
    everything = grown(np.array(state.weighed[build]), len(state.codes))
    users = np.array(state.users[build])
    recent = weigh(Pair(*(counts[-len(users) :] for counts in stream.recent(build))), users)
    return {"all": weighed_ratios(everything), "recent": weighed_ratios(recent)}, weighed_p_values(everything)


def _with(labels: Sequence[LabelValues], last: str, values: NDArray[Any]) -> Iterator[tuple[LabelValues, float]]:
    """Series with one more label; fewer values than labels where the newest codes have none yet."""
    return (((*label, last), value) for label, value in zip(labels, values.tolist(), strict=False))
