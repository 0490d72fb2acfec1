r"""A line inside a line: what container runtimes, syslog and journald put around what a server has written. Pure.

An envelope is opened before the format sees the line. Each opener takes one line without its line feed, and answers
None for a line that is not in its envelope.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from exporter.accesslog.formats import instants

Envelope: TypeAlias = Literal["docker", "cri", "syslog", "journal", "caddy"]
EnvelopeSetting: TypeAlias = Literal["auto", "none", "docker", "cri", "syslog", "journal", "caddy"]


class Opened(NamedTuple):
    """What an envelope holds.

    text: the line inside, or a part of it, without its line feed; a carriage return before that stays.
    more: the line goes on in a later one of the same `stream`.
    stream: which of several streams in one file it belongs to.
    is_error: the program wrote it to its standard error.
    instant: when the runtime got it, as the envelope has it; empty where it does not say so.
    """

    text: bytes
    more: bool = False
    stream: str = ""
    is_error: bool = False
    instant: bytes = b""

    def instant_s(self) -> float:
        """The instant in Unix seconds. Raises ValueError where year or zone are missing."""
        if self.instant.isdigit():
            return instants.epoch(self.instant)
        moment = datetime.fromisoformat(_NANOSECONDS.sub(rb"\1", self.instant).decode("ascii", "replace"))
        if moment.tzinfo is None:
            raise ValueError("the envelope's time has no zone")
        return moment.timestamp()


Opener: TypeAlias = Callable[[bytes], Opened | None]

_NANOSECONDS = re.compile(rb"(\.[0-9]{6})[0-9]+")  # Python knows six places
_ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})"


class _Docker(msgspec.Struct):
    """A line of Docker's json-file driver; it may have `attrs` too."""

    log: str
    time: str
    stream: Literal["stdout", "stderr"] = "stdout"


class _Journal(msgspec.Struct, rename={"message": "MESSAGE", "realtime_us": "__REALTIME_TIMESTAMP"}):
    """A line of `journalctl -o json`, as far as it matters here. What is not UTF-8 comes as a list of bytes."""

    message: str | list[int] | None
    realtime_us: str = ""
    priority: str | None = msgspec.field(default=None, name="PRIORITY")
    line_break: str | None = msgspec.field(default=None, name="_LINE_BREAK")
    stream_id: str | None = msgspec.field(default=None, name="_STREAM_ID")
    container_id: str | None = msgspec.field(default=None, name="CONTAINER_ID")
    partial: str | None = msgspec.field(default=None, name="CONTAINER_PARTIAL_MESSAGE")


_docker = msgspec.json.Decoder(_Docker)
_journal = msgspec.json.Decoder(_Journal)
_BROKEN = (msgspec.MsgspecError, UnicodeError, RecursionError)
_ERROR_PRIORITY = "3"  # how Docker's journald driver marks the standard error


def open_docker(line: bytes) -> Opened | None:
    r"""`{"log":"...\n","stream":"stdout","time":"..."}`; the log of a line over 16 KiB comes in parts without `\n`."""
    try:
        record = _docker.decode(line)
        text = record.log.encode()
    except _BROKEN:
        return None
    more = not text.endswith(b"\n")
    inner = _one_line(text if more else text[:-1])
    return Opened(inner, more, record.stream, record.stream == "stderr", record.time.encode())


def open_journal(line: bytes) -> Opened | None:
    """`{"MESSAGE":"...", "__REALTIME_TIMESTAMP":"...", ...}`; the message may be a list of bytes."""
    try:
        record = _journal.decode(line)
        message = record.message if record.message is not None else ""
        text = message.encode() if isinstance(message, str) else bytes(message)
    except (*_BROKEN, ValueError):
        return None
    return Opened(
        _one_line(text),
        record.partial == "true" or record.line_break == "line-max",
        record.container_id or record.stream_id or "",
        record.container_id is not None and record.priority == _ERROR_PRIORITY,
        record.realtime_us.encode(),
    )


def _one_line(text: bytes) -> bytes:
    """A record is one line, however many it has inside."""
    return text.replace(b"\n", b" ") if b"\n" in text else text


_CRI = re.compile(rf"({_ISO}) (stdout|stderr) ([FP])(?::[^ ]*)?(?: (.*))?".encode(), re.DOTALL)

# `<PRI>` and the host may be missing. The program's name ends in a colon and a blank, and a host in no colon, or an
# IPv6 address after the name would be taken for both.
_PRIORITY = r"<[0-9]{1,3}>"
_YEAR = "(?: [0-9]{4})?"
_BSD_TIME = rf"[A-Z][a-z]{{2}} [ 0-9][0-9]{_YEAR} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]{{1,9}})?"
_HOST = r'[^\x00-\x20\[\]"{}]*[^\x00-\x20\[\]"{}:]'
_TAG = r'[^\x00-\x20:\[\]<>"{}]+(?:\[[^\x00-\x20\]]*\])?:'
_STAMP = rf"(?:{_PRIORITY})?(?:{_BSD_TIME}|{_ISO})"
_NAMED_STAMP = _STAMP.replace(_ISO, f"(?P<iso>{_ISO})").replace(_YEAR, f"(?P<year>{_YEAR})")
_RFC_3164 = re.compile(rf"{_NAMED_STAMP} (?:(?P<host>{_HOST}) )?{_TAG}(?: (?P<text>.*))?".encode(), re.DOTALL)
_HEADER = r"[^\x00-\x20]+"
_DATA = r'(?:-|(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*")*\])+)'
_RFC_5424_START = rf"{_PRIORITY}[1-9][0-9]? (?:-|{_ISO}){rf' {_HEADER}' * 4} "
_BOM = r"\xef\xbb\xbf"
_RFC_5424 = re.compile(
    _RFC_5424_START.replace(_ISO, f"(?P<iso>{_ISO})").encode()
    + rf"{_DATA.replace(')*', ')*+')}(?: (?:{_BOM})?(?P<text>.*))?".encode(),
    re.DOTALL,
)
_COLOUR = r"(?:\x1b\[[0-9;]*m)?"
_CADDY_START = (
    r"[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    rf"\t{_COLOUR}[A-Z]+{_COLOUR}\t[^\t]*\t[^\t]*\t"
)
_CADDY = re.compile(rf"{_CADDY_START}(\{{.*)".encode(), re.DOTALL)


def open_cri(line: bytes) -> Opened | None:
    """`2026-11-26T05:06:27.669794200Z stdout F text`; after P the line goes on."""
    match = _CRI.fullmatch(line)
    if match is None:
        return None
    instant, stream, tag, text = match.groups()
    return Opened(text or b"", tag == b"P", stream.decode(), stream == b"stderr", instant)


def open_syslog(line: bytes) -> Opened | None:
    """RFC 3164 with or without `<PRI>` and host, also with rsyslog's ISO time, and RFC 5424."""
    match = _RFC_3164.fullmatch(line) or _RFC_5424.fullmatch(line)
    return Opened(match["text"] or b"", instant=match["iso"] or b"") if match else None


def open_caddy(line: bytes) -> Opened | None:
    """Caddy's console: time, level, logger and message, then JSON, parted by tabs. The time has no zone."""
    match = _CADDY.fullmatch(line)
    return Opened(match[1]) if match else None


OPENERS: dict[Envelope, Opener] = {
    "docker": open_docker,
    "cri": open_cri,
    "journal": open_journal,
    "caddy": open_caddy,
    "syslog": open_syslog,
}


class Prefix(NamedTuple):
    """Lines before which something stands that this regex matches."""

    pattern: str


class Escaped(NamedTuple):
    """Lines that are a string of JSON, between what these two regexes match."""

    before: str
    after: str


_PLAIN = r'[^"\\\x00-\x1f]'
_ATTRIBUTES = r'(?:"attrs": ?\{[^{}\\\x00-\x1f]*\}, ?)?'
_DOCKER_FRAME = re.compile(
    rf'(\{{"log": ?")(?:{_PLAIN}|\\.)*?(\\n", ?"stream": ?"stdout", ?{_ATTRIBUTES}"time": ?"){_PLAIN}*"\}}'
)

# The journal's fields come in any order. Without these there is one message to a line, and it is no error: CONTAINER_*,
# of Docker, _LINE_BREAK; and what begins with M is the message.
_JOURNAL_KEY = "(?:[ABD-LN-Z]|C[A-NP-Z0-9_]|CO[A-MO-Z0-9_]|_[A-KM-Z_])[A-Z0-9_]*"
_JOURNAL_FIELD = rf'{_JOURNAL_KEY}" ?: ?"(?:{_PLAIN}|\\["\\/bfnrt])*"'  # after the quote that decides nothing
_JOURNAL_FRAME = Escaped(rf'\{{ ?"(?:{_JOURNAL_FIELD}, ?")*MESSAGE" ?: ?"', rf'"(?:, ?"{_JOURNAL_FIELD})* ?\}}')


def wrapping(envelope: Envelope, line: bytes) -> Prefix | Escaped | None:
    """How to open, by a regex in the subset of `Format.pattern`, all lines that are in the envelope as this one is."""
    if not line.isascii():
        return None
    if envelope == "cri":
        return Prefix(rf"{_ISO} stdout F(?::[^ ]*)? ")
    if envelope == "caddy":
        return Prefix(_CADDY_START)
    if envelope == "syslog" and (match := _RFC_3164.fullmatch(line)):
        host = f"{re.escape(match['host'].decode())} " if match["host"] else ""
        stamp = _STAMP.replace(_YEAR, " [0-9]{4}" if match["year"] else "")  # one character after another decides
        return Prefix(f"{stamp} {host}{_TAG} ")
    if envelope == "syslog":
        return Prefix(f"{_RFC_5424_START}{_DATA} ")
    if envelope == "docker" and (frame := _DOCKER_FRAME.fullmatch(line.decode())):
        return Escaped(re.escape(frame[1]), rf'{re.escape(frame[2])}{_PLAIN}*"\}}')
    return _JOURNAL_FRAME if envelope == "journal" else None
