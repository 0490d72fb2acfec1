"""Series as requests of Prometheus' remote write, version 1.0 of its specification: protobuf, before snappy.

    WriteRequest   { repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3; }
    TimeSeries     { repeated Label labels = 1; repeated Sample samples = 2; }
    Label          { string name = 1; string value = 2; }
    Sample         { double value = 1; int64 timestamp = 2; }
    MetricMetadata { MetricType type = 1; string metric_family_name = 2; string help = 4; string unit = 5; }

The messages are written by hand: no maintained package for Python has them, and a general library would encode the
labels of every series again at every collection. Here all parts of a series but the value are encoded once and kept.
The tests read the result with protobuf's own runtime.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate

from exporter.catalogue import Family, HistogramValue, LabelValues, Metric, Value
from exporter.push.series import SLICE, STALE_NAN, Body, as_float
from exporter.web.exposition import number

FIRST_MS, LAST_MS = 1 << 35, (1 << 42) - 1
"""Times that take six bytes, of the years 1971 to 2109. Outside of them a clock is not set."""

METADATA_EVERY_MS = 60_000  # as Prometheus sends it
_TYPES = {"counter": 1, "gauge": 2, "histogram": 3}
_SAMPLE_BYTES = 16  # nine for the value, seven for the time
_SAMPLE_HEAD = bytes((2 << 3 | 2, _SAMPLE_BYTES, 1 << 3 | 1))
_double = struct.Struct("<d").pack

_Heads = dict[LabelValues, tuple[tuple[float, ...] | None, tuple[bytes, ...]]]
"""By labels: the bounds of the buckets, and the heads of the samples."""
_NOT_KNOWN = (None, ())


class WriteRequests:
    """Encodes collections; see `Encoder`.

    The head of a series is all before its value. Heads are cached, and identify series.
    """

    def __init__(self, labels: Mapping[str, str], max_samples: int) -> None:
        """`labels`: of every series that does not have a label of that name. `max_samples`: in one request."""
        self.duplicates = 0
        self._labels = dict(labels)
        self._max_samples = max_samples
        self._known: dict[Metric, _Heads] = {}  # those of the last collection
        self._alive: dict[bytes, None] = {}  # in the order in which they came
        self._told_ms = FIRST_MS - METADATA_EVERY_MS  # when types and help were last sent

    def samples_of(self, families: Sequence[Family]) -> int:
        """How many samples a collection has: a histogram is its buckets, its sum and its count."""
        return sum(len(_values(value)) for family in families for _, value in family.series)

    def encode(self, families: Sequence[Family], time_ms: int) -> Iterator[Body | None]:
        """One collection. `time_ms`: from FIRST_MS to LAST_MS, later than the one before."""
        before, self._alive = self._alive, {}
        tail = b"\x10" + _varint(time_ms)
        tells = time_ms - self._told_ms >= METADATA_EVERY_MS
        self._told_ms = time_ms if tells else self._told_ms
        parts = [_metadata(family.metric) for family in families] if tells else []
        samples = 0
        for done, (head, value) in enumerate(self._samples(families, before), 1):
            parts.append(head + _double(value) + tail)
            samples += 1
            if samples == self._max_samples:
                yield Body(b"".join(parts), samples)
                parts, samples = [], 0
            elif done % SLICE == 0:
                yield None
        if samples:
            yield Body(b"".join(parts), samples)

    def _samples(self, families: Sequence[Family], before: Mapping[bytes, None]) -> Iterator[tuple[bytes, float]]:
        """Each series' head and value: those of the collection, then those that ended."""
        known, self._known = self._known, {}
        alive = self._alive
        for metric, series, _ in families:
            old = known.get(metric, {})
            kept = self._known.setdefault(metric, {})
            for labels, value in series:
                bounds = value.bounds if isinstance(value, HistogramValue) else ()
                edges, heads = old.get(labels, _NOT_KNOWN)
                if edges != bounds:
                    heads = self._heads(metric, labels, bounds)
                kept[labels] = bounds, heads
                for head, number_of in zip(heads, _values(value), strict=True):
                    if head in alive:
                        self.duplicates += 1
                    else:
                        alive[head] = None
                        yield head, number_of
        yield from ((head, STALE_NAN) for head in before if head not in alive)

    def _heads(self, metric: Metric, labels: LabelValues, bounds: tuple[float, ...]) -> tuple[bytes, ...]:
        own = dict(zip(metric.labels, labels, strict=True))
        if metric.type != "histogram":
            return (self._head(metric.name, own),)
        edges = [*(number(float(bound)) for bound in bounds), "+Inf"]
        buckets = (self._head(f"{metric.name}_bucket", {**own, "le": edge}) for edge in edges)
        return (*buckets, self._head(f"{metric.name}_count", own), self._head(f"{metric.name}_sum", own))

    def _head(self, name: str, own: Mapping[str, str]) -> bytes:
        given = {**self._labels, **own, "__name__": name}
        content = b"".join([_label(label, given[label]) for label in sorted(given) if given[label]])
        length = len(content) + 2 + _SAMPLE_BYTES
        return bytes((1 << 3 | 2,)) + _varint(length) + content + _SAMPLE_HEAD


def _values(value: Value) -> Sequence[float]:
    """The samples of one series of the catalogue, in the order of its heads."""
    if not isinstance(value, HistogramValue):
        return (as_float(value),)
    cumulative = list(accumulate(value.counts))
    return (*cumulative, cumulative[-1], as_float(value.sum))


def _metadata(metric: Metric) -> bytes:
    kind = bytes((1 << 3, _TYPES[metric.type]))
    return _field(3, kind + _field(2, metric.name.encode()) + _field(4, metric.help.encode("utf-8", "replace")))


@lru_cache(1024)  # few have one series only
def _label(name: str, value: str) -> bytes:
    return _field(1, _field(1, name.encode()) + _field(2, value.encode("utf-8", "replace")))


def _field(number_of: int, content: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return bytes((number_of << 3 | 2,)) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
