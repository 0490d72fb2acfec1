"""Series as requests of OTLP over HTTP, and the receiver's answers; with the messages of opentelemetry-proto.

A counter is a cumulative, monotonic sum, with its start time if known; a histogram has its bounds;
the end of a series is a point without a recorded value. Names stay those of /metrics.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK,
    HistogramDataPoint,
    NumberDataPoint,
)

from exporter.catalogue import Family, HistogramValue, LabelValues, Metric, Value
from exporter.push.answers import SHOWN_CHARS, Answer, Verdict, judge
from exporter.push.series import SLICE, Body, as_float
from foundation.version import VERSION

_NS_A_MS = 1_000_000
_NS_A_S = 1_000_000_000
_UNITS = {"_seconds": "s", "_bytes": "By", "_ratio": "1"}  # by the ends of names, in UCUM's notation
_SCOPE = InstrumentationScope(name="tidewatch", version=VERSION)


class _Series(NamedTuple):
    """The properties of a series."""

    attributes: bytes  # a point of nothing else
    bounds: tuple[float, ...]  # of a histogram


class _Row(NamedTuple):
    """The sent data of one series."""

    metric: Metric
    series: _Series
    value: Value | None  # None: the series has ended
    born_s: float | None  # Unix time; None: not known


class OtlpRequests:
    """Encodes collections; see `Encoder`."""

    def __init__(self, resource: Mapping[str, str], max_points: int) -> None:
        """`resource`: attributes of the source of the metrics. `max_points`: in one request."""
        self.duplicates = 0
        self._resource = _key_values(resource)
        self._max_points = max_points
        self._known: dict[Metric, dict[LabelValues, _Series]] = {}  # those of the last collection

    def samples_of(self, families: Sequence[Family]) -> int:
        """How many points a collection has: a histogram is one."""
        return sum(len(family.series) for family in families)

    def encode(self, families: Sequence[Family], time_ms: int) -> Iterator[Body | None]:
        """One collection. `time_ms`: later than the one before."""
        request = ExportMetricsServiceRequest()
        points, metric, added = 0, None, None
        for done, row in enumerate(self._rows(families), 1):
            if added is None or row.metric is not metric:
                metric, added = row.metric, _points_of(self._metrics(request), row.metric)
            _fill(added.add(), row, time_ms * _NS_A_MS)
            points += 1
            if points == self._max_points:
                yield Body(request.SerializeToString(), points)
                request = ExportMetricsServiceRequest()
                points, added = 0, None
            elif done % SLICE == 0:
                yield None
        if points:
            yield Body(request.SerializeToString(), points)

    def _metrics(self, request: ExportMetricsServiceRequest) -> Any:
        """Where the request's metrics are; made at the first call."""
        if not request.resource_metrics:
            resource = request.resource_metrics.add()
            resource.resource.attributes.extend(self._resource)
            resource.scope_metrics.add().scope.CopyFrom(_SCOPE)
        return request.resource_metrics[0].scope_metrics[0].metrics

    def _rows(self, families: Sequence[Family]) -> Iterator[_Row]:
        """The series of the collection, then those that ended."""
        known, self._known = self._known, {}
        for metric, series, created in families:
            old = known.get(metric, {})
            kept = self._known.setdefault(metric, {})
            for labels, value in series:
                if labels in kept:
                    self.duplicates += 1
                    continue
                bounds = value.bounds if isinstance(value, HistogramValue) else ()
                one = old.get(labels)
                if one is None or one.bounds != bounds:
                    one = _Series(_attributes(metric, labels), bounds)
                kept[labels] = one
                yield _Row(metric, one, value, created.get(labels) if created else None)
        for metric, old in known.items():
            kept = self._known.get(metric, {})
            yield from (_Row(metric, old[labels], None, None) for labels in old if labels not in kept)


def judge_answer(answer: Answer, now_s: float) -> Verdict:
    """The meaning of an answer; a receiver may accept a part, and reports the number of rejected points."""
    verdict = judge(answer, otlp=True, now_s=now_s)
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if verdict.then != "sent" or kind != "application/x-protobuf":
        return verdict
    try:
        partial = ExportMetricsServiceResponse.FromString(answer.body).partial_success
    except DecodeError:
        return Verdict("reject", "answer", f"answered {answer.status}, but not with an OTLP message")
    rejected, said = partial.rejected_data_points, " ".join(partial.error_message.split())[:SHOWN_CHARS]
    if rejected > 0:
        return Verdict("sent", "partial", f"did not take {rejected} points: {said or 'no reason given'}", 0.0, rejected)
    return Verdict("sent", "", f"warns: {said}" if said else "")


def _points_of(metrics: Any, metric: Metric) -> Any:
    """Where the points of a metric are, which is added to a request."""
    unit = next((unit for end, unit in _UNITS.items() if metric.name.removesuffix("_total").endswith(end)), "")
    added = metrics.add(name=metric.name, description=metric.help, unit=unit)
    if metric.type == "gauge":
        return added.gauge.data_points
    if metric.type == "histogram":
        added.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
        return added.histogram.data_points
    added.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    added.sum.is_monotonic = True
    return added.sum.data_points


def _fill(point: Any, row: _Row, time_ns: int) -> None:
    point.MergeFromString(row.series.attributes)
    point.time_unix_nano = time_ns
    if row.born_s is not None:
        point.start_time_unix_nano = min(
            max(int(row.born_s * _NS_A_S), 0), time_ns
        )  # not after, by a clock that was set
    if row.value is None:
        point.flags = DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
        if row.metric.type == "histogram":  # receivers make series of its bounds and sum, each with a separate end
            point.sum = 0.0
            point.explicit_bounds.extend(row.series.bounds)
            point.bucket_counts.extend([0] * (len(row.series.bounds) + 1))
    elif isinstance(row.value, HistogramValue):
        point.explicit_bounds.extend(row.value.bounds)
        point.bucket_counts.extend(row.value.counts)
        point.count = sum(row.value.counts)
        point.sum = as_float(row.value.sum)
    else:
        point.as_double = as_float(row.value)


def _attributes(metric: Metric, labels: LabelValues) -> bytes:
    kind = HistogramDataPoint if metric.type == "histogram" else NumberDataPoint
    found = {name: value for name, value in zip(metric.labels, labels, strict=True) if value}
    return kind(attributes=_key_values(found)).SerializeToString()


def _key_values(pairs: Mapping[str, str]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=AnyValue(string_value=value.encode("utf-8", "replace").decode()))
        for key, value in pairs.items()
    ]
