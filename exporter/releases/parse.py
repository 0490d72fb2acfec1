"""Text to records: `timestamp SEP build SEP error code`, SEP a TAB or a comma, quoted or not. Pure: no I/O, no clock.

A timestamp is a clock time (`H:MM:SS`, or `H:MM:SS PM`, seconds since the stream's midnight), an ISO time (UTC where it
names no zone), Unix time in seconds, milliseconds, microseconds or nanoseconds, or, in a whole input, syslog's, which
has no year. Fractions of a second are dropped: the smallest unit of this system is one second. Error codes are text:
numbers, hexadecimal, words. The data set's own spellings are all read: BOM, CR, LF or CRLF, header or none.
"""

import csv
import re
from datetime import UTC, datetime
from typing import NamedTuple

from exporter.tables import read_instant
from foundation.errors import BadRecord

MAX_LINE_BYTES = 4096
MAX_BUILD_CHARS = 100
MAX_CODE_BYTES = 200
DAY_S = 86_400
CLOCK_LIMIT_S = 1000 * 3600
"""Times below this are clock times of the stream; Unix times have been larger since February 1970."""

LATEST_S = 99_999_999_999
"""The largest Unix time that is read, of eleven digits."""

_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)(?:\.\d+)?\Z", re.ASCII)
_CLOCK_12 = re.compile(r"(\d{1,2}):([0-5]\d):([0-5]\d)(?:\.\d+)?\s*([AP])\.?M\.?\Z", re.ASCII | re.IGNORECASE)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SYSLOG = re.compile(rf"({'|'.join(_MONTHS)}) +(\d{{1,2}}) +(\d\d:\d\d:\d\d)(?:\.\d+)?\Z", re.ASCII | re.IGNORECASE)
_LEAP_YEARS = 8  # from one 29 February to the next, at most
_UNIX = re.compile(r"\d{1,11}(?:\.\d+)?\Z", re.ASCII)
_WHOLE = re.compile(r"\+?(-?\d+)(?:\.0*)?\Z", re.ASCII)
_INTEGER = re.compile(r"-?\d+\Z", re.ASCII)
_HEADER = re.compile(rb"\s*\"?(time|timestamp|date)", re.IGNORECASE)


class Record(NamedTuple):
    """One error of one build."""

    time_s: int  # seconds since the stream's midnight, or Unix time, UTC
    build: str
    code: str


class Years:
    """Gives times without a year the latest one in which they are not in the future.

    assumed: the years that were given.
    """

    def __init__(self, now_s: float) -> None:
        """`now_s`: Unix time. A clock may be a day ahead of it."""
        self._latest = datetime.fromtimestamp(now_s + DAY_S, UTC)
        self.assumed: set[int] = set()

    def time_s(self, month: int, day: int, clock: str) -> int:
        """Unix time, UTC, of a day and `HH:MM:SS`. Raises BadRecord("time")."""
        for year in range(self._latest.year, self._latest.year - _LEAP_YEARS - 1, -1):
            try:
                moment = datetime.fromisoformat(f"{year}-{month:02}-{day:02}T{clock}+00:00")
            except ValueError:
                continue
            if moment <= self._latest:
                self.assumed.add(year)
                return int(moment.timestamp())
        raise BadRecord("time", f"invalid time: no year has month {month}, day {day}, {clock}")


def parse_time(text: str, years: Years | None = None) -> int:
    """Seconds since midnight for a clock time, Unix time for the others. Raises BadRecord("time").

    years: of times that name none; None: they are refused.
    """
    if clock := _CLOCK.match(text):
        hours, minutes, seconds = map(int, clock.groups())
        return hours * 3600 + minutes * 60 + seconds
    if clock := _CLOCK_12.match(text):
        hours, minutes, seconds = map(int, clock.groups()[:3])
        if not 1 <= hours <= 12:
            raise BadRecord("time", f"invalid time {text[:40]!r}: expected hours from 1 to 12 before AM or PM")
        return (hours % 12 + 12 * (clock[4] in "pP")) * 3600 + minutes * 60 + seconds
    if day := _SYSLOG.match(text):
        if years is None:
            raise BadRecord("time", f"invalid time {text[:40]!r}: no year; expected, for example, 2026-10-03T14:05:11Z")
        return years.time_s(_MONTHS.index(day[1].lower()) + 1, int(day[2]), day[3])
    if _UNIX.match(text):
        return int(text.partition(".")[0])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return read_instant(text).us // 1_000_000
    time_s = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() // 1)
    if not 0 <= time_s <= LATEST_S:
        raise BadRecord("time", f"{text[:40]!r} is not in the years 1970 to 5138")
    return time_s


def check_time(time_s: int, horizon_s: float) -> None:
    """Refuse a Unix time past `horizon_s`, or one wrong clock would close the bins of all. Raises BadRecord."""
    if time_s > horizon_s and time_s >= CLOCK_LIMIT_S:
        raise BadRecord("future", f"{time_s} is too far ahead of this machine's clock")


def mixed(time_s: int) -> BadRecord:
    """Why a stream of dates refuses a time of day, or a time in 1970."""
    return BadRecord("mixed", f"{time_s} s is a time of day, or a time in 1970, but earlier records have dates")


def parse_code(text: str) -> str:
    """An error code; whole numbers without a plus and without `.0`, so that 3, +3 and 3.0 are one code.

    Zeros in front stay: `08001` and `8001` are two codes (SQLSTATE). Raises BadRecord("code").
    """
    if whole := _WHOLE.match(text):
        text = "0" if whole[1] == "-0" else whole[1]
    if not text or len(text) > MAX_CODE_BYTES or len(text.encode("utf-8", "replace")) > MAX_CODE_BYTES:
        raise BadRecord("code", f"invalid error code {text[:40]!r}: expected 1 to {MAX_CODE_BYTES} bytes")
    if not text.isprintable():
        raise BadRecord("code", f"invalid error code {text[:40]!r}: expected printable text")
    return text


def code_key(code: str) -> tuple[int, int, str]:
    """Sorts codes: whole numbers by value, then words."""
    return (0, int(code), code) if _INTEGER.match(code) else (1, 0, code)


def parse_build(text: str) -> str:
    """A build's version. Raises BadRecord("build")."""
    if not text or len(text) > MAX_BUILD_CHARS or not text.isprintable():
        raise BadRecord(
            "build", f"invalid build version {text[:40]!r}: expected at most {MAX_BUILD_CHARS} printable characters"
        )
    return text


def parse_line(line: bytes, years: Years | None = None) -> Record:
    """One line without its end; `years` as `parse_time` takes them.

    Raises BadRecord with reason fields, time, build, code, too_long or encoding.
    """
    if len(line) > MAX_LINE_BYTES:
        raise BadRecord("too_long", f"a line of {len(line)} bytes; at most {MAX_LINE_BYTES} are allowed")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRecord("encoding", "not UTF-8") from None
    separator = "\t" if "\t" in text else ","
    fields = [field.strip() for field in (_unquoted(text, separator) if '"' in text else text.split(separator))]
    if len(fields) != 3:
        raise BadRecord("fields", f"{len(fields)} fields; expected three: timestamp, build and error code")
    return Record(parse_time(fields[0], years), parse_build(fields[1]), parse_code(fields[2]))


def _unquoted(text: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=separator, strict=True, skipinitialspace=True), [])
    except csv.Error as exc:
        raise BadRecord("quote", f"a quote that is not closed, or not at a field's end: {exc}") from None


def is_header(line: bytes) -> bool:
    """Whether the first line of an input names columns instead of holding a record."""
    return bool(_HEADER.match(line.removeprefix(b"\xef\xbb\xbf")))


class LineSplitter:
    """Bytes as they come to whole lines, whatever ends them. A BOM and a header are taken off a file's first line."""

    def __init__(self, *, at_start: bool = True) -> None:
        """`at_start`: the first bytes are the beginning of a file."""
        self._rest = b""
        self._first = at_start
        self._skipping = False  # inside a line that was too long, and has been counted already

    def begin(self) -> None:
        """What comes next is the beginning of another file; what came before ended with its line."""
        self._first = True

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends; without blank ones."""
        return [line for line in self.whole(data).split(b"\n") if line]

    def whole(self, data: bytes) -> bytes:
        """The lines that `data` completes, each with a newline as its end; some may be blank."""
        data = self._rest + data
        held = b"\r" if data.endswith(b"\r") else b""  # a \n may follow in the next piece
        if b"\r" in data:
            data = data.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        cut = data.rfind(b"\n") + 1
        lines, rest = data[:cut], data[cut:]
        if self._skipping and lines:
            lines = lines[lines.index(b"\n") + 1 :]
            self._skipping = False
        if len(rest) > MAX_LINE_BYTES:
            if not self._skipping:
                lines += rest[: MAX_LINE_BYTES + 1] + b"\n"  # refused by parse_line as too_long
            self._skipping = True
        self._rest = (b"" if self._skipping else rest) + held
        return self._begun(lines) if self._first else lines

    def end(self) -> list[bytes]:
        """The last line, if it has no end."""
        rest, self._rest = self._rest.removesuffix(b"\r"), b""
        return [] if self._skipping or not rest else [line for line in self._begun(rest).split(b"\n") if line]

    def _begun(self, lines: bytes) -> bytes:
        """The lines without a BOM and a header, if the first of all is among them."""
        lines = lines.lstrip(b"\n") if self._first else lines
        if self._first and lines:
            self._first = False
            first, _, others = lines.partition(b"\n")
            lines = others if is_header(first) else lines.removeprefix(b"\xef\xbb\xbf")
        return lines
