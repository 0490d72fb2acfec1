"""CSV files of data, `{csv:users.csv:email}`: the columns that templates take, whole in memory."""

import io
from pathlib import Path

from foundation.errors import ConfigError
from foundation.nearest import nearest
from foundation.regular import read_whole
from foundation.terminal import printable
from trafficgen.targets.csv_form import csv_rows

MAX_DATA_BYTES = 64 << 20
MAX_ROWS = 1_000_000


def read_columns(path: Path, columns: list[str]) -> dict[str, tuple[str, ...]]:
    """Values by column, without the header line. Raises ConfigError."""
    try:
        text = io.StringIO(read_whole(path, MAX_DATA_BYTES).decode("utf-8-sig"), newline=None).read()
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: not UTF-8 text (byte {exc.start})") from exc
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc
    return _columns(text, columns, str(path))


def _columns(text: str, wanted: list[str], name: str) -> dict[str, tuple[str, ...]]:
    rows = csv_rows(text, name)
    _, header = next(rows, (1, []))
    header = [cell.strip() for cell in header]
    for column in wanted:
        if column not in header:
            close = nearest(column, header)
            hint = f"did you mean {printable(close)}?" if close else f"known: {printable(', '.join(header)[:300])}"
            raise ConfigError(f"{name}:1: no column {printable(column)}; {hint}")
        if header.count(column) > 1:
            raise ConfigError(f"{name}:1: duplicate column {printable(column)}")
    places = [header.index(column) for column in wanted]
    values: list[list[str]] = [[] for _ in wanted]
    for line, cells in rows:
        if len(cells) != len(header):
            raise ConfigError(f"{name}:{line}: {len(cells)} cells, expected {len(header)} as in the header line")
        for place, found in zip(places, values, strict=True):
            found.append(cells[place])
        if len(values[0]) > MAX_ROWS:
            raise ConfigError(f"{name}: more than {MAX_ROWS:,} rows; cut it")
    if not values[0]:
        raise ConfigError(f"{name}: no row after the header line")
    return {column: tuple(cells) for column, cells in zip(wanted, values, strict=True)}
