"""A log format: how to split a line into the five fields that metrics use."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import msgspec

from exporter.accesslog.formats.durations import UNITS_NS
from exporter.accesslog.formats.field_names import common_name
from exporter.accesslog.formats.groups import MARK, marked_groups, only
from exporter.accesslog.formats.keyed.same_keys import SameKeys
from foundation.errors import BadRecord

GROUPS = ("method", "target", "code", "size", "duration")
"""The fields that metrics are made of; a pattern's groups have these names."""

NAMED: Mapping[str, str] = MappingProxyType({"method": "method", "path": "target", "code": "code"})
"""Those of them that requests are counted by: what they are called in every format, and their groups."""


class Fields(NamedTuple):
    """A request, as in its line; empty where the line has nothing. `more`: what `Format.more` names."""

    method: bytes
    target: bytes  # without its query
    code: bytes
    size: bytes
    duration: bytes
    more: tuple[bytes, ...] = ()


class Unitless(NamedTuple):
    """A number of a line that would be its duration if its unit were known: where it is, and its text."""

    where: str
    text: bytes


InstantReader: TypeAlias = Callable[[bytes], float]
"""The text of a line's moment to Unix seconds. Raises ValueError."""


def no_match(_: bytes) -> Fields:
    """The second look of a format that has none. Raises BadRecord."""
    raise BadRecord("format", "the line does not have the format's fields")


def no_instant(_: bytes) -> float:
    """The instant of a line that has none. Raises ValueError."""
    raise ValueError("lines of this format have no time")


def no_unitless(_: bytes) -> None:
    """The number without a unit of a format whose unit is known."""


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """A line's shape, without its line end.

    pattern: a regex in the subset that `re` on bytes and RE2 read alike: ASCII, no lookaround, no back-references,
        every group named or not capturing. The groups give the fields. None where no regex can say it.
    second_look: reads a line that the pattern did not match; None if it is another message of the program, neither
        a request nor bad. Raises BadRecord. Only the scalar engine calls it.
    read_instant_s: when a line says that it was, Unix seconds. Raises ValueError.
    duration_unit_ns: what one unit of the duration is; None if it is unknown. Then only texts that name their unit
        (`12ms`) are durations, bare numbers are not.
    has_duration: whether lines have, or may have, a duration, and so a histogram.
    always_timed: whether each line has one, so that the histogram exists before the first request.
    find_unitless: a line's number that is not a duration only because its unit is not known.
    bulk: whether the columnar engine is worth it: there is a pattern, and its fields are plain numbers.
    learn: the format of all lines that have the shape of one, with a pattern that pays in bulk; None if that has none.
    same_keys: how to read all lines of JSON with the keys of one; None if they must be read one at a time.
    steps: how many numbers with blanks between them a duration is the sum of.
    directive: lines that start so are about the log, and neither requests nor bad.
    reshape: the format that a line announces for those after it, or None if it announces nothing.
    header: how such a line begins, if it may be anywhere; empty if it can only be the first.
    announces: what such a line has in it, if it may be anywhere and begins in no certain way.
    own_regex: the user-defined regex, if the format is one: for a thread in which a signal can end it and nothing else
        must run.
    names: what the fields of a line are called, and for each the group or key that has it; None if each line names its
        fields itself.
    more: the fields that are wanted beside the five, see `with_more`: groups, or keys behind a MARK.
    choose: makes the format that has these as its `more`.
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
    steps: int = 1
    directive: bytes | None = None
    reshape: "Callable[[bytes], Format | None] | None" = None
    header: bytes = b""
    announces: re.Pattern[bytes] | None = None
    own_regex: str | None = None
    names: Mapping[str, str] | None = NAMED
    more: tuple[str, ...] = ()
    choose: "Callable[[Format, tuple[str, ...]], Format] | None" = None


UNITLESS = "unitless"


def complete(pattern: str, more: Sequence[str] = ()) -> str:
    """The pattern with an empty group for each field that it lacks, so that every match has all of them."""
    return pattern + "".join(
        f"(?P<{name}>)" for name in dict.fromkeys((*GROUPS, *more)) if f"(?P<{name}>" not in pattern
    )


def regex_format(
    name: str,
    pattern: str,
    rare: tuple[str, ...] = (),
    *,
    duration_unit_ns: int | None = UNITS_NS["s"],
    read_instant: InstantReader = no_instant,
    bulk: bool = True,
    steps: int = 1,
    number_at: str = "the number at the end",
    aliases: Mapping[str, str] = {},
) -> Format:
    """A format of regexes: the usual line's, and those of rare lines, tried in order.

    A number whose unit is not known is in a group `UNITLESS`, whose place is `number_at`. Fields beside the
    five are in groups that begin with `groups.MARK`; `aliases` has other names of theirs, and of the five.
    """
    regexes = _Regexes(pattern, rare, read_instant, number_at)
    plain = only(pattern)
    may_lack_unit = f"(?P<{UNITLESS}>" in plain
    return Format(
        name=name,
        pattern=plain,
        second_look=regexes.second_look if rare else no_match,
        read_instant_s=no_instant if read_instant is no_instant else regexes.read_instant_s,
        duration_unit_ns=duration_unit_ns,
        has_duration="(?P<duration>" in plain,
        always_timed="(?P<duration>" in plain and not may_lack_unit,
        find_unitless=regexes.find_unitless if may_lack_unit else no_unitless,
        bulk=bulk,
        steps=steps,
        names={**NAMED, **{one.removeprefix(MARK): one for one in marked_groups(pattern)}, **aliases},
        choose=regexes.choose,
    )


class _Regexes:
    """The regexes of a format: that of the usual line, and those of rare lines, tried in order."""

    def __init__(self, usual: str, rare: tuple[str, ...], read_instant: InstantReader, number_at: str) -> None:
        """`usual`, `rare`: with all groups; the others as `regex_format` has them."""
        self._usual, self._rare = usual, rare
        self._read_instant, self._number_at = read_instant, number_at
        self._each = [re.compile(complete(only(text)).encode()) for text in (usual, *rare)]

    def second_look(self, line: bytes) -> Fields:
        """As a `Format` has it."""
        match = _first_match(self._each[1:], line)
        if match is None:
            return no_match(line)
        method, target, code, size, duration = match.group(*GROUPS)
        return Fields(method or b"", target or b"", code, size, duration)

    def read_instant_s(self, line: bytes) -> float:
        """As a `Format` has it."""
        match = _first_match(self._each, line)
        if match is None:
            raise ValueError("the line does not have the format's fields")
        return self._read_instant(match["instant"])

    def find_unitless(self, line: bytes) -> Unitless | None:
        """As a `Format` has it."""
        match = _first_match(self._each, line)
        return Unitless(self._number_at, match[UNITLESS]) if match and match[UNITLESS] else None

    def choose(self, format_: Format, more: tuple[str, ...]) -> Format:
        """As a `Format` has it."""
        return msgspec.structs.replace(
            format_,
            pattern=only(self._usual, more),
            second_look=_with_rest(format_.second_look, [only(text, more) for text in self._rare], more),
            reshape=reshaped_with(format_.reshape, more),
            more=more,
        )


def _first_match(regexes: Iterable[re.Pattern[bytes]], line: bytes) -> re.Match[bytes] | None:
    for regex in regexes:
        if match := regex.fullmatch(line):
            return match
    return None


Reshape: TypeAlias = Callable[[bytes], Format | None]


def reshaped_with(reshape: Reshape | None, more: tuple[str, ...]) -> Reshape | None:
    """The same, where the formats that lines announce have this `more`, as far as their lines have it."""
    if reshape is None:
        return None

    def announced(line: bytes) -> Format | None:
        """The format that the line announces, with the fields of `more`."""
        found = reshape(line)
        if found is None or found.choose is not None:
            return found and found.choose and found.choose(found, more)
        return msgspec.structs.replace(found, reshape=announced, more=more)

    return announced


def _with_rest(
    second_look: Callable[[bytes], Fields | None], patterns: Sequence[str], more: tuple[str, ...]
) -> Callable[[bytes], Fields | None]:
    """A second look that has the fields of `more` too: by the regexes of rare lines once more."""
    regexes = [re.compile(complete(text, more).encode()) for text in patterns]

    def look(line: bytes) -> Fields | None:
        """The line's fields, with those of `more`."""
        fields = second_look(line)
        if fields is None:
            return None
        match = _first_match(regexes, line)
        return fields._replace(more=tuple((match and match[name]) or b"" for name in more))

    return look


def with_more(format_: Format, more: tuple[str, ...]) -> Format:
    """The format with the fields `more` beside the five, each as `locate` has it, but those of `NAMED`."""
    if not more:
        return format_
    assert format_.choose is not None
    return format_.choose(format_, more)


def locate(format_: Format, name: str) -> str:
    """Where a line has the field of that name: a group of `NAMED`, or what `more` is to have. Raises ValueError.

    The name is the server's own, or what other servers call the same (`field_names.common_name`); in lines that name
    their fields it is a key, or keys with dots between them.
    """
    known = NAMED if format_.names is None else format_.names
    found = known.get(name) or known.get(name.lstrip("$")) or known.get(common_name(name))
    if found is not None or format_.names is None:
        return found or f"{MARK}{name}"
    listed = ", ".join(dict.fromkeys(next(one for one, other in known.items() if other == at) for at in known.values()))
    raise ValueError(f"the format has no field {name}; it has {listed}")
