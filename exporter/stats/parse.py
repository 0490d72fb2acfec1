"""The text of a stats page to numbers by name. Pure: no I/O, no clock.

Two forms are read: `name: value` lines, and JSON. The order does not matter.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from foundation.errors import BadRecord
from foundation.jsonread import read_json

Stats: TypeAlias = dict[str, int | float]
"""The numbers of a page by their names."""

_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,400}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_CODE = re.compile(r"([1-9][0-9][0-9])(s?)")


def parse_stats(body: bytes) -> Stats:
    """The numbers on a page, of JSON the members of the outermost object; what is no number is passed over.

    Raises BadRecord (`empty`, `not_json`, `no_number`) when the page has none at all.
    """
    page = parse_page(body)
    members = page.items() if isinstance(page, dict) else ()
    stats = {name: number for name, value in members if (number := to_number(value)) is not None}
    if not stats:
        raise BadRecord("no_number", f"the page has no `name: number` line; it begins {body[:40]!r}")
    return stats


def parse_page(body: bytes) -> dict[str, Any] | list[Any]:
    """A page as it is: JSON decoded, or `name: value` lines as texts by name (other lines are passed over).

    Raises BadRecord (`empty`, `not_json`).
    """
    text = body.decode("utf-8-sig", "replace").strip()
    if not text:
        raise BadRecord("empty", "the page is empty")
    if not text.startswith(("{", "[")):
        pairs = (line.partition(":") for line in text.splitlines())
        return {name.strip(): value.strip() for name, colon, value in pairs if colon and name.strip()}
    try:
        page: dict[str, Any] | list[Any] = read_json(text)
    except BadRecord as exc:
        raise BadRecord("not_json", f"the page begins as JSON and is none: {exc}") from exc
    return page


def counts_by_code(stats: Mapping[str, int | float]) -> dict[str, int]:
    """Of `stats` the counts of responses, by status code: from `200s` (or `200`) the code `200`.

    Raises BadRecord (`no_code`, `not_a_count`).
    """
    counts = {}
    for name, value in stats.items():
        if match := _CODE.fullmatch(name):
            if value < 0 or value != int(value):
                raise BadRecord("not_a_count", f"{name} is {value}, and not a count")
            counts[match[1]] = int(value)
    if not counts:
        raise BadRecord("no_code", f"no status code among {', '.join(list(stats)[:8])}; `200s: 5` would be one")
    return counts


def is_code(name: str) -> bool:
    """Whether a name is a status code, as `404` is."""
    match = _CODE.fullmatch(name)
    return match is not None and not match[2]


def to_number(value: object) -> int | float | None:
    """A finite number, from a number or its text; None for anything else, true and false too."""
    if isinstance(value, str):
        value = _text_to_number(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value):
        return value
    return None


def _text_to_number(text: str) -> int | float | None:
    if not _NUMBER.fullmatch(text):
        return None
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _is_finite(value: float) -> bool:
    """Whether a sample can hold it: JSON has whole numbers that no float can."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
