"""The counters of one access log: tallies in, checkpoint entries out."""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from exporter.accesslog.labels import Labeller, Labels
from exporter.accesslog.source import Source
from exporter.accesslog.tally import BUCKETS, BYTES, COUNT, DURATION_NS, Buckets, Tally
from exporter.catalogue import LabelValues

RequestLabels: TypeAlias = tuple[str, str, str, str]  # source, method, route, code
RouteLabels: TypeAlias = tuple[str, str, str]  # source, method, route


class Requests(msgspec.Struct, array_like=True):
    """One series of requests: how many, their bytes, and since when they are counted (Unix time)."""

    count: int
    bytes: int
    created_s: float


class Durations(msgspec.Struct, array_like=True):
    """One series of the histogram; `counts` are by bucket, not cumulative."""

    bounds_s: tuple[float, ...]
    counts: list[int]
    sum_ns: int
    created_s: float


class Totals(msgspec.Struct):
    """What is counted of the source as a whole. `folded` is by label."""

    lines: int = 0
    failed: dict[str, int] = msgspec.field(default_factory=dict)
    folded: dict[str, int] = msgspec.field(default_factory=dict)


class Traffic:
    """Counts of one source. Belongs to one thread: the event loop's."""

    def __init__(self, source: Source, now_s: float, saved: Mapping[str, bytes] | None = None) -> None:
        """Go on from what `changes` gave earlier; what is declared and not there yet exists at 0 since `now_s`.

        Values that are not what `changes` gave begin anew; `unreadable` has the reasons, by key.
        """
        self.unreadable: dict[str, str] = {}
        self.totals = Totals()
        self.requests: dict[RequestLabels, Requests] = {}
        self.durations: dict[RouteLabels, Durations] = {}
        self._dirty: set[RequestLabels | RouteLabels] = set()
        self._restore(source.source, saved or {})
        self.created: dict[LabelValues, float] = {labels: one.created_s for labels, one in self.requests.items()}
        self.configure(source, now_s)

    def configure(self, source: Source, now_s: float) -> None:
        """Go over to other settings. Counters go on; a histogram begins anew if its buckets changed."""
        self.name = source.source
        self._labeller = Labeller(source, (Labels(*labels[1:]) for labels in self.requests))
        self._codes = source.declared_codes()
        format_ = source.parsed_format()
        self._timed = format_.always_timed
        self._buckets = Buckets(source.buckets)
        for labels, one in self.durations.items():
            if one.bounds_s != self._buckets.bounds_s:
                self.durations[labels] = self._no_durations(now_s)
                self._dirty.add(labels)
        for route in source.routes:
            for method in source.methods:
                self._birth(method, route, self._codes, now_s)

    def add(self, tally: Tally, now_s: float) -> None:
        """Count what was read at `now_s` (Unix time)."""
        totals = self.totals
        totals.lines += tally.lines
        _add_counts(totals.failed, tally.failed)
        self._labeller.earn(tally.hits)
        for key, numbers in tally.hits.items():
            (method, route, code), folds = self._labeller.labelled(key)
            for label in folds:
                totals.folded[label] = totals.folded.get(label, 0) + numbers[COUNT]
            labels = (self.name, method, route, code)
            if labels not in self.requests:
                self._birth(method, route, (*self._codes, code), now_s)
            one = self.requests[labels]
            one.count += numbers[COUNT]
            one.bytes += numbers[BYTES]
            self._dirty.add(labels)
            if any(numbers[BUCKETS:]):
                self._add_durations((self.name, method, route), numbers, now_s)

    def _add_durations(self, labels: RouteLabels, numbers: list[int], now_s: float) -> None:
        one = self.durations.get(labels)
        if one is None:
            one = self.durations[labels] = self._no_durations(now_s)
        one.sum_ns += numbers[DURATION_NS]
        for index, count in enumerate(numbers[BUCKETS:]):
            one.counts[index] += count
        self._dirty.add(labels)

    def _no_durations(self, now_s: float) -> Durations:
        return Durations(self._buckets.bounds_s, [0] * len(self._buckets), 0, now_s)

    def _birth(self, method: str, route: str, codes: tuple[str, ...], now_s: float) -> None:
        """Let the series of a method and route exist; the declared codes come with the first one."""
        for code in codes:
            labels = (self.name, method, route, code)
            if labels not in self.requests:
                self.requests[labels] = Requests(0, 0, now_s)
                self.created[labels] = now_s
                self._labeller.born(Labels(method, route, code))
                self._dirty.add(labels)
        if self._timed and (self.name, method, route) not in self.durations:
            self.durations[self.name, method, route] = self._no_durations(now_s)
            self._dirty.add((self.name, method, route))

    def changes(self, *, everything: bool = False) -> dict[str, bytes]:
        """What became different since the last call, or everything, by key."""
        if everything:
            self._dirty.update(self.requests, self.durations)
        puts = {"totals": msgspec.json.encode(self.totals)}
        for labels in self._dirty:
            one = self.requests[labels] if len(labels) == 4 else self.durations[labels]
            puts[msgspec.json.encode(labels[1:]).decode()] = msgspec.json.encode(one)
        self._dirty.clear()
        return puts

    def _restore(self, name: str, saved: Mapping[str, bytes]) -> None:
        for key, value in saved.items():
            try:
                self._restore_one(name, key, value)
            except (msgspec.MsgspecError, ValueError) as exc:
                self.unreadable[key] = str(exc)

    def _restore_one(self, name: str, key: str, value: bytes) -> None:
        if key == "totals":
            self.totals = msgspec.json.decode(value, type=Totals)
        else:
            method, route, *more = msgspec.json.decode(key, type=list[str])
            if more:
                (code,) = more
                self.requests[name, method, route, code] = msgspec.json.decode(value, type=Requests)
            else:
                one = msgspec.json.decode(value, type=Durations)
                if len(one.counts) != len(one.bounds_s) + 1:
                    raise ValueError("counts and bounds do not fit")
                self.durations[name, method, route] = one


def _add_counts(into: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        into[name] = into.get(name, 0) + count
