"""A source's compiled rules: lines in, counts out. Pure.

A rule uses the few fields that decide, and caches their result: equal lines are counted first, and their labels looked
up once.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import compress, pairwise, repeat
from typing import Any, Literal, TypeAlias

from exporter.accesslog.formats import find_format
from exporter.accesslog.own_labels import MAX_LABEL_CHARS, OTHER, SHAPES, Label
from exporter.accesslog.tally import BadLine
from exporter.logs.counts import BUCKETS, COUNT, LAST, TOTAL, Counts
from exporter.logs.matching import compiled, matcher
from exporter.logs.matching import groups as groups_of
from exporter.logs.records import (
    LINE,
    Column,
    Reader,
    format_reader,
    json_reader,
    line_reader,
    logfmt_reader,
    regex_reader,
)
from exporter.logs.source import Rule, Source, fields_of, parts_of, texts_of
from exporter.logs.values import BILLION, Labels, all_billionths, text_of, texts_of_all
from exporter.regexes.texts import is_regex
from foundation.recent import Recent

_KEPT = 1 << 14
"""Cached decisions of a rule with regexes."""
Sums: TypeAlias = dict[Labels, list[int]]


class Program:
    """Counts lines. Not thread-safe; with `Source.has_regex`, the caller limits its time."""

    def __init__(self, source: Source) -> None:
        """Raises ValueError for a source that could not have been made."""
        wanted = dict.fromkeys(field for rule in source.rules for field in rule.fields())
        captures = source.captures().names
        self._captures = [place for place, name in enumerate(captures) if name in wanted]
        fields = [field for field in wanted if field not in captures]
        self._read = _reader(source, fields, set(fields) - {one for rule in source.rules for one in rule.deciding()})
        fields += [captures[place] for place in self._captures]
        self._rules = [_Rule(rule, fields) for rule in source.rules]

    def count(self, lines: Sequence[bytes], captured: Sequence[str] = ()) -> Counts:
        """The counts of lines, which have no line ends; `captured`: of their file's name, by `Captures`."""
        counts = Counts.of(len(self._rules))
        counts.lines = len(lines)
        columns, number, bad = self._read(lines)
        columns += [[captured[place]] * number for place in self._captures]
        for place, reason in bad:
            counts.fail(reason, BadLine(place + 1, lines[place]))
        counts.unusable = [
            rule.count(columns, number, sums) for rule, sums in zip(self._rules, counts.sums, strict=True)
        ]
        return counts


def _reader(source: Source, fields: Sequence[str], numbers: Collection[str]) -> Reader:
    if source.format == "json":
        return json_reader(fields, numbers)
    if source.format == "logfmt":
        return logfmt_reader(fields)
    if source.format == "line":
        return line_reader(fields)
    if (regex := source.regex()) is not None:
        return regex_reader(regex, fields)
    return format_reader(find_format(source.format), fields)


class _Rule:
    """One rule, for records of certain fields."""

    def __init__(self, rule: Rule, fields: Sequence[str]) -> None:
        self._kind = rule.kind
        self._unit = rule.unit
        self._bounds = tuple(round(bound * BILLION) for bound in rule.buckets)
        groups = rule.groups()
        known = {name: at for at, name in enumerate([*fields, *groups])}  # a group goes before a field of its name
        value = fields_of(rule.value or "")
        self._value = known[value[0]] if value else None
        self._decide = _Decide(rule, known)
        used = {*self._decide.places, *([] if self._value is None else [self._value])}
        self._filter = _Filter(rule, fields, used) if groups or LINE in (*rule.match, *rule.unless) else None

    def count(self, columns: Sequence[Column], number: int, sums: Sums) -> int:
        """Add records to the sums. Returns how many of their values are not numbers."""
        places: Sequence[int] = range(1, number + 1)  # of records
        if self._filter is not None:
            columns, kept = self._filter(columns, number)
            places, number = [places[at] for at in kept], len(kept)
        if self._value is None:
            counted = Counter(self._decide.keys(columns, number))
            totals = {key: lines * BILLION for key, lines in counted.items()}
            self._add_totals(counted, totals, self._decide.labels(counted), sums)
            return 0
        keys, values = list(self._decide.keys(columns, number)), columns[self._value]
        labels = self._decide.labels(dict.fromkeys(keys))
        if None in labels.values():
            taken = [labels[key] is not None for key in keys]
            keys, values = list(compress(keys, taken)), list(compress(values, taken))
            places = list(compress(places, taken))
        read, unusable = all_billionths(values, self._unit)
        if None in read:
            keys = [key for key, one in zip(keys, read, strict=True) if one is not None]
            places = [place for place, one in zip(places, read, strict=True) if one is not None]
        numbers = [one for one in read if one is not None]
        if self._kind == "gauge":
            _add_last(keys, numbers, places, labels, sums)
            return unusable
        if self._kind == "histogram":
            self._add_groups(keys, numbers, labels, sums)
            return unusable
        if min(numbers, default=0) < 0:  # a counter cannot fall
            there = [one >= 0 for one in numbers]
            unusable += there.count(False)
            keys, numbers = list(compress(keys, there)), list(compress(numbers, there))
        counted = Counter(keys)
        totals = dict.fromkeys(counted, 0)
        if len(totals) == 1:
            totals = dict.fromkeys(counted, sum(numbers))
        else:
            for key, one in zip(keys, numbers, strict=True):
                totals[key] += one
        self._add_totals(counted, totals, labels, sums)
        return unusable

    def _add_totals(
        self, counted: Mapping[Any, int], totals: Mapping[Any, int], labels: Mapping[Any, Labels | None], sums: Sums
    ) -> None:
        """Add the records with a key."""
        for key, number in counted.items():
            found = labels[key]
            if found is not None:
                if (one := sums.get(found)) is None:
                    sums[found] = [number, totals[key]]
                else:
                    one[COUNT] += number
                    one[TOTAL] += totals[key]

    def _add_groups(
        self, keys: Sequence[Any], numbers: list[int], labels: Mapping[Any, Labels | None], sums: Sums
    ) -> None:
        """Add numbers of which counts how large each is. The list must not be used afterwards."""
        there = {key: found for key in dict.fromkeys(keys) if (found := labels[key]) is not None}
        groups: dict[Labels, list[int]] = {found: [] for found in there.values()}
        if len(groups) == 1:
            groups = dict.fromkeys(groups, numbers)
        else:
            append = {key: groups[found].append for key, found in there.items()}
            for key, one in zip(keys, numbers, strict=True):
                append[key](one)
        for found, group in groups.items():
            self._add(found, group, sums)

    def _add(self, labels: Labels, numbers: list[int], sums: Sums) -> None:
        bounds = self._bounds
        if (one := sums.get(labels)) is None:
            one = sums[labels] = [0] * (BUCKETS + len(bounds) + 1)
        one[COUNT] += len(numbers)
        one[TOTAL] += sum(numbers)
        numbers.sort()
        ends = [bisect_right(numbers, bound) for bound in bounds]
        for bucket, (start, end) in enumerate(pairwise([0, *ends, len(numbers)])):
            one[BUCKETS + bucket] += end - start


def _add_last(
    keys: Sequence[Any],
    numbers: Sequence[int],
    places: Sequence[int],
    labels: Mapping[Any, Labels | None],
    sums: Sums,
) -> None:
    """Add numbers of which the last counts, with the places of their lines."""
    counted = Counter(keys)
    for key, (number, place) in dict(zip(keys, zip(numbers, places, strict=True), strict=True)).items():
        found = labels[key]
        if found is None:
            continue
        one = sums.setdefault(found, [0, 0, 0])
        one[COUNT] += counted[key]
        if place > one[LAST]:
            one[TOTAL:] = number, place


class _Decide:
    """The labels of lines by the fields that decide; None where the rule does not match a line.

    places: of these fields among the columns.
    """

    def __init__(self, rule: Rule, known: Mapping[str, int]) -> None:
        conditions = [
            (field, texts_of(texts), wanted)
            for conditions, wanted in ((rule.match, True), (rule.unless, False))
            for field, texts in conditions.items()
            if not _is_filtered(field, texts_of(texts))
        ]
        fields = list(dict.fromkeys([*(field for field, *_ in conditions), *rule.label_fields()]))
        self.places = [known[field] for field in fields]
        at = {field: place for place, field in enumerate(fields)}
        self._conditions = [
            (at[field], matcher(texts, f"{rule.name}: {field}"), wanted) for field, texts, wanted in conditions
        ]
        self._labels = [_label(name, spec, at) for name, spec in sorted(rule.labels.items())]
        self._known = Recent[Any, Labels | Literal[False]](_KEPT) if rule.has_regex() else None

    def keys(self, columns: Sequence[Column], number: int) -> Iterable[Any]:
        """The deciding fields of each record."""
        if len(self.places) == 1:
            return columns[self.places[0]]
        return zip(*(columns[place] for place in self.places), strict=True) if self.places else repeat((), number)

    def labels(self, keys: Collection[Any]) -> dict[Any, Labels | None]:
        """The labels of the records with a key, for keys that differ."""
        different = list(keys)
        if self._known is None:
            return dict(zip(different, self._decided(different), strict=True))
        found = self._known.get_all(different)
        new = [key for key, one in zip(different, found, strict=True) if one is None]
        for key, labels in (decided := dict(zip(new, self._decided(new), strict=True))).items():
            self._known[key] = False if labels is None else labels
        known = {key: None if one is False else one for key, one in zip(different, found, strict=True)}
        return known | decided

    def _decided(self, keys: list[Any]) -> list[Labels | None]:
        fields = [keys] if len(self.places) == 1 else list(zip(*keys, strict=True))
        texts: list[Sequence[str]] = [texts_of_all(values) for values in fields] if keys else [()] * len(self.places)
        taken = [True] * len(keys)
        for place, matches, wanted in self._conditions:
            taken = [one and matches(text) is wanted for one, text in zip(taken, texts[place], strict=True)]
        if not all(taken):
            texts = [list(compress(values, taken)) for values in texts]
        number = taken.count(True)
        columns = [_bounded(label(texts, number)) for label in self._labels]
        labels: Iterator[Labels] = zip(*columns, strict=True) if columns else repeat((), number)
        return [next(labels) if one else None for one in taken]


def _bounded(values: Sequence[str]) -> Sequence[str]:
    if max(map(len, values), default=0) <= MAX_LABEL_CHARS:
        return values
    return [value if len(value) <= MAX_LABEL_CHARS else OTHER for value in values]


Texts: TypeAlias = Sequence[Sequence[str]]
"""Texts of some records, by field."""


def _label(name: str, spec: str | Label, at: Mapping[str, int]) -> Callable[[Texts, int], Sequence[str]]:
    """A label's values for a number of records, by the texts of fields whose places are `at`."""
    if isinstance(spec, str):
        return _template(spec, at)
    declared, place = frozenset(map(str, spec.values)), at[spec.field]
    match = compiled(spec.match, name).fullmatch if spec.match is not None else None
    replace, shape = spec.replace, SHAPES[spec.shape] if spec.shape is not None else None

    def value(text: str) -> str:
        """The label's value for a text; `other` where it is not allowed or does not match."""
        if shape is not None:
            text = shape(text)
        if match is not None:
            found = match(text)
            if found is None:
                return OTHER
            text = found.expand(replace) if replace is not None else text
        return text if not declared or text in declared else OTHER

    return lambda texts, _: list(map(value, texts[place]))


def _template(template: str, at: Mapping[str, int]) -> Callable[[Texts, int], Sequence[str]]:
    """The value of a text with fields in braces."""
    parts = parts_of(template)
    places = [at[field] for _, field in parts if field is not None]
    if not places:
        return lambda _, number: [template] * number
    if len(parts) == 1:
        return lambda texts, _: texts[places[0]]
    shape = "".join("{}" if field is not None else text.replace("{", "{{").replace("}", "}}") for text, field in parts)
    return lambda texts, _: list(map(shape.format, *(texts[place] for place in places)))


_Search: TypeAlias = Callable[[str], re.Match[str] | None]


def _is_filtered(field: str, texts: tuple[str, ...]) -> bool:
    """Whether a condition is checked line by line: few lines are equal, or its groups are used."""
    return field == LINE or bool(groups_of(texts, field))


def _search(text: str, where: str, field: str) -> _Search:
    """Finds a regex, or a plain text: in a line anywhere, of another field it is all."""
    if is_regex(text):
        return compiled(text, where).search
    plain = re.compile(re.escape(text))
    return plain.search if field == LINE else plain.fullmatch


class _Filter:
    """Takes the records that a rule's conditions on whole lines and those with groups let through.

    What the named groups hold stands behind a record's fields.
    """

    def __init__(self, rule: Rule, fields: Sequence[str], used: Collection[int]) -> None:
        """`used`: the places of the columns that the rule uses afterwards; the others are empty in the result."""
        self._names = rule.groups()
        self._used = [place in used for place in range(len(fields))]
        self._conditions: list[tuple[int, list[_Search], bool]] = []
        for conditions, wanted in ((rule.match, True), (rule.unless, False)):
            for field, all_texts in conditions.items():
                texts = texts_of(all_texts)
                if _is_filtered(field, texts):
                    searches: list[_Search] = [_search(text, f"{rule.name}: {field}", field) for text in texts]
                    self._conditions.append((fields.index(field), searches, wanted))

    def __call__(self, columns: Sequence[Column], number: int) -> tuple[list[Column], list[int]]:
        """The columns of the records that pass, and their places among all."""
        kept = list(range(number))  # places of records
        captured: dict[str, list[str | None]] = {name: [None] * number for name in self._names}  # of all records
        for place, searches, wanted in self._conditions:
            column = columns[place]
            texts = [text_of(column[at]) for at in kept]
            found = list(map(searches[0], texts)) if len(searches) == 1 else [_first(searches, text) for text in texts]
            if wanted:
                for at, match in zip(kept, found, strict=True):
                    if match is not None:
                        for name, text in match.groupdict().items():
                            captured[name][at] = text
            kept = [at for at, match in zip(kept, found, strict=True) if (match is not None) is wanted]
        rows = [[column[at] for at in kept] if used else () for column, used in zip(columns, self._used, strict=True)]
        return [*rows, *([texts[at] for at in kept] for texts in captured.values())], kept


def _first(searches: Sequence[_Search], text: str) -> re.Match[str] | None:
    return next((match for search in searches if (match := search(text))), None)
