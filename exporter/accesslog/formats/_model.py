"""What a log format is: how a line falls apart into the five fields that metrics are made of."""

import re
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from foundation.errors import BadRecord

Fields: TypeAlias = tuple[bytes, bytes, bytes, bytes, bytes]
"""Method, target (without query), code, bytes, time; empty where the line has none."""

FIELD_NAMES = ("method", "target", "code", "bytes", "time")

UNITS_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}

StampReader: TypeAlias = Callable[[bytes], float]
"""The text of a line's time to Unix seconds. Raises ValueError."""


def no_match(_: bytes) -> Fields:
    """The second look of a format that has none. Raises BadRecord."""
    raise BadRecord("format", "the line does not have the format's fields")


def no_stamp(_: bytes) -> float:
    """The stamp of a line that has none. Raises ValueError."""
    raise ValueError("lines of this format have no time of their own")


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """A line's shape, without its line end.

    pattern: a regex in the subset that `re` on bytes and RE2 read alike: ASCII, no lookaround, no back-references,
        every group named or not capturing. The groups give the fields. None where no regex can say it.
    second_look: reads a line that the pattern did not match. Raises BadRecord. Only the scalar engine calls it.
    read_stamp: a line's own time. Raises ValueError.
    time_unit_ns: what one unit of the time field is.
    has_time: whether lines have, or may have, a time field, and so a histogram.
    bulk: whether the columnar engine pays: there is a pattern, and its fields are plain numbers.
    columns: names of the fields of a line that are parted by tabs, where `request` is a method, a blank and a target.
    directive: lines that start so tell about the log and are neither requests nor bad.
    reshape: the format that a directive announces for the lines after it, or None if it announces nothing.
    own_regex: the user's own regex, if the format is one: where a signal can end it, and nothing else has to run.
    """

    name: str
    pattern: str | None = None
    second_look: Callable[[bytes], Fields] = no_match
    read_stamp: StampReader = no_stamp
    time_unit_ns: int = UNITS_NS["s"]
    has_time: bool = False
    bulk: bool = False
    columns: tuple[str, ...] | None = None
    directive: bytes | None = None
    reshape: "Callable[[bytes], Format | None] | None" = None
    own_regex: str | None = None


def complete(pattern: str) -> str:
    """The pattern with an empty group for each field that it lacks, so that every match has all five."""
    return pattern + "".join(f"(?P<{name}>)" for name in FIELD_NAMES if f"(?P<{name}>" not in pattern)


def regex_format(
    name: str,
    pattern: str,
    rare: tuple[str, ...] = (),
    *,
    time_unit_ns: int = UNITS_NS["s"],
    stamp: StampReader = no_stamp,
    bulk: bool = True,
    columns: tuple[str, ...] | None = None,
) -> Format:
    """A format of regexes: the usual line's, and those of rare lines, tried in order."""
    usual, *others = (re.compile(complete(text).encode()) for text in (pattern, *rare))

    def second_look(line: bytes) -> Fields:
        for one in others:
            if match := one.fullmatch(line):
                method, target, code, size, time = match.group(*FIELD_NAMES)
                return method or b"", target or b"", code, size, time
        return no_match(line)

    def read_stamp(line: bytes) -> float:
        for one in (usual, *others):
            if match := one.fullmatch(line):
                return stamp(match["stamp"])
        raise ValueError("the line does not have the format's fields")

    return Format(
        name=name,
        pattern=pattern,
        second_look=second_look if others else no_match,
        read_stamp=no_stamp if stamp is no_stamp else read_stamp,
        time_unit_ns=time_unit_ns,
        has_time="(?P<time>" in pattern,
        bulk=bulk,
        columns=columns,
    )
