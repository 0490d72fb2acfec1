"""A file of users' shares to `Shares`: rows of a time and the share of users of each build from then on.

Either a row for each build, `time, build, share`, or a column for each build: `time, 5.1, 5.2`, `time, share_of_5.2`.
Columns are known by their names, in any order. Shares are fractions, per cent or numbers of users. Any form of file
that `exporter.tables` reads.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from exporter.releases.compare.exposure import Share, Shares, SharesError
from exporter.releases.parse import CLOCK_LIMIT_S, DAY_S, parse_time
from exporter.sources.files import open_plain, pieces
from exporter.tables import Bad, Column, Layout, table_of
from foundation.errors import BadRecord, SourceError

_TIME = Column("time", ("timestamp", "date", "datetime", "date_time", "from", "since", "start", "ts"))
_BUILD = re.compile(r"build|version|release|build_version", re.IGNORECASE)
_SHARE = re.compile(r"(user_?)?(share|users|weight|percent|per ?cent|%|fraction|value)s?", re.IGNORECASE)
_OF = re.compile(
    r"(?:user_?)?(?:shares?|users|weight|percent|per ?cent|fraction)[ _]*(?:of[ _]+|[:=][ _]*)", re.IGNORECASE
)
_FORM = "expected columns time, build, share; or time and a column for each build, for example time, share_of_5.2"
_PIECE_BYTES = 1 << 20


def read_shares(path: str) -> Shares:
    """A file's shares. Raises SharesError, or SourceError where it cannot be read."""
    with open_plain(path) as (plain, _):
        data = list(pieces(plain, _PIECE_BYTES, path))
    try:
        with table_of(iter(data), path, [Layout("shares", (_TIME,))]) as table:
            names = [name.strip() for name in table.ignored]
        columns = (_TIME, *(Column(name, required=False) for name in names))
        with table_of(iter(data), path, [Layout("shares", columns)]) as table:
            return parse_shares(names, _cells_of(table))
    except SourceError as exc:
        raise SourceError(f"{exc}; {_FORM}") from exc


def _cells_of(rows: Iterable[object]) -> Iterator[Sequence[str]]:
    for row in rows:
        if isinstance(row, Bad):
            raise SharesError(f"row {row.number}: {row.text}")
        yield row.cells  # type: ignore[attr-defined]


def parse_shares(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Shares:
    """Rows of text to shares: a time, then cells of the columns `names`.

    Raises SharesError with the row, counted from 1 below the header.
    """
    found: list[Share] = []
    latest: int | None = None
    for number, (time, *cells) in enumerate(rows, 1):
        try:
            time_s = _unwrapped(parse_time(time.strip()), latest)
            found += [Share(time_s, build, share) for build, share in _cells(names, cells)]
        except BadRecord as exc:
            raise SharesError(f"row {number}: {exc}") from exc
        latest = time_s
    if not found:
        raise SharesError(f"no shares: {_FORM}")
    return Shares.of(found)


def _unwrapped(time_s: int, latest: int | None) -> int:
    """A clock time on the day that brings it nearest to the row before it, as records are read."""
    if latest is not None and (time_s < CLOCK_LIMIT_S) != (latest < CLOCK_LIMIT_S):
        raise BadRecord("time", "a time of day among dates: expected one kind of time")
    if latest is None or time_s >= CLOCK_LIMIT_S:
        return time_s
    return time_s + max(0, round((latest - time_s) / DAY_S)) * DAY_S


def _cells(names: Sequence[str], cells: Sequence[str]) -> Iterator[tuple[str | None, float]]:
    """Builds and shares of one row; a blank cell changes nothing."""
    build = next((place for place, name in enumerate(names) if _BUILD.fullmatch(name)), None)
    share = next((place for place, name in enumerate(names) if _SHARE.fullmatch(name)), None)
    if share is not None:
        yield (cells[build].strip() if build is not None else None), _share(cells[share])
        return
    if build is not None:
        raise BadRecord("fields", f"no column of shares among {', '.join(names)!r}: {_FORM}")
    for name, cell in zip(names, cells, strict=True):
        if cell.strip():
            yield _OF.sub("", name, count=1), _share(cell)


def _share(text: str) -> float:
    """A number, 0 or more; per cent where it says so."""
    text = text.strip()
    try:
        value = float(text.removesuffix("%").strip()) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e15:
        raise BadRecord("share", f"invalid share {text[:40]!r}: expected a number, for example 0.05 or 5%")
    return value
