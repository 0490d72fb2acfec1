"""The counters of one source: counts in, checkpoint entries and samples out.

What an addition changes can be prepared beside the event loop: a series is never changed, but replaced by another one,
so that a scrape and a commit meanwhile see the series as they were, and `apply` has nothing left to compute.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from exporter.accesslog.own_labels import OTHER, Label
from exporter.catalogue import HistogramValue
from exporter.checkpoint import Value
from exporter.logs.counts import BUCKETS, COUNT, LAST, TOTAL, Closed, Counts, added
from exporter.logs.source import Rule, Source
from exporter.logs.values import Labels, shown
from foundation.jsonread import JSON_ERRORS, why_not_json

TOTALS = "totals"


class Sum(msgspec.Struct, array_like=True, frozen=True):
    """One series, in the saved form too.

    numbers: as `counts` has them. created_s: since when it is counted (Unix time). bounds: of a histogram.
    """

    numbers: list[int]
    created_s: float
    bounds: tuple[float, ...]


class Totals(msgspec.Struct):
    """Counts of the source as a whole. folded: by metric and label; unusable: by metric."""

    lines: int = 0
    failed: dict[str, int] = {}
    folded: dict[str, dict[str, int]] = {}
    unusable: dict[str, int] = {}


class _Saved(msgspec.Struct, array_like=True):
    """A series in the saved form, or in that of version 0.1, with its numbers in a text."""

    numbers: list[int] | str
    created_s: float
    bounds: tuple[float, ...]


Sample = int | float | HistogramValue


class Counted(NamedTuple):
    """The counts of one metric: its rules, and its series by label values, in the order of the labels' names.

    samples, created: the same as in a scrape, by source and label values.
    """

    rule: Rule
    labels: tuple[str, ...]
    series: dict[Labels, Sum]
    samples: dict[Labels, Sample]
    created: dict[Labels, float]


class Addition(NamedTuple):
    """The effect of counts. series: by metric. folded: lines by metric and label."""

    counts: Counts
    series: dict[str, dict[Labels, Sum]]
    samples: dict[str, dict[Labels, Sample]]
    created: dict[str, dict[Labels, float]]
    kept: dict[str, Value]
    folded: list[tuple[str, str, int]]


class _Adding:
    """A prepared addition. births: new series by metric. last: of gauges, the line that had the value."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s
        self.series: dict[str, dict[Labels, Sum]] = {}
        self.births: Counter[str] = Counter()
        self.last: dict[tuple[str, Labels], int] = {}
        self.folded: list[tuple[str, str, int]] = []

    def later(self, metric: str, labels: Labels, before: Sum | None, numbers: list[int]) -> list[int]:
        """The numbers of a gauge as they are kept, with the value of the later line; another rule may have had it."""
        last = self.last.get((metric, labels), 0)
        if before is not None and last > numbers[LAST]:
            return [numbers[COUNT], before.numbers[TOTAL]]
        self.last[metric, labels] = numbers[LAST]
        return numbers[:LAST]


class State:
    """Counts of one source. Belongs to one thread, the event loop's, but for `prepared`.

    closed: the full labels of each rule.
    """

    closed: Closed

    def __init__(self, source: Source, now_s: float, saved: Mapping[str, bytes] | None = None) -> None:
        """Continue from earlier `changes`; declared series that do not exist yet are created at 0 at `now_s`.

        Unreadable values start again; `unreadable` has the reasons, by key.
        """
        self.unreadable: dict[str, str] = {}
        self.totals = Totals()
        self.metrics: dict[str, Counted] = {}
        self._dirty: dict[str, Value] = {}
        self._gone: set[str] = set()
        self._saved = dict(saved or {})
        self._restore_totals()
        self.configure(source, now_s)

    def configure(self, source: Source, now_s: float) -> None:
        """Switch to other settings. Series of unchanged metrics continue; others end, or start again."""
        before, self.metrics = self.metrics, {}
        self.name = source.source
        self._rules = source.rules
        self._limits = source.limits
        for rule in source.rules:
            if rule.name in self.metrics:
                continue
            counted = Counted(rule, tuple(sorted(rule.labels)), {}, {}, {})
            known = before.pop(rule.name, None)
            if known is not None and _is_same(known, counted):
                counted.series.update(known.series)
                counted.samples.update(known.samples)
                counted.created.update(known.created)
            elif known is not None:
                self._end(known)
            self.metrics[rule.name] = counted
        for known in before.values():
            self._end(known)
        self._restore()
        self._values = {name: _values(counted) for name, counted in self.metrics.items()}
        self.closed = self._closed()
        born = _Adding(now_s)
        for rule in self._rules:
            for values in rule.born():
                labels = _in_order(rule, values)
                if labels not in self.metrics[rule.name].series:
                    self._add(born, self.metrics[rule.name], labels, [0] * _width(rule))
        self.apply(self._addition(Counts.of(len(self._rules)), born))

    def add(self, counts: Counts, now_s: float) -> None:
        """Add counts that were read at `now_s` (Unix time)."""
        self.apply(self.prepared(counts, now_s))

    def prepared(self, counts: Counts, now_s: float) -> Addition:
        """The effect of counts that were read at `now_s` (Unix time).

        May be called in another thread, but for one at a time, and not while `apply` or `configure` runs. An addition
        that is not applied only uses places of labels.
        """
        adding = _Adding(now_s)
        for at, (rule, sums) in enumerate(zip(self._rules, counts.sums, strict=True)):
            counted = self.metrics[rule.name]
            for labels, numbers in sums.items():
                found = labels
                if labels not in counted.series:
                    found = self._within_limits(counted, labels, numbers[0], adding)
                self._add(adding, counted, found, numbers)
            for place, lines in counts.folded[at].items():
                adding.folded.append((rule.name, counted.labels[place], lines))
        return self._addition(counts, adding)

    def apply(self, addition: Addition) -> None:
        """Apply a prepared addition."""
        totals, counts = self.totals, addition.counts
        totals.lines += counts.lines
        for reason, number in counts.failed.items():
            totals.failed[reason] = totals.failed.get(reason, 0) + number
        for rule, unusable in zip(self._rules, counts.unusable, strict=True):
            if unusable:
                totals.unusable[rule.name] = totals.unusable.get(rule.name, 0) + unusable
        for metric, label, lines in addition.folded:
            folded = totals.folded.setdefault(metric, {})
            folded[label] = folded.get(label, 0) + lines
        for name, series in addition.series.items():
            self.metrics[name].series.update(series)
            self.metrics[name].samples.update(addition.samples[name])
            self.metrics[name].created.update(addition.created[name])
        self._dirty.update(addition.kept)
        if any(addition.created.values()):
            self.closed = self._closed()

    def counted_as(self, rule: Rule, labels: Labels) -> Labels:
        """The labels of the series in which these are counted, which were added before."""
        series, known = self.metrics[rule.name].series, self._values[rule.name]
        if labels in series:
            return labels
        found = tuple(value if value in its else OTHER for value, its in zip(labels, known, strict=True))
        return found if found in series else (OTHER,) * len(found)

    def _add(self, adding: _Adding, counted: Counted, labels: Labels, numbers: list[int]) -> None:
        rule = counted.rule
        series = adding.series.setdefault(rule.name, {})
        before = series.get(labels) or counted.series.get(labels)
        if rule.kind == "gauge":
            numbers = adding.later(rule.name, labels, before, numbers)
        if before is None:
            series[labels] = Sum(numbers, adding.now_s, _bounds(rule))
            adding.births[rule.name] += 1
            for known, value in zip(self._values[rule.name], labels, strict=True):
                known.add(value)
        else:
            total = added(before.numbers, numbers, gauge=False)
            if rule.kind == "gauge":
                total[TOTAL] = numbers[TOTAL]
            series[labels] = Sum(total, before.created_s, before.bounds)

    def _addition(self, counts: Counts, adding: _Adding) -> Addition:
        samples: dict[str, dict[Labels, Sample]] = {}
        created: dict[str, dict[Labels, float]] = {}
        kept: dict[str, Value] = {}
        for name, series in adding.series.items():
            known = self.metrics[name].series
            samples[name] = {(self.name, *labels): _sample(one) for labels, one in series.items()}
            created[name] = {
                (self.name, *labels): one.created_s for labels, one in series.items() if labels not in known
            }
            kept |= {_key(name, labels): one for labels, one in series.items()}
        return Addition(
            counts=counts,
            series=adding.series,
            samples=samples,
            created=created,
            kept=kept,
            folded=adding.folded,
        )

    def _within_limits(self, counted: Counted, labels: Labels, lines: int, adding: _Adding) -> Labels:
        """The labels of a series; a value beyond a limit becomes `other`, and an assigned one stays."""
        rule, known = counted.rule, self._values[counted.rule.name]
        found = tuple(
            self._value(rule, name, value, known[place])
            for place, (name, value) in enumerate(zip(counted.labels, labels, strict=True))
        )
        for name, value, given in zip(counted.labels, found, labels, strict=True):
            if value != given:
                adding.folded.append((rule.name, name, lines))
        if found in counted.series or found in adding.series.get(rule.name, {}):
            return found
        rest = (OTHER,) * len(found)
        if found != rest and len(counted.series) + adding.births[rule.name] >= self._limits.series:
            adding.folded.append((rule.name, "series", lines))
            return rest
        return found

    def _value(self, rule: Rule, name: str, value: str, known: set[str]) -> str:
        if value in known:
            return value
        if len(known) > self._most(rule, name):  # beside `other`
            return OTHER
        known.add(value)
        return value

    def _most(self, rule: Rule, label: str) -> int:
        spec = rule.labels[label]
        return spec.limit if isinstance(spec, Label) and spec.limit is not None else self._limits.values

    def _closed(self) -> Closed:
        most: Counter[tuple[str, str]] = Counter()  # of the rule that takes the most values
        for rule in self._rules:
            for label in rule.labels:
                most[rule.name, label] = max(most[rule.name, label], self._most(rule, label))
        return tuple(
            tuple(
                frozenset(known) if len(known) > most[rule.name, label] else None
                for label, known in zip(sorted(rule.labels), self._values[rule.name], strict=True)
            )
            for rule in self._rules
        )

    def _end(self, counted: Counted) -> None:
        ended = {_key(counted.rule.name, labels) for labels in counted.series}
        self._gone |= ended
        for key in ended:
            self._dirty.pop(key, None)

    def changes(self, *, everything: bool = False) -> tuple[dict[str, Value], set[str]]:
        """The changes since the last call, or everything, by key; and the keys that have ended."""
        puts, self._dirty = self._dirty, {}
        if everything:
            every = self.metrics.items()
            puts = {_key(name, labels): one for name, counted in every for labels, one in counted.series.items()}
        puts[TOTALS] = msgspec.json.encode(self.totals)
        gone, self._gone = self._gone - puts.keys(), set()
        return puts, gone

    def _restore_totals(self) -> None:
        if TOTALS in self._saved:
            try:
                self.totals = msgspec.json.decode(self._saved.pop(TOTALS), type=Totals)
            except JSON_ERRORS as exc:
                self.unreadable[TOTALS] = why_not_json(exc)

    def _restore(self) -> None:
        """Restore the saved series of the configured metrics; all others are deleted."""
        for key, value in self._saved.items():
            try:
                name, *labels = msgspec.json.decode(key, type=list[str])
                saved = msgspec.json.decode(value, type=_Saved)
                told = saved.numbers
                numbers = list(map(int, told.split())) if isinstance(told, str) else told
            except (*JSON_ERRORS, ValueError) as exc:
                self.unreadable[key] = why_not_json(exc)
                continue
            counted = self.metrics.get(name)
            fits = counted is not None and len(labels) == len(counted.labels) and len(numbers) == _width(counted.rule)
            if counted is None or not fits or saved.bounds != _bounds(counted.rule):
                self._gone.add(key)
            else:
                one = counted.series[tuple(labels)] = Sum(numbers, saved.created_s, saved.bounds)
                counted.samples[self.name, *labels] = _sample(one)
                counted.created[self.name, *labels] = one.created_s
        self._saved.clear()


def _is_same(one: Counted, other: Counted) -> bool:
    return (one.rule.kind, one.labels, _bounds(one.rule)) == (other.rule.kind, other.labels, _bounds(other.rule))


def _bounds(rule: Rule) -> tuple[float, ...]:
    return tuple(map(float, rule.buckets)) if rule.kind == "histogram" else ()


def _sample(one: Sum) -> Sample:
    total = shown(one.numbers[TOTAL])
    return HistogramValue(one.bounds, tuple(one.numbers[BUCKETS:]), total) if one.bounds else total


def _width(rule: Rule) -> int:
    return BUCKETS + (len(rule.buckets) + 1 if rule.kind == "histogram" else 0)


def _key(name: str, labels: Iterable[str]) -> str:
    return msgspec.json.encode([name, *labels]).decode()


def _in_order(rule: Rule, values: tuple[str, ...]) -> Labels:
    return tuple(value for _, value in sorted(zip(rule.labels, values, strict=True)))


def _values(counted: Counted) -> list[set[str]]:
    """The values that each label has; `other` is always one."""
    return [{OTHER, *(labels[place] for labels in counted.series)} for place in range(len(counted.labels))]
