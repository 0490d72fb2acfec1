"""A file of plans or of maintenance windows to rows of text: a table by its header, or a YAML list of the same names.

A row that cannot be read is never skipped, because a missing window or promise changes verdicts: the whole
file is refused, with the number and the reason of each such row.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from exporter.tables import Bad, Layout, Limits, open_table
from exporter.tables.jsonrows import JsonRows
from foundation.config import read_text
from foundation.errors import BadRecord, ConfigError, SourceError
from foundation.jsonread import read_json
from foundation.terminal import printable
from foundation.yamltree import Node, TreeError, read_tree

MAX_TOLD = 5  # bad rows in one message
T = TypeVar("T")


class Refusals:
    """The faults of a file's rows, reported together."""

    def __init__(self, path: str) -> None:
        """`path`: of the file, for messages."""
        self._path = path
        self._told: list[tuple[int, str]] = []

    def add(self, number: int, text: str) -> None:
        """A row that cannot be read."""
        self._told.append((number, text))

    def attempt(self, number: int, read: Callable[[], T]) -> T | None:
        """The result of `read` for a row; its ValueError or BadRecord is kept."""
        try:
            return read()
        except (ValueError, BadRecord) as exc:
            self.add(number, str(exc))
            return None

    def end(self) -> None:
        """Raises ConfigError if there were any."""
        if self._told:
            told = sorted(self._told)
            lines = [f"row {number}: {printable(text)}" for number, text in told[:MAX_TOLD]]
            if len(told) > MAX_TOLD:
                lines.append(f"and {len(told) - MAX_TOLD} more rows that cannot be read")
            raise ConfigError(f"{self._path}: {'; '.join(lines)}")


def rows_of(path: str, layout: Layout, refusals: Refusals) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The rows with their numbers, cells in the order of the layout's columns. Raises ConfigError.

    Nested values are flattened: lists have commas, mappings are `key:value` with commas.
    """
    blank = [0]  # before any row
    try:
        for row in _read(path, layout, refusals):
            if isinstance(row, Bad):
                refusals.add(row.number, row.text)
            elif any(row.cells):
                blank = []
                yield row.number, tuple(map(_flat, row.cells))
            else:  # spreadsheets leave such rows at the end
                blank = blank and [row.number]
    except SourceError as exc:
        raise ConfigError(str(exc)) from exc
    if any(blank):
        refusals.add(blank[0], f"no known column: expected the columns {_names(layout)}")


def _names(layout: Layout) -> str:
    return ", ".join(column.name for column in layout.columns)


def _read(path: str, layout: Layout, refusals: Refusals) -> Iterator[Any]:
    if not path.endswith((".yml", ".yaml")):
        with open_table(path, [layout]) as table:
            if table.form == "text" and not table.found:
                refusals.add(1, f"no known column: expected the columns {_names(layout)}")
                return
            yield from table
        return
    try:
        root = read_tree(read_text(Path(path), "is this YAML?"))
    except TreeError as exc:
        raise ConfigError(f"{path}:{exc.line}: {exc}") from exc
    if isinstance(root.value, dict) and len(root.value) == 1:  # the rows under a title
        root = next(iter(root.value.values()))
    if not isinstance(root.value, list):
        raise ConfigError(f"{path}: expected a list of rows, for example - {{{layout.columns[0].name}: 1, ...}}")
    values = []
    for node in root.value:
        given = node.value if isinstance(node.value, dict) else {}
        if refusal := layout.refusal(given) if given else "expected a mapping":
            refusals.add(node.line, refusal)
        else:
            values.append((node.line, _plain(node)))
    if values:
        yield from JsonRows(iter(values), [layout], "yaml", Limits())


def _plain(node: Node) -> Any:
    """The value, scalars as they were written."""
    if isinstance(node.value, dict):
        return {name: _plain(value) for name, value in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(value) for value in node.value]
    return None if node.value is None else node.text


def _flat(cell: str) -> str:
    if cell[:1] not in {"[", "{"}:
        return cell
    try:
        return _joined(read_json(cell))
    except BadRecord:  # text that begins so
        return cell


def _joined(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_joined, value))
    if isinstance(value, dict):
        if value.keys() == {"below", "credit"}:
            return f"{value['below']}:{value['credit']}"
        return ",".join(f"{name}:{_joined(inner)}" for name, inner in value.items())
    return "" if value is None else str(value)
