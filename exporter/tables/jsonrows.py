"""Rows out of JSON: one object a line, or an array of objects. Pure."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any

import msgspec

from exporter.tables.rows import AnyRow, Bad, Layout, Limits, Places, Row, bad, best, expected, normal
from foundation.errors import BadRecord, SourceError
from foundation.jsonread import JSON_ERRORS, why_not_json
from foundation.jsonslices import ArraySlices
from foundation.recent import Recent

PEEKED_ROWS = 100
"""Looked at for one that has the wanted names."""
_PLAIN_DIGITS = 30
_ARRAY = re.compile(rb"""\[\s*(?:[{\["\]]|\Z)""")


class _Number(str):
    """A number with a fraction or an exponent, as it was written."""

    __slots__ = ()


_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=_Number)


def json_form(start: bytes) -> str | None:
    """`json` for a text that begins as an array of objects, `ndjson` for one that begins as an object, or None.

    A line of a log may begin with `[`, too: `[2026-11-01 06:30:00]`, `[error]`.
    """
    start = start.lstrip()
    if start.startswith(b"{"):
        return "ndjson"
    return "json" if _ARRAY.match(start) else None


def number_text(text: str) -> str:
    """A number as a CSV would have it: without zeros after the point, without an exponent where that is readable."""
    try:
        value = Decimal(text).normalize()
    except InvalidOperation:
        return text
    if not value.is_finite():
        return text
    return (format(value, "f") if abs(value.adjusted()) < _PLAIN_DIGITS else str(value)) if value else "0"


def cell(value: Any) -> str:
    """A value of JSON as a cell."""
    if value is None:
        return ""
    if isinstance(value, _Number):
        return number_text(value)
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else msgspec.json.encode(value).decode()


class JsonRows:
    """The rows of one text of JSON."""

    def __init__(self, values: Iterator[tuple[int, Any]], layouts: Sequence[Layout], form: str, limits: Limits) -> None:
        """`values`: numbers with objects, or what else came, or `Bad`. Raises SourceError where no object fits."""
        self.form = form
        self._limits = limits
        self._names = Recent[str, str](limits.columns)
        peeked: list[tuple[int, Any]] = []
        found: Places | None = None
        while len(peeked) < PEEKED_ROWS and (item := next(values, None)) is not None:
            peeked.append(item)
            if isinstance(item[1], dict):
                places = best(layouts, list(item[1]))
                if found is None or not places.missing:
                    found = places
                if not places.missing:
                    break
        if found is None or found.missing:
            raise SourceError(_nothing_fits(layouts, peeked, found))
        self.places = found
        self._columns = [
            ([normal(name) for name in (column.name, *column.aliases)], column) for column in found.layout.columns
        ]
        self._values = chain(peeked, values)

    def __iter__(self) -> Iterator[AnyRow]:
        for number, value in self._values:
            if isinstance(value, Bad):
                yield value
            elif not isinstance(value, dict):
                yield bad(number, "json", "expected an object", msgspec.json.encode(value, enc_hook=str))
            elif len(value) > self._limits.columns:
                yield bad(number, "fields", f"{len(value)} names; at most {self._limits.columns} are read", "")
            elif self.places.layout.closed and (refusal := self.places.layout.refusal(value)):
                yield bad(number, "fields", refusal, msgspec.json.encode(value, enc_hook=str))
            else:
                yield self._row(number, value)

    def _row(self, number: int, value: dict[str, Any]) -> AnyRow:
        named = {self._normal(name): one for name, one in value.items()}
        cells = []
        for names, column in self._columns:
            key = next((name for name in names if name in named), None)
            if key is None and column.required:
                return bad(number, "fields", f"{column.name} is missing", msgspec.json.encode(value, enc_hook=str))
            if key not in {None, names[0]} and sum(name in named for name in names) > 1:
                refusal = self.places.layout.refusal(value) or ""
                return bad(number, "fields", refusal, msgspec.json.encode(value, enc_hook=str))
            cells.append("" if key is None else cell(named[key]))
        return Row(number, tuple(cells))

    def _normal(self, name: str) -> str:
        known = self._names.get(name)
        if known is None:
            known = self._names[name] = normal(name)
        return known


def ndjson_values(lines: Iterator[bytes], limits: Limits) -> Iterator[tuple[int, Any]]:
    """The value on each line, or why there is none."""
    for number, line in enumerate(lines, 1):
        if line.isspace():
            continue
        if len(line) > limits.row_bytes:
            yield number, bad(number, "too_long", f"a row of more than {limits.row_bytes} bytes", line)
        else:
            yield number, _value(number, line)


def array_values(pieces: Iterator[bytes]) -> Iterator[tuple[int, Any]]:
    """The elements of an array. Raises SourceError if it is malformed, because the rest cannot be split."""
    number = 0
    try:
        for number, element in enumerate(chain.from_iterable(_slices(pieces)), 1):
            yield number, _value(number, bytes(element))
    except BadRecord as exc:
        raise SourceError(f"after {number} elements: {exc}") from exc


def _slices(pieces: Iterator[bytes]) -> Iterator[list[msgspec.Raw]]:
    slices = ArraySlices(msgspec.Raw)
    for piece in pieces:
        yield from slices.feed(piece)
    yield from slices.finish()


def _value(number: int, text: bytes) -> Any:
    try:
        return _decoder.decode(text)
    except JSON_ERRORS as exc:
        reason = "encoding" if isinstance(exc, UnicodeDecodeError) else "json"
        return bad(number, reason, why_not_json(exc), text)


def _nothing_fits(layouts: Sequence[Layout], peeked: list[tuple[int, Any]], found: Places | None) -> str:
    wanted = f"expected objects with {expected(layouts)}"
    if found is not None:
        return f"{wanted}; missing: {', '.join(found.missing)}"
    first = next((value for _, value in peeked if isinstance(value, Bad)), None)
    return f"{wanted}; row {first.number}: {first.text}" if first is not None else f"{wanted}; no row is one"
