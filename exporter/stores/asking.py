"""What a request asks of a range: the range, which rows, in which order and format. Pure.

A parameter has a shape, which the OpenAPI document states and which is checked here (MalformedError). Parameters of the
right shape may still not make a range together, or name a column that is not there: that is a ConfigError.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from exporter.stores.figures import Table, group_table, of_group, store_table
from exporter.stores.formats import FORMATS, Format
from exporter.stores.ranges import Wanted
from exporter.stores.report import Report
from foundation.errors import ConfigError
from foundation.grammar import time_zone

MAX_ROWS = 100_000
DEFAULT_ROWS = 1000
MAX_SEARCH_CHARS = 200
MAX_DAYS = 400
DEFAULT_LAST = "7d"
RANGE_NAMES = ("range", "from", "to", "month", "quarter", "last", "tz")
ROW_NAMES = ("format", "group_by", "group", "q", "sort", "order", "limit", "offset")
ORDERS = ("asc", "desc")
MAX_OFFSET = 10**9
_RANGES = ("month", "quarter", "last")
"""Parameters that are a range in one word."""


class Shape(NamedTuple):
    """The text of a parameter that is not empty: a pattern as JSON Schema has it, and an example."""

    pattern: str
    example: str


_YEAR = "(?:19[7-9]|[2-8][0-9]{2})[0-9]"
_TIME = "-?[0-9][0-9.,:+TtZzUC -]{0,39}"
_ONE_WORD = {
    "month": Shape(f"{_YEAR}-(?:0[1-9]|1[0-2])", "2026-10"),
    "quarter": Shape(f"{_YEAR}-?[Qq][1-4]", "2026-Q3"),
    "last": Shape("[0-9][0-9.a-z]{0,19}", "30d"),
}
_NAME = "[^ ]{1,40}"
SHAPES: Mapping[str, Shape] = {
    **_ONE_WORD,
    "range": Shape("|".join(f"{name}=(?:{shape.pattern})" for name, shape in _ONE_WORD.items()), "last=30d"),
    "from": Shape(_TIME, "2026-10-01"),
    "to": Shape(_TIME, "2026-10-15T12:00Z"),
    "tz": Shape("[A-Za-z][A-Za-z0-9_+/-]{0,63}", "Europe/Berlin"),
    "sort": Shape(_NAME, "availability_percent"),
    "group_by": Shape(_NAME, "timezone"),
    "group": Shape(".{1,200}", "America/Chicago"),
}


class MalformedError(ConfigError):
    """A parameter that is not as the document says."""


class Asked(NamedTuple):
    """A request's parameters."""

    wanted: Wanted
    form: Format = "json"
    group_by: str | None = None
    group: str | None = None
    search: str = ""
    sort: str = ""
    order: Literal["asc", "desc"] = "asc"
    limit: int = DEFAULT_ROWS
    offset: int = 0


def parse_asked(query: Mapping[str, str], *, rows: bool = True) -> Asked:
    """The parameters of a request; those of rows may be among them where `rows`.

    `range` holds another parameter as text, `last=30d`, for a choice in a form, and gives way to the other ranges. A
    parameter that is empty is as if not given. Raises MalformedError and ConfigError.
    """
    given = {name: value for name, value in query.items() if value}
    _check(query, given, (*RANGE_NAMES, *ROW_NAMES) if rows else RANGE_NAMES)
    if not any(name in given for name in ("from", "to", *_RANGES)):
        name, _, value = given.get("range", f"last={DEFAULT_LAST}").partition("=")
        given[name] = value
    try:
        zone = time_zone(given["tz"]) if "tz" in given else None
    except ValueError as exc:
        raise ConfigError(f"tz: {exc}") from exc
    return Asked(
        Wanted(given.get("from"), given.get("to"), zone=zone, **{name: given.get(name) for name in _RANGES}),
        _one_of(given, "format", "json", tuple(FORMATS)),
        given.get("group_by"),
        given.get("group"),
        search=given.get("q", "").strip(),
        sort=given.get("sort", ""),
        order=_one_of(given, "order", "asc", ORDERS),
        limit=_whole(query, "limit", DEFAULT_ROWS, MAX_ROWS),
        offset=_whole(query, "offset", 0, MAX_OFFSET),
    )


def find_rows(report: Report, asked: Asked) -> tuple[Report, Table]:
    """What a request is of: the report, of one group's stores alone where one is named, and its table of rows.

    Raises ConfigError for a label or a group that no store has.
    """
    if asked.group is not None:
        if asked.group_by is None:
            raise ConfigError("group: expected group_by with it, for example group_by=timezone")
        report = of_group(report, asked.group_by, asked.group)
    if asked.group is None and asked.group_by is not None:
        return report, group_table(report, asked.group_by)
    return report, store_table(report)


def _check(query: Mapping[str, str], given: Mapping[str, str], names: tuple[str, ...]) -> None:
    """Raises MalformedError for a parameter that is not known, is given twice, or has another shape."""
    for name in query:
        if name not in names:
            raise MalformedError(f"unknown parameter {name[:MAX_SEARCH_CHARS]!r}: expected {', '.join(names)}")
    if len(query) > len(set(query)):
        raise MalformedError("duplicate parameter: expected each at most once")
    for name, value in given.items():
        if len(value) > MAX_SEARCH_CHARS:
            raise MalformedError(f"invalid {name}: expected at most {MAX_SEARCH_CHARS} characters")
        if name in SHAPES and not re.fullmatch(SHAPES[name].pattern, value):
            raise MalformedError(f"invalid {name} {value!r}: expected for example {SHAPES[name].example}")


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
        raise MalformedError(f"invalid {name} {value!r}: expected {' or '.join(words)}")
    return value


def _whole(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 12 and int(text) <= most):
        raise MalformedError(f"invalid {name} {text!r}: expected a number from 0 to {most}")
    return int(text)
