"""Logs of logfmt, in bulk: the shape of one line as a regex that reads all lines of that shape.

A program's lines have the same keys in the same order. From one of them comes a pattern that matches only lines of
which the format would find the same fields at the same places: keys and empty values are in it literally, strings
have no escapes, and numbers are plain. Every other line is left to the format itself.
"""

import re
from typing import Any

from exporter.accesslog.formats._model import Fields, Format, complete
from exporter.accesslog.formats.durations import SPAN_NS
from exporter.accesslog.formats.groups import MARK
from exporter.accesslog.formats.keyed.field_paths import Plan, Role


class Unshapely(Exception):  # noqa: N818, caught in this file
    """No pattern can describe this line."""


_CHARACTER = r'[^"\\\x00-\x1f]'
_STRING = f'"{_CHARACTER}*"'
_NUMBER = r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?"
_BARE = "[!#-~]"  # of a logfmt value without quotes
_METHOD = "[A-Z][A-Z-]{0,19}"
_TARGET = "(?:/|[a-zA-Z][a-zA-Z0-9+.-]*://)"
_SPAN = re.compile(rf"([0-9]+(?:\.[0-9]+)?)({'|'.join(SPAN_NS)})", re.ASCII)
_PLAIN_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_WORD = re.compile(rf'(?:([^\s="]+)=)?("{_CHARACTER}*"|{_BARE}*)', re.ASCII)


class _Values:
    """The regexes of values, by their roles; collects what a duration counts."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.unit_ns = 1

    def quoted(self, path: str, text: str) -> str:
        """Of what is between quotes."""
        match self._plan.roles.get(path):
            case "empty":
                return re.escape(text)
            case "method":
                return f"(?P<method>{_METHOD})"
            case "target":
                return rf'(?P<target>{_TARGET}[^"\\\x00-\x1f?]*)(?:\?{_CHARACTER}*)?'
            case "request":
                rest = r'[^" \\\x00-\x1f]*'
                target = rf'(?P<target>[^" ?\\\x00-\x1f]+)(?:\?{rest})?'
                return rf"(?P<method>[A-Za-z][A-Za-z-]*) {target}(?: {_CHARACTER}*)?"
            case None:
                return f"{_CHARACTER}*"
            case role:
                return self.number(role, text)

    def bare(self, path: str, text: str) -> str:
        """Of a logfmt value without quotes."""
        match self._plan.roles.get(path):
            case "empty":
                return re.escape(text)
            case "method":
                return f"(?P<method>{_METHOD})"
            case "target":
                return rf"(?P<target>{_TARGET}[!#->@-~]*)(?:\?{_BARE}*)?"
            case "request":
                raise Unshapely
            case None:
                return f"(?:{_STRING}|{_BARE}*)"
            case role:
                return self.number(role, text)

    def number(self, role: Role, text: str) -> str:
        """Of digits that are a field. Raises Unshapely for the role of a text."""
        if role == "code":
            return "(?P<code>[1-9][0-9]{2})"
        if role == "size":
            return "(?P<size>0|[1-9][0-9]{0,14})"
        if role != "duration":
            raise Unshapely
        span = _SPAN.fullmatch(text)
        unit = span[2] if span else self._plan.unit
        if unit is None:
            return _NUMBER
        self.unit_ns = SPAN_NS[unit]
        digits = min(15, 19 - len(str(self.unit_ns)))  # so that whole nanoseconds fit 64 bits
        fraction = r"\.[0-9]{1,9}" if self._plan.needs_point and not span else r"(?:\.[0-9]{1,9})?"
        return rf"(?P<duration>(?:0|[1-9][0-9]{{0,{digits - 1}}}){fraction})" + (span[2] if span else "")


def logfmt_shape(line: str, plan: Plan, more: tuple[str, ...] = ()) -> tuple[str, int]:
    """The pattern of a logfmt line, and what its duration counts. Raises Unshapely.

    `more`: keys of fields that are wanted beside the five, which become groups behind a MARK and their number.
    """
    values, made, seen, end = _Values(plan), [], set(), 0
    while True:
        match = _WORD.match(line, end)
        if match is None or match[1] in seen or not match[0]:
            raise Unshapely
        key, value = match[1], match[2]
        if key is None:
            made.append("[!#-<>-~]+")  # a word without a name
        else:
            seen.add(key)
            matters = key in more or plan.roles.get(key) is not None
            if value.startswith('"') and matters:
                regex, quote = values.quoted(key, value[1:-1]), '"'
            else:
                regex, quote = f"{_BARE}*" if matters and key not in plan.roles else values.bare(key, value), ""
            regex = f"(?P<{MARK}{more.index(key)}>{regex})" if key in more else regex
            made.append(f"{re.escape(key)}={quote}{regex}{quote}")
        end = match.end()
        if end == len(line):
            return " ".join(made), values.unit_ns
        if line[end] != " ":
            raise Unshapely
        end += 1


def shaped(name: str, line: bytes, plan: Plan, want: Fields, more: tuple[str, ...] = ()) -> Format | None:
    """The format of all lines of this one's shape, or None where there is none.

    `want`: the fields of this line; `more`: as `logfmt_shape` has it, which are the format's `more` then.
    """
    groups = tuple(f"{MARK}{number}" for number in range(len(more)))
    if not line.isascii() or b"\\" in line:
        return None
    try:
        pattern, unit_ns = logfmt_shape(line.decode(), plan, more)
    except Unshapely:
        return None
    try:
        found = re.fullmatch(complete(pattern, groups).encode(), line)
    except re.error:  # two values are the same field
        return None
    if found is None or found.group("method", "target", "code") != want[:3]:
        return None
    if tuple(map(found.__getitem__, groups)) != want.more:
        return None
    return Format(name=name, pattern=pattern, duration_unit_ns=unit_ns, has_duration=True, bulk=True, more=groups)


def is_plain(role: Role, value: Any) -> bool:
    """Whether a value says its field in letters or digits alone, or a duration with its unit."""
    if role in ("method", "target", "request"):
        return isinstance(value, str)
    text = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    return bool(_PLAIN_NUMBER.fullmatch(text) or (role == "duration" and _SPAN.fullmatch(text)))
