"""Files that collectors wrote to arrays. Pure but for reading the file.

Real files have leading blanks, blank lines, a header or none, rows in any order, rows twice, and lines that are not
rows; these are reported with their numbers and skipped. A clean file of millions of rows is read in bulk; a piece that
is not clean is read line by line, with the same meaning.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from exporter.stats.header import header_names
from foundation.errors import ConfigError

Floats: TypeAlias = NDArray[np.float64]

DEFAULT_COLUMNS = ("time", "200", "404", "500")
SKIPPED_COLUMN = "-"  # in --columns: a column of the file that is not wanted
MAX_PROBLEMS = 10  # reported one by one; the rest is counted
PIECE_BYTES = 4 << 20
END_OF_TIME_S = 1e11  # Unix seconds of the year 5138: what is later is milliseconds
_NUMBER = re.compile(rb"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_SIGNED = re.compile(rb"-?" + _NUMBER.pattern)


class Records(NamedTuple):
    """The content of a file, in the order of its lines.

    times: (rows,), Unix seconds. counts: (rows, series), in the order of `names`.
    """

    names: tuple[str, ...]
    gauges: tuple[int, ...]  # which of `names` are not counters
    times: Floats
    counts: Floats
    problems: list[str]  # at most MAX_PROBLEMS
    unreadable: int  # lines
    below_zero: dict[str, int]  # of those, lines that only a negative number in the column of a counter makes so


def read_records(
    stream: BinaryIO, columns: tuple[str, ...] | None, name: str, *, gauges: tuple[str, ...] = ()
) -> Records:
    """Read a collector's file.

    Args:
        stream: the file.
        columns: names of its columns in order, or, where a header has these names, the ones that are wanted; None
            takes all of the header's, and without one `DEFAULT_COLUMNS`.
        name: the file's name, for what is reported about it.
        gauges: the columns that are not counters; they may be negative.

    Raises ConfigError when header, `columns` and `gauges` cannot be brought together.
    """
    reader = _Reader(columns, name, gauges)
    pieces = [table for piece in _pieces(stream) if len(table := reader.read_piece(piece))]
    table = np.concatenate(pieces) if pieces else np.empty((0, len(reader.columns)))
    if not pieces:
        reader.find_gauges()  # an unknown name is reported even where there is no row
    del pieces  # before the columns are picked: a year at 10 s is 100 MB
    series = [name for name in reader.wanted or reader.columns if name not in ("time", SKIPPED_COLUMN)]
    return Records(
        names=tuple(series),
        gauges=tuple(number for number, name in enumerate(series) if reader.columns.index(name) in reader.gauges),
        times=table[:, reader.columns.index("time")].copy(),
        counts=table[:, [reader.columns.index(name) for name in series]],
        problems=reader.problems,
        unreadable=reader.unreadable,
        below_zero=dict(reader.below_zero),
    )


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Whole lines, some megabytes at a time; the last one gets a line end if it has none."""
    rest = b""
    while block := stream.read(PIECE_BYTES):
        cut = block.rfind(b"\n") + 1
        if cut:
            yield rest + block[:cut]
            rest = block[cut:]
        else:
            rest += block
    if rest:
        yield rest + b"\n"


class _Reader:
    """Turns pieces into arrays of (rows, columns), and keeps count of lines."""

    def __init__(self, columns: tuple[str, ...] | None, name: str, gauges: tuple[str, ...]) -> None:
        self.columns = columns or DEFAULT_COLUMNS
        self.wanted: tuple[str, ...] | None = None  # of the columns, in order; None is all
        self.gauges: frozenset[int] = frozenset()  # numbers of columns
        self.problems: list[str] = []
        self.unreadable = 0
        self.below_zero = Counter[str]()
        self._given = columns is not None
        self._given_gauges = gauges
        self._name = name
        self._lines = 0
        self._header: tuple[str, ...] | None = None
        self._begun = False

    def read_piece(self, piece: bytes) -> Floats:
        """The rows of a piece of whole lines, (rows, columns); what is not a row is counted in `unreadable`."""
        if not self._begun:
            piece = piece.removeprefix(b"\xef\xbb\xbf")
            self._take_header(piece)
            self.find_gauges()
        table = _read_clean(piece, len(self.columns))
        if table is None or self._has_wrong_number(table):
            table = self._read_lines(piece)
        self._lines += piece.count(b"\n")
        return table

    def find_gauges(self) -> None:
        """Where the gauges are among the columns. Raises ConfigError when one is not there."""
        there = self.wanted or self.columns
        for given in self._given_gauges:
            name = _spelled(given, there)
            if name not in there or name in ("time", SKIPPED_COLUMN):
                series = ", ".join(name for name in there if name not in ("time", SKIPPED_COLUMN))
                raise ConfigError(f"{self._name}: --gauge {given}: no such column; expected one of {series}")
            self.gauges |= {self.columns.index(name)}

    def _take_header(self, piece: bytes) -> None:
        lines = (line.decode("utf-8", "replace") for line in piece.split(b"\n"))
        first = next((names for line in lines if (names := header_names(line))), None)
        if first is None:
            return
        self._begun = True
        there = tuple("time" if name.lower() == "time" else re.sub(r"\A([0-9]{3})s\Z", r"\1", name) for name in first)
        if "time" not in there:
            return
        self._header = first
        chosen = tuple(_spelled(name, there) for name in self.columns)
        absent = [name for name in chosen if name not in (*there, SKIPPED_COLUMN)]
        if self._given and not absent:
            self.wanted = chosen
        elif self._given and len(absent) == len(set(chosen) - {"time", SKIPPED_COLUMN}) and len(there) == len(chosen):
            return  # the flag gives other names to the same columns
        elif self._given:
            raise ConfigError(
                f"{self._name}: its header has {len(there)} columns ({','.join(there)}), --columns {len(chosen)}, "
                f"of which {','.join(absent)} are not there; a column that is not wanted can be named {SKIPPED_COLUMN}"
            )
        if len(set(there)) < len(there) or len(there) < 2:
            fault = "a duplicate column" if len(there) > 1 else "no series"
            raise ConfigError(f"{self._name}: its header has {fault}: {','.join(there)}")
        self.columns = there

    def _has_wrong_number(self, table: Floats) -> bool:
        """Whether a clean piece has what no row may have: a negative number but for gauges, or a time past the end."""
        counters = [number for number in range(len(self.columns)) if number not in self.gauges]
        times = table[:, self.columns.index("time")]
        return bool(np.signbit(table[:, counters]).any() or (times >= END_OF_TIME_S).any())

    def _read_lines(self, piece: bytes) -> Floats:
        rows, width, header = [], len(self.columns), self._header
        time_at = self.columns.index("time")
        for number, line in enumerate(piece.split(b"\n")[:-1], self._lines + 1):
            fields = line.split()
            if not fields or (header and header_names(line.decode("utf-8", "replace")) == header):
                continue
            if len(fields) == width and all(map(self._fits, range(width), fields)):
                row = [float(field) for field in fields]
                if row[time_at] < END_OF_TIME_S:
                    rows.append(row)
                    continue
            self._problem(number, line)
        table: Floats = np.array(rows, np.float64).reshape(-1, width)
        return table[np.isfinite(table).all(axis=1)]

    def _fits(self, column: int, field: bytes) -> bool:
        if _NUMBER.fullmatch(field):
            return True
        if not _SIGNED.fullmatch(field):
            return False
        if column not in self.gauges:
            self.below_zero[self.columns[column]] += 1
        return column in self.gauges

    def _problem(self, number: int, line: bytes) -> None:
        self.unreadable += 1
        if len(self.problems) < MAX_PROBLEMS:
            text = line.decode("utf-8", "replace").strip()
            shown = repr(text[:60] + "..." * (len(text) > 60))
            self.problems.append(f"{self._name}:{number}: {shown} is not a row of {len(self.columns)} numbers")


def _spelled(name: str, there: tuple[str, ...]) -> str:
    """`name` as `there` has it, where only the case of letters differs and no other name is that near."""
    near = [other for other in there if other.lower() == name.lower()]
    return near[0] if name not in there and len(near) == 1 else name


def _read_clean(piece: bytes, width: int) -> Floats | None:
    """The numbers of a piece where every line is `width` plain numbers with TABs between; else None."""
    ends = piece.translate(None, b"0123456789.-")
    line_end = b"\t" * (width - 1) + b"\n"
    if ends != line_end * (len(ends) // width):
        return None
    try:
        return np.loadtxt(io.BytesIO(piece), np.float64, comments=None, delimiter="\t", ndmin=2)
    except ValueError:  # an empty field, or one with two points
        return None
