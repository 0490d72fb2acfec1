"""A file of any form to counts: the ordinary one by arrays, every other one as a table."""

from collections.abc import Iterator
from itertools import chain, islice

from exporter.releases.bulk.reading import Input, Reading
from exporter.releases.parse import is_header
from exporter.releases.tally import SetAside
from exporter.sources.files import compression, open_plain, pieces
from exporter.tables import Bad, Column, Layout, Table, table_of
from exporter.tables.delimited import excel_separator
from exporter.tables.jsonrows import json_form
from exporter.tables.rows import Places

CHUNK_BYTES = 4 << 20
BATCH_ROWS = 20_000
MAX_HEADER_BYTES = 64 << 10

LAYOUT = Layout(
    "errors",
    (
        Column("timestamp", ("time", "ts", "datetime", "date_time", "@timestamp", "date", "at", "occurred_at")),
        Column("build_version", ("build", "version", "release", "app_version", "build_id", "buildversion")),
        Column("error_code", ("code", "error", "errorcode", "error_id", "err")),
    ),
    order=("timestamp", "build_version", "error_code"),
)
_IN_ORDER = ("timestamp", "build_version", "error_code")


def read_file(path: str, *, one_day: bool = False, now_s: float | None = None) -> Input:
    """Everything in a file, packed or not (`-`: standard input). Raises SourceError, ConfigError.

    `one_day`: clock times that fall do not mean the next day. `now_s`: as `Reading` takes it.
    """
    reading = Reading(one_day=one_day, now_s=now_s)
    with open_plain(path) as (plain, _):
        found = pieces(plain, CHUNK_BYTES, path)
        start = next(found, b"")
        if is_ordinary(start):
            for piece in chain([start], found):
                reading.add(piece)
        else:
            with table_of(chain([start], found), path, [LAYOUT]) as table:
                _add(reading, table)
    return reading.end()


def is_lines(start: bytes) -> bool:
    """Like `is_ordinary`, for files that may be packed."""
    return is_ordinary(start) and compression(start) is None


def is_ordinary(start: bytes) -> bool:
    """Whether a text that begins so is lines of timestamp, build and code by TAB or comma, with or without a header."""
    if b"\0" in start[:4] or start.startswith((b"PAR1", b"\xff\xfe", b"\xfe\xff")):
        return False
    start = start[:MAX_HEADER_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    first = start.splitlines()[:1]
    if not first:
        return True
    line = first[0].decode("utf-8", "replace")
    if json_form(start) or excel_separator(first[0]) or '"' in line:
        return False
    names = line.split("\t" if "\t" in line else ",")
    if len(names) == len(_IN_ORDER):
        places = Places(LAYOUT, names)
        return not places.found or is_header(first[0]) or places.pick(names) == tuple(map(str.strip, names[:3]))
    return not any(Places(LAYOUT, line.split(mark)).found > 1 or line.count(mark) == 2 for mark in ",;\t|")


def _add(reading: Reading, table: Table) -> None:
    """The rows of a table as lines of the ordinary form."""
    lines = _lines(reading, table)
    while batch := list(islice(lines, BATCH_ROWS)):
        reading.add(("\n".join(batch) + "\n").encode())


def _lines(reading: Reading, table: Table) -> Iterator[str]:
    for row in table:
        if isinstance(row, Bad):
            reading.refuse(SetAside(row.content, row.reason, f"row {row.number}: {row.text}"))
        elif "".join(row.cells).isprintable() and not any(cell.startswith('"') for cell in row.cells):
            yield "\t".join(row.cells)
        else:
            shown = ", ".join(row.cells)[:200]
            reading.refuse(SetAside(shown, "fields", f"row {row.number}: expected printable text"))
