"""Values of a line's fields: their texts, and their numbers in base units. Pure.

Sums are whole billionths of a unit, so that the order in which lines are added does not change the last digit.
"""

import math
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from operator import sub
from typing import Any, TypeAlias

from exporter.accesslog.formats.keyed.values import LARGEST, text_of
from foundation.errors import BadRecord

Labels: TypeAlias = tuple[str, ...]

__all__ = ["BILLION", "LARGEST", "UNITS", "Labels", "all_billionths", "billionths", "shown", "text_of", "texts_of_all"]

BILLION = 1_000_000_000

_SECONDS = {"ns": "0.000000001", "us": "0.000001", "µs": "0.000001", "ms": "0.001", "s": "1", "m": "60", "h": "3600"}
_BYTES = {"B": "1", "kB": "1000", "KiB": "1024", "MB": "1000000", "MiB": "1048576", "GB": "1000000000"}
UNITS: dict[str, tuple[str, Decimal]] = {
    **{unit: ("seconds", Decimal(factor)) for unit, factor in _SECONDS.items()},
    **{unit: ("bytes", Decimal(factor)) for unit, factor in _BYTES.items()},
    "percent": ("ratio", Decimal("0.01")),
}
"""Units of a line's numbers: the base unit, at the end of a metric's name, and the factor."""

_NUMBER = re.compile(
    r"([+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2})?) ?(ns|us|µs|ms|s|m|h)?"
)
_NOTHING = ("", "-")
"""Texts that programs write for a missing value."""
_MISSING = frozenset((None, *_NOTHING, *(text.encode() for text in _NOTHING)))
_EXACT = 1e15
"""Billionths up to here may be the same by way of a float, which has 53 bits."""
_FLOAT_ERROR = 2.0**-51
"""Of a product of two floats, relative, with room to spare."""
_TINY = 1e-30
"""Numbers of JSON up to here are 0 in billionths of any unit."""
_LONG = 10**28
"""Whole billionths up to here are the same by way of a Decimal, which has 28 digits."""
_LONG_TEXT = 30
_MOST = 10**30
"""Whole numbers from here on are refused, like texts of that many digits: a sample can hold less than 1.8e308."""
_DIGITS = b"0123456789"


def texts_of_all(values: Sequence[Any]) -> Sequence[str]:
    """The same of many fields."""
    kinds = set(map(type, values))
    if kinds == {str}:
        return values
    if kinds == {bytes}:
        return [value.decode("utf-8", "replace") for value in values]
    return list(map(text_of, values))


def billionths(value: Any, unit: str | None) -> int | None:
    """A field's number in billionths of its base unit; None where the line has no value.

    `unit`: of bare numbers, a key of UNITS; without one, a text that names its unit of time (`12ms`) is seconds.
    Raises BadRecord if it is not a number.
    """
    if type(value) is int and -_MOST < value < _MOST:
        return value * BILLION if unit is None else round(value * UNITS[unit][1] * BILLION)
    if value is None:
        return None
    if type(value) is float and math.isfinite(value):
        value = repr(value) if abs(value) > _TINY else "0"
    text = text_of(value).strip()
    if text in _NOTHING:
        return None
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise BadRecord("value", f"{text[:40]!r} is not a number")
    try:
        number = Decimal(found[1])
    except InvalidOperation:
        raise BadRecord("value", f"{text[:40]!r} is not a number") from None
    named = found[2] or unit
    if named is not None:
        number *= UNITS[named][1]
    return round(number * BILLION)


def all_billionths(values: Sequence[Any], unit: str | None) -> tuple[list[int | None], int]:
    """The numbers of many fields, as `billionths` reads each, and how many are not numbers, which are None too."""
    usual = _usual(values, unit)
    if usual is not None:
        return usual, 0
    found: list[int | None] = []
    unusable = 0
    known: dict[str | bytes, int | None] = {}  # texts that no usual way reads, such as `12ms`, come again
    for value in values:
        is_text = isinstance(value, str | bytes)
        if is_text and value in known:
            found.append(known[value])
            continue
        try:
            number = billionths(value, unit)
        except BadRecord:
            number = None
            unusable += 1
        else:
            if is_text:
                known[value] = number
        found.append(number)
    return found, unusable


def _usual(values: Sequence[Any], unit: str | None) -> list[int | None] | None:
    """The numbers if all are plain, of one type and not large, or missing; None otherwise."""
    there = values
    if not _MISSING.isdisjoint(values):
        there = [value for value in values if value not in _MISSING]
    numbers = _plain(there)
    if numbers is None:
        return None
    found: list[int | None]
    factor = BILLION if unit is None else int(UNITS[unit][1] * BILLION)
    most = max(max(numbers, default=0), -min(numbers, default=0)) * factor
    if float not in set(map(type, numbers)):
        if most >= _LONG:
            return None
        found = [number * factor for number in numbers]
    else:
        if most >= _EXACT:
            return None
        products = [number * factor for number in numbers]
        whole = list(map(round, products))
        if max(map(abs, map(sub, products, whole))) > 0.5 - most * _FLOAT_ERROR:  # it may be rounded the other way
            return None
        found = [*whole]
    if there is values:
        return found
    rest = iter(found)
    return [None if value in _MISSING else next(rest) for value in values]


def _plain(values: Sequence[Any]) -> list[Any] | None:
    """Numbers, or texts of nothing but digits, point and sign, as Python's numbers; None where others are among them.

    Python takes more for a number than people do: `1_0`, and digits of other scripts.
    """
    kinds = set(map(type, values))
    if kinds <= {int, float}:
        return list(values)
    if kinds == {bytes}:
        text = b"".join(values)
    elif kinds == {str}:
        text = "".join(values).encode("utf-8", "replace")
    else:
        return None
    signs = text.translate(None, _DIGITS)
    if signs.translate(None, b".+-") or max(map(len, values)) > _LONG_TEXT:
        return None
    try:
        return list(map(float if signs else int, values))
    except ValueError:
        return None


def shown(total: int) -> int | float:
    """Billionths as a sample's value: a whole number where it is one."""
    whole, rest = divmod(total, BILLION)
    return whole if not rest else total / BILLION
