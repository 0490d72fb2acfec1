"""What a table's rows are, and how the names in a file find the columns that were asked for. Pure."""

import re
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from foundation.errors import SourceError
from foundation.nearest import nearest

SHOWN_CHARS = 200
_JOINTS = re.compile(r"[\s.\-]+")


class Column(NamedTuple):
    """A column by its name, or by the first of its aliases that a file has. Where required, every file has it."""

    name: str
    aliases: tuple[str, ...] = ()
    required: bool = True


class Layout(NamedTuple):
    """The columns of one kind of file.

    order: the names of the columns of a file without a header; None: a header is required.
    closed: other columns are refused, not ignored; else a file that has a column by its own name may use its aliases
        for something else.
    """

    name: str
    columns: tuple[Column, ...]
    order: tuple[str, ...] | None = None
    closed: bool = False

    def refusal(self, names: Iterable[str]) -> str | None:
        """What is wrong with the names of a file or an object: one column by two names or, of a closed layout, unknown.

        A nameless column is allowed.
        """
        names = list(names)
        if torn := next(filter(None, (self._torn(column, names) for column in self.columns)), None):
            return f"{' and '.join(map(repr, torn))} are one column: expected one of them"
        known = [name for column in self.columns for name in (column.name, *column.aliases)]
        taken = {normal(name) for name in known}
        unknown = next((name for name in names if normal(name) not in taken and name.strip()), None)
        if not self.closed or unknown is None:
            return None
        near = nearest(normal(unknown), known)
        hint = f"did you mean {near}?" if near else f"known: {', '.join(column.name for column in self.columns)}"
        return f"unknown column {unknown[:SHOWN_CHARS]!r}; {hint}"

    def _torn(self, column: Column, names: Sequence[str]) -> list[str]:
        """The names of which it is not known which one is the column."""
        meant = {normal(name) for name in (column.name, *column.aliases)}
        given = [name for name in names if normal(name) in meant]
        found = {normal(name) for name in given}
        is_sure = len(found) < 2 or (not self.closed and normal(column.name) in found)
        return [] if is_sure else [name.strip()[:SHOWN_CHARS] for name in given]


class Row(NamedTuple):
    """Its number, and its cells in the order of the layout's columns."""

    number: int
    cells: tuple[str, ...]


class Bad(NamedTuple):
    """A row that cannot be read.

    reason: a word for a metric: fields, encoding, quote, json or too_long. text: what is wrong. content: how it begins.
    """

    number: int
    reason: str
    text: str
    content: str


AnyRow: TypeAlias = Row | Bad


class Limits(NamedTuple):
    """What one row may have."""

    row_bytes: int = 64 << 10
    columns: int = 1000


def bad(number: int, reason: str, text: str, content: str | bytes) -> Bad:
    """A bad row, whose content is cut to what is shown."""
    if isinstance(content, bytes):
        content = content[: 4 * SHOWN_CHARS].decode("utf-8", "backslashreplace")
    return Bad(number, reason, text, content[:SHOWN_CHARS].rstrip("\r\n"))


def normal(name: str) -> str:
    """A column's name, as names are compared."""
    return _JOINTS.sub("_", name.strip().casefold())


class Places:
    """Where the columns of a layout are among a file's names."""

    def __init__(self, layout: Layout, names: Sequence[str]) -> None:
        """`names`: of the file's columns. Raises SourceError where a wanted name is there twice."""
        self.layout = layout
        self.refusal = layout.refusal(names)
        found = [normal(name) for name in names]
        self._at = [self._place(found, column) for column in layout.columns]
        self.found = sum(at is not None for at in self._at)
        pairs = list(zip(layout.columns, self._at, strict=True))
        self.missing = [column.name for column, at in pairs if at is None and column.required]
        self.ignored = [name for place, name in enumerate(names) if place not in self._at]
        self._get: Any = itemgetter(*(-1 if at is None else at for at in self._at), -1)

    def pick(self, cells: list[str]) -> tuple[str, ...]:
        """The layout's cells of a row, which is changed."""
        cells.append("")
        return tuple(map(str.strip, self._get(cells)[:-1]))

    @staticmethod
    def _place(found: list[str], column: Column) -> int | None:
        for name in map(normal, (column.name, *column.aliases)):
            if found.count(name) > 1:
                raise SourceError(f"the header has the column {name} {found.count(name)} times: expected once")
            if name in found:
                return found.index(name)
        return None


def best(layouts: Sequence[Layout], names: Sequence[str]) -> Places:
    """The layout that fits a file's names best: nothing is missing, then most columns are there."""
    return max((Places(layout, names) for layout in layouts), key=lambda places: (not places.missing, places.found))


def expected(layouts: Sequence[Layout]) -> str:
    """The names that a header must have, in words."""
    kinds = []
    for layout in layouts:
        names = ", ".join(column.name for column in layout.columns if column.required)
        others = ", ".join(column.name for column in layout.columns if not column.required)
        kinds.append(f"{names} (optional: {others})" if names and others else names or f"any of {others}")
    return "; or ".join(kinds)
