"""CSV files to checked rows, inside DuckDB: SQL over the raw lines of a file, one statement for each kind of file.

A line that is no record is kept apart with its reason and its number; nothing is guessed. Quotes around a field are
taken off; a comma inside of them is not looked for, as no column has use for one. The kind of a file and the
order of its columns stand in its first line, in the names of either edition of the task's data.
"""

import csv
import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import duckdb

from exporter.sources.files import compression
from foundation.errors import SourceError, StoreError, TidewatchError, in_words, may_pass

Kind: TypeAlias = Literal["status", "hours", "timezones"]

COLUMNS: Mapping[Kind, Mapping[str, tuple[str, ...]]] = {
    "status": {"store_id": (), "status": (), "timestamp_utc": ()},
    "hours": {"store_id": (), "day": ("dayofweek", "day_of_week"), "start_time_local": (), "end_time_local": ()},
    "timezones": {"store_id": (), "timezone_str": ("timezone",)},
}
"""The columns of each kind of file, and other names of them."""

MAX_LINE_BYTES = 64 << 10
MAX_KEPT_CHARS = 1000
MAX_ID_CHARS = 200
FUTURE_S = 86_400
"""A poll further ahead of the clock than a day is a mistake, and would move `now` for every store."""

_SEPARATOR = "\x1f"  # a byte that no line holds, so that DuckDB gives whole lines
_TIME = r"(?:(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?|24:00(?::00)?)"
_STAMP = r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?: ?(?:UTC|Z|[+-]\d{2}(?::?\d{2})?))?"


class Header(NamedTuple):
    """What a file's first line says: its kind, each column's place (from 1), and how many columns there are."""

    kind: Kind
    places: Mapping[str, int]
    width: int


def read_header(path: Path, name: str) -> Header:
    """The kind of a CSV file, gzip or not. Raises SourceError, or StoreError as `trouble` says."""
    try:
        with path.open("rb") as raw:
            packed = compression(raw.read(6)) == "gzip"
        with gzip.open(path) if packed else path.open("rb") as file:
            line = file.readline(MAX_LINE_BYTES)
    except (OSError, EOFError, zlib.error) as exc:
        raise trouble(name, exc) from exc
    return parse_header(line, name)


def parse_header(line: bytes, name: str) -> Header:
    """The same for the line itself."""
    text = line.decode("utf-8-sig", "replace").strip()
    try:
        fields = [field.strip().lower() for field in next(csv.reader([text]), [])]
    except csv.Error:
        fields = []
    for kind, columns in COLUMNS.items():
        places = {column: _place(fields, (column, *others)) for column, others in columns.items()}
        if all(places.values()):
            return Header(kind, places, len(fields))
    wanted = "; ".join(f"{kind}: {','.join(columns)}" for kind, columns in COLUMNS.items())
    raise SourceError(f"{name}: line 1: {text[:100]!r} is no header of ours ({wanted})")


def _place(fields: list[str], names: tuple[str, ...]) -> int:
    return next((fields.index(name) + 1 for name in names if name in fields), 0)


def stage(cursor: duckdb.DuckDBPyConnection, path: Path, name: str, header: Header, now_us: int) -> None:
    """Make the temporary table `staged` of a file's rows: row, content, reason (NULL in a good row), and its values.

    Raises SourceError when the file breaks off or is not what its first bytes say, StoreError as `trouble` says.
    """
    try:
        with path.open("rb") as raw:
            packed = compression(raw.read(6)) == "gzip"
        cursor.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE staged AS
            SELECT *, {_REASONS[header.kind]} AS reason FROM (
                SELECT row, left(line, {MAX_KEPT_CHARS}) AS content, len(fields) AS width, {_values(header)} FROM (
                    SELECT row, line, string_split(line, ',') AS fields FROM (
                        SELECT row_number() OVER () + 1 AS row, rtrim(line, chr(13)) AS line
                        FROM read_csv($path, columns = {{'line': 'VARCHAR'}}, header = false, skip = 1,
                            auto_detect = false, delim = $separator, quote = '', escape = '', strict_mode = false,
                            null_padding = true, compression = $compression, max_line_size = {MAX_LINE_BYTES},
                            ignore_errors = true, store_rejects = true, rejects_limit = 10000,
                            rejects_table = 'rejected', rejects_scan = 'rejected_scans')
                    ) WHERE line IS NOT NULL AND trim(line) <> ''
                )
            )
            """,  # noqa: S608, our own names
            {
                "path": str(path),
                "separator": _SEPARATOR,
                "compression": "gzip" if packed else "none",
                "width": header.width,
                **({"latest_us": now_us + FUTURE_S * 1_000_000} if header.kind == "status" else {}),
            },
        )
    except (OSError, duckdb.IOException, duckdb.InvalidInputException) as exc:
        raise trouble(name, exc) from exc


def trouble(name: str, exc: Exception) -> TidewatchError:
    """What a failure to read a file is: a SourceError is the file's own fault, a StoreError one that may pass."""
    words = in_words(exc) if isinstance(exc, OSError) else (str(exc).splitlines() or [type(exc).__name__])[0]
    return (StoreError if may_pass(exc) else SourceError)(f"{name}: {words}")


def _value(place: int) -> str:
    return f"trim(fields[{place}], ' \"')"


def _values(header: Header) -> str:
    """The values of one row, as SQL; NULL where the text says nothing that can be used."""
    text = {column: _value(place) for column, place in header.places.items()}
    if header.kind == "status":
        stamp = text["timestamp_utc"]
        return (
            f"{text['store_id']} AS store_id, lower({text['status']}) AS status, "
            f"CASE WHEN regexp_full_match({stamp}, '{_STAMP}') THEN "
            f"epoch_us(TRY_CAST(regexp_replace({stamp}, ' ?(UTC|Z)$', '+00') AS TIMESTAMPTZ)) END AS at_us"
        )
    if header.kind == "timezones":
        return f"{text['store_id']} AS store_id, {text['timezone_str']} AS timezone"
    start, end = _clock_seconds(text["start_time_local"]), _clock_seconds(text["end_time_local"])
    return (
        f"{text['store_id']} AS store_id, TRY_CAST({text['day']} AS BIGINT) AS weekday, "
        f"{start} AS start_s, {end} AS end_s"
    )


def _clock_seconds(text: str) -> str:
    """Seconds since midnight of a time of day, as SQL; the last second of a day is its end: 23:59:59 is 24:00."""
    parts = f"string_split({text}, ':')"
    seconds = (
        f"CAST({parts}[1] AS BIGINT) * 3600 + CAST({parts}[2] AS BIGINT) * 60 "
        f"+ COALESCE(CAST(string_split({parts}[3], '.')[1] AS BIGINT), 0)"
    )
    counted = f"CASE WHEN regexp_full_match({text}, '{_TIME}') THEN {seconds} END"
    return f"CASE {counted} WHEN 86399 THEN 86400 ELSE {counted} END"


_ID = (
    f"WHEN width <> $width THEN 'fields' WHEN store_id = '' OR len(store_id) > {MAX_ID_CHARS} "
    "OR regexp_matches(store_id, '[[:cntrl:]]') THEN 'store_id'"
)
_REASONS: Mapping[Kind, str] = {
    "status": f"CASE {_ID} WHEN status NOT IN ('active', 'inactive') THEN 'status' WHEN at_us IS NULL OR at_us < 0 "
    "THEN 'timestamp' WHEN at_us > $latest_us THEN 'future' END",
    "hours": f"CASE {_ID} WHEN weekday IS NULL OR weekday NOT BETWEEN 0 AND 6 THEN 'day' "
    "WHEN start_s IS NULL OR end_s IS NULL OR start_s >= 86400 THEN 'time' END",
    "timezones": f"CASE {_ID} WHEN timezone = '' THEN 'timezone' END",
}
"""Why a row is none, as SQL; NULL for a good one."""
