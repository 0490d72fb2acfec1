"""The text of a stats page to numbers by name. Pure: no I/O, no clock.

These forms are read, with names in any order:

- `name: value` lines (`/stats`, Apache's and lighttpd's `?auto`, php-fpm), also several on one line (nginx), and
  `name = value` lines (Squid);
- a line of names above a line of counts, as nginx's stub_status has it;
- HAProxy's CSV, whose values are named PROXY/SERVER/FIELD;
- JSON, whose members are named by the way to them: pools/www/size, processes/0/requests.
"""

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, TypeAlias

from foundation.errors import BadRecord
from foundation.jsonread import read_json

Stats: TypeAlias = dict[str, int | float]
"""The numbers of a page by their names."""

MAX_NAME = 1000  # characters of a name with the way to it, or a page of a megabyte could have gigabytes of names
_DIGITS = r"[-+]?(?:[0-9]{1,400}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"
_NUMBER = re.compile(_DIGITS)
_CODE = re.compile(r"([1-9][0-9][0-9])(s?)")
_CODE_OF_MANY = re.compile(r"[1-9][0-9][0-9]s?/[0-9]+")
_PAIR = re.compile(rf"([^:]+):[ \t]+({_DIGITS})(?:[ \t]+|\Z)")
_COUNTS = re.compile(r"[0-9]{1,40}(?:[ \t]+[0-9]{1,40})*")
_HAPROXY = "# pxname,svname,"


def parse_stats(body: bytes) -> Stats:
    """The numbers on a page by their names; other values are skipped.

    Raises BadRecord (`empty`, `not_json`, `not_csv`, `no_number`, `twice`) when there are none, or two have one name.
    """
    page = parse_page(body)
    stats: Stats = {}
    for name, value in _members(page) if isinstance(page, dict) else ():
        number = to_number(value)
        if number is not None and name in stats:
            raise BadRecord("twice", f"two values of the page are named {name}")
        if number is not None:
            stats[name] = number
    if not stats:
        why = "it is HTML (Apache and lighttpd have text for ?auto) and" if body.lstrip().startswith(b"<") else "it"
        raise BadRecord("no_number", f"the page has no `name: number` line; {why} begins {body[:40]!r}")
    return stats


def parse_page(body: bytes) -> dict[str, Any] | list[Any]:
    """A page as it is: JSON decoded, HAProxy's CSV as `{proxy: {server: {field: text}}}`, any other as texts by name.

    A name that occurs several times has the list of its texts: which of them is meant is unknown.

    Raises BadRecord (`empty`, `not_json`, `not_csv`).
    """
    text = body.decode("utf-8-sig", "replace").strip()
    if not text:
        raise BadRecord("empty", "the page is empty")
    if text.startswith(_HAPROXY):
        return _read_haproxy(text.removeprefix("# "))
    if not text.startswith(("{", "[")):
        return _by_name(_read_lines(text.splitlines()))
    try:
        page: dict[str, Any] | list[Any] = read_json(text)
    except BadRecord as exc:
        raise BadRecord("not_json", f"the page begins as JSON but is not: {exc}") from exc
    return page


def _read_lines(lines: list[str]) -> Iterator[tuple[str, str]]:
    """(name, text) of each value; lines without any are skipped."""
    for before, line in pairwise(["", *lines]):
        if ":" in line:
            yield from _pairs(line.strip()) or [_split(line, ":")]
        elif "=" in line:
            yield _split(line, "=")
        elif _COUNTS.fullmatch(line.strip()):
            names, values = before.split(), line.split()
            if len(names) == len(values) + 1 and names[0] == "server":  # "server accepts handled requests"
                del names[0]
            if len(names) == len(values):
                yield from zip(names, values, strict=True)


def _pairs(line: str) -> list[tuple[str, str]]:
    """The pairs of a line that has nothing but numbers with names: `Reading: 6 Writing: 179 Waiting: 106`."""
    found, at = [], 0
    while at < len(line):
        match = _PAIR.match(line, at)
        if match is None:
            return []
        found.append((match[1], match[2]))
        at = match.end()
    return found


def _split(line: str, sign: str) -> tuple[str, str]:
    name, _, value = line.partition(sign)
    return name, value


def _by_name(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Values by name, with the list of them where a name has several. Names have no TABs, as columns of files do."""
    named: dict[str, list[Any]] = {}
    for raw, value in pairs:
        if name := raw.strip().replace("\t", " "):
            named.setdefault(name, []).append(value.strip() if isinstance(value, str) else value)
    return {name: values[0] if len(values) == 1 else values for name, values in named.items()}


def _read_haproxy(text: str) -> dict[str, Any]:
    """`{proxy: {server: {field: text}}}`; the proxy's own rows are its servers FRONTEND and BACKEND."""
    proxies: dict[str, list[tuple[str, Any]]] = {}
    try:
        for row in csv.DictReader(text.splitlines()):
            fields = {name: value for name, value in row.items() if name and value}
            proxies.setdefault(row["pxname"] or "", []).append((row["svname"] or "", fields))
    except csv.Error as exc:
        raise BadRecord("not_csv", f"the page begins as HAProxy's CSV but is not: {exc}") from exc
    return {name: _by_name(servers) for name, servers in proxies.items()}


def _members(page: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """(name, value) of what is neither an object nor a list, in order, at any depth."""
    todo = list(reversed(page.items()))
    while todo:
        name, value = todo.pop()
        if isinstance(value, list):
            value = {str(number): item for number, item in enumerate(value)}
        if not isinstance(value, dict):
            yield name, value
        elif len(name) <= MAX_NAME:
            todo += [(f"{name}/{key}", item) for key, item in reversed(value.items())]


def counts_by_code(stats: Mapping[str, int | float]) -> dict[str, int]:
    """Of `stats` the counts of responses, by status code: from `200s` (or `200`) the code `200`.

    Raises BadRecord (`no_code`, `not_a_count`, `twice`).
    """
    counts = {}
    for name, value in stats.items():
        if _CODE_OF_MANY.fullmatch(name):
            raise BadRecord("twice", f"the page has several values of {name.partition('/')[0]}")
        if match := _CODE.fullmatch(name):
            if value < 0 or value != int(value):
                raise BadRecord("not_a_count", f"{name} is {value}, not a count")
            if match[1] in counts:
                raise BadRecord("twice", f"the page has both {match[1]} and {match[1]}s: expected one of them")
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
