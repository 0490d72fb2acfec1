"""What a log format is: how a line falls apart into the five fields that metrics are made of."""

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import msgspec

from exporter.accesslog.formats.durations import UNITS_NS
from exporter.accesslog.formats.keyed.same_keys import SameKeys
from foundation.errors import BadRecord


class Fields(NamedTuple):
    """A request as its line has it; empty where the line says nothing. A pattern's groups have these names."""

    method: bytes
    target: bytes  # without its query
    code: bytes
    size: bytes
    duration: bytes


class Unitless(NamedTuple):
    """A number of a line that would be its duration if its unit were known: where it stands, and its text."""

    where: str
    text: bytes


InstantReader: TypeAlias = Callable[[bytes], float]
"""The text of a line's moment to Unix seconds. Raises ValueError."""


def no_match(_: bytes) -> Fields:
    """The second look of a format that has none. Raises BadRecord."""
    raise BadRecord("format", "the line does not have the format's fields")


def no_instant(_: bytes) -> float:
    """The instant of a line that has none. Raises ValueError."""
    raise ValueError("lines of this format have no time of their own")


def no_unitless(_: bytes) -> None:
    """The number without a unit of a format whose unit is known."""


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """A line's shape, without its line end.

    pattern: a regex in the subset that `re` on bytes and RE2 read alike: ASCII, no lookaround, no back-references,
        every group named or not capturing. The groups give the fields. None where no regex can say it.
    second_look: reads a line that the pattern did not match; None if it is another message of the program, neither
        a request nor bad. Raises BadRecord. Only the scalar engine calls it.
    read_instant_s: when a line says that it was, Unix seconds. Raises ValueError.
    duration_unit_ns: what one unit of the duration is; None if nobody can know. Then a bare number is no duration, and
        only texts that name their unit (`12ms`) are.
    has_duration: whether lines have, or may have, a duration, and so a histogram.
    always_timed: whether each line has one, so that the histogram exists before the first request.
    find_unitless: a line's number that is no duration only because its unit is not known.
    bulk: whether the columnar engine pays: there is a pattern, and its fields are plain numbers.
    learn: the format of all lines that have the shape of one, with a pattern that pays in bulk; None if that has none.
    same_keys: how to read all lines of JSON with the keys of one; None if they must be read one at a time.
    columns: names of the fields of a line that are parted by tabs, where `request` is a method, a blank and a target.
    steps: how many numbers with blanks between them a duration is the sum of.
    directive: lines that start so are about the log, and neither requests nor bad.
    reshape: the format that a line announces for those after it, or None if it announces nothing.
    header: how such a line begins, where it may stand anywhere; empty where it can only be the first.
    own_regex: the user's own regex, if the format is one: where a signal can end it, and nothing else has to run.
    """

    name: str
    pattern: str | None = None
    second_look: Callable[[bytes], Fields | None] = no_match
    read_instant_s: InstantReader = no_instant
    duration_unit_ns: int | None = UNITS_NS["s"]
    has_duration: bool = False
    always_timed: bool = False
    find_unitless: Callable[[bytes], Unitless | None] = no_unitless
    bulk: bool = False
    learn: "Callable[[bytes], Format | None] | None" = None
    same_keys: Callable[[bytes], SameKeys | None] | None = None
    columns: tuple[str, ...] | None = None
    steps: int = 1
    directive: bytes | None = None
    reshape: "Callable[[bytes], Format | None] | None" = None
    header: bytes = b""
    own_regex: str | None = None


UNITLESS = "unitless"


def complete(pattern: str) -> str:
    """The pattern with an empty group for each field that it lacks, so that every match has all five."""
    return pattern + "".join(f"(?P<{name}>)" for name in Fields._fields if f"(?P<{name}>" not in pattern)


def regex_format(
    name: str,
    pattern: str,
    rare: tuple[str, ...] = (),
    *,
    duration_unit_ns: int | None = UNITS_NS["s"],
    read_instant: InstantReader = no_instant,
    bulk: bool = True,
    steps: int = 1,
    columns: tuple[str, ...] | None = None,
    number_at: str = "the number at the end",
) -> Format:
    """A format of regexes: the usual line's, and those of rare lines, tried in order.

    A number whose unit is not known is in a group `UNITLESS`; `number_at` says where that stands.
    """
    usual, *others = (re.compile(complete(text).encode()) for text in (pattern, *rare))
    may_lack_unit = f"(?P<{UNITLESS}>" in pattern

    def second_look(line: bytes) -> Fields:
        for one in others:
            if match := one.fullmatch(line):
                method, target, code, size, duration = match.group(*Fields._fields)
                return Fields(method or b"", target or b"", code, size, duration)
        return no_match(line)

    def read_instant_s(line: bytes) -> float:
        for one in (usual, *others):
            if match := one.fullmatch(line):
                return read_instant(match["instant"])
        raise ValueError("the line does not have the format's fields")

    def find_unitless(line: bytes) -> Unitless | None:
        found = usual.fullmatch(line) or next((match for one in others if (match := one.fullmatch(line))), None)
        return Unitless(number_at, found[UNITLESS]) if found and found[UNITLESS] else None

    return Format(
        name=name,
        pattern=pattern,
        second_look=second_look if others else no_match,
        read_instant_s=no_instant if read_instant is no_instant else read_instant_s,
        duration_unit_ns=duration_unit_ns,
        has_duration="(?P<duration>" in pattern,
        always_timed="(?P<duration>" in pattern and not may_lack_unit,
        find_unitless=find_unitless if may_lack_unit else no_unitless,
        bulk=bulk,
        steps=steps,
        columns=columns,
    )
