"""The text of a stats page to numbers by name. Pure: no I/O, no clock.

Two forms are read: `name: value` lines, and a JSON object whose members are numbers. The order does not matter.
"""

import math
import re
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from exporter.errors import BadRecord

Stats: TypeAlias = dict[str, int | float]
"""The numbers of a page by their names."""

_LINE = re.compile(r"[ \t]*([^\s:](?:[^:\n]*[^\s:])?)[ \t]*:[ \t]*([-+]?[0-9.][-+0-9.eE]*)[ \t]*")
_CODE = re.compile(r"([1-9][0-9][0-9])(s?)")


def parse_stats(body: bytes) -> Stats:
    """The numbers on a page; what is no number is passed over.

    Raises BadRecord (`empty`, `not_json`, `no_number`) when the page has none at all.
    """
    text = body.decode("utf-8-sig", "replace").strip()
    if not text:
        raise BadRecord("empty", "the page is empty")
    stats = _from_json(text) if text.startswith(("{", "[")) else _from_lines(text)
    if not stats:
        raise BadRecord("no_number", f"the page has no `name: number` line; it begins {text[:40]!r}")
    return stats


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


def parse_number(text: str) -> int | float | None:
    """A finite number, or None."""
    try:
        return int(text)
    except ValueError:
        try:
            value = float(text)
        except ValueError:
            return None
        return value if math.isfinite(value) else None


def _from_lines(text: str) -> Stats:
    found = {}
    for line in text.splitlines():
        if (match := _LINE.fullmatch(line)) and (value := parse_number(match[2])) is not None:
            found[match[1]] = value
    return found


def _from_json(text: str) -> Stats:
    try:
        tree = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise BadRecord("not_json", f"the page begins as JSON and is none: {exc}") from exc
    members = tree.items() if isinstance(tree, dict) else ()
    return {name: value for name, value in members if is_number(value)}


def is_number(value: object) -> bool:
    """Whether a JSON value is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
