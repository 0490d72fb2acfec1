"""The engine of JSON in bulk: lines with the same keys, a piece at a time, into columns of numbers.

A line whose values are not plain is handed to the scalar engine, and so is one with other keys, unless many have those.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from exporter.accesslog.columns import Columns
from exporter.accesslog.formats import Format
from exporter.accesslog.formats.envelope import Lines
from exporter.accesslog.formats.json_lines import decoded
from exporter.accesslog.formats.keyed.same_keys import Column, Meaning, Request, SameKeys
from exporter.accesslog.parse.scalar import PIECE_BYTES, tally_normal
from exporter.accesslog.routes import Router
from exporter.accesslog.tally import BUCKETS, BYTES, COUNT, DURATION_NS, Buckets, Tally, pieces, unmarked
from foundation.errors import BadRecord

WORTH_BYTES = 1 << 19
"""Lines with other keys are read in bulk too from here on."""
_KINDS = 8
"""Maximum number of sets of keys for quick reading."""
_LOOK_LINES = 20  # where keys are looked for
_LINES = 1000  # read at a time

_NONE, _ODD = -1, -2  # a line without a duration, and one that is not plain
_NEW = -3  # a request that has no place yet
_PLACES, _REQUESTS = 1 << 15, 1 << 17  # from where on those are forgotten that were not asked lately, and all
_LONG = 19  # digits that may not fit 64 bits
_MOST = 1 << 38  # what 16 million lines have together fits 64 bits
_BROKEN = (msgspec.MsgspecError, UnicodeError, RecursionError)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_DECIMALS = re.compile(r"[0-9.]+", re.ASCII)

_Numbers: TypeAlias = npt.NDArray[np.int64]
_Some: TypeAlias = Sequence[bytes | str] | bytes
"""Lines with or without their ends, or as they stand in a file."""


class Records:
    """Reads lines of one format."""

    def __init__(
        self, format_: Format, buckets: Buckets, router: Router | None = None, columns: Columns | None = None
    ) -> None:
        """`format_`: one with `same_keys`; `router`, `columns`: as `Columnar` has them."""
        assert format_.same_keys is not None
        self._router = router
        self._columns = columns
        self._format = format_
        self._buckets = buckets
        self._learn = format_.same_keys
        self._known: list[_Kind] = []

    def tally(self, data: bytes) -> Tally:
        """Count the lines of `data`, which are whole."""
        whole = unmarked(data)
        whole = whole if whole.endswith(b"\n") or not whole else whole + b"\n"
        return self._tally(pieces(whole, PIECE_BYTES))

    def tally_each(self, each: Iterable[Lines]) -> Tally:
        """Count lines that come some at a time, with or without their ends; fewer than 16 million."""
        return self._tally(each)

    def _tally(self, each: Iterable[_Some]) -> Tally:
        left = iter(each)
        some: _Some = next(left, [])
        first = _lines(some)
        tally = Tally()
        odd = self._read(chain([some], left), first, tally)
        for _ in range(_KINDS - 1):
            if sum(map(len, odd.lines)) < WORTH_BYTES or self._kind_of(odd.lines) is None:
                break
            again = (odd.lines[at : at + _LINES] for at in range(0, len(odd.lines), _LINES))
            still = self._read(again, odd.lines, tally)
            odd = _Odd(still.lines, [odd.places[at] for at in still.places])
        if odd.lines:
            whole = unmarked(b"".join(_line(line) + b"\n" for line in odd.lines))
            alone = tally_normal(whole, self._format, self._buckets)
            tally.merge(self._columns.tally(alone) if self._columns else alone)
            tally.bad = {one: bad._replace(number=odd.places[bad.number - 1] + 1) for one, bad in alone.bad.items()}
        return tally

    def _read(self, each: Iterable[_Some], first: Sequence[bytes | str], tally: Tally) -> "_Odd":
        """Add plain lines with the keys of one of the first to the tally; the others come back."""
        kind = self._kind_of(first)
        if kind is None:
            lines: list[bytes | str] = [line for some in each for line in _lines(some)]
            return _Odd(lines, range(len(lines)))
        found = _read(each, *kind)
        tally.merge(_sums(found, self._buckets if self._format.has_duration else None))
        return found.odd

    def _kind_of(self, lines: Sequence[bytes | str]) -> "_Kind | None":
        """The keys of the first line that is plain."""
        for line in map(_line, lines[:_LOOK_LINES]):
            if known := next((kind for kind in self._known if _is_of(line, kind.keys)), None):
                return known
            if keys := self._learn(line):
                self._known = [
                    _Kind(keys, _Places(keys.request, self._router, self._columns)),
                    *self._known[: _KINDS - 1],
                ]
                return self._known[0]
        return None


class _Odd(NamedTuple):
    """Lines that are not plain, as they came, and the places of each among all lines."""

    lines: list[bytes | str]
    places: Sequence[int]


def _lines(some: _Some) -> Sequence[bytes | str]:
    return some[:-1].split(b"\n") if isinstance(some, bytes) else some


def _line(line: bytes | str) -> bytes:
    """The line without its end."""
    line = line.encode() if isinstance(line, str) else line
    return line.removesuffix(b"\n").removesuffix(b"\r")


class _Found(NamedTuple):
    """Plain lines: their requests, and of each its place among these, bytes and nanoseconds; the other lines."""

    requests: list[Request]
    places: _Numbers
    sizes: _Numbers
    durations_ns: _Numbers
    odd: "_Odd"


class _Kind(NamedTuple):
    keys: SameKeys
    places: "_Places"


class _Places(dict[tuple[Any, ...], int]):
    """Values of lines to the places of their requests, which are numbered as they come.

    They are kept from chunk to chunk: what was not asked in the last chunks is forgotten, once there is much. Where
    only routes matter, all requests of a route have one place.
    """

    def __init__(
        self,
        request: Callable[[tuple[Any, ...]], Request | None],
        router: Router | None,
        columns: Columns | None,
    ) -> None:
        super().__init__()
        self._columns = columns
        self._request = request
        self._router = router
        self._earlier: dict[tuple[Any, ...], int] = {}
        self._targets: dict[str, bytes] = {}
        self._routes: dict[bytes, str] = {}  # of what was prepared last
        self.requests: dict[Request, int] = {}

    def __missing__(self, values: tuple[Any, ...]) -> int:
        place = self._earlier.get(values)
        if place is None:
            request = self._request(values)
            place = _ODD if request is None else self.requests.setdefault(self._one_of(request), len(self.requests))
        self[values] = place
        return place

    def of(self, values: Sequence[tuple[Any, ...]]) -> list[int]:
        """The place of each; the routes of those that are new are found together, at a fraction of what one costs."""
        found = [_NEW if place is None else place for place in map(self.get, values)]
        if _NEW not in found:
            return found
        if self._router is not None:
            new = {one for one, place in zip(values, found, strict=True) if place == _NEW and one not in self._earlier}
            targets = list({request[1] for one in new if (request := self._request(one)) is not None})
            self._routes = dict(zip(targets, self._router.routes(targets), strict=True))
        return [self[one] if place == _NEW else place for one, place in zip(values, found, strict=True)]

    def forget(self) -> None:
        """Make room, if there is need."""
        if len(self.requests) > _REQUESTS:
            self.requests.clear()
            self._targets.clear()
            self._earlier.clear()
            self.clear()
        elif len(self) > _PLACES:
            self._earlier = dict(self)
            self.clear()

    def _one_of(self, request: Request) -> Request:
        """The request with values instead of texts, or the first with the same route and values."""
        if self._columns is not None:
            (request,) = self._columns.keys([request])
        if self._router is None:
            return request
        method, target, *others = request
        route = self._routes.get(target) or self._router.route(target)
        return method, self._targets.setdefault(route, target), *others


def _is_of(line: bytes, kind: SameKeys) -> bool:
    try:
        return kind.request(kind.values(kind.decoder.decode(line))) is not None
    except _BROKEN:
        return False


def _read(each: Iterable[_Some], keys: SameKeys, places: _Places) -> _Found:
    """Read lines, with or without their ends."""
    places.forget()
    columns: list[_Numbers] = []
    odd: list[bytes | str] = []
    odd_at: list[int] = []
    before = 0
    for some in each:
        records, failed = _decoded(some, keys.decoder)
        numbers = np.empty((3, len(records)), np.int64)
        numbers[0] = np.fromiter(places.of(list(map(keys.values, records))), np.int64, len(records))
        numbers[1] = _sizes(records, keys.size)
        numbers[2] = _durations_ns(records, keys.duration, keys.meaning)
        plain = np.min(numbers, axis=0, initial=0) > _ODD
        if failed or not plain.all():
            is_plain, lines = iter(plain.tolist()), _lines(some)
            at = [number for number in range(len(lines)) if number in failed or not next(is_plain)]
            odd += [lines[number] for number in at]
            odd_at += [before + number for number in at]
            numbers = numbers[:, plain]
        columns.append(numbers)
        before += len(records) + len(failed)
    found = np.concatenate(columns, axis=1) if columns else np.empty((3, 0), np.int64)
    return _Found(list(places.requests), found[0], found[1], found[2], _Odd(odd, odd_at))


def _decoded(some: _Some, decoder: msgspec.json.Decoder[Any]) -> tuple[list[Any], set[int]]:
    """The lines that can be decoded, and the numbers of the others."""
    if isinstance(some, bytes):
        with suppress(*_BROKEN):
            if (at_once := decoded(some, decoder)) is not None:
                return at_once, set()
    records: list[Any] = []
    failed: set[int] = set()
    left: Iterator[bytes | str] = iter(_lines(some))
    while True:
        try:
            records.extend(map(decoder.decode, left))
        except _BROKEN:
            failed.add(len(records) + len(failed))
        else:
            return records, failed


def _sizes(records: list[Any], column: Column | None) -> _Numbers | int:
    if column is None:
        return 0
    values = list(map(column.get, records))
    if column.is_text:
        values = _whole(values)
    try:
        found = np.array(values, np.int64)
    except OverflowError:
        found = np.array([value if 0 <= value <= _MOST else _ODD for value in values], np.int64)
    found[(found < 0) | (found > _MOST)] = _ODD
    return found


def _whole(texts: list[str]) -> list[int]:
    """Texts of digits as numbers; all at once where they are nothing else."""
    joined = "".join(texts)
    if joined.isascii() and joined.isdigit() and all(texts) and len(max(texts, key=len)) < _LONG:
        return list(map(int, texts))
    return [int(text) if len(text) < _LONG and _DIGITS.fullmatch(text) else _ODD for text in texts]


def _durations_ns(records: list[Any], column: Column | None, meaning: Meaning) -> _Numbers | int:
    """The arithmetic of the scalar engine, step by step, so that floating point results are the same."""
    if column is None or (meaning.unit_ns is None and not column.is_text):
        return _NONE
    values = list(map(column.get, records))
    units = _units(values, column, meaning)
    if meaning.unit_ns is None or units is None:
        return np.array([_duration_ns(value, meaning) for value in values], np.int64)
    with np.errstate(over="ignore"):  # infinity is not plain
        exact_ns = units * meaning.unit_ns + 0.5
    plain = (units >= 0) & (exact_ns <= _MOST)
    found = np.where(plain, exact_ns, 0).astype(np.int64)
    for number in np.flatnonzero(~plain).tolist():
        found[number] = _duration_ns(values[number], meaning)
    return found


def _units(values: list[Any], column: Column, meaning: Meaning) -> npt.NDArray[np.float64] | None:
    """Durations in their unit, where each is a number that has it."""
    if column.is_text:
        joined = "".join(values)
        if not _DECIMALS.fullmatch(joined) or (meaning.needs_point and joined.count(".") < len(values)):
            return None
    elif meaning.needs_point and set(map(type, values)) != {float}:
        return None
    try:
        return np.array(list(map(float, values)) if column.is_text else values, np.float64)
    except (ValueError, OverflowError):
        return None


def _duration_ns(value: Any, meaning: Meaning) -> int:
    try:
        found_ns = meaning.duration_ns(value)
    except BadRecord:
        return _ODD
    if found_ns is None:
        return _NONE
    return found_ns if found_ns <= _MOST else _ODD


def _sums(found: _Found, buckets: Buckets | None) -> Tally:
    """The tally of plain lines; `buckets` where their times are counted."""
    width = BUCKETS + (len(buckets) if buckets else 0)
    seen, places = np.unique(found.places, return_inverse=True)
    sums = np.zeros(len(seen) * width, np.int64)
    starts = places * width
    np.add.at(sums, starts + COUNT, 1)
    np.add.at(sums, starts + BYTES, found.sizes)
    if buckets:
        timed = found.durations_ns >= 0
        starts, durations_ns = starts[timed], found.durations_ns[timed]
        np.add.at(sums, starts + DURATION_NS, durations_ns)
        np.add.at(sums, starts + BUCKETS + np.searchsorted(buckets.bounds_ns, durations_ns), 1)
    rows = sums.reshape(-1, width).tolist()
    hits = {found.requests[place]: numbers for place, numbers in zip(seen.tolist(), rows, strict=True)}
    return Tally(lines=len(found.places), hits=hits)
