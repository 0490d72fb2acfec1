"""A user-defined regex with a time limit (`exporter.regexes.limit`).

Most lines that take long do not match. So after a first slow line RE2 checks whether the line can match,
and for some lines after it does so before `re`: each line of a flood then costs a hundredth of the limit.
"""

import re
from collections.abc import Callable, Collection

import msgspec

from exporter.accesslog.formats import instants
from exporter.accesslog.formats._model import NAMED, Fields, Format, Unitless, no_unitless
from exporter.accesslog.formats.durations import UNITS_NS, is_number
from exporter.accesslog.formats.groups import MARK
from exporter.accesslog.formats.linear import CannotMatch
from exporter.regexes.limit import LIMIT_RINGS, LIMIT_S, LOOK_RINGS, TooSlow, timer
from foundation.errors import BadRecord

DURATIONS = {"duration": None, **{f"duration_{unit}": unit for unit in UNITS_NS}}
"""Groups for the time taken, and what its numbers count; without a unit only texts that name it (`12ms`) are times."""

GROUPS = ("method", "path", "request", "code", "bytes", *DURATIONS, "time")
"""Groups with a meaning; others are fields for labels and filters."""

_SUSPECTS = 100
"""Lines after one that took long, for which RE2 is asked first."""

_REQUEST = re.compile(rb"([^ ]*) ([^ ]*)(?: .*)?", re.DOTALL)


def custom_format(pattern: str) -> Format:
    """The format of a regex with named groups. Raises ValueError with the reason."""
    try:
        compiled = re.compile(pattern.encode())
    except re.error as exc:
        raise ValueError(f"format: the regex does not compile: {exc}") from exc
    if "code" not in compiled.groupindex:
        raise ValueError("format: the regex needs a group (?P<code>...), the status code")
    durations = [name for name in DURATIONS if name in compiled.groupindex]
    if len(durations) > 1:
        raise ValueError(f"format: the regex has the groups {' and '.join(durations)}; only one can be the time taken")
    duration = durations[0] if durations else None
    unit = DURATIONS[duration] if duration else None
    regex = _OwnRegex(_Limited(compiled.fullmatch, pattern), duration)
    return Format(
        name="custom",
        second_look=regex.second_look,
        read_instant_s=regex.read_instant_s,
        duration_unit_ns=UNITS_NS[unit] if unit else None,
        has_duration=duration is not None,
        find_unitless=regex.find_unitless if duration and unit is None else no_unitless,
        own_regex=pattern,
        names={**NAMED, **{name: f"{MARK}{name}" for name in compiled.groupindex if name not in NAMED}},
        choose=regex.choose,
    )


class _OwnRegex:
    """What the named groups of a user's regex say of a line."""

    def __init__(self, match: "_Limited", duration: str | None) -> None:
        """`duration`: the group of the time taken, if there is one."""
        self._match = match
        self._duration = duration

    def second_look(self, line: bytes) -> Fields:
        """As a `Format` has it."""
        return self._fields(self._groups(line))

    def read_instant_s(self, line: bytes) -> float:
        """As a `Format` has it."""
        try:
            return instants.any_form(self._groups(line)["time"] or b"")
        except (BadRecord, KeyError) as exc:
            raise ValueError(f"the line has no time: {exc}") from exc

    def find_unitless(self, line: bytes) -> Unitless | None:
        """As a `Format` has it."""
        try:
            text = self._duration_text(self._groups(line))
        except BadRecord:
            return None
        return Unitless("the group duration", text) if is_number(text) else None

    def choose(self, format_: Format, more: tuple[str, ...]) -> Format:
        """As a `Format` has it."""
        names = [one.removeprefix(MARK) for one in more]

        def look_for_more(line: bytes) -> Fields:
            """Fields of a line, with the additional ones. Raises BadRecord."""
            groups = self._groups(line)
            return self._fields(groups)._replace(more=tuple([groups.get(name) or b"" for name in names]))

        return msgspec.structs.replace(format_, second_look=look_for_more, more=more)

    def _groups(self, line: bytes) -> dict[str, bytes | None]:
        """The texts of the named groups. Raises BadRecord."""
        found = self._match(line)
        if found is None:
            raise BadRecord("format", "the regex does not match the line")
        return found.groupdict()

    def _fields(self, groups: dict[str, bytes | None]) -> Fields:
        method, path = groups.get("method") or b"", groups.get("path") or b""
        if request := _REQUEST.fullmatch(groups.get("request") or b""):
            method, path = method or request[1], path or request[2]
        path = path.partition(b"?")[0]
        return Fields(method, path, groups["code"] or b"", groups.get("bytes") or b"", self._duration_text(groups))

    def _duration_text(self, groups: dict[str, bytes | None]) -> bytes:
        """Text of the group for the duration; empty where there is none."""
        return (groups[self._duration] if self._duration else None) or b""


def check_groups(format_: Format, used: Collection[str]) -> None:
    """Raises ValueError for a group of a regex without a meaning that nothing uses: it may be misspelled."""
    known = {*GROUPS, *used}
    if unknown := [name for name in format_.names or () if name not in known and format_.own_regex is not None]:
        raise ValueError(f"format: unknown group {min(unknown)} in the regex; expected some of {', '.join(GROUPS)}")


class _Limited:
    """Matches whole lines, each within its limit."""

    def __init__(self, match: Callable[[bytes], re.Match[bytes] | None], pattern: str) -> None:
        self._match = match
        self._pattern = pattern
        self._cannot_match: Callable[[bytes], bool] | None = None
        self._suspects = 0

    def __call__(self, line: bytes) -> re.Match[bytes] | None:
        """The match, if any. Raises BadRecord for a line that takes too long, or too much memory."""
        try:
            if not self._suspects:
                try:
                    return timer.within(LOOK_RINGS, self._match, line)
                except TooSlow:
                    self._suspects = _SUSPECTS
            return self._suspect(line)
        except TooSlow:
            raise BadRecord("slow", f"the regex took more than {LIMIT_S} s of processor time for the line") from None
        except MemoryError:
            raise BadRecord("slow", "the regex took more memory for the line than the process may have") from None

    def _suspect(self, line: bytes) -> re.Match[bytes] | None:
        if self._cannot_match is None:
            self._cannot_match = CannotMatch(self._pattern)
        if self._cannot_match(line):
            self._suspects = _SUSPECTS
            return None
        self._suspects -= 1
        return timer.within(LIMIT_RINGS, self._match, line)
