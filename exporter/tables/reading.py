"""A path to the rows in it: what a file is, its first bytes say."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Protocol

from exporter.sources.files import BROKEN, Readable, open_plain
from exporter.tables.delimited import Delimited
from exporter.tables.jsonrows import JsonRows, array_values, json_form, ndjson_values
from exporter.tables.lines import as_utf8, lines
from exporter.tables.parquet import ParquetRows, spooled
from exporter.tables.rows import AnyRow, Layout, Limits, Places
from foundation.errors import SourceError, StoreError

PIECE_BYTES = 256 << 10
_PARQUET = b"PAR1"
_UNDECIDED = {b"", b"["}  # more is needed to know what a text is


class _Rows(Protocol):
    """What the readers of all forms have in common."""

    @property
    def form(self) -> str:
        """text, ndjson, json or parquet."""

    @property
    def places(self) -> Places:
        """Where a row has the columns of the layout."""

    def __iter__(self) -> Iterator[AnyRow]: ...


class Table:
    """An open file: once, its rows in order."""

    def __init__(self, name: str, rows: _Rows) -> None:
        """`name`: of the file, as messages have it. `rows`: the reader of its form."""
        self._name = name
        self._rows = rows

    @property
    def form(self) -> str:
        """text, ndjson, json or parquet."""
        return self._rows.form

    @property
    def layout(self) -> Layout:
        """The layout that fits."""
        return self._rows.places.layout

    @property
    def ignored(self) -> list[str]:
        """Names of columns that the layout does not have; of JSON, those of one object."""
        return self._rows.places.ignored

    @property
    def found(self) -> int:
        """How many columns of the layout it has; of JSON, those of one object."""
        return self._rows.places.found

    def __iter__(self) -> Iterator[AnyRow]:
        """The rows. Raises SourceError where the rest of the file cannot be read."""
        with _named(self._name):
            yield from self._rows


@contextmanager
def open_table(path: str, layouts: Sequence[Layout], limits: Limits = Limits()) -> Iterator[Table]:  # noqa: B008, frozen
    """Open a file of rows (`-`: standard input) of one of the kinds in `layouts`.

    Raises SourceError, whose text begins with the path, where it cannot be opened or has none of their headers.
    """
    with ExitStack() as stack:
        plain, _ = stack.enter_context(open_plain(path))
        name = "standard input" if path == "-" else path
        with _named(name):
            rows = _opened(_read(plain), path, layouts, limits, stack)
            _check_names(rows)
        yield Table(name, rows)


@contextmanager
def table_of(
    found: Iterator[bytes],
    name: str,
    layouts: Sequence[Layout],
    limits: Limits = Limits(),  # noqa: B008, frozen
) -> Iterator[Table]:
    """As `open_table`, of what is read already, in pieces and unpacked; `name` begins the texts of errors."""
    with ExitStack() as stack:
        with _named(name):
            rows = _opened(found, "-", layouts, limits, stack)
            _check_names(rows)
        yield Table(name, rows)


def _check_names(rows: _Rows) -> None:
    one_header = rows.form in {"text", "parquet"}  # each object of JSON has names of its own
    if one_header and rows.places.found and rows.places.refusal:
        raise SourceError(rows.places.refusal)


def _opened(found: Iterator[bytes], path: str, layouts: Sequence[Layout], limits: Limits, stack: ExitStack) -> _Rows:
    start = b""
    while len(start) < len(_PARQUET) and (piece := next(found, b"")):
        start += piece
    if start.startswith(_PARQUET):
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tidewatch-")))
        parquet = ParquetRows(_as_file(path, chain([start], found), folder), layouts, limits)
        stack.callback(parquet.close)
        return parquet
    text = as_utf8(chain([start], found))
    begin = b""
    while begin.strip() in _UNDECIDED and len(begin) < PIECE_BYTES and (piece := next(text, b"")):
        begin += piece
    text = chain([begin], text)
    form = json_form(begin)
    if form == "json":
        return JsonRows(array_values(text), layouts, form, limits)
    if form == "ndjson":
        return JsonRows(ndjson_values(lines(text, limits.row_bytes), limits), layouts, form, limits)
    return Delimited(lines(text, limits.row_bytes), layouts, limits)


def _as_file(path: str, found: Iterator[bytes], folder: Path) -> Path:
    """A Parquet file under a name without the characters that DuckDB takes for a pattern; a stream is copied."""
    try:
        with open(path, "rb") as raw:  # noqa: PTH123, as open_plain does
            plain = raw.seekable() and raw.read(len(_PARQUET)) == _PARQUET
    except OSError:  # standard input
        plain = False
    if not plain or path == "-":
        return spooled(found, folder)
    link = folder / "rows.parquet"
    link.symlink_to(Path(path).resolve())
    return link


def _read(plain: Readable) -> Iterator[bytes]:
    try:
        while found := plain.read1(PIECE_BYTES):
            yield found
    except BROKEN as exc:
        raise SourceError(str(exc)) from exc


@contextmanager
def _named(name: str) -> Iterator[None]:
    """What is wrong with a file begins with its name."""
    try:
        yield
    except (SourceError, StoreError) as exc:
        raise type(exc)(f"{name}: {exc}") from exc
