r"""One served request to one line of the access log. Pure: no I/O, no clock.

A line stays one line with its number of fields whatever the client sent: bytes outside printable ASCII, blanks,
quotes and backslashes of a client's text are written as `\xHH`.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import msgspec

_UNSAFE = re.compile(r"[^!#-\[\]-~]")  # anything but printable ASCII; also blank, " and \
_UNSAFE_QUOTED = re.compile(r"[^ !#-\[\]-~]")  # inside quotes a blank does no harm


class Served(NamedTuple):
    """What the log knows of a request once it is answered. Texts are as the client sent them."""

    ip: str
    method: str
    target: str  # as in the request line, with the query string
    route: str  # the path of the target
    status: int
    body_bytes: int
    duration_s: float
    end_s: float  # Unix time, UTC
    http_version: str
    referer: str
    user_agent: str


LineFormat: TypeAlias = Callable[[Served], bytes]
"""A line of the log, with its line end."""


def tab(served: Served) -> bytes:
    """`ip TAB METHOD route TAB status TAB bytes`; the route has no query string."""
    return b"%s\n" % _tab_fields(served)


def tab_timed(served: Served) -> bytes:
    """The tab format with a fifth field: the seconds taken, to the microsecond."""
    return b"%s\t%.6f\n" % (_tab_fields(served), served.duration_s)


def json_line(served: Served) -> bytes:
    """One JSON object per line; `time` is RFC 3339 in UTC."""
    moment = datetime.fromtimestamp(served.end_s, UTC).isoformat(timespec="milliseconds")
    return (
        msgspec.json.encode(
            {
                "time": moment.replace("+00:00", "Z"),
                "ip": served.ip,
                "method": served.method,
                "route": _escape(served.route),
                "status": served.status,
                "bytes": served.body_bytes,
                "duration_s": round(served.duration_s, 6),
            }
        )
        + b"\n"
    )


def combined(served: Served) -> bytes:
    """The combined log format of Apache and nginx, times in UTC."""
    size = served.body_bytes or "-"
    request = f"{served.method} {_escape(served.target)} {served.http_version}"
    line = (
        f'{served.ip} - - [{_apache_time(int(served.end_s))}] "{request}" {served.status} {size} '
        f'"{_escape_quoted(served.referer)}" "{_escape_quoted(served.user_agent)}"\n'
    )
    return line.encode("ascii")


FORMATS: dict[str, LineFormat] = {"tab": tab, "tab-timed": tab_timed, "json": json_line, "combined": combined}


def _tab_fields(served: Served) -> bytes:
    return f"{served.ip}\t{served.method} {_escape(served.route)}\t{served.status}\t{served.body_bytes}".encode("ascii")


def _escape(text: str) -> str:
    return _UNSAFE.sub(_hex, text) if _UNSAFE.search(text) else text


def _escape_quoted(text: str) -> str:
    return _UNSAFE_QUOTED.sub(_hex, text)


def _hex(match: re.Match[str]) -> str:
    # Bytes that are not UTF-8 reach us as surrogates, and leave as the bytes they were.
    return "".join(f"\\x{byte:02x}" for byte in match[0].encode("utf-8", "surrogateescape"))


@lru_cache(maxsize=4)  # requests of the same second share it
def _apache_time(second: int) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(second))
