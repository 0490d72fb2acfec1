"""The engine of JSON in bulk: lines with the same keys, a piece at a time, into columns of numbers.

A line whose values are not plain is handed to the scalar engine, and so is one with other keys, unless many have those.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from exporter.accesslog.formats import Format
from exporter.accesslog.formats.durations import MAX_DURATION_NS
from exporter.accesslog.formats.same_keys import Column, Meaning, Request, SameKeys
from exporter.accesslog.parse.first_bad import first_bad
from exporter.accesslog.parse.scalar import PIECE_BYTES, tally_normal
from exporter.accesslog.tally import BUCKETS, BYTES, COUNT, DURATION_NS, Buckets, Tally, normal, pieces
from foundation.errors import BadRecord

WORTH_BYTES = 1 << 19
"""Lines with other keys are read in bulk too from here on."""
_KINDS = 8
"""Sets of keys that one log may have, and be quick."""
_LOOK_LINES, _LOOK_BYTES = 20, 1 << 16  # where keys are looked for

_NONE, _ODD = -1, -2  # a line without a duration, and one that is not plain
_PLACES = 1 << 15  # from where on they are not kept
_LONG = 19  # digits that may not fit 64 bits
_SUM = 1 << 62  # what no sum of a chunk reaches
_BROKEN = (msgspec.MsgspecError, UnicodeError, RecursionError)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_DECIMALS = re.compile(r"[0-9.]+", re.ASCII)

_Numbers: TypeAlias = npt.NDArray[np.int64]


class Records:
    """Reads lines of one format."""

    def __init__(self, format_: Format, buckets: Buckets) -> None:
        """`format_`: one with `same_keys`."""
        assert format_.same_keys is not None
        self._format = format_
        self._buckets = buckets
        self._learn = format_.same_keys
        self._known: list[_Kind] = []

    def tally(self, data: bytes) -> Tally:
        """Count the lines of `data`, which are whole."""
        whole = odd = normal(data)
        tally = Tally()
        for _ in range(_KINDS):
            kind = self._kind_of(odd)
            if kind is None:
                break
            found = _read(odd, *kind)
            tally.merge(_sums(found, self._buckets if self._format.has_duration else None))
            odd = found.odd
            if len(odd) < WORTH_BYTES:
                break
        if odd:
            tally.merge(tally_normal(odd, self._format, self._buckets))
            if tally.failed:
                tally.bad = first_bad(whole, odd, tally.failed.keys(), self._format, self._buckets)
        return tally

    def _kind_of(self, data: bytes) -> "_Kind | None":
        """The keys of the first line that is plain."""
        for line in data[: data.find(b"\n", _LOOK_BYTES) + 1 or None].split(b"\n")[:_LOOK_LINES]:
            if known := next((kind for kind in self._known if _is_of(line, kind.keys)), None):
                return known
            if keys := self._learn(line):
                self._known = [_Kind(keys, _Places(keys.request)), *self._known[: _KINDS - 1]]
                return self._known[0]
        return None


class _Found(NamedTuple):
    """Plain lines: their requests, and of each its place among these, bytes and nanoseconds; and the other lines."""

    requests: list[Request]
    places: _Numbers
    sizes: _Numbers
    durations_ns: _Numbers
    odd: bytes


class _Kind(NamedTuple):
    keys: SameKeys
    places: "_Places"


class _Places(dict[tuple[Any, ...], int]):
    """Values of lines to the places of their requests, which are numbered as they come; kept from chunk to chunk."""

    def __init__(self, request: Callable[[tuple[Any, ...]], Request | None]) -> None:
        super().__init__()
        self._request = request
        self.requests: dict[Request, int] = {}

    def __missing__(self, values: tuple[Any, ...]) -> int:
        request = self._request(values)
        place = _ODD if request is None else self.requests.setdefault(request, len(self.requests))
        self[values] = place
        return place


def _is_of(line: bytes, kind: SameKeys) -> bool:
    try:
        return kind.request(kind.values(kind.decode(line))) is not None
    except _BROKEN:
        return False


def _read(data: bytes, keys: SameKeys, places: _Places) -> _Found:
    """Read lines that went through `normal`."""
    if len(places) > _PLACES:
        places.clear()
        places.requests.clear()
    most = _SUM // (len(data) + 1)  # there are fewer lines than bytes
    columns: list[_Numbers] = []
    odd: list[bytes] = []
    for piece in pieces(data, PIECE_BYTES):
        lines = piece[:-1].split(b"\n")
        records, failed = _decoded(lines, keys.decode)
        numbers = np.empty((3, len(records)), np.int64)
        numbers[0] = np.fromiter(map(places.__getitem__, map(keys.values, records)), np.int64, len(records))
        numbers[1] = _sizes(records, keys.size, most)
        numbers[2] = _durations_ns(records, keys.duration, keys.meaning, min(most, MAX_DURATION_NS))
        plain = np.min(numbers, axis=0, initial=0) > _ODD
        if failed or not plain.all():
            is_plain = iter(plain.tolist())
            odd += [line for number, line in enumerate(lines) if number in failed or not next(is_plain)]
            numbers = numbers[:, plain]
        columns.append(numbers)
    joined = np.concatenate(columns, axis=1) if columns else np.empty((3, 0), np.int64)
    return _Found(list(places.requests), joined[0], joined[1], joined[2], b"".join(line + b"\n" for line in odd))


def _decoded(lines: list[bytes], decode: Callable[[bytes], Any]) -> tuple[list[Any], set[int]]:
    """The lines that can be decoded, and the numbers of the others."""
    records: list[Any] = []
    failed: set[int] = set()
    left = iter(lines)
    while True:
        try:
            records.extend(map(decode, left))
        except _BROKEN:
            failed.add(len(records) + len(failed))
        else:
            return records, failed


def _sizes(records: list[Any], column: Column | None, most: int) -> _Numbers | int:
    if column is None:
        return 0
    values = list(map(column.get, records))
    if column.is_text:
        values = _whole(values)
    try:
        found = np.array(values, np.int64)
    except OverflowError:
        found = np.array([value if 0 <= value <= most else _ODD for value in values], np.int64)
    found[(found < 0) | (found > most)] = _ODD
    return found


def _whole(texts: list[str]) -> list[int]:
    """Texts of digits as numbers; all at once where they are nothing else."""
    joined = "".join(texts)
    if joined.isascii() and joined.isdigit() and all(texts) and len(max(texts, key=len)) < _LONG:
        return list(map(int, texts))
    return [int(text) if len(text) < _LONG and _DIGITS.fullmatch(text) else _ODD for text in texts]


def _durations_ns(records: list[Any], column: Column | None, meaning: Meaning, most: int) -> _Numbers | int:
    """The scalar engine's arithmetic, step by step, so that floating point comes out the same."""
    if column is None or (meaning.unit_ns is None and not column.is_text):
        return _NONE
    values = list(map(column.get, records))
    units = _units(values, column, meaning)
    if meaning.unit_ns is None or units is None:
        return np.array([_duration_ns(value, meaning, most) for value in values], np.int64)
    with np.errstate(over="ignore"):  # infinity is not plain
        exact_ns = units * meaning.unit_ns + 0.5
    plain = (units >= 0) & (exact_ns <= most)
    found = np.where(plain, exact_ns, 0).astype(np.int64)
    for number in np.flatnonzero(~plain).tolist():
        found[number] = _duration_ns(values[number], meaning, most)
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


def _duration_ns(value: Any, meaning: Meaning, most: int) -> int:
    try:
        found_ns = meaning.duration_ns(value)
    except BadRecord:
        return _ODD
    if found_ns is None:
        return _NONE
    return found_ns if found_ns <= most else _ODD


def _sums(found: _Found, buckets: Buckets | None) -> Tally:
    """The tally of plain lines; `buckets` where their times are counted."""
    width = BUCKETS + (len(buckets) if buckets else 0)
    sums = np.zeros(len(found.requests) * width, np.int64)
    starts = found.places * width
    np.add.at(sums, starts + COUNT, 1)
    np.add.at(sums, starts + BYTES, found.sizes)
    if buckets:
        timed = found.durations_ns >= 0
        starts, durations_ns = starts[timed], found.durations_ns[timed]
        np.add.at(sums, starts + DURATION_NS, durations_ns)
        np.add.at(sums, starts + BUCKETS + np.searchsorted(buckets.bounds_ns, durations_ns), 1)
    rows = sums.reshape(-1, width).tolist()
    hits = {key: numbers for key, numbers in zip(found.requests, rows, strict=True) if numbers[COUNT]}
    return Tally(lines=len(found.places), hits=hits)
