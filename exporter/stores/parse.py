"""Files to rows of text, with a reason for bad ones, inside DuckDB: the table `staged`.

A plain or gzipped CSV with commas is split by SQL over its raw lines, one statement for each kind of file. Rows of
other files, and of those whose quotes hold more than a cell's text, come through `exporter.tables` in portions. Cells
mean the same in both: polls are read here, what people write by hand in `readings`.
"""

import csv
import gzip
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import duckdb
import numpy as np

from exporter.sources.files import NotNowError, compression
from exporter.stores.state import one
from exporter.tables import Bad, Column, Layout, Row, Table, open_table
from exporter.tables.rows import best
from foundation.errors import SourceError, StoreError, TidewatchError, in_words, may_pass
from foundation.terminal import printable

Kind: TypeAlias = Literal["status", "hours", "exceptions", "timezones", "labels"]

_STORE = Column("store_id", ("store", "storeid"))
_DAY = Column("day", ("dayofweek", "day_of_week", "weekday"))
_DATE = Column("date", ("exception_date", "holiday_date"))
_CLOCKS = (
    Column("start_time_local", ("start_time", "start", "opens", "open", "open_time", "opening_time")),
    Column("end_time_local", ("end_time", "end", "closes", "close", "close_time", "closing_time")),
)
_SPEC = Column("opening_hours", ("hours",))
_VALID = (
    Column("valid_from", ("effective_from", "from_date"), required=False),
    Column("valid_until", ("valid_to", "effective_until", "effective_to", "until_date"), required=False),
)
_DATES = Layout("exceptions", (_STORE, _DATE))
LAYOUTS: Mapping[Layout, Kind] = {
    Layout("status", (_STORE, Column("status", ("state",)), Column("timestamp_utc", ("timestamp",)))): "status",
    Layout("hours", (_STORE, _DAY, *_CLOCKS, *_VALID)): "hours",
    Layout("hours", (_STORE, _DAY, _SPEC, *_VALID)): "hours",
    Layout("hours", (_STORE, _SPEC, *_VALID)): "hours",
    Layout("exceptions", (_STORE, _DATE, *_CLOCKS)): "exceptions",
    Layout("exceptions", (_STORE, _DATE, _SPEC)): "exceptions",
    _DATES: "exceptions",
    Layout("timezones", (_STORE, Column("timezone_str", ("timezone", "time_zone")))): "timezones",
    **{Layout("labels", (_STORE, Column(name))): "labels" for name in ("region", "group")},
}
"""The kinds of files, by their columns: any of them, in any order."""

TEXTS: Mapping[Kind, tuple[str, ...]] = {
    "status": ("store_id", "status", "timestamp_utc"),
    "hours": ("store_id", "day", "start_time_local", "end_time_local", "opening_hours", "valid_from", "valid_until"),
    "exceptions": ("store_id", "date", "start_time_local", "end_time_local", "opening_hours"),
    "timezones": ("store_id", "timezone_str"),
}
"""The columns of `staged` for each kind; '' where the file has no such column. Those of labels are the file's own."""

MAX_LINE_BYTES = 64 << 10
MAX_KEPT_CHARS = 1000
MAX_ID_CHARS = 200
FUTURE_S = 86_400
"""A poll further ahead of the clock than a day is a mistake, and would move `now` for every store."""
EARLIEST_US = 946_684_800_000_000
"""The year 2000: what is older comes from a clock that was not set."""
ROWS_AT_ONCE = 50_000

_SEPARATOR = "\x1f"  # a byte that no line holds, so that DuckDB gives whole lines
_SEPARATORS = re.compile(r"[,;\t|]")
_STAMP = r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?: ?(?:UTC|Z|[+-]\d{2}(?::?\d{2})?))?"


class Header(NamedTuple):
    """A file's kind; where SQL can split its lines, each column's place (from 1), and how many columns there are."""

    kind: Kind
    places: Mapping[str, int]
    width: int


def read_header(path: Path, name: str) -> Header:
    """The kind of the file; without places if it is not plain CSV. Raises SourceError, StoreError as `trouble`."""
    try:
        with path.open("rb") as raw:
            packed = compression(raw.read(6)) == "gzip"
        with gzip.open(path) if packed else path.open("rb") as file:
            line = file.readline(MAX_LINE_BYTES)
    except (OSError, EOFError, zlib.error) as exc:
        raise trouble(name, exc) from exc
    found = parse_header(line)
    if found is None:
        with _table(path, name) as table:
            _check_columns(name, table.layout, table.ignored)
            return Header(LAYOUTS[table.layout], {}, 0)
    return found


def parse_header(line: bytes) -> Header | None:
    """The same for the first line of a CSV with commas, None for what is none."""
    try:
        fields = next(csv.reader([line.decode("utf-8-sig").strip()]), [])
        found = best(tuple(LAYOUTS), fields)
    except (csv.Error, UnicodeError, SourceError):
        return None
    if found.missing or found.refusal or (found.layout == _DATES and len(fields) > 2):
        return None
    cells = found.pick([str(place) for place in range(1, len(fields) + 1)])
    names = (column.name for column in found.layout.columns)
    return Header(LAYOUTS[found.layout], {n: int(c) for n, c in zip(names, cells, strict=True) if c}, len(fields))


def _check_columns(name: str, layout: Layout, others: Sequence[str]) -> None:
    """Dates alone are days on which stores are closed; beside other columns they may be something else."""
    if layout == _DATES and others:
        columns = f"start_time_local,end_time_local, or opening_hours; not {', '.join(map(printable, others[:5]))}"
        raise SourceError(f"{name}: line 1: exceptions beside store_id,date: expected the columns {columns}")


@contextmanager
def _table(path: Path, name: str) -> Iterator[Table]:
    """A file's table, whose errors name it as people know it."""
    try:
        with open_table(str(path), tuple(LAYOUTS)) as table:
            yield table
    except NotNowError as exc:
        raise StoreError(f"{name}: {str(exc).removeprefix(f'{path}: ')}") from exc
    except SourceError as exc:
        raise SourceError(f"{name}: {str(exc).removeprefix(f'{path}: ')}") from exc


def stage(cursor: duckdb.DuckDBPyConnection, path: Path, name: str, header: Header, now_us: int) -> None:
    """Make the temporary table `staged` of a file's rows: row, content, reason (NULL in a good row), and its texts.

    Rows of polls have `up` and `at_us`, too. `named` is whether the row names a store, whatever else is wrong with it.
    Raises SourceError when the file breaks off or is not what its first bytes say, StoreError as `trouble` says.
    """
    cursor.execute("DROP TABLE IF EXISTS rejected; DROP TABLE IF EXISTS rejected_scans")
    if header.places:
        _stage_lines(cursor, path, name, header, now_us)
        if not one(cursor, _NEEDS_QUOTES)[0]:
            return
        cursor.execute("DROP TABLE rejected; DROP TABLE rejected_scans")
    _stage_table(cursor, path, name, header, now_us)


_NEEDS_QUOTES = """SELECT EXISTS (
    SELECT * FROM staged WHERE contains(content, '""') OR (reason = 'fields' AND contains(content, '"'))
)"""


def _stage_lines(cursor: duckdb.DuckDBPyConnection, path: Path, name: str, header: Header, now_us: int) -> None:
    texts = (f"trim(fields[{place}], ' \"') AS {column}" for column, place in header.places.items())
    absent = (f"'' AS {column}" for column in TEXTS[header.kind] if column not in header.places)
    source = f"""
        SELECT row, left(line, {MAX_KEPT_CHARS}) AS content,
            CASE WHEN len(fields) <> $width THEN 'fields' END AS broken, {", ".join([*texts, *absent])}
        FROM (
            SELECT row, line, string_split(line, ',') AS fields FROM (
                SELECT row_number() OVER () + 1 AS row, rtrim(line, chr(13)) AS line
                FROM read_csv($path, columns = {{'line': 'VARCHAR'}}, header = false, skip = 1,
                    auto_detect = false, delim = $separator, quote = '', escape = '', strict_mode = false,
                    null_padding = true, compression = $compression, max_line_size = {MAX_LINE_BYTES},
                    ignore_errors = true, store_rejects = true, rejects_limit = 10000,
                    rejects_table = 'rejected', rejects_scan = 'rejected_scans')
            ) WHERE line IS NOT NULL AND trim(line) <> ''
        )"""  # noqa: S608, our own names
    try:
        with path.open("rb") as raw:
            packed = compression(raw.read(6)) == "gzip"
        given = {"path": str(path), "separator": _SEPARATOR, "compression": "gzip" if packed else "none"}
        cursor.execute(_checked(header.kind, source), {**given, "width": header.width, **_latest(header.kind, now_us)})
    except (OSError, duckdb.IOException, duckdb.InvalidInputException) as exc:
        raise trouble(name, exc) from exc


def _stage_table(cursor: duckdb.DuckDBPyConnection, path: Path, name: str, header: Header, now_us: int) -> None:
    columns = TEXTS[header.kind]
    names = ("content", "broken", *columns)
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE cells (row BIGINT, {', '.join(f'{n} VARCHAR' for n in names)})")
    rows: Iterator[Row | Bad]
    with _table(path, name) as table:
        rows = iter(table)
        while portion := list(islice(rows, ROWS_AT_ONCE)):
            told = [_told(row, table.layout, columns) for row in portion]
            arrays = {
                n: np.array(values, dtype=object) for n, values in zip(names, zip(*told, strict=True), strict=True)
            }
            cursor.register("cells_in", {"row": np.array([row.number for row in portion], dtype=np.int64), **arrays})
            cursor.execute("INSERT INTO cells SELECT * FROM cells_in")
            cursor.unregister("cells_in")
    source = "SELECT * REPLACE (NULLIF(broken, '') AS broken) FROM cells"
    cursor.execute(_checked(header.kind, source), _latest(header.kind, now_us))
    cursor.execute(
        "DROP TABLE cells; CREATE OR REPLACE TEMP TABLE rejected (line BIGINT, error_type VARCHAR, csv_line VARCHAR)"
    )


def _told(row: Row | Bad, layout: Layout, columns: Sequence[str]) -> tuple[str, ...]:
    """content, the reason why the row cannot be taken apart, and its cells in the order of `columns`."""
    if isinstance(row, Bad):
        first = _SEPARATORS.split(row.content)[:-1][:1] if row.reason == "fields" else []  # the store, as in most files
        return row.content, row.reason, *(cell.strip(' "') for cell in first), *("" for _ in columns[len(first) :])
    cells = dict(zip((column.name for column in layout.columns), row.cells, strict=True))
    text = ",".join(cells.values())[:MAX_KEPT_CHARS].encode("utf-8", "replace").decode()
    return text, "", *(cells.get(column, "").encode("utf-8", "replace").decode() for column in columns)


def trouble(name: str, exc: Exception) -> TidewatchError:
    """What a failure to read a file is: a SourceError is the file's own fault, a StoreError one that may pass."""
    words = in_words(exc) if isinstance(exc, OSError) else (str(exc).splitlines() or [type(exc).__name__])[0]
    return (StoreError if may_pass(exc) else SourceError)(f"{name}: {words}")


def latest_us(now_us: int) -> int:
    """The latest time that a poll may have."""
    return now_us + FUTURE_S * 1_000_000


def _latest(kind: Kind, now_us: int) -> dict[str, int]:
    return {"latest_us": latest_us(now_us)} if kind == "status" else {}


def _checked(kind: Kind, source: str) -> str:
    """The statement that makes `staged` of rows of text."""
    # A row of settings with too many or too few fields still names its store; where a poll belongs is not known.
    fits = "broken IS NULL" if kind == "status" else "COALESCE(broken, 'fields') = 'fields'"
    named = f"COALESCE({fits} AND {_IS_ID}, false)"
    values, reason = (f"{_AT_US} AS at_us, {_UP} AS up, ", f"ELSE {POLL_REASON}") if kind == "status" else ("", "")
    return f"""
        CREATE OR REPLACE TEMP TABLE staged AS
        SELECT * EXCLUDE (broken),
            CASE WHEN broken IS NOT NULL THEN broken WHEN NOT named THEN 'store_id' {reason} END AS reason
        FROM (SELECT *, {values}{named} AS named FROM ({source}))
        """  # noqa: S608, our own names


_IS_ID = f"store_id <> '' AND len(store_id) <= {MAX_ID_CHARS} AND NOT regexp_matches(store_id, '[[:cntrl:]]')"
_AT_US = f"""CASE
    WHEN regexp_full_match(timestamp_utc, '{_STAMP}')
    THEN epoch_us(TRY_CAST(regexp_replace(timestamp_utc, ' ?(UTC|Z)$', '+00') AS TIMESTAMPTZ))
    WHEN regexp_full_match(timestamp_utc, '\\d{{10}}') THEN CAST(timestamp_utc AS BIGINT) * 1000000
    WHEN regexp_full_match(timestamp_utc, '\\d{{13}}') THEN CAST(timestamp_utc AS BIGINT) * 1000
    WHEN regexp_full_match(timestamp_utc, '\\d{{16}}') THEN CAST(timestamp_utc AS BIGINT)
END"""
STATUS_WORDS: Mapping[int, tuple[str, ...]] = {
    1: ("active", "up", "online", "true", "1", "1.0"),
    0: ("inactive", "down", "offline", "false", "0", "0.0"),
    2: ("unknown", "maintenance", "under maintenance", "pending", "paused"),
}
"""What polls say, by `up`. Another word leaves its store's state unknown, too, and is a bad row."""
_UP = "CASE " + " ".join(
    f"WHEN lower(status) IN ({', '.join(f'{chr(39)}{word}{chr(39)}' for word in words)}) THEN {up}"
    for up, words in STATUS_WORDS.items()
) + " END"  # fmt: skip
POLL_REASON = (
    f"CASE WHEN at_us IS NULL THEN 'timestamp' WHEN at_us < {EARLIEST_US} THEN 'past' "
    "WHEN at_us > $latest_us THEN 'future' WHEN up IS NULL THEN 'status' END"
)
"""Why a row of polls that names a store is none, as SQL; other kinds are looked at by `readings`."""
