"""A regex of the user's own, held to a time limit.

`re` backtracks: three `.*` in a pattern make a long line take minutes. Its matcher looks for signals now and then, so
a timer can end it, but only in the main thread: that is where such a log must be read.
"""

import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from exporter.accesslog.formats import stamps
from exporter.accesslog.formats._model import UNITS_NS, Fields, Format
from foundation.errors import BadRecord

GROUPS = ("method", "path", "request", "code", "bytes", "duration", "time")
LIMIT_S = 0.05
"""Processor time that one line may take: a thousand times what a good pattern needs."""

_REQUEST = re.compile(rb"([^ ]*) ([^ ]*)(?: .*)?", re.DOTALL)


class _TooSlow(Exception):  # noqa: N818, caught in this file
    """The timer went off."""


def custom_format(pattern: str, *, time_unit: str = "s") -> Format:
    """The format of a regex with named groups. Raises ValueError that says what is wrong with it."""
    try:
        compiled = re.compile(pattern.encode())
    except re.error as exc:
        raise ValueError(f"format: the regex does not compile: {exc}") from exc
    if unknown := set(compiled.groupindex) - set(GROUPS):
        raise ValueError(f"format: the regex has a group {min(unknown)}; known here: {', '.join(GROUPS)}")
    if "code" not in compiled.groupindex:
        raise ValueError("format: the regex needs a group (?P<code>...), the status code")
    match = _limited(compiled.fullmatch)

    def second_look(line: bytes) -> Fields:
        groups = _groups(match, line)
        method, path = groups.get("method") or b"", groups.get("path") or b""
        if request := _REQUEST.fullmatch(groups.get("request") or b""):
            method, path = method or request[1], path or request[2]
        path = path.partition(b"?")[0]
        return method, path, groups["code"] or b"", groups.get("bytes") or b"", groups.get("duration") or b""

    def read_stamp(line: bytes) -> float:
        try:
            return stamps.any_stamp(_groups(match, line)["time"] or b"")
        except (BadRecord, KeyError) as exc:
            raise ValueError(f"the line has no time: {exc}") from exc

    return Format(
        name="custom",
        second_look=second_look,
        read_stamp=read_stamp,
        time_unit_ns=UNITS_NS[time_unit],
        has_time="duration" in compiled.groupindex,
        in_main_thread=True,
    )


def _groups(match: Callable[[bytes], re.Match[bytes] | None], line: bytes) -> dict[str, bytes | None]:
    found = match(line)
    if found is None:
        raise BadRecord("format", "the regex does not match the line")
    return found.groupdict()


def _limited(match: Callable[[bytes], re.Match[bytes] | None]) -> Callable[[bytes], re.Match[bytes] | None]:
    def limited(line: bytes) -> re.Match[bytes] | None:
        try:
            with _timer():
                return match(line)
        except _TooSlow:
            raise BadRecord("slow", f"the regex took more than {LIMIT_S} s of processor time for the line") from None

    return limited


@contextmanager
def _timer() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a log with a regex of the user's own must be read in the main thread")
    before = signal.signal(signal.SIGVTALRM, _too_slow)
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _too_slow(_number: int, _frame: FrameType | None) -> None:
    raise _TooSlow
