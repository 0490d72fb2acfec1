"""A stream's state to metric families. Pure: the comparison is made from the counts, for all codes at once."""

import math
from collections.abc import Iterator, Mapping, Sequence, Sized
from typing import Protocol

from exporter.catalogue import Family, LabelValues, Metric
from exporter.catalogue import releases as catalogue
from exporter.releases.detectors import Evidence, MeanThreshold, Onset
from exporter.releases.statistics import p_values, q_values, rate_ratios
from exporter.releases.stream import OTHER_BUILD, OTHER_CODE, Stream, window_counts

SILENT_BINS = 5

Values = dict[LabelValues, float]


class Told(Protocol):
    """What a feed knows beside its stream."""

    last_record_s: float

    @property
    def failed(self) -> Mapping[str, int]:
        """Lines that were not taken, by reason."""

    @property
    def connections(self) -> Sized:
        """Open TCP connections."""


def code_name(code: int) -> str:
    """A code as a label."""
    return "other" if code == OTHER_CODE else str(code)


def families(streams: Mapping[str, Stream], feeds: Mapping[str, Told]) -> Iterator[Family]:
    """Everything that the sources tell."""
    found: dict[Metric, Values] = {metric: {} for metric in vars(catalogue).values() if isinstance(metric, Metric)}
    for name, stream in streams.items():
        _counts(found, name, stream, feeds[name])
        for build in stream.candidates():
            _comparison(found, name, stream, build)
    for metric, series in found.items():
        if series:
            yield metric.family(series)


def _counts(found: dict[Metric, Values], name: str, stream: Stream, feed: Told) -> None:
    state = stream.state
    for build, totals in state.totals.items():
        for code, count in totals.items():
            found[catalogue.ERRORS][name, build, code_name(code)] = count
    found[catalogue.RECORDS][name,] = state.accepted
    for reason in {"late", *feed.failed}:
        found[catalogue.RECORDS_FAILED][name, reason] = feed.failed.get(reason, 0)
    for label in ("build", "code"):
        found[catalogue.FOLDED][name, label] = state.folded.get(label, 0)
    found[catalogue.LAST_RECORD][name,] = feed.last_record_s
    found[catalogue.CONNECTIONS][name,] = len(feed.connections)
    if state.closed_to_s is not None:
        found[catalogue.WATERMARK][name,] = state.closed_to_s
    if state.baseline is not None:
        found[catalogue.BASELINE][name, state.baseline] = 1
    for build, silent in _silent(stream).items():
        found[catalogue.BUILD_SILENT][name, build] = silent
    for (build, code, detector, transition), count in state.transitions.items():
        found[catalogue.ALERTS][name, build, code_name(code), detector, transition] = count


def _silent(stream: Stream) -> dict[str, int]:
    """1 for each build that sent nothing in the last bins, 0 for the others; empty until any bins are closed.

    With no build sending, the stream has stalled, and no build is said to be silent.
    """
    state = stream.state
    spoke: dict[str, bool] = {}
    for build in stream.candidates():
        kept = state.candidates.get(build)
        last = kept.window[-SILENT_BINS:] if kept else []
        if len(last) < SILENT_BINS:
            continue
        spoke[build] = any(candidate for candidate, _ in last)
        if state.baseline is not None:
            spoke[state.baseline] = any(baseline for _, baseline in last)
    anyone = any(spoke.values())
    return {build: int(anyone and not says) for build, says in spoke.items() if build != OTHER_BUILD}


def _comparison(found: dict[Metric, Values], name: str, stream: Stream, build: str) -> None:
    codes = stream.codes()
    kept = stream.state.candidates.get(build)
    if kept is None or not codes:
        return
    labels = [(name, build, code_name(code)) for code in codes]
    totals = [kept.evidence.totals.get(code, (0, 0)) for code in codes]
    x, y = [t[0] for t in totals], [t[1] for t in totals]
    for window, (a, b) in {"all": (x, y), "recent": window_counts(kept, codes)}.items():
        ratios = rate_ratios(a, b, stream.settings.exposure)
        for metric, values in zip((catalogue.RATIO, catalogue.RATIO_LOW, catalogue.RATIO_HIGH), ratios, strict=True):
            found[metric].update(
                {(*label, window): value for label, value in zip(labels, values.tolist(), strict=True)}
            )
    p = p_values(x, y, exposure=stream.settings.exposure)
    found[catalogue.Q_VALUE].update(zip(labels, q_values(p).tolist(), strict=True))
    found[catalogue.P_VALUE].update({(*label, "fixed"): v for label, v in zip(labels, p.tolist(), strict=True)})
    _detectors(found, stream, build, codes, labels)


def _detectors(
    found: dict[Metric, Values], stream: Stream, build: str, codes: Sequence[int], labels: Sequence[LabelValues]
) -> None:
    for detector in stream.detectors(build):
        for code, label in zip(codes, labels, strict=True):
            found[catalogue.ALERT_ACTIVE][*label, detector.name] = int(code in detector.state.active)
            if isinstance(detector, MeanThreshold):
                found[catalogue.MEAN_RATIO][label] = detector.state.values.get(code, 1.0)
            elif isinstance(detector, Onset):
                found[catalogue.ONSET_SCORE][label] = detector.state.scores.get(code, 0.0)
            elif isinstance(detector, Evidence):
                found[catalogue.LOG_EVIDENCE][label] = detector.state.logs.get(code, 0.0)
                found[catalogue.P_VALUE][*label, "anytime"] = math.exp(-detector.state.peaks.get(code, 0.0))
                found[catalogue.EVIDENCE_THRESHOLD][label[0],] = detector.threshold(len(codes))
