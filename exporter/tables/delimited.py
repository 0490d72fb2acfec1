"""Lines of text with a separator to rows: the header, the quotes, and what is wrong with a row. Pure.

A quoted cell may hold separators and line ends. Where a quote is not closed within the limit of a row, its first line
alone is bad and reading goes on with the next one: a stray quote costs one line, not the rest of the file.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence

from exporter.tables.rows import AnyRow, Layout, Limits, Places, Row, bad, best, expected
from foundation.errors import SourceError

SEPARATORS = (",", ";", "\t", "|")
NAMES = {",": "comma", ";": "semicolon", "\t": "TAB", "|": "|"}
PEEKED_LINES = 20
"""Looked at for a row of the right width, where a file has no header."""
_EXCEL = re.compile(rb"""("?)sep=([,;\t|])\1\s*\Z""", re.IGNORECASE)


def excel_separator(line: bytes) -> str | None:
    """The separator that a first line such as `sep=;` names, for Excel; None for any other line."""
    found = _EXCEL.match(line)
    return found[2].decode() if found else None


class Lines:
    """Lines as text, for `csv.reader`: those of one row can be taken back."""

    def __init__(self, lines: Iterator[bytes], limit_bytes: int) -> None:
        """`lines`: with their ends. `limit_bytes`: of a row, whatever the number of its lines."""
        self._lines = lines
        self._limit = limit_bytes
        self._ahead: deque[bytes] = deque()
        self._row: list[bytes] = []
        self._size = 0
        self.number = 0  # of the line that was given last

    def take(self) -> bytes | None:
        """The next line; None at the end."""
        line = self._ahead.popleft() if self._ahead else next(self._lines, None)
        self.number += line is not None
        return line

    def give_back(self, lines: Sequence[bytes]) -> None:
        """What was taken last is to be taken again."""
        self._ahead.extendleft(reversed(lines))
        self.number -= len(lines)

    def begin(self, line: bytes) -> None:
        """The next row begins with `line`, which was taken."""
        self.give_back([line])
        self._row, self._size = [], 0

    def row(self) -> list[bytes]:
        """The lines that the row took."""
        return self._row

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        if self._size > self._limit or (line := self.take()) is None:
            raise StopIteration
        self._row.append(line)
        self._size += len(line)
        return line.decode("utf-8", "surrogateescape")


class Delimited:
    """The rows of one text."""

    form = "text"

    def __init__(self, lines: Iterator[bytes], layouts: Sequence[Layout], limits: Limits) -> None:
        """Reads the header. Raises SourceError where there is none and no layout does without."""
        self._limits = limits
        self._lines = Lines(lines, limits.row_bytes)
        self.separator, self.places, self._width = self._header(layouts)

    def __iter__(self) -> Iterator[AnyRow]:
        limit, width, separator, pick = self._limits.row_bytes, self._width, self.separator, self.places.pick
        source = self._lines
        quoted = csv.reader(source, delimiter=separator, strict=True, skipinitialspace=True)
        while (line := source.take()) is not None:
            number = source.number
            if len(line) > limit:
                yield bad(number, "too_long", f"a row of more than {limit} bytes", line)
                continue
            if line.isspace():
                continue
            try:
                if b'"' in line:
                    source.begin(line)
                    cells = next(quoted)
                    content = "".join(cells).encode()
                else:
                    content = line
                    cells = line.decode().rstrip("\r\n").split(separator)
            except UnicodeError:
                yield bad(number, "encoding", "not UTF-8", line)
                continue
            except (csv.Error, StopIteration) as exc:
                source.give_back(source.row()[1:])
                yield bad(number, "quote", f"a quote that is not closed, or not at a cell's end: {exc}", line)
                continue
            if len(cells) != width:
                yield bad(number, "fields", f"{len(cells)} fields; expected {width}", content if cells else line)
                continue
            yield Row(number, pick(cells))

    def _header(self, layouts: Sequence[Layout]) -> tuple[str, Places, int]:
        """The separator, the places of the columns, and how many fields a row has."""
        separators: Sequence[str] = SEPARATORS
        while (line := self._lines.take()) is not None and line.isspace():
            continue
        if line is not None and (named := excel_separator(line)):
            separators, line = [named], self._lines.take()
        if line is None:
            raise SourceError(f"empty: expected a header with the columns {expected(layouts)}")
        text = line.decode("utf-8", "surrogateescape")
        read = [(separator, _cells(text, separator)) for separator in separators]
        fits = [(separator, best(layouts, cells), len(cells)) for separator, cells in read]
        separator, places, width = max(fits, key=lambda fit: (not fit[1].missing, fit[1].found))
        if width > self._limits.columns:
            raise SourceError(f"line 1: {width} columns; at most {self._limits.columns} are read")
        if not places.missing:
            return separator, places, width
        if places.found > 1 or all(layout.order is None for layout in layouts):
            raise SourceError(_no_header(layouts, text, places, separator))
        return self._by_order(line, layouts, separators)

    def _by_order(self, first: bytes, layouts: Sequence[Layout], separators: Sequence[str]) -> tuple[str, Places, int]:
        """As `_header`, of a file without a header: the separator by which a row has the right number of fields."""
        peeked = [first]
        while len(peeked) < PEEKED_LINES and (line := self._lines.take()) is not None:
            peeked.append(line)
        self._lines.give_back(peeked)
        for line in peeked:
            text = line.decode("utf-8", "surrogateescape")
            for separator in separators:
                for layout in layouts:
                    if layout.order is not None and len(_cells(text, separator)) == len(layout.order):
                        return separator, Places(layout, layout.order), len(layout.order)
        orders = "; or ".join(", ".join(layout.order) for layout in layouts if layout.order is not None)
        raise SourceError(f"line 1: {_shown(first.decode('utf-8', 'replace'))}: expected rows of {orders}, or a header")


def _cells(text: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        return text.split(separator)


def _no_header(layouts: Sequence[Layout], text: str, places: Places, separator: str) -> str:
    if places.found:
        return (
            f"line 1: the header ({NAMES[separator]}) lacks the column {', '.join(places.missing)}: {_shown(text)};"
            f" expected {expected(layouts)}"
        )
    return f"line 1: no header: {_shown(text)}; expected the columns {expected(layouts)}"


def _shown(text: str) -> str:
    return repr(text[:100].rstrip("\r\n"))
