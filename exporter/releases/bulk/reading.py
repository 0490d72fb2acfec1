"""A whole input to a table of counts, at the speed of arrays.

Inputs repeat themselves: few builds and codes, many records per second. So the text is cut into its fields by arrays,
equal fields are found (`alike`), and each distinct one is parsed once, by the parser that reads single lines. Other
lines go to that parser whole: both ways count the same, and give the same errors.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exporter.releases.bulk.days import HEAD_LINES, Days
from exporter.releases.bulk.fields import BAD, MAX_BYTES, PADDING, Ints, alike, clock_times, words
from exporter.releases.bulk.outlying import Far, near
from exporter.releases.bulk.table import Table
from exporter.releases.parse import (
    CLOCK_LIMIT_S,
    DAY_S,
    LineSplitter,
    Years,
    code_key,
    parse_build,
    parse_code,
    parse_time,
)
from exporter.releases.tally import SetAside, Tally
from exporter.releases.versions import in_order
from foundation.errors import BadRecord, ConfigError

MOST_BUILDS = 1000
MOST_PAIRS = 100_000
"""Maximum number of builds with codes. An input with more has other columns."""

_PAIR_BITS = 20  # of a key, below its second, which takes 38 at most
_PAIR = (1 << _PAIR_BITS) - 1
_NONE = np.zeros(0, np.int64)
_LF, _TAB, _COMMA = b"\n\t,"
_DENSE = 8  # a grid with fewer cells for a record is counted as a grid, others are sorted
_CACHE = 200_000
_COMPACT_ROWS = 4_000_000


class Input(NamedTuple):
    """The counts, and the bad lines: how many by reason, and the first of them.

    midnights: that clock times passed. far: records that lie far from the others in time; they are not in the table.
    years: years given to times without one. hole: hours without a record, of clock times in no order.
    """

    table: Table
    failed: Counter[str]
    set_aside: list[SetAside]
    midnights: int = 0
    far: Far | None = None
    years: frozenset[int] = frozenset()
    hole: tuple[int, int] | None = None


class _Lines(NamedTuple):
    """Where the lines of a text begin, are first divided, and end; whether they are cut into fields. All (lines,)."""

    starts: Ints
    cuts: Ints
    ends: Ints
    ordinary: NDArray[np.bool_]

    def where(self, mask: NDArray[np.bool_]) -> "_Lines":
        """The lines that `mask` (lines,) picks."""
        return _Lines(self.starts[mask], self.cuts[mask], self.ends[mask], self.ordinary[mask])


class Reading:
    """Counts the records of one input."""

    def __init__(self, *, part: bool = False, one_day: bool = False, now_s: float | None = None) -> None:
        """`part`: of an input; only the whole shows which records are outlying. `one_day`: no time is after midnight.

        `now_s`: Unix time by which times without a year are given one; None: they are refused.
        """
        self._part, self._one_day = part, one_day
        self._head: bytes | None = b""  # the first lines, until there are enough of them
        self._splitter = LineSplitter()
        self._days = Days()
        self._years = None if now_s is None else Years(now_s)
        self._odd = Tally(self._years)  # the lines that are parsed one by one
        self._times: dict[bytes, int] = {}
        self._places: dict[bytes, int] = {}
        self._pairs: dict[tuple[str, str], int] = {}
        self._builds: set[str] = set()
        self._keys: list[Ints] = []  # second << _PAIR_BITS | pair
        self._counts: list[Ints] = []
        self._pending = 0

    def add(self, data: bytes) -> None:
        """Count the lines that `data` completes. Raises ConfigError where there are too many builds and codes."""
        text = self._splitter.whole(data)
        if self._head is not None:
            self._head += text
            if self._head.count(b"\n") >= HEAD_LINES:
                self._begin()
        elif text:
            self._add(text)

    def begin(self) -> None:
        """The next data is the beginning of another file, which may have a header."""
        self._splitter.begin()

    def refuse(self, row: SetAside) -> None:
        """Count a row that could not be read."""
        self._odd.refuse(row)

    def end(self) -> Input:
        """Count a last line without an end. Returns the result."""
        rest = b"".join(line + b"\n" for line in self._splitter.end())
        self._begin(rest) if self._head is not None else self._add(rest)
        table, far = self._counted()
        years = frozenset(self._years.assumed if self._years else ())
        return Input(
            table=table,
            failed=self._odd.failed,
            set_aside=self._odd.set_aside,
            midnights=self._days.most,
            far=far,
            years=years,
            hole=None if self._one_day else self._days.hole(table.second),
        )

    def table(self) -> Table:
        """The counts so far."""
        if self._head:
            self._begin()
        return self._counted()[0]

    def _begin(self, rest: bytes = b"") -> None:
        """Count the first lines, and those of `rest`."""
        head, self._head = self._head or b"", None
        self._add(head + rest)

    def _counted(self) -> tuple[Table, Far | None]:
        self._compact()
        keys, counts = self._keys[0], self._counts[0]
        far = None
        if not self._part and not (keep := near(keys >> _PAIR_BITS, counts)).all():
            apart = keys[~keep] >> _PAIR_BITS
            keys, lost, counts = keys[keep], int(counts[~keep].sum()), counts[keep]
            far = Far(lost, int(apart[0]), (int(keys[0] >> _PAIR_BITS), int(keys[-1] >> _PAIR_BITS)))
        came, firsts = np.unique(keys & _PAIR, return_index=True)  # a pair may occur only in lines without a time
        pairs = list(self._pairs)
        builds = in_order(_as_seen([pairs[pair][0] for pair in came], keys[firsts] >> _PAIR_BITS))
        codes = sorted({pairs[pair][1] for pair in came}, key=code_key)
        build_at = {build: place for place, build in enumerate(builds)}
        code_at = {code: place for place, code in enumerate(codes)}
        rank = np.zeros(max(1, len(pairs)), np.int64)
        rank[came] = [build_at[pairs[pair][0]] * len(codes) + code_at[pairs[pair][1]] for pair in came]
        keys, counts = _merged(keys & ~_PAIR | rank[keys & _PAIR], counts)
        build, code = np.divmod(keys & _PAIR, max(1, len(codes)))
        second = keys >> _PAIR_BITS
        return Table(builds=builds, codes=codes, second=second, build=build, code=code, count=counts), far

    def _add(self, text: bytes) -> None:
        lines = _divided(text)
        odd = ~lines.ordinary
        padded = text + PADDING
        fields = lines.where(lines.ordinary)
        seconds = clock_times(padded, fields.starts, fields.cuts)
        others = seconds == BAD
        seconds[others] = _parsed(padded, fields.starts[others], fields.cuts[others], self._second)
        pairs = _parsed(padded, fields.cuts, fields.ends, self._place)
        days = np.zeros(len(odd), np.int64)
        first = self._days.day
        if not self._one_day:
            days[lines.ordinary] = self._days.steps(seconds)
        days = first + np.cumsum(days)
        if days.any():
            clock = (seconds != BAD) & (seconds < CLOCK_LIMIT_S)
            seconds += np.where(clock, days[lines.ordinary] * DAY_S, 0)
        good = (seconds != BAD) & (pairs != BAD)
        self._keep(*_cells(seconds[good], pairs[good], len(self._pairs)))
        odd[lines.ordinary] = ~good
        if odd.any():
            for day in np.unique(days[odd]).tolist():
                rest = lines.where(odd & (days == day))
                self._odd.add_lines([text[a:b] for a, b in zip(rest.starts.tolist(), rest.ends.tolist(), strict=True)])
                self._take_odd(day)

    def _second(self, field: bytes) -> int:
        """The time in a field, or BAD."""
        known = self._times.get(field)
        if known is None:
            if len(self._times) > _CACHE:
                self._times.clear()
            try:
                known = parse_time(field.decode().strip(), self._years)
            except (BadRecord, UnicodeDecodeError):
                known = BAD
            self._times[field] = known
        return known

    def _place(self, field: bytes) -> int:
        """The place of the build and code in the rest of a line, which begins with its separator; or BAD."""
        known = self._places.get(field)
        if known is None:
            if len(self._places) > _CACHE:
                self._places.clear()
            try:
                text = field.decode()
                _, build, code = text.split(text[0])
                known = BAD  # where there are quotes: for the parser of single lines
                if '"' not in text:
                    known = self._pair(parse_build(build.strip()), parse_code(code.strip()))
            except (BadRecord, ValueError):
                known = BAD
            self._places[field] = known
        return known

    def _pair(self, build: str, code: str) -> int:
        self._builds.add(build)
        if len(self._builds) > MOST_BUILDS or len(self._pairs) >= MOST_PAIRS:
            raise ConfigError(
                f"{len(self._builds):,} builds with {len(self._pairs):,} codes are too many to compare;"
                " is a line timestamp, build, error code?"
            )
        return self._pairs.setdefault((build, code), len(self._pairs))

    def _take_odd(self, day: int) -> None:
        counts, self._odd.counts = self._odd.counts, Counter()
        later_s = day * DAY_S
        self.count({(s + later_s if s < CLOCK_LIMIT_S else s, b, c): count for (s, b, c), count in counts.items()})

    def count(self, counts: Mapping[tuple[int, str, Any], int]) -> None:
        """Add records by second, build and code. Raises ConfigError as `add` does."""
        keys = [second << _PAIR_BITS | self._pair(build, code) for second, build, code in counts]
        self._keep(np.array(keys, np.int64), np.array(list(counts.values()), np.int64))

    def _keep(self, keys: Ints, counts: Ints) -> None:
        self._keys.append(keys)
        self._counts.append(counts)
        self._pending += len(keys)
        if self._pending > max(_COMPACT_ROWS, len(self._keys[0])):
            self._compact()

    def _compact(self) -> None:
        keys, counts = _merged(np.concatenate([_NONE, *self._keys]), np.concatenate([_NONE, *self._counts]))
        self._keys, self._counts, self._pending = [keys], [counts], 0


def _as_seen(builds: list[str], seconds: Ints) -> list[str]:
    """The builds as they were seen first, of one second by their lines. `seconds` (builds,): a time of each."""
    first_s: dict[str, int] = {}
    for build, second in zip(builds, seconds.tolist(), strict=True):
        first_s[build] = min(first_s.get(build, second), second)
    return sorted(first_s, key=first_s.__getitem__)


def _merged(keys: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """The counts of equal keys added, in the order of the keys."""
    if (np.diff(keys) < 0).any():
        order = np.argsort(keys, kind="stable")
        keys, counts = keys[order], counts[order]
    firsts = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[firsts], np.add.reduceat(counts, firsts) if len(firsts) else counts


def _divided(text: bytes) -> _Lines:
    """The lines, without the blank ones. Ordinary are those with two fields or more, both parts of them short."""
    buffer = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(buffer == _LF)
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    marks = np.append(np.flatnonzero(buffer == (_TAB if b"\t" in text else _COMMA)), len(text))
    cuts = marks[np.searchsorted(marks, starts)]
    ordinary = (cuts - starts <= MAX_BYTES) & (cuts < ends) & (ends - cuts <= MAX_BYTES)
    if b"\0" in text:  # words are padded with it
        ordinary[:] = False
    lines = _Lines(starts, cuts, ends, ordinary)
    return lines.where(ends > starts) if b"\n\n" in text or text.startswith(b"\n") else lines


def _parsed(padded: bytes, starts: Ints, ends: Ints, parse: Callable[[bytes], int]) -> Ints:
    """What `parse` makes of each field, asked once for each distinct one."""
    same = alike(words(padded, starts, ends), len(starts))
    firsts = np.flatnonzero(same == np.arange(len(same)))
    values = np.empty(len(same), np.int64)
    values[firsts] = [
        parse(padded[start:end]) for start, end in zip(starts[firsts].tolist(), ends[firsts].tolist(), strict=True)
    ]
    return values[same]


def _cells(seconds: Ints, pairs: Ints, width: int) -> tuple[Ints, Ints]:
    """Keys and counts of the cells that came. `width`: above every pair."""
    if not len(seconds):
        return seconds, pairs
    first = int(seconds.min())
    span = int(seconds.max()) - first + 1
    if span * width > _DENSE * len(seconds):
        return np.unique(seconds << _PAIR_BITS | pairs, return_counts=True)
    counts = np.bincount((seconds - first) * width + pairs)
    cells = np.flatnonzero(counts)
    second, pair = np.divmod(cells, width)
    return second + first << _PAIR_BITS | pair, counts[cells]
