"""Reads log lines with the layout of earlier lines, many at once. Pure.

A layout is the common bytes of such lines, and the places of figures between them. It is derived from a line that
`parse` can read, and proved: other figures in its places must be read back unchanged. So `parse` would read the same
from a line with these bytes and plain figures (no sign, no exponent, no leading zero). It reads all other lines.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from exporter.hosting.parse import MAX_TIME_S, Heartbeat, Route, Times, parse_line
from foundation.errors import BadRecord

MAX_LAYOUTS = 8
MAX_LITERAL_BYTES = 512  # of a whole line; logs with longer lines have few events per second
PADDING = bytes(1024)
"""Must follow the lines in their buffer: words are read whole, also at the end of a line."""
_SAMPLES = 16  # lines that are tried for a new layout, in each block
MAX_BEGUN = 1 << 17
_WORTH = 32  # lines of a block, for which a new layout is worth the proof

Ints: TypeAlias = npt.NDArray[np.int64]
Words: TypeAlias = npt.NDArray[np.uint64]
Mask: TypeAlias = npt.NDArray[np.bool_]

_FIGURE = re.compile(
    rb'"(serverId|accountId|workload|time)"\s*:\s*'
    rb'(?:(\d+(?:\.\d+)?)|"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?")'
)
_KEYS: dict[type[Heartbeat] | type[Route], dict[bytes, str]] = {
    Heartbeat: {b"serverId": "server_id", b"workload": "workload", b"time": "time"},
    Route: {b"accountId": "account_id", b"serverId": "server_id", b"time": "time"},
}
_PROOFS = (
    {"server_id": "7", "account_id": "1234567890123", "workload": "31.25", "date": "2001-02-03", "clock": "04:05:06"},
    {"server_id": "4711", "account_id": "0", "workload": "0", "date": "2014-11-29", "clock": "23:58:57"},
)
"""Figures that are tried in a new layout; a fraction of a second is unchanged."""

_WORD = 8
_ZEROS, _HIGH, _ABOVE_9 = (np.uint64(int(byte * _WORD, 16)) for byte in ("30", "80", "76"))
_DATE = np.uint64(int.from_bytes(b"0000-00-", "little"))
_DASHES = np.uint64(0xFF0000FF00000000)
_CLOCK = np.uint64(int.from_bytes(b"00:00:00", "little"))
_COLONS = np.uint64(0x0000FF0000FF0000)
_KEEP = np.array([(1 << 8 * n) - 1 for n in range(_WORD + 1)], np.uint64)  # the first n bytes of a word
_POWERS = 10 ** np.arange(17, dtype=np.uint64)
_EXACT_DIGITS = 15  # up to this number a double holds the figures and the power of ten that divides them
_NUMBER_WORDS = 5  # of a number with more figures than that
_MAX_SPREAD = 1 << 20  # days or minutes between a block's first and last, for a table of them


class Field(NamedTuple):
    """A part of a line that differs: its name, and the bytes that follow it."""

    name: str
    after: bytes


class Layout(NamedTuple):
    """The bytes before the first field, the fields in order, and how the times' zone is written."""

    kind: type[Heartbeat] | type[Route]
    start: bytes
    fields: tuple[Field, ...]
    zone: str


class Found(NamedTuple):
    """Events of one kind. lines: their places in the block; columns of one length with them.

    columns: server_id, time_s, gap_s (how much later their text means another instant), and workload or
        account_id.
    """

    kind: type[Heartbeat] | type[Route]
    lines: Ints
    columns: dict[str, npt.NDArray[Any]]


class Block:
    """Whole lines, and where each begins and ends (its newline)."""

    def __init__(self, text: bytes) -> None:
        """`text`: each line of it with its newline."""
        self.text = text
        padded = text + PADDING
        figures = np.frombuffer(padded, np.uint8)
        self.ends: Ints = np.flatnonzero(figures[: len(text)] == ord("\n"))
        self.starts: Ints = np.concatenate([np.zeros(1, np.int64), self.ends[:-1] + 1])
        self._every = np.ndarray((len(padded) - _WORD + 1,), "<u8", padded, strides=(1,))  # the word at each byte

    def words(self, at: Ints) -> Words:
        """The eight bytes from each place on."""
        return self._every[at]

    def line(self, number: int) -> bytes:
        """One line, without its newline."""
        return self.text[self.starts[number] : self.ends[number]]


class Layouts:
    """The layouts so far. Not thread-safe."""

    def __init__(self) -> None:
        self.known: list[Layout] = []
        self._begun: dict[str, dict[int, tuple[int, int]]] = {}  # days or minutes that were read, by zone

    def read(self, block: Block, times: Times) -> tuple[list[Found], Ints]:
        """The events of the block in lines of a layout, and the places of all other lines."""
        left, found = np.arange(len(block.starts)), list[Found]()
        for layout in self.known:
            left = self._take(layout, block, left, times, found)
        while len(self.known) < MAX_LAYOUTS and len(left) >= _WORTH and (new := self._new(block, left)):
            self.known.append(new)
            left = self._take(new, block, left, times, found)
        return found, left

    def _new(self, block: Block, left: Ints) -> Layout | None:
        samples = left[:: max(1, len(left) // _SAMPLES)][:_SAMPLES].tolist()
        made = (learn(block.line(number)) for number in samples)
        return next((one for one in made if one is not None and one not in self.known), None)

    def _take(self, layout: Layout, block: Block, left: Ints, times: Times, found: list[Found]) -> Ints:
        begun = self._begun.setdefault(layout.zone, {})
        if len(begun) > MAX_BEGUN:
            begun.clear()
        one = _read(layout, block, left, times, begun)
        if not len(one.lines):
            return left
        found.append(one)
        rest = np.ones(len(block.starts), bool)
        rest[one.lines] = False
        return left[rest[left]]


def learn(line: bytes) -> Layout | None:
    """The layout of a line; None if it is not an event with separable figures, or is very long."""
    try:
        event, _ = parse_line(line, Times())
    except BadRecord:
        return None
    if not isinstance(event, (Heartbeat, Route)) or len(line) > MAX_LITERAL_BYTES:
        return None
    keys, figures = _KEYS[type(event)], list(_FIGURE.finditer(line))
    if sorted(match[1] for match in figures) != sorted(keys):
        return None
    cuts, zone = list[tuple[int, int, str]](), ""
    for match in figures:
        name = keys[match[1]]
        if (name == "time") != (match[2] is None):
            return None  # Unix time
        if name != "time":
            cuts.append((*match.span(2), name))
            continue
        zone = (match[6] or b"").decode()
        cuts += [(*match.span(3), "date"), (*match.span(4), "clock")]
        cuts += [(*match.span(5), "fraction")] if match[5] else []
    nexts = [start for start, _, _ in cuts[1:]] + [len(line)]
    fields = tuple(Field(name, line[end:until]) for (_, end, name), until in zip(cuts, nexts, strict=True))
    layout = Layout(type(event), line[: cuts[0][0]], fields, zone)
    return layout if all(_is_read_back(layout, figures) for figures in _PROOFS) else None


def _is_read_back(layout: Layout, figures: dict[str, str]) -> bool:
    figures = {"fraction": "125", **figures}
    line = layout.start + b"".join(figures[field.name].encode() + field.after for field in layout.fields)
    try:
        event, _ = parse_line(line, Times())
    except BadRecord:
        return False
    wanted = {name: float(figures[name]) for name in _KEYS[layout.kind].values() if name != "time"}
    given = re.sub(r"\.\d+", "", str(event.time))
    is_time = given[:10] == figures["date"] and given[11:] == figures["clock"] + layout.zone
    return type(event) is layout.kind and is_time and all(getattr(event, name) == n for name, n in wanted.items())


def _read(layout: Layout, block: Block, lines: Ints, times: Times, begun: dict[int, tuple[int, int]]) -> Found:
    """The given lines that have this layout."""
    at = block.starts[lines]
    good = _has(block, at, layout.start)
    lines, at = lines[good], at[good] + len(layout.start)
    good = np.ones(len(lines), bool)
    values: dict[str, Any] = {}
    for field in layout.fields:
        length, values[field.name] = _READERS[field.name](block, at, good)
        at = at + length
        good &= _has(block, at, field.after)
        at += len(field.after)
    good &= at == block.ends[lines]
    values.pop("fraction", None)
    by_minute = not layout.zone and not times.is_utc  # else a day of clocks has no gap

    def begin(key: int) -> tuple[int, int]:
        """The result of `_begin` for a key, computed once."""
        found = begun.get(key)
        if found is None:
            found = begun[key] = _begin(key, layout.zone, times, by_minute=by_minute)
        return found

    time_s, gap_s = _instants(values.pop("date"), values.pop("clock"), good, begin, by_minute=by_minute)
    columns = {**values, "time_s": time_s, "gap_s": gap_s}
    if not good.all():
        lines, columns = lines[good], {name: column[good] for name, column in columns.items()}
    return Found(layout.kind, lines, columns)


def _has(block: Block, at: Ints, literal: bytes) -> Mask:
    """Whether these bytes are at each place."""
    good = np.ones(len(at), bool)
    for start in range(0, len(literal), _WORD):
        part = literal[start : start + _WORD]
        word = block.words(at + start)
        if len(part) < _WORD:
            word &= _KEEP[len(part)]
        good &= word == np.uint64(int.from_bytes(part, "little"))
    return good


def _figures(word: Words) -> tuple[Words, Words]:
    """How many figures a word begins with, 8 at most, and their value.

    All eight at once, byte by byte inside the word, as in D. Lemire's and others' parsers of JSON.
    """
    figure = word ^ _ZEROS
    other = ((figure + _ABOVE_9) | figure) & _HIGH  # carries into later bytes do not matter
    number = (np.bitwise_count((other & np.negative(other)) - np.uint64(1)) >> 3).astype(np.uint64)
    figure <<= (_WORD - number) * np.uint64(8)
    return number, _value(figure)


def _value(figure: Words) -> Words:
    """The number in eight bytes of 0 to 9, the first one in the lowest byte."""
    pairs = (figure * np.uint64(10) + (figure >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    fours = (pairs * np.uint64(100) + (pairs >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    return (fours * np.uint64(10_000) + (fours >> np.uint64(32))) & np.uint64(0xFFFFFFFF)


def _digits(block: Block, at: Ints) -> tuple[Words, Words, Mask]:
    """Up to 16 figures at each place: how many, their value, and whether one of several is a leading zero."""
    word = block.words(at)
    number, value = _figures(word)
    more = np.flatnonzero(number == _WORD)
    if len(more):
        others, rest = _figures(block.words(at[more] + _WORD))
        number[more] += others
        value[more] = value[more] * _POWERS[others] + rest
    is_zero_led = (number > 1) & ((word & np.uint64(0xFF)) == ord("0"))
    return number, value, is_zero_led


def _id(block: Block, at: Ints, good: Mask) -> tuple[Ints, Ints]:
    number, value, is_zero_led = _digits(block, at)
    good &= (number > 0) & ~is_zero_led
    return number.astype(np.int64), value.astype(np.int64)


def _fraction(block: Block, at: Ints, good: Mask) -> tuple[Ints, None]:
    """Parts of a second are dropped."""
    number, _, _ = _digits(block, at)
    good &= number > 0
    return number.astype(np.int64), None


def _workload(block: Block, at: Ints, good: Mask) -> tuple[Ints, npt.NDArray[np.float64]]:
    """A number with or without a point. With many figures NumPy reads the text, rounded correctly."""
    whole, value, is_zero_led = _digits(block, at)
    good &= (whole > 0) & ~is_zero_led
    point = at + whole.astype(np.int64)
    has_point = (block.words(point) & np.uint64(0xFF)) == ord(".")
    parts, part, _ = _digits(block, point + 1)
    parts[~has_point] = 0
    part[~has_point] = 0
    good &= ~has_point | (parts > 0)
    length = whole.astype(np.int64) + np.where(has_point, parts.astype(np.int64) + 1, 0)
    number = (value * _POWERS[parts] + part).astype(np.float64) / _POWERS[parts].astype(np.float64)
    long = np.flatnonzero(whole + parts > _EXACT_DIGITS)
    if len(long):
        good[long] &= (whole[long] < 2 * _WORD) & (parts[long] < 2 * _WORD)  # of 16 there may be more
        number[long] = _floats(block, at[long], length[long])
    return length, number


def _floats(block: Block, at: Ints, length: Ints) -> npt.NDArray[np.float64]:
    """The numbers in a number of bytes from each place, of one or more figures with a point among them."""
    text = np.empty((len(at), _NUMBER_WORDS), "<u8")
    for nth in range(_NUMBER_WORDS):
        text[:, nth] = block.words(at + nth * _WORD) & _KEEP[np.clip(length - nth * _WORD, 0, _WORD)]
    return text.view(f"S{_NUMBER_WORDS * _WORD}").ravel().astype(np.float64)


def _date(block: Block, at: Ints, good: Mask) -> tuple[int, Ints]:
    """Year, month and day as one number, 20161231; `Times` checks whether the day exists."""
    figure = block.words(at) ^ _DATE
    day = block.words(at + 2) ^ np.uint64(int.from_bytes(b"00-00-00", "little"))
    good &= (_above_9(figure) | _above_9(day) | (figure & _DASHES)) == 0
    pairs = figure * np.uint64(10) + (figure >> np.uint64(8))
    year = (pairs & np.uint64(0xFF)) * np.uint64(100) + ((pairs >> np.uint64(16)) & np.uint64(0xFF))
    figure >>= np.uint64(40)
    month = (figure & np.uint64(0xFF)) * np.uint64(10) + ((figure >> np.uint64(8)) & np.uint64(0xFF))
    day >>= np.uint64(48)
    day = (day & np.uint64(0xFF)) * np.uint64(10) + (day >> np.uint64(8))
    return 10, (year * np.uint64(10_000) + month * np.uint64(100) + day).astype(np.int64)


def _clock(block: Block, at: Ints, good: Mask) -> tuple[int, Ints]:
    """Seconds since midnight."""
    figure = block.words(at) ^ _CLOCK
    pairs = figure * np.uint64(10) + (figure >> np.uint64(8))
    hour, second = pairs & np.uint64(0xFF), (pairs >> np.uint64(48)) & np.uint64(0xFF)
    minute = ((figure >> np.uint64(24)) & np.uint64(0xFF)) * np.uint64(10) + (
        (figure >> np.uint64(32)) & np.uint64(0xFF)
    )
    good &= ((_above_9(figure) | (figure & _COLONS)) == 0) & (hour < 24) & (minute < 60) & (second < 60)
    return 8, (hour * np.uint64(3600) + minute * np.uint64(60) + second).astype(np.int64)


def _above_9(figure: Words) -> Words:
    return ((figure + _ABOVE_9) | figure) & _HIGH


_READERS: dict[str, Any] = {
    "server_id": _id,
    "account_id": _id,
    "workload": _workload,
    "date": _date,
    "clock": _clock,
    "fraction": _fraction,
}
"""Of each field: how many bytes it has at each place, and its values; `good` becomes false where it is another."""


def _instants(
    date: Ints, clock: Ints, good: Mask, begin: Callable[[int], tuple[int, int]], *, by_minute: bool
) -> tuple[Ints, Ints]:
    """Unix seconds, and how much later the same text means another instant; each day, or minute, is read once."""
    key = np.where(good, date * 1440 + clock // 60 if by_minute else date, 0)
    distinct, place = _distinct(key[good], key)
    begun_s, gap_s = np.array([begin(one) for one in distinct.tolist()] or [(-1, 0)], np.int64).T
    time_s = begun_s[place] + (clock % 60 if by_minute else clock)
    good &= (begun_s[place] >= 0) & (time_s < MAX_TIME_S)
    return time_s, gap_s[place]


def _begin(key: int, zone: str, times: Times, *, by_minute: bool) -> tuple[int, int]:
    """The first second of a day or minute; -1 where there is none."""
    date, minute = divmod(key, 1440) if by_minute else (key, 0)
    text = f"{date // 10_000:04}-{date // 100 % 100:02}-{date % 100:02} {minute // 60:02}:{minute % 60:02}:00{zone}"
    try:
        return times[text], times.twins.get(text, 0)
    except BadRecord:
        return -1, 0


def _distinct(keys: Ints, every: Ints) -> tuple[Ints, Ints]:
    """The distinct `keys`, and for each of `every` its place among them; 0 for others."""
    if not len(keys):
        return keys, np.zeros(len(every), np.int64)
    low, high = int(keys.min()), int(keys.max())
    if high - low >= _MAX_SPREAD:
        distinct = np.unique(keys)
        return distinct, np.minimum(np.searchsorted(distinct, every), len(distinct) - 1)
    seen = np.zeros(high - low + 1, bool)
    seen[keys - low] = True
    place = np.maximum(np.cumsum(seen) - 1, 0)
    return np.flatnonzero(seen) + low, place[np.clip(every - low, 0, high - low)]
