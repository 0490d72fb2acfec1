"""Describes lines of an unknown format by format strings. Pure.

A line is split at blanks, or at bars, semicolons, commas or tabs (`cut`). Lines of one shape are examined together: the
role of a field follows from all of its values and from its name (`rt=0.305`), never from one line alone (`roles`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import NamedTuple

from exporter.accesslog.describe.cut import Token, at_blanks, at_separator, shape_of
from exporter.accesslog.describe.roles import (
    EPOCH,
    HOST_AND_PATH,
    INTEGER,
    NUMBER,
    SIZE_WITH_UNIT,
    WITH_UNIT,
    Column,
    at_role,
    column_of,
    has_lists,
    roles_of,
)


class Description(NamedTuple):
    """A format in the syntax of nginx's `log_format`.

    found: how many of its fields have a meaning.
    left_out: numbers that may be durations, with where they are and some of them.
    seconds: the durations that are taken for seconds only because of their three decimals, likewise; empty if none.
    no_sizes: where no field is known to be the answer's bytes, the whole numbers that may be, likewise; else None.
    """

    format: str
    found: int
    left_out: tuple[str, ...]
    seconds: str
    no_sizes: tuple[str, ...] | None


_SHAPES = 3
"""How many shapes of lines are described: requests that a server could not parse look different."""

_WRAPPED = {"bracket": "[{}]", "quoted": '"{}"', "bare": "{}"}
_SEPARATORS = ("\t", "|", ";", ",")
_CODES = frozenset(str(code.value) for code in HTTPStatus)
_EXAMPLES = 3


def describe(data: bytes) -> Iterator[Description]:
    """Descriptions of the lines, of those that have a status code and a request; JSON is never cut at its blanks."""
    texts = [line for line in data.replace(b"\r\n", b"\n").split(b"\n") if line.strip()]
    lines = [line.decode("utf-8", "replace") for line in texts if not (line[:1] == b"{" and line.rstrip()[-1:] == b"}")]
    splits: list[list[list[Token]]] = [[at_blanks(line) for line in lines]]
    splits += [at_separator(lines, separator) for separator in _SEPARATORS]
    for rows in splits:
        shapes = Counter(shape_of(row) for row in rows if row)
        for shape, _ in shapes.most_common(_SHAPES):
            if found := _described([row for row in rows if shape_of(row) == shape]):
                yield found


def _described(rows: Sequence[Sequence[Token]]) -> Description | None:
    columns = [column_of(i, [row[i] for row in rows]) for i in range(len(rows[0]) - 1)]
    names = roles_of(columns)
    if "status" not in names.values() or not {"request", "request_uri"} & {*names.values()}:
        return None
    text = ""
    for token, column in zip(rows[0], columns, strict=False):
        name, suffix = _variable(column, names.get(column.number))
        text += token.gap + token.key + _WRAPPED[token.kind].format(name + suffix)
    text += rows[0][-1].gap
    literals = "".join(token.gap + token.key for token in rows[0])
    if not literals.isascii() or "$" in literals:
        return None
    no_sizes = None if "body_bytes_sent" in names.values() else tuple(_may_be_sizes(columns, names))
    return Description(text, len(names), tuple(_left_out(columns, names)), _seconds(columns, names), no_sizes)


def _variable(column: Column, name: str | None) -> tuple[str, str]:
    """The variable of a column, and the text after it inside its quotes."""
    if name is None:
        is_list = column.kind == "bare" and has_lists(column)
        return f"${'http_' if is_list else ''}field{column.number}", ""  # nginx' headers may be lists
    if name.startswith("duration_") and column.all(WITH_UNIT):
        unit = name.removeprefix("duration_")
        return f"${{{name}}}", unit
    if name == "body_bytes_sent" and column.all(SIZE_WITH_UNIT):
        return "${body_bytes_sent}", "B"
    if name == "request_uri" and column.all(HOST_AND_PATH):
        return "$host$request_uri", ""
    return f"${name}", ""


def _left_out(columns: Sequence[Column], roles: dict[int, str]) -> Iterator[str]:
    """Numbers behind the status whose meaning nothing shows, if no duration is known."""
    if any(role.startswith(("duration", "request_time", "upstream_response")) for role in roles.values()):
        return
    for column in columns:
        spread = dict.fromkeys(column.filled)
        if (
            column.number in roles
            or column.number < at_role(roles, "status")
            or len(spread) < min(2, len(column.filled))
        ):
            continue
        if column.all(NUMBER) and not column.all(EPOCH) and not _CODES.issuperset(column.filled):
            yield _shown(column, f"$field{column.number}")


def _may_be_sizes(columns: Sequence[Column], roles: dict[int, str]) -> Iterator[str]:
    for column in columns:
        if column.number not in roles and column.all(INTEGER) and not column.all(EPOCH):
            yield _shown(column, f"$field{column.number}")


def _seconds(columns: Sequence[Column], roles: dict[int, str]) -> str:
    """The column whose unit only nginx's three decimals say: neither a unit that is written there nor nginx's name."""
    if any(role.startswith("duration") for role in roles.values()):
        return ""
    role = "request_time" if "request_time" in roles.values() else "upstream_response_time"
    column = next((column for column in columns if roles.get(column.number) == role), None)
    return _shown(column, f"${role}") if column and column.filled and column.key[:-1].lower() != role else ""


def _shown(column: Column, name: str) -> str:
    """Where a column is, and some of its values."""
    return f"{column.key or name} ({', '.join(list(dict.fromkeys(column.filled))[:_EXAMPLES])})"
