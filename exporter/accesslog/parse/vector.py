"""The engine of plain lines: NumPy over one small piece at a time, which stays in the processor's cache.

It takes the lines that `vector_lines` finds plain, which are nearly all of a usual log, and leaves the others to the
engines that read any line. No object is made for a line, nor for a target that is known.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import starmap
from typing import NamedTuple

import numpy as np

from exporter.accesslog.columns import Columns
from exporter.accesslog.formats import GROUPS, Format
from exporter.accesslog.parse import columnar_sql, vector_lines, vector_targets
from exporter.accesslog.parse.vector_lines import Lines, Plan
from exporter.accesslog.parse.vector_names import Names
from exporter.accesslog.parse.vector_targets import Sums
from exporter.accesslog.parse.vector_words import Buffer, Numbers, Places, Which, Words
from exporter.accesslog.routes import Router
from exporter.accesslog.tally import BUCKETS, BYTES, COUNT, DURATION_NS, Buckets, Key, Tally

PIECE_BYTES = 1 << 20
"""Lines looked at together: less is many calls of NumPy for few lines, more does not stay in the cache."""
_METHODS = 64
"""Lines with further methods are not plain."""
_MOST_ODD = 1 / 16
"""Above this share of odd lines the engine is not worth it."""
_CHUNKS_TO_REST = 16
"""After which it is tried again."""
_LINES_THAT_SAY = 1000
"""Fewer say nothing about the next chunks."""
_EXACT = 1 << 53
"""Whole numbers up to here are exact as floats, and so are sums of them."""
_CODES = [b"%03d" % code for code in range(1000)]


class Vector:
    """Reads lines of one format. Not thread-safe."""

    def __init__(
        self, format_: Format, buckets: Buckets, router: Router | None = None, columns: Columns | None = None
    ) -> None:
        """`router`, `columns`: as `Columnar` has them."""
        self._columns = columns
        self._groups = columns.groups_in(format_) if columns else ()
        self._values = {at: Names(_Valued(columns, at)) for at in self._by_text()} if columns else {}
        self._format = format_
        self._buckets = buckets if format_.has_duration else None
        self._plans: dict[str | None, Plan | None] = {}
        self._buffer = Buffer(PIECE_BYTES)
        self._names = Names(router)
        self._methods: dict[int, bytes] = {}  # as columns have them
        self._rests = 0

    def read(self, data: bytes) -> tuple[Tally, bytes]:
        """Count the plain lines of `data`, which went through `normal`; the others come back, in their order."""
        plan = self._plan_of(data)
        if plan is None or self._rests:
            self._rests = max(0, self._rests - 1)
            return Tally(), data
        odd: list[bytes] = []
        found = [one for start, end in _cuts(data) for one in self._piece(memoryview(data)[start:end], plan, odd)]
        tally = self._tally(found)
        if len(odd) >= _LINES_THAT_SAY and len(odd) > _MOST_ODD * (tally.lines + len(odd)):
            self._rests = _CHUNKS_TO_REST
        for names in (self._names, *self._values.values()):
            names.forget()
        return tally, b"".join(odd)

    def _plan_of(self, data: bytes) -> Plan | None:
        """How the lines are checked, of which the first decides whether they have a duration."""
        line = data[: data.find(b"\n")]
        pattern = columnar_sql.decided(self._format, line).pattern
        if pattern not in self._plans:
            more = [group for group in self._groups if group not in GROUPS]
            self._plans[pattern] = vector_lines.plan(self._format, line, more)
        return self._plans[pattern]

    def _by_text(self) -> Iterable[int]:
        """The columns whose values are found for each line: those of methods and codes are found for each group."""
        return (at for at, group in enumerate(self._groups) if group not in ("method", "code"))

    def _piece(self, piece: memoryview, plan: Plan, odd: list[bytes]) -> Iterable["_Some"]:
        """The plain lines of a piece; the others go into `odd`."""
        if len(piece) > PIECE_BYTES:  # one line
            odd.append(bytes(piece))
            return
        end = self._buffer.put(piece)
        lines = plan.lines(self._buffer, end)
        columns, plain = plan.columns(self._buffer, end, lines)
        sums, in_time = vector_targets.sums(self._buffer, columns.target, plan.target_ends)
        plain &= in_time
        fields: dict[int, tuple[Sums, Places]] = {}
        for at in self._values:
            if self._groups[at] == "target":
                fields[at] = sums, columns.target
                continue
            texts, starts, in_time = plan.field(self._buffer, lines, self._groups[at])
            plain &= in_time
            fields[at] = texts, starts
        methods = self._methods_of(columns.method, plain)
        plain &= methods >= 0
        if not plain.all() or len(lines.odd[0]):
            odd += self._odd(lines, plain)
            which = np.flatnonzero(plain)
            columns, sums, methods = columns.take(which), sums.take(which), methods.take(which)
            fields = {at: (texts.take(which), starts.take(which)) for at, (texts, starts) in fields.items()}
        if len(methods):
            names = self._names.find(sums, self._buffer, columns.target)
            values = [self._values[at].find(texts, self._buffer, starts) for at, (texts, starts) in fields.items()]
            yield _Some(names, methods, columns.code, columns.size, durations_ns=columns.duration_ns, values=values)

    def _odd(self, lines: Lines, plain: Which) -> list[bytes]:
        starts = np.concatenate((lines.odd[0], lines.starts[~plain]))
        ends = np.concatenate((lines.odd[1], lines.ends[-1][~plain] + 1))
        order = np.argsort(starts)
        return self._buffer.texts(starts[order], ends[order])

    def _methods_of(self, words: Words, plain: Which) -> Places:
        """The numbers of the methods; less than 0 where there are too many."""
        found = np.full(len(words), -1)
        left = len(words)
        for number, method in enumerate(self._methods):
            is_it = words == np.uint64(method)
            found[is_it] = number
            left -= int(np.count_nonzero(is_it))
            if not left:
                return found
        for new in np.unique(words[plain & (found < 0)])[: _METHODS - len(self._methods)]:
            found[words == new] = len(self._methods)
            self._methods[int(new)] = vector_lines.method_text(int(new))
        return found

    def _tally(self, found: Sequence["_Some"]) -> Tally:
        """What all of the lines amount to."""
        if not found:
            return Tally()
        names, methods, codes = (np.concatenate([one[column] for one in found]) for column in range(3))
        sizes = _joined([one.sizes for one in found])
        durations_ns = _joined([one.durations_ns for one in found])
        values = [np.concatenate(some) for some in zip(*(one.values for one in found), strict=True)]
        groups = _Groups(names, methods, codes, values)
        width = BUCKETS + (len(self._buckets) if self._buckets else 0)
        sums = np.zeros((groups.count, width), np.int64)
        sums[:, COUNT] = np.bincount(groups.of_lines, minlength=groups.count)
        if sizes is not None:
            sums[:, BYTES] = _sums(groups.of_lines, sizes, groups.count)
        if self._buckets and durations_ns is not None:
            timed = np.flatnonzero(durations_ns >= 0)
            of_lines, durations_ns = groups.of_lines.take(timed), durations_ns.take(timed)
            sums[:, DURATION_NS] = _sums(of_lines, durations_ns, groups.count)
            buckets = np.searchsorted(self._buckets.bounds_ns, durations_ns)
            counts = np.bincount(of_lines * len(self._buckets) + buckets, minlength=groups.count * len(self._buckets))
            sums[:, BUCKETS:] = counts.reshape(groups.count, -1)
        return Tally(
            lines=len(names), hits=dict(zip(self._labelled(self._keys(groups), groups), sums.tolist(), strict=True))
        )

    def _keys(self, groups: "_Groups") -> Iterable[Key]:
        texts, methods = self._names.texts, list(self._methods.values())
        for name, method, code in zip(*groups.parts, strict=True):
            yield methods[method], texts[name], _CODES[code]

    def _labelled(self, keys: Iterable[Key], groups: "_Groups") -> Iterable[Key]:
        """The keys of groups with the values of columns."""
        if self._columns is None:
            return keys
        keys, numbers, values = list(keys), iter(groups.values), []
        for at, group in enumerate(self._groups):
            if at in self._values:
                texts = self._values[at].texts
                found = [texts[number] for number in next(numbers)]
            else:
                found = [key[0 if group == "method" else 2] for key in keys]
            values.append(self._columns.values(at, found))
        return starmap(lambda key, *more: (*key, *more), zip(keys, *values, strict=True))


class _Valued:
    """Finds the values of texts as a router finds routes: one text replaces all with the same value."""

    def __init__(self, columns: Columns, at: int) -> None:
        """`at`: of the columns."""
        self._columns, self._at = columns, at

    def routes(self, texts: Sequence[bytes]) -> Sequence[str]:
        """The value of each text."""
        return [value.decode() for value in self._columns.values(self._at, texts)]


def _cuts(data: bytes) -> Iterator[tuple[int, int]]:
    """Where pieces of whole lines begin and end."""
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + PIECE_BYTES) + 1 or data.find(b"\n", start) + 1
        yield start, end
        start = end


class _Some(NamedTuple):
    """Plain lines: of each the number of its target or route, of its method, and its numbers."""

    names: Places
    methods: Places
    codes: Numbers
    sizes: Numbers | None
    durations_ns: Numbers | None
    values: Sequence[Places]  # of columns, the number of a text that has the line's value


class _Groups:
    """Lines by name, method, code and values. `of_lines`: each line's group; `parts`, `values`: those of each group."""

    def __init__(self, names: Places, methods: Places, codes: Numbers, values: Sequence[Places]) -> None:
        """Of all lines."""
        self.values: list[list[int]] = []
        some_names, at_name = _distinct(names)
        some_codes, at_code = _distinct(codes)
        of_methods = int(methods.max()) + 1
        both = (at_name * of_methods + methods) * len(some_codes) + at_code
        some, self.of_lines = _distinct(both)
        self.count = len(some)
        of_name, rest = np.divmod(some, of_methods * len(some_codes))
        method, code = np.divmod(rest, len(some_codes))
        parts = some_names.take(of_name), method, some_codes.take(code)
        for column in values:
            more, at = _distinct(column)
            some, of_lines = _distinct(self.of_lines * len(more) + at)
            of_group = np.empty(len(some), np.intp)
            of_group[of_lines] = self.of_lines
            parts = parts[0].take(of_group), parts[1].take(of_group), parts[2].take(of_group)
            before = [np.asarray(one, np.intp).take(of_group).tolist() for one in self.values]
            self.values = [*before, more.take(some % len(more)).tolist()]
            self.of_lines, self.count = of_lines, len(some)
        self.parts = parts[0].tolist(), parts[1].tolist(), parts[2].tolist()


def _distinct(numbers: Places) -> tuple[Places, Places]:
    """The different ones, rising, and of each number its place among them."""
    most = int(numbers.max()) + 1
    if most > 8 * len(numbers) + len(_CODES):
        some, places = np.unique(numbers, return_inverse=True)
        return some, places
    some = np.flatnonzero(np.bincount(numbers, minlength=most))
    places = np.empty(most, np.intp)
    places[some] = np.arange(len(some))
    return some, places.take(numbers)


def _joined(columns: Sequence[Numbers | None]) -> Numbers | None:
    some = [column for column in columns if column is not None]
    return np.concatenate(some) if some else None


def _sums(groups: Places, numbers: Numbers, count: int) -> Numbers:
    """The sums of the numbers by group, exact."""
    if int(numbers.sum()) < _EXACT:
        return np.bincount(groups, numbers, count).astype(np.int64)
    found = np.zeros(count, np.int64)
    np.add.at(found, groups, numbers)
    return found
