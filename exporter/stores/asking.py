"""What a request asks of a range: the range, which rows, in which order and format. Pure; raises ConfigError."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from exporter.stores.figures import Table
from exporter.stores.formats import FORMATS, Format
from exporter.stores.ranges import Wanted
from foundation.errors import ConfigError
from foundation.grammar import time_zone

MAX_ROWS = 100_000
MAX_SEARCH_CHARS = 200
MAX_DAYS = 400
DEFAULT_LAST = "7d"
GROUPS = ("timezone",)
RANGE_NAMES = ("range", "from", "to", "month", "quarter", "last", "tz")


_RANGES = ("month", "quarter", "last")
"""Parameters that are a range in one word."""


class Asked(NamedTuple):
    """A request's parameters."""

    wanted: Wanted
    form: Format = "json"
    group_by: str | None = None
    search: str = ""
    sort: str = ""
    order: Literal["asc", "desc"] = "asc"
    limit: int = 1000
    offset: int = 0


def parse_asked(query: Mapping[str, str], *, limit: int = 1000) -> Asked:
    """The parameters of a request. Raises ConfigError.

    `range` holds another parameter as text, `last=30d`, for a choice in a form; blank ones are as if not given.
    """
    given = {name: value for name, value in query.items() if value.strip()}
    if not any(name in given for name in ("from", "to", *_RANGES)):
        name, _, value = given.get("range", f"last={DEFAULT_LAST}").partition("=")
        if name not in _RANGES:
            raise ConfigError("invalid range: expected for example last=30d or month=2026-10")
        given[name] = value
    try:
        zone = time_zone(given["tz"]) if "tz" in given else None
    except ValueError as exc:
        raise ConfigError(f"tz: {exc}") from exc
    return Asked(
        Wanted(given.get("from"), given.get("to"), zone=zone, **{name: given.get(name) for name in _RANGES}),
        _one_of(given, "format", "json", tuple(FORMATS)),
        _one_of(given, "group_by", None, GROUPS),
        search=given.get("q", "").strip()[:MAX_SEARCH_CHARS],
        sort=given.get("sort", ""),
        order=_one_of(given, "order", "asc", ("asc", "desc")),
        limit=_whole(given, "limit", limit, MAX_ROWS),
        offset=_whole(given, "offset", 0, 10**9),
    )


def choose(table: Table, asked: Asked) -> tuple[Table, int]:
    """The rows that are asked for, and of how many that match. Rows without a value come last. Raises ConfigError."""
    names = [column.name for column in table]
    if asked.sort and asked.sort not in names:
        raise ConfigError(f"invalid sort {asked.sort!r}: expected one of {', '.join(names)}")
    rows = list(range(len(table[0].values)))
    if asked.search:
        word = asked.search.casefold()
        texts = [column.values for column in table if column.digits is None and column.name not in ("from", "to")]
        rows = [row for row in rows if any(word in str(text[row]).casefold() for text in texts)]
    if asked.sort:
        rows = _ordered(table, asked, rows)
    shown = rows[asked.offset : asked.offset + asked.limit]
    return [column._replace(values=[column.values[row] for row in shown]) for column in table], len(rows)


def _ordered(table: Table, asked: Asked, rows: list[int]) -> list[int]:
    column = next(column for column in table if column.name == asked.sort)
    down = asked.order == "desc"
    if column.digits is None:
        return sorted(rows, key=lambda row: str(column.values[row]), reverse=down)
    numbers = np.asarray(column.values, dtype=np.float64)[rows]
    order = np.argsort(-numbers if down else numbers, kind="stable").tolist()  # NaN is last either way
    return [rows[n] for n in order]


def _one_of(given: Mapping[str, str], name: str, default: Any, words: tuple[str, ...]) -> Any:
    value = given.get(name, default)
    if value is not default and value not in words:
        raise ConfigError(f"invalid {name} {value!r}: expected {' or '.join(words)}")
    return value


def _whole(given: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = given.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 12 and int(text) <= most):
        raise ConfigError(f"invalid {name} {text!r}: expected a number from 0 to {most}")
    return int(text)
