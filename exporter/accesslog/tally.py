"""The counts of a piece of a log: a `Tally`, which both engines make and all later steps read.

Both engines promise the same tally for the same bytes. For exactly equal sums, a tally has no floats: durations are
whole nanoseconds.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from operator import add
from typing import NamedTuple, TypeAlias

import msgspec

from foundation.errors import BadRecord

Key: TypeAlias = tuple[bytes, ...]
"""Method and target as in the line, the target without its query string, and the code by `known_code`; behind
them the texts of `Format.more`, or the values of `columns.Columns`."""

COUNT, BYTES, DURATION_NS, BUCKETS = 0, 1, 2, 3
"""Places in a hit's numbers: requests, response bytes, the sum of their durations, and the first of the buckets."""

NS = 1_000_000_000

BOM = b"\xef\xbb\xbf"
_MARKS = re.compile(rb"^(?:\xef\xbb\xbf)+", re.MULTILINE)


NO_ANSWER = b"000"
"""The code of a request that got no answer, however its log writes that."""

_NO_ANSWERS = frozenset((b"", b"-", b"0", b"-1"))
_CODE = re.compile(rb"[0-9]{3}")


def known_code(code: bytes) -> bytes:
    """A line's code as a key has it. Raises BadRecord if it is not a code."""
    if _CODE.fullmatch(code):
        return code
    if code in _NO_ANSWERS:
        return NO_ANSWER
    raise BadRecord("code", f"{code!r} is not a status code of three digits")


class BadLine(NamedTuple):
    """A line that could not be read: its number in the piece, from 1 on, 0 if unknown, and its text without its end."""

    number: int
    text: bytes

    def after(self, lines: int) -> "BadLine":
        """The same, where the piece has `lines` others before it."""
        return self._replace(number=lines + self.number) if self.number else self


class Tally(msgspec.Struct):
    """Counts of one piece of a log.

    lines: all of them, directives and bad ones included.
    failed: the bad ones, by reason.
    hits: the good ones, by key: [count, bytes, duration_ns, bucket 0, ..., bucket n];
        without durations only the first three.
    bad: the first bad line of each reason.
    ignored: requests that matched a rule of `ignore:`, by its name; they are not among the hits.
    """

    lines: int = 0
    failed: dict[str, int] = msgspec.field(default_factory=dict)
    hits: dict[Key, list[int]] = msgspec.field(default_factory=dict)
    bad: dict[str, BadLine] = msgspec.field(default_factory=dict)
    ignored: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def requests(self) -> int:
        """How many of the lines are good, and not ignored."""
        return sum(numbers[COUNT] for numbers in self.hits.values())

    @property
    def fitting(self) -> int:
        """How many of the lines are good."""
        return self.requests + sum(self.ignored.values())

    def fail(self, reason: str, line: bytes) -> None:
        """Count a bad line, the last one of `lines`."""
        if reason not in self.failed:
            self.bad[reason] = BadLine(self.lines, line)
        self.failed[reason] = self.failed.get(reason, 0) + 1

    def merge(self, other: "Tally") -> None:
        """Add the tally of the next piece of the same log."""
        for reason, bad in other.bad.items():
            if reason not in self.failed:
                self.bad[reason] = bad.after(self.lines)
        self.lines += other.lines
        for reason, count in other.failed.items():
            self.failed[reason] = self.failed.get(reason, 0) + count
        for rule, count in other.ignored.items():
            self.ignored[rule] = self.ignored.get(rule, 0) + count
        for key, numbers in other.hits.items():
            mine = self.hits.get(key)
            if mine is None:
                self.hits[key] = numbers.copy()
            elif len(mine) == len(numbers) == BUCKETS:  # as most are of many
                mine[0] += numbers[0]
                mine[1] += numbers[1]
                mine[2] += numbers[2]
            else:
                self.hits[key] = added(mine, numbers)


def added(one: list[int], other: list[int]) -> list[int]:
    """The sums of two hits' numbers."""
    if len(one) == len(other):
        return list(map(add, one, other))
    # a log may announce that its lines have no time any more, or have one from now on
    return [a + b for a, b in zip_longest(one, other, fillvalue=0)]


class Buckets:
    """Upper bounds of a histogram, as seconds for people and as nanoseconds for counting."""

    def __init__(self, bounds_s: Sequence[float]) -> None:
        """`bounds_s`: rising; a last bucket for everything above is added."""
        self.bounds_s = tuple(float(bound) for bound in bounds_s)
        self.bounds_ns = tuple(round(bound * NS) for bound in self.bounds_s)

    def __len__(self) -> int:
        return len(self.bounds_ns) + 1

    def index(self, duration_ns: int) -> int:
        """The bucket of a duration: the first whose bound is not below it."""
        return bisect_left(self.bounds_ns, duration_ns)


def unmarked(data: bytes) -> bytes:
    """The piece without byte order marks before lines: files joined to one have them anywhere, and so has a batch."""
    return _MARKS.sub(b"", data) if b"\xef" in data and BOM in data else data  # the first question is the quick one


def normal(data: bytes) -> bytes:
    """The piece as both engines read it: no byte order marks, lines ended by one line feed, the last one too."""
    data = unmarked(data)
    if data and not data.endswith(b"\n"):
        data += b"\n"
    return data.replace(b"\r\n", b"\n") if b"\r" in data else data


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """Whole lines in pieces of about `size` bytes; a longer line is a separate piece."""
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + size) + 1 or data.find(b"\n", start) + 1 or len(data)
        yield data[start:end]
        start = end
