"""Files are files: any file of rows to rows of text, in the order of the columns that were asked for.

    LAYOUT = Layout("polls", (Column("store_id"), Column("at", ("timestamp", "time")), Column("note", required=False)))
    with open_table("polls.csv.gz", [LAYOUT]) as table:
        for row in table:
            if isinstance(row, Bad):
                print(row.number, row.reason, row.text, row.content)
            else:
                store_id, at, note = row.cells

What a file is, its first bytes say, never its name:

- text with a separator (comma, semicolon, TAB or `|`), RFC 4180 quotes, any line end, UTF-8 or UTF-16 with a BOM. The
  header names the columns in any order and case; blanks, hyphens and dots in a name count as `_`; other columns are
  ignored, and one column by two names, neither of them its own, is refused. The separator is the one by which the
  header has the names; Excel's line `sep=;` is understood. A layout with `order` also reads files without a header.
- NDJSON, or a JSON array of objects with the same names: the bodies that the APIs take.
- Parquet.

Each of them may be packed by gzip, bzip2, xz or zstd, and may come on standard input (`-`).

Cells have no blanks around them; a cell that is absent, empty or null is "". A number of JSON or Parquet is the text
that a CSV would have: 42.0 is "42". A timestamp of Parquet is ISO 8601, with Z where the file says that it is UTC, and
without a zone where it does not. True and false are "true" and "false", what is nested is JSON.

A row that cannot be read comes out as `Bad`, in its place. Rows are numbered by the line on which they begin (text,
NDJSON), or counted from 1 (arrays, Parquet). All forms are read in constant memory.

`read_instant` reads the times in such cells, `write_parquet` writes rows.
"""

from exporter.tables.instants import Instant, read_instant, unix_us
from exporter.tables.parquet import write_parquet
from exporter.tables.reading import Table, open_table, table_of
from exporter.tables.rows import Bad, Column, Layout, Limits, Row

__all__ = [
    "Bad",
    "Column",
    "Instant",
    "Layout",
    "Limits",
    "Row",
    "Table",
    "open_table",
    "read_instant",
    "table_of",
    "unix_us",
    "write_parquet",
]
