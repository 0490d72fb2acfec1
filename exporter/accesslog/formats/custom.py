"""A regex of the user's own, held to a time limit.

`re` backtracks: three `.*` in a pattern make a long line take minutes. Its matcher looks for signals now and then, so
a timer can end it, but only in the main thread of a process, and nothing else runs there meanwhile. The batch tools
read such logs so; the daemon has a process of its own for it (`parse.own_regex`).

Lines that take longest are mostly such as do not match. So after a first look RE2 is asked whether the line can match,
and for some lines after it before `re` is: a flood of them costs a hundredth of the limit each.
"""

import atexit
import re
import signal
import threading
from collections.abc import Callable
from types import FrameType

from exporter.accesslog.formats import instants
from exporter.accesslog.formats._model import Fields, Format, Unitless, no_unitless
from exporter.accesslog.formats.durations import UNITS_NS, is_number
from foundation.errors import BadRecord

DURATIONS = {"duration": None, **{f"duration_{unit}": unit for unit in UNITS_NS}}
"""Groups for the time taken, and what its numbers count; without a unit only texts that name it (`12ms`) are times."""

GROUPS = ("method", "path", "request", "code", "bytes", *DURATIONS, "time")
LIMIT_S = 0.05
"""Processor time that one line may take: a thousand times what a good pattern needs. Some take half as much more."""
_LIMIT_RINGS = 12
_RING_S = LIMIT_S / _LIMIT_RINGS  # about the tick of the system's clock, which makes it no shorter
_LOOK_RINGS = 1
_SUSPECTS = 100
"""Lines after one that took long, for which RE2 is asked first."""

_REQUEST = re.compile(rb"([^ ]*) ([^ ]*)(?: .*)?", re.DOTALL)


class _TooSlow(Exception):  # noqa: N818, caught in this file
    """The timer went off."""


def custom_format(pattern: str) -> Format:
    """The format of a regex with named groups. Raises ValueError that says what is wrong with it."""
    try:
        compiled = re.compile(pattern.encode())
    except re.error as exc:
        raise ValueError(f"format: the regex does not compile: {exc}") from exc
    if unknown := set(compiled.groupindex) - set(GROUPS):
        raise ValueError(f"format: the regex has a group {min(unknown)}; known here: {', '.join(GROUPS)}")
    if "code" not in compiled.groupindex:
        raise ValueError("format: the regex needs a group (?P<code>...), the status code")
    durations = [name for name in DURATIONS if name in compiled.groupindex]
    if len(durations) > 1:
        raise ValueError(f"format: the regex has the groups {' and '.join(durations)}; only one can be the time taken")
    unit = DURATIONS[durations[0]] if durations else None
    match = _Limited(compiled.fullmatch, pattern)

    def second_look(line: bytes) -> Fields:
        groups = _groups(match, line)
        method, path = groups.get("method") or b"", groups.get("path") or b""
        if request := _REQUEST.fullmatch(groups.get("request") or b""):
            method, path = method or request[1], path or request[2]
        path = path.partition(b"?")[0]
        return Fields(method, path, groups["code"] or b"", groups.get("bytes") or b"", duration(groups))

    def duration(groups: dict[str, bytes | None]) -> bytes:
        return (groups[durations[0]] if durations else None) or b""

    def find_unitless(line: bytes) -> Unitless | None:
        try:
            text = duration(_groups(match, line))
        except BadRecord:
            return None
        return Unitless("the group duration", text) if is_number(text) else None

    def read_instant_s(line: bytes) -> float:
        try:
            return instants.any_form(_groups(match, line)["time"] or b"")
        except (BadRecord, KeyError) as exc:
            raise ValueError(f"the line has no time: {exc}") from exc

    return Format(
        name="custom",
        second_look=second_look,
        read_instant_s=read_instant_s,
        duration_unit_ns=UNITS_NS[unit] if unit else None,
        has_duration=bool(durations),
        find_unitless=find_unitless if durations and unit is None else no_unitless,
        own_regex=pattern,
    )


def _groups(match: Callable[[bytes], re.Match[bytes] | None], line: bytes) -> dict[str, bytes | None]:
    found = match(line)
    if found is None:
        raise BadRecord("format", "the regex does not match the line")
    return found.groupdict()


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
                    return self._try(line, _LOOK_RINGS)
                except _TooSlow:
                    self._suspects = _SUSPECTS
            return self._suspect(line)
        except _TooSlow:
            raise BadRecord("slow", f"the regex took more than {LIMIT_S} s of processor time for the line") from None
        except MemoryError:
            raise BadRecord("slow", "the regex took more memory for the line than the process may have") from None

    def _suspect(self, line: bytes) -> re.Match[bytes] | None:
        if self._cannot_match is None:
            from exporter.accesslog.formats.linear import CannotMatch  # noqa: PLC0415, DuckDB, which few logs need

            self._cannot_match = CannotMatch(self._pattern)
        if self._cannot_match(line):
            self._suspects = _SUSPECTS
            return None
        self._suspects -= 1
        return self._try(line, _LIMIT_RINGS)

    def _try(self, line: bytes, rings: int) -> re.Match[bytes] | None:
        try:
            _timer.start(rings)
            return self._match(line)
        finally:
            _timer.stop()


class _Timer:
    """Raises _TooSlow in the main thread where so many times `_RING_S` of processor time go by from `start` to `stop`.

    It rings all the time that lines are tried, as setting it costs more than most lines do, and ends when none are.
    """

    def __init__(self) -> None:
        self._line = self._seen = self._rings = self._most = 0
        self._running = self._is_set = False

    def start(self, rings: int) -> None:
        if threading.get_ident() != threading.main_thread().ident:
            raise RuntimeError("a regex of the user's own must be tried in the main thread")
        if not self._is_set:
            self._is_set = True
            signal.signal(signal.SIGVTALRM, self._ring)
            signal.setitimer(signal.ITIMER_VIRTUAL, _RING_S, _RING_S)
            atexit.register(self._end)  # the interpreter takes its handlers away, and then a ring is fatal
        self._line += 1
        self._most = rings
        self._running = True

    def stop(self) -> None:
        self._running = False  # a signal that is on its way finds it so

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        self._rings = self._rings + 1 if self._line == self._seen else 0
        self._seen = self._line
        if not self._rings:
            return
        if not self._running:
            self._end()
        elif self._rings >= self._most:
            raise _TooSlow

    def _end(self) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        atexit.unregister(self._end)
        self._is_set = False


_timer = _Timer()
