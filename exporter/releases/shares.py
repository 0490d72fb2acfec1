"""A file of users' shares to `Shares`: rows of a time and what part of the users each build has from then on.

Either a row for each build, `time, build, share`, or a column for each build: `time, 5.1, 5.2`, `time, share_of_5.2`.
Columns are known by their names, in any order. Shares are fractions, per cent or numbers of users.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from exporter.releases.compare.exposure import Share, Shares, SharesError
from exporter.releases.parse import CLOCK_LIMIT_S, DAY_S, parse_time
from foundation.errors import BadRecord, SourceError

_TIME = re.compile(r"time|timestamp|date|datetime|from|since|start|ts", re.IGNORECASE)
_BUILD = re.compile(r"build|version|release|build_version", re.IGNORECASE)
_SHARE = re.compile(r"(user_?)?(share|users|weight|percent|per ?cent|%|fraction|value)s?", re.IGNORECASE)
_OF = re.compile(
    r"(?:user_?)?(?:shares?|users|weight|percent|per ?cent|fraction)[ _]*(?:of[ _]+|[:=][ _]*)", re.IGNORECASE
)
_FORM = "expected columns time, build, share; or time and a column for each build, for example time, share_of_5.2"


def read_shares(path: Path) -> Shares:
    """A file's shares. Raises SharesError, or SourceError where it cannot be read."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise SourceError(f"{path}: {exc}") from exc
    lines = text.splitlines()
    separator = max(",;\t|", key=lines[0].count) if lines else ","
    rows = list(csv.reader(lines, delimiter=separator))
    return parse_shares(rows[0] if rows else [], [row for row in rows[1:] if row])


def parse_shares(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Shares:
    """Rows of text to shares. Raises SharesError with the row, counted from 1 below the header."""
    names = [name.strip() for name in header]
    time = next((place for place, name in enumerate(names) if _TIME.fullmatch(name)), None)
    if time is None:
        raise SharesError(f"no column of times among {', '.join(names)!r}: {_FORM}")
    found: list[Share] = []
    latest = 0
    for number, row in enumerate(rows, 1):
        try:
            _check_width(row, names)
            time_s = _unwrapped(parse_time(row[time].strip()), latest)
            found += [Share(time_s, build, share) for build, share in _cells(names, row, time)]
        except BadRecord as exc:
            raise SharesError(f"row {number}: {exc}") from exc
        latest = time_s
    if not found:
        raise SharesError(f"no shares: {_FORM}")
    return Shares.of(found)


def _check_width(row: Sequence[str], names: Sequence[str]) -> None:
    if len(row) != len(names):
        raise BadRecord("fields", f"{len(row)} fields; the header has {len(names)}")


def _unwrapped(time_s: int, latest: int) -> int:
    """A clock time on the day that brings it nearest to the row before it, as records are read."""
    if time_s >= CLOCK_LIMIT_S:
        return time_s
    return time_s + max(0, round((latest - time_s) / DAY_S)) * DAY_S


def _cells(names: Sequence[str], row: Sequence[str], time: int) -> Iterator[tuple[str | None, float]]:
    """Builds and shares of one row; a blank cell changes nothing."""
    build = next((place for place, name in enumerate(names) if _BUILD.fullmatch(name)), None)
    share = next((place for place, name in enumerate(names) if _SHARE.fullmatch(name)), None)
    if share is not None:
        yield (row[build].strip() if build is not None else None), _share(row[share])
        return
    if build is not None:
        raise BadRecord("fields", f"no column of shares among {', '.join(names)!r}: {_FORM}")
    for place, name in enumerate(names):
        if place != time and row[place].strip():
            yield _OF.sub("", name, count=1), _share(row[place])


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
