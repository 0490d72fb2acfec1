"""The engine of JSON in bulk: lines with the same keys, a piece at a time, into columns of numbers.

A line whose values are not plain is handed to the scalar engine, and so is one with other keys, unless many have those.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from exporter.accesslog.columns import Apart, Columns
from exporter.accesslog.formats import Format
from exporter.accesslog.formats.envelope import Lines
from exporter.accesslog.formats.json_lines import decoded
from exporter.accesslog.formats.keyed.same_keys import Column, Meaning, Parted, Request, SameKeys
from exporter.accesslog.parse.scalar import PIECE_BYTES, tally_normal
from exporter.accesslog.routes import Router
from exporter.accesslog.tally import BUCKETS, BYTES, COUNT, DURATION_NS, Buckets, Tally, added, pieces, unmarked
from foundation.errors import BadRecord
from foundation.recent import Recent

WORTH_BYTES = 1 << 19
"""Lines with other keys are read in bulk too from here on."""
_KINDS = 8
"""Maximum number of sets of keys for quick reading."""
_LOOK_LINES = 20  # where keys are looked for
_LINES = 1000  # read at a time

_NONE, _ODD = -1, -2  # a line without a duration, and one that is not plain
_WHOLE = -3  # a target that cannot be parted from the rest of its request
_PLACES, _REQUESTS = 1 << 15, 1 << 17  # from where on those are forgotten that were not asked lately, and all
_HEAD_BITS = 32
_OF_TARGETS = (1 << _HEAD_BITS) - 1
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
        tally.merge(_sums(found, kind.places, self._buckets if self._format.has_duration else None))
        return found.odd

    def _kind_of(self, lines: Sequence[bytes | str]) -> "_Kind | None":
        """The keys of the first line that is plain."""
        for line in map(_line, lines[:_LOOK_LINES]):
            if known := next((kind for kind in self._known if _is_of(line, kind.keys)), None):
                return known
            if keys := self._learn(line):
                self._known = [
                    _Kind(keys, _Places(keys, self._router, self._columns)),
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
    """Plain lines: the places of their requests, bytes and nanoseconds; the other lines."""

    places: _Numbers
    sizes: _Numbers
    durations_ns: _Numbers
    odd: "_Odd"


class _Kind(NamedTuple):
    keys: SameKeys
    places: "_Places"


class _Places:
    """Requests as numbers: the place of the target among the targets, and that of everything else among the heads.

    A log has many paths and few other values, and a path says nothing about these. So each of both is looked at when
    it is new, and not each pair of them. Both are kept from chunk to chunk. Where only routes matter, all targets of a
    route have one place.
    """

    def __init__(self, keys: SameKeys, router: Router | None, columns: Columns | None) -> None:
        self._keys = keys
        self._columns = columns
        self._router = Apart(router, columns) if router and columns else router
        self._forget()

    def forget(self) -> None:
        """Make room, if there is need. Places from before are not valid any more."""
        if len(self._targets) > _REQUESTS or len(self._heads) > _REQUESTS:
            self._forget()

    def _forget(self) -> None:
        self._targets: list[bytes] = []
        self._numbers: dict[bytes | str, int] = {}  # of targets or, where only they matter, of routes
        self._heads: dict[tuple[bytes, ...], int] = {}  # requests without their targets
        self._by_path = Recent[str, int](_PLACES)
        self._by_others = Recent[tuple[Any, ...], int](_PLACES)
        self._by_values = Recent[tuple[Any, ...], int](_PLACES)

    def of(self, records: Sequence[Any]) -> npt.NDArray[np.int64]:
        """The place of the request of each record; `_ODD` where the record must be read on its own."""
        parted = self._keys.parted
        if parted is None:
            return np.array(list(map(self._whole, records)), np.int64)
        paths, others = _requested(records, parted) if parted.is_whole else _targeted(records, parted)
        targets = np.array(self._targets_of(paths), np.int64)
        heads = np.array(self._heads_of(others, parted), np.int64)
        places = np.where(heads == _ODD, _ODD, heads + targets)
        for number in np.flatnonzero(targets == _WHOLE).tolist():
            places[number] = self._whole(records[number])
        return places

    def requests(self, places: Sequence[int]) -> Iterator[Request]:
        """The requests at places, with values instead of texts."""
        heads = list(self._heads)
        targets = [self._targets[place & _OF_TARGETS] for place in places]
        of_paths = self._columns.of_targets if self._columns else ()
        values = {at: self._columns.values(at, targets) for at in of_paths} if self._columns else {}
        for number, (place, target) in enumerate(zip(places, targets, strict=True)):
            method, *others = heads[place >> _HEAD_BITS]
            for at, some in values.items():
                others[at + 1] = some[number]
            yield method, target, *others

    def _targets_of(self, paths: Sequence[str]) -> list[int]:
        """The places of targets; `_WHOLE` for what is not a path."""
        known = self._by_path
        found = known.get_all(paths)
        if None not in found:
            return [place for place in found if place is not None]
        new = dict.fromkeys(path for path, place in zip(paths, found, strict=True) if place is None)
        places = {path: place for path in new if (place := known.get(path)) is not None}
        left = [path for path in new if path not in places and path.startswith("/")]
        targets = [path.encode("utf-8", "replace") for path in left]
        routes: Sequence[bytes | str] = self._router.routes(targets) if self._router else targets
        for path, target, route in zip(left, targets, routes, strict=True):
            places[path] = known[path] = self._place_of(target, route)
        return [places.get(path, _WHOLE) if place is None else place for path, place in zip(paths, found, strict=True)]

    def _place_of(self, target: bytes, route: bytes | str) -> int:
        place = self._numbers.setdefault(route, len(self._targets))
        if place == len(self._targets):
            self._targets.append(target)
        return place

    def _heads_of(self, others: Sequence[tuple[Any, ...]], parted: Parted) -> list[int]:
        """The places of requests without targets; `_ODD` where they must be read on their own."""
        known = self._by_others
        found = known.get_all(others)
        if None in found:
            places: dict[tuple[Any, ...], int] = {}
            for some in dict.fromkeys(one for one, place in zip(others, found, strict=True) if place is None):
                if (place := known.get(some)) is None:
                    request = parted.request(some[1:], some[0]) if parted.is_whole else parted.request(some, "/")
                    known[some] = place = _ODD if request is None else self._head_of(request)
                places[some] = place
            found = [places[some] if place is None else place for some, place in zip(others, found, strict=True)]
        return [place for place in found if place is not None]

    def _head_of(self, request: Request) -> int:
        """The place of a request without its target, with values instead of texts."""
        if self._columns is not None:
            (request,) = self._columns.keys([request])
        method, _, *others = request
        return self._heads.setdefault((method, *others), len(self._heads)) << _HEAD_BITS

    def _whole(self, record: Any) -> int:
        """The place of a request whose target cannot be parted from the rest."""
        values = self._keys.values(record)
        place = self._by_values.get(values)
        if place is None:
            request = self._keys.request(values)
            if request is None:
                place = _ODD
            else:
                target = request[1]
                (route,) = self._router.routes([target]) if self._router else [target]
                place = self._head_of(request) + self._place_of(target, route)
            self._by_values[values] = place
        return place


def _targeted(records: Sequence[Any], parted: Parted) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The paths of targets, and the other values."""
    paths = [text.partition("?")[0] for text in map(parted.text, records)]
    return paths, list(map(parted.others, records))


def _requested(records: Sequence[Any], parted: Parted) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The paths of request lines, and the other values with the line without its path."""
    paths, others = [], []
    for text, more in zip(map(parted.text, records), map(parted.others, records), strict=True):
        method, _, rest = text.partition(" ")
        target, blank, protocol = rest.partition(" ")
        paths.append(target.partition("?")[0])
        others.append((f"{method} / {protocol}" if blank else f"{method} /", *more))
    return paths, others


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
        numbers[0] = places.of(records)
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
    return _Found(found[0], found[1], found[2], _Odd(odd, odd_at))


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


def _sums(found: _Found, of: _Places, buckets: Buckets | None) -> Tally:
    """The tally of plain lines with the places `of` requests; `buckets` where their times are counted."""
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
    hits: dict[Request, list[int]] = {}
    for request, numbers in zip(of.requests(seen.tolist()), sums.reshape(-1, width).tolist(), strict=True):
        so_far = hits.get(request)
        hits[request] = numbers if so_far is None else added(so_far, numbers)
    return Tally(lines=len(found.places), hits=hits)
