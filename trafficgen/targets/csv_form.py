"""Targets in CSV, a line each: a header line with `path`, and any of the other columns. Pure.

method,path,weight,body,header:Content-Type
GET,/,90,,
POST,/orders,10,"{""id"": ""{uuid}""}",application/json
"""

import csv
import io
from collections.abc import Iterator

from foundation.errors import ConfigError
from foundation.nearest import nearest
from foundation.terminal import printable
from trafficgen.targets.described import BodyKind, Described, DescribedFile, one_body

_HEADER = "header:"
_BODIES: dict[BodyKind, str] = {"text": "body", "file": "body_file", "template": "body_template"}
COLUMNS = ("path", "method", "name", "weight", "expect", *_BODIES.values())


def parse_csv(text: str, name: str) -> DescribedFile:
    """The targets of a file; an empty cell is the default. Raises ConfigError."""
    found = []
    columns: list[str] = []
    for line, cells in csv_rows(text, name):
        if not columns:
            columns = _columns(cells, f"{name}:{line}")
            continue
        if len(cells) != len(columns):
            raise ConfigError(f"{name}:{line}: {len(cells)} cells, expected {len(columns)} as in the header line")
        try:
            row = {column: cell for column, cell in zip(columns, cells, strict=True) if cell}
            found.append(_described(row, f"{name}:{line}"))
        except ValueError as exc:
            raise ConfigError(f"{name}:{line}: {exc}") from exc
    return DescribedFile(found, [])


def csv_rows(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """(line where it ends, cells) of each row that is not empty. Raises ConfigError."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as exc:
        raise ConfigError(f"{name}:{reader.line_num}: not CSV: {exc}") from exc


def _columns(cells: list[str], where: str) -> list[str]:
    columns = [cell.strip() for cell in cells]
    columns = [cell if cell.lower().startswith(_HEADER) else cell.lower() for cell in columns]
    for number, column in enumerate(columns):
        if column not in COLUMNS and not column.lower().startswith(_HEADER):
            close = nearest(column, COLUMNS)
            hint = f"did you mean {close}?" if close else f"known: {', '.join(COLUMNS)}, header:NAME"
            raise ConfigError(f"{where}: unknown column {printable(column[:60])!r}; {hint}")
        if column in columns[:number]:
            raise ConfigError(f"{where}: duplicate column {printable(column[:60])}")
    if "path" not in columns:
        raise ConfigError(f"{where}: missing column path; expected a header line, for example method,path,weight")
    return columns


def _described(row: dict[str, str], where: str) -> Described:
    if "path" not in row:
        raise ValueError("no path in the row")
    weight = row.get("weight", "1")
    try:
        number = float(weight)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1e12:
        raise ValueError(f"invalid weight {printable(weight[:40])!r}: expected a number of at least 0")
    return Described(
        where=where,
        path=row["path"],
        method=row.get("method", "GET"),
        name=row.get("name"),
        weight=number,
        headers={column[len(_HEADER) :].strip(): row[column] for column in row if column.lower().startswith(_HEADER)},
        expect=row.get("expect"),
        body=one_body({kind: row.get(column) for kind, column in _BODIES.items()}, _BODIES),
    )
