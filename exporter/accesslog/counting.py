"""What a tally changes in the counters of its source: labels found, and lines summed up by series.

This is most of the work with what was read, so it is done where it was read, beside the event loop. What comes out are
whole new values, a few hundred of them, to be put in the places of the old ones (`state.Traffic.apply`).
"""

from collections.abc import Iterator, Mapping
from itertools import product
from operator import add
from typing import Any, NamedTuple, TypeAlias

import msgspec

from exporter.accesslog.labels import Labeller, Labels, Routed
from exporter.accesslog.source import Source
from exporter.accesslog.tally import BUCKETS, BYTES, COUNT, DURATION_NS, Buckets, Tally, added
from exporter.catalogue import LabelValues

RequestLabels: TypeAlias = tuple[str, ...]  # source, method, route, code, and the values of custom labels
RouteLabels: TypeAlias = tuple[str, ...]  # source, method, route, and the values of custom labels
MeasureLabels: TypeAlias = tuple[str, RouteLabels]
"""What is measured beside the durations, and of which requests."""


class Requests(msgspec.Struct, array_like=True, frozen=True):
    """One series of requests: their number and bytes, and the start of counting (Unix time)."""

    count: int
    bytes: int
    created_s: float


class Durations(msgspec.Struct, array_like=True, frozen=True):
    """One series of the histogram; `counts` are by bucket, not cumulative."""

    bounds_s: tuple[float, ...]
    counts: tuple[int, ...]
    sum_ns: int
    created_s: float


class Measured(msgspec.Struct, array_like=True, frozen=True):
    """One series of another histogram: its upper bounds and its sum in nanoseconds or bytes."""

    bounds: tuple[int, ...]
    counts: tuple[int, ...]
    sum: int
    created_s: float


class Totals(msgspec.Struct, frozen=True):
    """Counts of the source as a whole. `folded` is by label, `ignored` by the name of the rule."""

    lines: int = 0
    failed: dict[str, int] = msgspec.field(default_factory=dict)
    folded: dict[str, int] = msgspec.field(default_factory=dict)
    ignored: dict[str, int] = msgspec.field(default_factory=dict)


class Delta(NamedTuple):
    """New values of what a tally changes.

    created: since when the new series are counted, in their order.
    by_key: the values by the keys under which they are kept.
    """

    totals: Totals
    requests: dict[RequestLabels, Requests]
    durations: dict[RouteLabels, Durations]
    measured: dict[MeasureLabels, Measured]
    created: dict[LabelValues, float]
    by_key: dict[str, msgspec.Struct]


class Counting:
    """Counts for one source, as configured. Used by the reader of the log only: not thread-safe."""

    def __init__(
        self,
        source: Source,
        requests: Mapping[RequestLabels, Requests],
        durations: Mapping[RouteLabels, Durations],
        measured: Mapping[MeasureLabels, Measured],
    ) -> None:
        """`requests` and the others: the existing series, which are read only; deltas are applied to them."""
        self._name, self._declared = source.source, (source.routes, source.methods)
        self._requests = requests
        self._durations = durations
        self._measured = measured
        self._measures = source.measures()
        self._labeller = Labeller(source, (Labels(labels[1], labels[2], labels[3], labels[4:]) for labels in requests))
        self._births, self._names = tuple(source.births()), tuple(source.own_labels())
        self._codes = source.declared_codes()
        self._timed = source.parsed_format().always_timed
        self._buckets = Buckets(source.buckets)
        self._keys: dict[tuple[str, tuple[Any, ...]], str] = {}
        self._timed_until = BUCKETS + len(self._buckets)

    def begin(self, totals: Totals, now_s: float) -> Delta:
        """Declared series that do not exist yet, at 0; histograms with other buckets start again."""
        delta = Delta(totals, requests={}, durations={}, measured={}, created={}, by_key={})
        for labels, one in self._durations.items():
            if one.bounds_s != self._buckets.bounds_s:
                delta.durations[labels] = self._no_durations(now_s)
        for at, measure in enumerate(self._measures.measures):
            for (kind, place), known in self._measured.items():
                if kind == measure.kind and known.bounds != measure.bounds:
                    delta.measured[kind, place] = self._not_measured(at, now_s)
        for route, method, own in product(*self._declared, self._births):
            self._birth(delta, Labels(method, route, "", own), self._codes, now_s)
        self._give_keys(delta)
        return delta

    def delta(self, tally: Tally, totals: Totals, now_s: float) -> Delta:
        """The changes by what was read at `now_s` (Unix time), given the current `totals`."""
        delta = Delta(totals, requests={}, durations={}, measured={}, created={}, by_key={})
        requests: dict[Labels, list[int]] = {}
        durations: dict[RouteLabels, list[int]] = {}
        measured: dict[MeasureLabels, tuple[int, list[int]]] = {}
        folded = dict(totals.folded)
        hits = self._routed(tally)
        self._labeller.give_places(hits)
        for key, numbers in hits.items():
            labels, folds = self._labeller.fitted(key)
            for label in folds:
                folded[label] = folded.get(label, 0) + numbers[COUNT]
            sums = requests.get(labels)
            if sums is None:
                sums = requests[labels] = [0, 0]
                if labels.of(self._name) not in self._requests:
                    self._birth(delta, labels, (*self._codes, labels.code), now_s)
            sums[COUNT] += numbers[COUNT]
            sums[BYTES] += numbers[BYTES]
            if any(numbers[BUCKETS : self._timed_until]):
                timed = labels.timed(self._name)
                so_far = durations.get(timed)
                more = numbers[DURATION_NS : self._timed_until]
                durations[timed] = more if so_far is None else list(map(add, so_far, more))
            if len(numbers) > self._timed_until:
                self._add_parts(measured, labels.timed(self._name), numbers)
        self._add_requests(delta, requests)
        self._add_durations(delta, durations, now_s)
        self._add_measured(delta, measured, now_s)
        self._give_keys(delta)
        failed, ignored = _sum(totals.failed, tally.failed), _sum(totals.ignored, tally.ignored)
        return delta._replace(totals=Totals(totals.lines + tally.lines, failed, folded, ignored))

    def _routed(self, tally: Tally) -> dict[Routed, list[int]]:
        """The hits by route instead of target, in the order in which they come first."""
        hits: dict[Routed, list[int]] = {}
        for key, numbers in zip(self._labeller.routed(tally.hits), tally.hits.values(), strict=True):
            so_far = hits.get(key)
            if so_far is None:
                hits[key] = numbers.copy()
            elif len(so_far) == len(numbers) == BUCKETS:  # without durations, where lines come fastest
                so_far[COUNT] += numbers[COUNT]
                so_far[BYTES] += numbers[BYTES]
            else:
                hits[key] = added(so_far, numbers)
        return hits

    def _add_requests(self, delta: Delta, sums: dict[Labels, list[int]]) -> None:
        for labels, (count, size) in sums.items():
            place = labels.of(self._name)
            one = delta.requests.get(place) or self._requests[place]
            delta.requests[place] = Requests(one.count + count, one.bytes + size, one.created_s)

    def _add_durations(self, delta: Delta, sums: dict[RouteLabels, list[int]], now_s: float) -> None:
        for place, (sum_ns, *counts) in sums.items():
            one = delta.durations.get(place) or self._durations.get(place) or self._no_durations(now_s)
            added = tuple(map(add, one.counts, counts))
            delta.durations[place] = Durations(one.bounds_s, added, one.sum_ns + sum_ns, one.created_s)

    def _add_parts(
        self, measured: dict[MeasureLabels, tuple[int, list[int]]], route: RouteLabels, numbers: list[int]
    ) -> None:
        for at, measure in enumerate(self._measures.measures):
            more = self._measures.part(at, numbers)
            if any(more[1:]):
                so_far = measured.get((measure.kind, route))
                measured[measure.kind, route] = at, more if so_far is None else list(map(add, so_far[1], more))

    def _add_measured(self, delta: Delta, sums: dict[MeasureLabels, tuple[int, list[int]]], now_s: float) -> None:
        for place, (at, (total, *counts)) in sums.items():
            one = delta.measured.get(place) or self._measured.get(place) or self._not_measured(at, now_s)
            added = tuple(map(add, one.counts, counts))
            delta.measured[place] = Measured(one.bounds, added, one.sum + total, one.created_s)

    def _not_measured(self, at: int, now_s: float) -> Measured:
        bounds = self._measures.measures[at].bounds
        return Measured(bounds, (0,) * (len(bounds) + 1), 0, now_s)

    def _give_keys(self, delta: Delta) -> None:
        for what, labels, one in every(delta.requests, delta.durations, delta.measured):
            key = self._keys.get((what, labels))
            if key is None:
                key = self._keys[what, labels] = key_of(what, labels, self._names)
            delta.by_key[key] = one

    def _no_durations(self, now_s: float) -> Durations:
        return Durations(self._buckets.bounds_s, (0,) * len(self._buckets), 0, now_s)

    def _birth(self, delta: Delta, labels: Labels, codes: tuple[str, ...], now_s: float) -> None:
        """Create the series of a method, route and custom labels; the first one also creates the declared codes."""
        for code in codes:
            born = labels._replace(code=code)
            place = born.of(self._name)
            if place not in self._requests and place not in delta.requests:
                delta.requests[place] = Requests(0, 0, now_s)
                delta.created[place] = now_s
                self._labeller.born(born)
        timed = labels.timed(self._name)
        if self._timed and timed not in self._durations and timed not in delta.durations:
            delta.durations[timed] = self._no_durations(now_s)


def _sum(one: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + more.get(name, 0) for name in {**one, **more}}


REQUESTS = "requests"
"""The counts by method, route and code; all others are by method and route."""


def every(
    requests: Mapping[RequestLabels, Requests],
    durations: Mapping[RouteLabels, Durations],
    measured: Mapping[MeasureLabels, Measured],
) -> Iterator[tuple[str, LabelValues, Requests | Durations | Measured]]:
    """All series: what is counted (empty for durations), the labels, the value."""
    yield from ((REQUESTS, labels, one) for labels, one in requests.items())
    yield from (("", labels, one) for labels, one in durations.items())
    yield from ((kind, labels, one) for (kind, labels), one in measured.items())


def key_of(what: str, labels: LabelValues, names: tuple[str, ...]) -> str:
    """The key under which a series is kept: all its labels but the source, as JSON, behind what else is measured.

    Own labels, of these names, are kept by name. `what`: as `every` has it.
    """
    fixed = 4 if what == REQUESTS else 3
    own = (dict(zip(names, labels[fixed:], strict=True)),) if names else ()
    text = msgspec.json.encode((*labels[1:fixed], *own)).decode()
    return text if what == REQUESTS else f"{what}{text}"
