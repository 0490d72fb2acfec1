"""Files that collectors wrote to arrays. Pure but for reading the file.

Real files have leading blanks, blank lines, a header or none, rows in any order, rows twice, and lines that are no
rows; these are reported with their numbers and passed over. A clean file of millions of rows takes the quick way; a
piece of it that is not clean is read line by line, with the same meaning.
"""

import io
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from foundation.errors import ConfigError

Floats: TypeAlias = NDArray[np.float64]

DEFAULT_COLUMNS = ("time", "200", "404", "500")
SKIPPED_COLUMN = "-"  # in --columns: a column of the file that is not wanted
MAX_PROBLEMS = 10  # told one by one; the rest is counted
PIECE_BYTES = 4 << 20
_NUMBER = re.compile(rb"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")


class Records(NamedTuple):
    """What a file says, in the order of its lines.

    times: (rows,), Unix seconds. counts: (rows, series), in the order of `names`.
    """

    names: tuple[str, ...]
    times: Floats
    counts: Floats
    problems: list[str]  # at most MAX_PROBLEMS
    unreadable: int  # lines


def read_records(stream: BinaryIO, columns: tuple[str, ...] | None, name: str) -> Records:
    """Read a collector's file.

    Args:
        stream: the file.
        columns: names of its columns in order, or, where a header has these names, the ones that are wanted; None
            takes all of the header's, and without one `DEFAULT_COLUMNS`.
        name: the file's name, for what is told of it.

    Raises ConfigError when header and `columns` cannot be brought together.
    """
    reader = _Reader(columns, name)
    pieces = [table for piece in _pieces(stream) if len(table := reader.read_piece(piece))]
    table = np.concatenate(pieces) if pieces else np.empty((0, len(reader.columns)))
    del pieces  # before the columns are picked: a year at 10 s is 100 MB
    series = [name for name in reader.wanted or reader.columns if name not in ("time", SKIPPED_COLUMN)]
    return Records(
        names=tuple(series),
        times=table[:, reader.columns.index("time")].copy(),
        counts=table[:, [reader.columns.index(name) for name in series]],
        problems=reader.problems,
        unreadable=reader.unreadable,
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

    def __init__(self, columns: tuple[str, ...] | None, name: str) -> None:
        self.columns = columns or DEFAULT_COLUMNS
        self.wanted: tuple[str, ...] | None = None  # of the columns, in order; None is all
        self.problems: list[str] = []
        self.unreadable = 0
        self._given = columns is not None
        self._name = name
        self._lines = 0
        self._header: list[bytes] | None = None
        self._begun = False

    def read_piece(self, piece: bytes) -> Floats:
        """The rows of a piece of whole lines, (rows, columns); what is no row is counted in `unreadable`."""
        if not self._begun:
            piece = piece.removeprefix(b"\xef\xbb\xbf")
            self._take_header(piece)
        table = _read_clean(piece, len(self.columns))
        if table is None:
            table = self._read_lines(piece)
        self._lines += piece.count(b"\n")
        return table

    def _take_header(self, piece: bytes) -> None:
        first = next((fields for line in piece.split(b"\n") if (fields := line.split())), None)
        if first is None:
            return
        self._begun = True
        names = [field.decode("utf-8", "replace").lower() for field in first]
        if "time" not in names:
            return
        self._header = first
        there = tuple(re.sub(r"\A([0-9]{3})s\Z", r"\1", name) for name in names)
        if self._given and set(self.columns) - {SKIPPED_COLUMN} <= set(there):
            self.wanted = self.columns
        elif self._given and len(there) == len(self.columns):
            return  # the flag gives other names to the same columns
        elif self._given:
            raise ConfigError(
                f"{self._name}: its header has {len(there)} columns ({','.join(there)}), "
                f"--columns {len(self.columns)}; a column that is not wanted can be named {SKIPPED_COLUMN}"
            )
        if len(set(there)) < len(there) or len(there) < 2:
            fault = "a column twice" if len(there) > 1 else "no series"
            raise ConfigError(f"{self._name}: its header names {fault}: {','.join(there)}")
        self.columns = there

    def _read_lines(self, piece: bytes) -> Floats:
        rows, width, header = [], len(self.columns), self._header
        is_number = _NUMBER.fullmatch
        for number, line in enumerate(piece.split(b"\n")[:-1], self._lines + 1):
            fields = line.split()
            if not fields or fields == header:
                continue
            if len(fields) == width and all(map(is_number, fields)):
                rows.append([float(field) for field in fields])
            else:
                self._problem(number, line)
        table: Floats = np.array(rows, np.float64).reshape(-1, width)
        return table[np.isfinite(table).all(axis=1)]

    def _problem(self, number: int, line: bytes) -> None:
        self.unreadable += 1
        if len(self.problems) < MAX_PROBLEMS:
            text = line.decode("utf-8", "replace").strip()
            shown = repr(text[:60] + "..." * (len(text) > 60))
            self.problems.append(f"{self._name}:{number}: {shown} is no row of {len(self.columns)} numbers")


def _read_clean(piece: bytes, width: int) -> Floats | None:
    """The numbers of a piece where every line is `width` plain numbers with TABs between; else None."""
    ends = piece.translate(None, b"0123456789.")
    line_end = b"\t" * (width - 1) + b"\n"
    if ends != line_end * (len(ends) // width):
        return None
    try:
        return np.loadtxt(io.BytesIO(piece), np.float64, comments=None, delimiter="\t", ndmin=2)
    except ValueError:  # an empty field, or one with two points
        return None
