"""Access logs to (time, path): what a replay needs of a line. Pure, but for opening the file.

Combined (and common) logs, JSON lines, and CSV with a time and a path are distinguished by their first line. A log may
go on in combined or JSON lines, as where a server was set up anew; a line of CSV shows too little of what it is.
"""

import csv
import gzip
import re
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote, urlsplit

import msgspec

from foundation.errors import ConfigError, InputError, NothingJudgedError
from foundation.terminal import printable

MAX_REQUESTS = 20_000_000  # 12 bytes each
MAX_LINE_BYTES = 64 << 10
_COMBINED = re.compile(rb'\S+ \S+ .*?\[([^\]]{20,40})\] "(\S+) (\S+)(?: [^"]*)?"')
_UNTIMED = re.compile(
    rb"[^\t]*\t[^ \t]+ [^\t]+\t[1-9][0-9]{2}\t[0-9]+(?:\t[0-9.]+)?\s*"
)  # our time server's `tab`, `tab-timed`
_TIME_KEYS = ("time", "timestamp", "ts", "@timestamp", "time_iso8601", "msec", "datetime", "date")
_PATH_KEYS = ("path", "uri", "request_uri", "url", "route", "target")
_METHOD_KEYS = ("method", "request_method")
_SAFE = "".join(map(chr, range(0x21, 0x7F))).replace("#", "")


class Request(NamedTuple):
    """One request of a log."""

    unix_s: float  # Unix time
    exact: bool  # the stamp has a fraction of a second
    method: str
    path: str


Parser: TypeAlias = Callable[[bytes], Request]
"""Reads one line; raises ValueError or KeyError."""


@dataclass(slots=True, kw_only=True)
class Recording:
    """The requests of a log, in its order."""

    unix_s: "array[float]" = field(default_factory=lambda: array("d"))
    numbers: "array[int]" = field(default_factory=lambda: array("I"))  # of the path, in `paths`
    paths: dict[str, int] = field(default_factory=dict)
    exact: bool = False  # at least one stamp has a fraction
    unreadable: int = 0  # lines that are not a request of the format
    other_methods: int = 0  # requests but for GET: their bodies are not in the log

    def describe(self) -> str:
        """What a replay makes of it, in words."""
        stamps = "times with fractions of a second" if self.exact else "whole seconds, spread inside the second"
        return (
            f"{len(self.unix_s):,} GETs, {stamps}; skipped: {self.other_methods:,} other methods, "
            f"{self.unreadable:,} unreadable lines"
        )

    def add(self, request: Request) -> None:
        """Take a GET in; count what is not one."""
        if request.method != "GET":
            self.other_methods += 1
            return
        self.unix_s.append(request.unix_s)
        self.numbers.append(self.paths.setdefault(request.path, len(self.paths)))
        self.exact |= request.exact


_SHOWN_BYTES = 120
BAD_LINE = (ValueError, KeyError, TypeError, OverflowError, RecursionError, csv.Error)
"""What a line of any content may raise in a parser: other types and deeper nesting than a log has included."""


def read_log(path: Path) -> Recording:
    """All GETs of an access log (gzip too).

    Raises NothingJudgedError when there is none, InputError when the file cannot be read, ConfigError without times.
    """
    recording = Recording()
    for request in read_requests(path):
        if request is None:
            recording.unreadable += 1
        else:
            recording.add(request)
        if len(recording.unix_s) > MAX_REQUESTS:
            raise ConfigError(f"{path}: more than {MAX_REQUESTS:,} requests; cut the log")
    if not recording.unix_s:
        raise NothingJudgedError(f"{path}: nothing to replay: {recording.describe()}")
    return recording


def read_requests(path: Path) -> Iterator[Request | None]:
    """The requests of an access log (gzip too), in order; None for a line that cannot be read. Raises ConfigError."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            parse: Parser | None = None
            while raw := file.readline(MAX_LINE_BYTES):
                if not raw.strip():
                    continue
                if parse is None:
                    parse, header = parser_for(raw)
                    if header:
                        continue
                    if parse is None:
                        raise ConfigError(f"{path}: {_refusal(raw)}")
                request = _read_line(parse, raw)
                if request is None:
                    parse, request = _read_on(parse, raw)
                yield request
    except (OSError, EOFError, zlib.error) as exc:
        raise InputError(f"{path}: {getattr(exc, 'strerror', None) or exc}") from exc


def _refusal(first: bytes) -> str:
    if _UNTIMED.fullmatch(first):
        return (
            "lines of this format have no time (`tab`, `tab-timed` of the time server); "
            "expected a log with times, for example of `timeserver --log-format json`"
        )
    line = printable(first.strip()[:_SHOWN_BYTES].decode("utf-8", "replace"))
    return f"not a log with times: expected combined, JSON lines or CSV; the first line: {line}"


def _read_line(parse: Parser, raw: bytes) -> Request | None:
    try:
        return parse(raw)
    except BAD_LINE:
        return None


def _read_on(parse: Parser, raw: bytes) -> tuple[Parser, Request | None]:
    """What reads a line that `parse` does not, and its request; `parse` and None where nothing does."""
    for other in (parse_combined, parse_json):
        if other is not parse and (request := _read_line(other, raw)) is not None:
            return other, request
    return parse, None


def parser_for(first: bytes) -> tuple[Parser | None, bool]:
    """The parser for a log that begins with this line, None if there is none; and whether the line is only a header."""
    if first.lstrip().startswith(b"{"):
        return parse_json, False
    if _COMBINED.match(first):
        return parse_combined, False
    cells = [cell.strip().lower() for cell in _cells(first)]
    columns = {key: cells.index(key) for key in (*_TIME_KEYS, *_PATH_KEYS, *_METHOD_KEYS) if key in cells}
    if columns.keys() & set(_TIME_KEYS) and columns.keys() & set(_PATH_KEYS):
        return _csv_parser(columns), True
    if len(cells) >= 2 and _is_time(cells[0]):
        return _csv_parser({"time": 0, "path": 1} if len(cells) == 2 else {"time": 0, "method": 1, "path": 2}), False
    return None, False


def _csv_parser(columns: dict[str, int]) -> Parser:
    def parse_csv(line: bytes) -> Request:
        """A request by the cells of a line."""
        cells = _cells(line)
        return _from_fields({key: cells[at] for key, at in columns.items() if at < len(cells)})

    return parse_csv


def parse_combined(line: bytes) -> Request:
    """`... [10/Oct/2000:13:55:36 -0700] "GET /path HTTP/1.1" ...`. Raises ValueError."""
    match = _COMBINED.match(line)
    if not match:
        raise ValueError("not a line of a combined log")
    stamp, method, target = (group.decode("utf-8", "replace") for group in match.groups())
    return Request(_combined_time(stamp), exact=False, method=method.upper(), path=clean_path(target))


@lru_cache(maxsize=1024)
def _combined_time(stamp: str) -> float:
    return datetime.strptime(stamp, "%d/%b/%Y:%H:%M:%S %z").timestamp()


def parse_json(line: bytes) -> Request:
    """An object with a time (ISO 8601, or Unix seconds) and a path or a request line. Raises ValueError or KeyError."""
    fields = msgspec.json.decode(line)
    if not isinstance(fields, dict):
        raise ValueError("not an object")  # noqa: TRY004, a bad record like the others
    if "request" in fields and not any(key in fields for key in _PATH_KEYS):
        method, _, rest = str(fields["request"]).partition(" ")
        fields |= {"method": method, "path": rest.rpartition(" ")[0] or rest}
    return _from_fields(fields)


def _from_fields(fields: dict[str, Any]) -> Request:
    stamp = fields[next(key for key in (*_TIME_KEYS, "") if key in fields or not key)]
    target = fields[next(key for key in (*_PATH_KEYS, "") if key in fields or not key)]
    method = next((str(fields[key]) for key in _METHOD_KEYS if key in fields), "GET")
    unix_s, exact = parse_time(stamp)
    return Request(unix_s, exact, method.upper(), clean_path(str(target)))


def parse_time(stamp: str | float) -> tuple[float, bool]:
    """Unix time, and whether the stamp has a fraction. Without an offset, ISO times are UTC. Raises ValueError."""
    if isinstance(stamp, bool):
        raise ValueError("true and false are not times")  # noqa: TRY004, a bad record like the others
    try:
        seconds = float(stamp)
    except ValueError:
        text = str(stamp).strip()
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at.timestamp(), "." in text
    if not 0 <= seconds < 1e11:
        raise ValueError("not a Unix time in seconds")
    return seconds, not seconds.is_integer()


def clean_path(target: str) -> str:
    """A request target as it can be sent: path and query, percent-encoded where need be. Raises ValueError."""
    if not target.startswith("/"):
        parts = urlsplit(target)
        if not parts.netloc:
            raise ValueError("not a path")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return quote(target.partition("#")[0], safe=_SAFE)


def _cells(line: bytes) -> list[str]:
    return next(csv.reader([line.decode("utf-8-sig", "replace").strip()]), [])


def _is_time(text: str) -> bool:
    try:
        parse_time(text)
    except ValueError:
        return False
    return True
