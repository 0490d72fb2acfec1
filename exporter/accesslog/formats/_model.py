"""What a log format is: how a line falls apart into the five fields that metrics are made of."""

import re
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from exporter.errors import BadRecord

Fields: TypeAlias = tuple[bytes, bytes, bytes, bytes, bytes]
"""Method, target (without query), code, bytes, time; empty where the line has none."""

FIELD_NAMES = ("method", "target", "code", "bytes", "time")


def no_match(_: bytes) -> Fields:
    """The second look of a format that has none. Raises BadRecord."""
    raise BadRecord("format", "the line does not have the format's fields")


class Format(msgspec.Struct, frozen=True):
    """A line's shape, without its line end.

    pattern: a regex in the subset that `re` on bytes and RE2 read alike: ASCII, no lookaround, no back-references, no
        lazy choice between matches that differ. Named groups give the fields. None where no regex can say it.
    second_look: reads a line that the pattern did not match. Raises BadRecord. Only the scalar engine calls it.
    time_unit_ns: what one unit of the time field is.
    has_time: whether there is a time field, and so a histogram.
    directive: lines that start so tell about the log and are neither requests nor bad.
    """

    name: str
    pattern: str | None
    second_look: Callable[[bytes], Fields] = no_match
    time_unit_ns: int = 1_000_000_000
    has_time: bool = False
    directive: bytes | None = None


def complete(pattern: str) -> str:
    """The pattern with an empty group for each field that it lacks, so that every match has all five."""
    return pattern + "".join(f"(?P<{name}>)" for name in FIELD_NAMES if f"(?P<{name}>" not in pattern)


def regex_format(name: str, pattern: str, rare: tuple[str, ...] = (), *, time_unit_ns: int = 1_000_000_000) -> Format:
    """A format of regexes: the usual line's, and those of rare lines, tried in order."""
    compiled = [re.compile(complete(text).encode()) for text in rare]

    def second_look(line: bytes) -> Fields:
        for one in compiled:
            if match := one.fullmatch(line):
                method, target, code, size, time = match.group(*FIELD_NAMES)
                return method, target, code, size, time
        return no_match(line)

    return Format(
        name=name,
        pattern=complete(pattern),
        second_look=second_look if compiled else no_match,
        time_unit_ns=time_unit_ns,
        has_time="(?P<time>" in pattern,
    )
