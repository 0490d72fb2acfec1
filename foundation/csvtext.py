"""CSV that may be opened in a spreadsheet or printed on a terminal: text from outside cannot run anything in either.

A spreadsheet takes a text cell that begins with `= + - @` for a formula, some also where these are full-width (as
typed in East Asia), and some drop a leading tab or line end first. As OWASP advises ("CSV Injection"), an apostrophe
is put before such text. Control characters become escapes as on a terminal. Both change text; `raw` leaves it as it is,
for programs that read it back.
"""

import csv
import io
import re
from collections.abc import Iterable

from foundation.terminal import printable

_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def csv_text(rows: Iterable[Iterable[object]], *, raw: bool = False) -> str:
    """Rows of cells as CSV (RFC 4180, lines end with LF). Cells that are not text are numbers, and stay as they are."""
    stream = io.StringIO()
    writer = csv.writer(  # the minimum leaves a carriage return bare
        stream, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC if raw else csv.QUOTE_MINIMAL
    )
    writer.writerows([cell if raw else defused(cell) for cell in row] for row in rows)
    return stream.getvalue()


def defused(cell: object) -> object:
    """Text without formulas and control characters; numbers, also those written as text, are unchanged."""
    if not isinstance(cell, str) or _NUMBER.fullmatch(cell):
        return cell
    return ("'" if cell.startswith(_FORMULA) else "") + printable(cell)
